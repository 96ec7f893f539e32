"""The doors answer over HTTP whatever comes: a decision, or one sentence with its status; and go on."""

import io
import json
from bisect import bisect
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.admission.reviews import JOB, UID, Raw, body, context, patched, request, sent, tweaked
from webhook.admission import review
from webhook.admission.app import MAX_BODY, create_app, create_status_app
from webhook.admission.observe import Log, Observer
from webhook.admission.occurrences import Occurrence

DOORS = ("/mutate", "/validate")
JSON = "application/json"
POLICIES = context("spec: {action: Deny, rules: {activeDeadline: {defaultSeconds: 60}, backoffLimit: {max: 3}}}")


class Server:
    """The application behind a test client, and its log."""

    def __init__(self) -> None:
        self.stream = io.BytesIO()
        self.observer = Observer(Log(self.stream))
        self.told: list[Occurrence] = []
        self.client: FlaskClient = create_app(lambda *_: POLICIES, self.observer, self.told.append).test_client()

    def post(self, path: str, data: bytes, content_type: str | None = JSON) -> TestResponse:
        return self.client.post(path, data=data, content_type=content_type)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def server() -> Server:
    return Server()


def refusal(server: Server, response: TestResponse) -> tuple[int, str]:
    """Read a refusal: one line of plain text, which was logged and counted; and check that the server goes on."""
    status, text = response.status_code, response.get_data(as_text=True)
    assert response.mimetype == "text/plain"
    assert (text[-1], text[:-1].isprintable()) == ("\n", True)
    last = server.events()[-1]
    assert (last["event"], last["status"], last["message"]) == ("refused", status, text[:-1])
    assert f'batchwarden_bad_requests_total{{status="{status}"}} 1.0\n' in server.observer.scrape().decode()
    assert server.post("/mutate", body(request(JOB))).status_code == 200
    return status, text[:-1]


def test_both_doors_answer_reviews_as_an_api_server_sends_them(server: Server) -> None:
    first = server.post("/mutate?timeout=5s", body(request(sent(JOB))))
    assert (first.status_code, first.mimetype) == (200, JSON)
    stored = patched(sent(JOB), first.get_json()["response"])
    assert stored["spec"]["activeDeadlineSeconds"] == 60
    second = server.post("/validate?timeout=5s", body(request(stored)))
    assert second.status_code == 200
    response = second.get_json()["response"]
    assert (response["uid"], response["allowed"]) == (UID, False)
    assert response["status"]["message"].startswith(
        "Job team-a/import breaks 1 rule\n\n  spec.backoffLimit is 6 (filled"
    )
    assert [(line["webhook"], line["decision"]) for line in server.events()] == [
        ("mutate", "defaulted"),
        ("validate", "denied"),
    ]
    assert [(each.what, each.name) for each in server.told] == [("denied", "import")]


def test_nobody_need_be_told(server: Server) -> None:
    silent = create_app(lambda *_: POLICIES, server.observer).test_client()
    asked = body(request(tweaked(sent(JOB), "spec.activeDeadlineSeconds", 5)))
    assert silent.post("/validate", data=asked, content_type=JSON).get_json()["response"]["allowed"] is False


NESTED = 100_000


def nested(levels: int, was: Raw | None = None) -> bytes:
    """Write a review whose objects are nested so deep, in what is compared and copied."""
    asked = request(tweaked(JOB, "spec.x", "HERE"), was and tweaked(was, "spec.x", "HERE"))
    return body(asked).replace(b'"HERE"', b'{"a":' * levels + b"1" + b"}" * levels)


def is_read(levels: int) -> bool:
    try:
        review.read(nested(levels), JSON)
    except review.BadReviewError:
        return False
    return True


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize(
    ("data", "status", "start"),
    [
        pytest.param(b"", 400, "the body is not JSON: ", id="empty"),
        pytest.param(b"<xml/>", 400, "the body is not JSON: ", id="no JSON"),
        pytest.param(b'{"kind": "\xc3\x28"}', 400, "the body is not JSON: ", id="no UTF-8"),
        pytest.param(b'{"kind": "Pod"}', 400, "the body is not an AdmissionReview", id="no review"),
        pytest.param(
            b'{"apiVersion": "\\u001b[31m\\n\\u202e"}', 400, "the body is not an AdmissionReview", id="hostile"
        ),
        pytest.param(b'{"apiVersion": "%s"}' % (b"x" * 9999), 400, "the body is not an AdmissionReview", id="quoted"),
        pytest.param(body({"uid": "1"}), 400, "the body is not an AdmissionReview", id="parts missing"),
        pytest.param(b'{"a":' * NESTED, 400, review.TOO_DEEP, id="too deep"),
        pytest.param(nested(NESTED), 400, review.TOO_DEEP, id="too deep in the object"),
        pytest.param(b" " * (MAX_BODY + 1), 413, "the body is over 8388608 bytes; no AdmissionReview is", id="large"),
    ],
)
def test_what_is_no_review_is_refused_in_a_sentence(
    server: Server, path: str, data: bytes, status: int, start: str
) -> None:
    answered, text = refusal(server, server.post(path, data))
    assert (answered, text[: len(start)]) == (status, start)
    assert len(text) <= 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_another_content_type_is_refused(server: Server, content_type: str | None) -> None:
    status, text = refusal(server, server.post("/mutate", body(request(JOB)), content_type))
    assert (status, text) == (415, f"content type {content_type or '(none)'} is not accepted; send application/json")


def test_a_body_of_just_the_size_is_read(server: Server) -> None:
    padded = body(request(JOB)).ljust(MAX_BODY)
    assert server.post("/mutate", padded).status_code == 200


@pytest.mark.parametrize(("path", "was"), [("/mutate", None), ("/validate", None), ("/validate", JOB)])
def test_no_depth_of_an_object_is_our_failure(server: Server, path: str, was: Raw | None) -> None:
    """What is just read is not too deep for whatever follows: each depth is answered or refused."""
    deepest = bisect(range(NESTED), 0, key=lambda levels: not is_read(levels))
    statuses = [server.post(path, nested(levels, was)).status_code for levels in range(deepest - 99, deepest + 1)]
    assert set(statuses) == {200, 400}
    assert statuses == sorted(statuses)
    assert {line["event"] for line in server.events()} == {"admission", "refused"}


@pytest.mark.parametrize("path", ["/", "/mutate/", "/livez", "/metrics", "/%1b%0amutate"])
def test_an_unknown_path_is_refused(server: Server, path: str) -> None:
    answer = refusal(server, server.post(path, body(request(JOB))))
    assert answer == (404, "nothing is here; POST an AdmissionReview to /mutate or /validate")


def test_what_is_posted_to_a_door_goes_around_flask(server: Server) -> None:
    server.client.application.before_request(lambda: ("the way of Flask", 418))
    assert [server.post(path, body(request(JOB))).status_code for path in (*DOORS, "/")] == [200, 200, 418]


def test_a_door_is_found_behind_another_slash(server: Server) -> None:
    """As in a registration whose URL ends in one."""
    doubled = {"PATH_INFO": "//mutate"}
    response = server.client.post(
        "/mutate", data=body(request(sent(JOB))), content_type=JSON, environ_overrides=doubled
    )
    assert (response.status_code, response.mimetype) == (200, JSON)
    assert response.get_json()["response"]["patchType"] == "JSONPatch"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_another_method_is_refused(server: Server, method: str) -> None:
    response = server.client.open("/mutate", method=method, data=body(request(JOB)), content_type=JSON)
    assert "POST" in response.allow
    assert refusal(server, response) == (405, "only POST is answered here; send an AdmissionReview")


def test_another_fault_of_http_keeps_its_own_words(server: Server) -> None:
    cut_short = {"CONTENT_LENGTH": "9999"}
    response = server.client.post("/mutate", data=body(request(JOB)), content_type=JSON, environ_overrides=cut_short)
    text = "The browser (or proxy) sent a request that this server could not understand."
    assert refusal(server, response) == (400, text)


def test_our_own_failure_is_told_without_a_traceback(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(job: Any, *_: object) -> Any:
        raise ValueError(job.raw)

    with monkeypatch.context() as patch:
        patch.setattr("webhook.admission.decide.evaluate", crash)
        response = server.post("/validate", body(request(JOB)))
    assert refusal(server, response) == (500, "an error in Batchwarden; its log has the details")
    error = server.events()[0]
    assert (error["event"], error["error"]) == ("error", "ValueError")
    assert "in crash\n" in error["traceback"]
    assert b"registry.example.com" not in server.stream.getvalue()


def test_one_request_after_another_is_decided_by_what_is_in_force_then() -> None:
    force = [context(), POLICIES]
    client = create_app(lambda *_: force.pop(0), Observer(Log(io.BytesIO()))).test_client()
    asked = body(request(tweaked(JOB, "spec.backoffLimit", 9)))
    answers = [client.post("/validate", data=asked, content_type=JSON).get_json()["response"] for _ in range(2)]
    assert [answer["allowed"] for answer in answers] == [True, False]


@pytest.mark.parametrize(("reason", "status", "text"), [("", 200, "ok\n"), ("draining", 503, "draining\n")])
def test_the_status_port_says_whether_it_is_alive_and_ready(reason: str, status: int, text: str) -> None:
    client = create_status_app(lambda: reason, lambda: b"metric 1\n").test_client()
    alive, ready, metrics = (client.get(path) for path in ("/livez", "/readyz", "/metrics"))
    assert (alive.status_code, alive.text) == (200, "ok\n")
    assert (ready.status_code, ready.text) == (status, text)
    assert (metrics.status_code, metrics.data) == (200, b"metric 1\n")
    assert metrics.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert client.get("/mutate").status_code == 404

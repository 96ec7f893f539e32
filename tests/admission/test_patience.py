"""What decides a request knows its namespace: one that nobody knows is waited for, then put off, never let through."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from policies.selection import Snapshot
from tests.admission.reviews import JOB, body, request, tweaked
from webhook.admission import review
from webhook.admission.app import create_app
from webhook.admission.observe import Log, Observer
from webhook.admission.patience import MOST_SECONDS, UnknownNamespaceError, patience, patient
from webhook.admission.settings import Settings

AT = datetime(2026, 11, 21, tzinfo=UTC)
KNOWN = Snapshot(namespaces={"team-a": {}})
JSON = "application/json"


class Cluster:
    """Knows a namespace as soon as it is waited for so long."""

    def __init__(self, after: float) -> None:
        self.after, self.waited = after, list[float]()

    def knowing(self, namespace: str, seconds: float) -> Snapshot | None:
        assert namespace == "team-a"
        self.waited.append(seconds)
        return KNOWN if seconds >= self.after else None


def asked(**changes: Any) -> review.AdmissionRequest:
    return review.read(body(request(JOB) | changes), JSON)


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [
        ("", 0.5),
        ("30s", 0.5),
        ("1s", 0.5),
        ("0.5s", 0.25),
        ("400ms", 0.2),
        ("0s", 0),
        ("1m0s", MOST_SECONDS),
        ("-1s", 0.5),
        ("soon", 0.5),
        ("٣s", 0.5),
        ("9" * 400 + "s", 0.5),
    ],
)
def test_no_more_than_half_of_the_time_there_is_goes_into_waiting(timeout: str, seconds: float) -> None:
    assert seconds == patience(timeout)


@pytest.mark.parametrize(("after", "waited"), [(0, [0]), (0.2, [0, 0.2])])
def test_a_namespace_that_becomes_known_is_judged_by_what_knows_it(after: float, waited: list[float]) -> None:
    cluster = Cluster(after)
    context = patient(cluster.knowing, Settings(), lambda: AT)(asked(), lambda: "400ms")
    assert (context.snapshot, context.at) == (KNOWN, AT)
    assert waited == cluster.waited


def test_a_namespace_that_stays_unknown_is_put_off() -> None:
    cluster = Cluster(9)
    with pytest.raises(UnknownNamespaceError, match=r"^namespace team-a is not known to Batchwarden yet; try again$"):
        patient(cluster.knowing, Settings(), lambda: AT)(asked(), lambda: "5s")
    assert cluster.waited == [0, MOST_SECONDS]


def test_what_is_not_judged_is_not_put_off() -> None:
    cluster = Cluster(9)
    patient(cluster.knowing, Settings(exempt_namespaces=("team-a",)), lambda: AT)(asked(), lambda: "5s")
    assert cluster.waited == [0]


@pytest.mark.parametrize("door", ["/mutate", "/validate"])
def test_the_api_server_is_told_when_to_try_again(door: str) -> None:
    log = io.BytesIO()
    observer = Observer(Log(log))
    client = create_app(patient(Cluster(9).knowing, Settings(), lambda: AT), observer).test_client()
    answer = client.post(
        f"{door}?timeout=5s", data=body(request(tweaked(JOB, "spec.backoffLimit", 9))), content_type=JSON
    )
    assert (answer.status_code, answer.headers["Retry-After"], answer.mimetype) == (503, "1", "text/plain")
    assert answer.text == "namespace team-a is not known to Batchwarden yet; try again\n"
    assert b'batchwarden_bad_requests_total{status="503"} 1.0\n' in observer.scrape()
    assert json.loads(log.getvalue())["status"] == 503

"""An AdmissionReview is read, anything else is refused in one sentence, and answers are what Kubernetes asks for."""

import json
from base64 import b64decode
from typing import Any

import pytest

from tests.admission.reviews import JOB, UID, body, request
from webhook.admission import review
from webhook.admission.review import BadReviewError, Decision

JSON = "application/json"
GOOD = request(JOB)
OTHER_KIND = "request.object.kind is not request.kind.kind; send the object as it is registered"
NOT_A_REVIEW = "the body is not an AdmissionReview of admission.k8s.io/v1: "


def without(key: str) -> bytes:
    return body({name: value for name, value in GOOD.items() if name != key})


def deep(sent: bytes) -> bytes:
    return sent % (b"[" * 100_000 + b"]" * 100_000)


def enveloped(**changes: Any) -> bytes:
    return json.dumps({**json.loads(body(GOOD)), **changes}).encode()


@pytest.mark.parametrize(
    "content_type", [JSON, "application/json; charset=utf-8", "Application/JSON", " application/json "]
)
def test_a_review_is_read(content_type: str) -> None:
    asked = review.read(body(request(JOB, dryRun=True, subResource="status")), content_type)
    assert (asked.uid, asked.operation, asked.name, asked.namespace) == (UID, "CREATE", "import", "team-a")
    assert (asked.kind.group, asked.kind.version, asked.kind.kind) == ("batch", "v1", "Job")
    assert (asked.user_info.username, asked.user_info.groups) == ("tenant", ("tenants", "system:authenticated"))
    assert (asked.object, asked.old_object, asked.dry_run, asked.sub_resource) == (JOB, None, True, "status")


def test_what_a_request_may_leave_out_is_empty() -> None:
    least: dict[str, Any] = {
        "uid": UID,
        "kind": {},
        "operation": "DELETE",
        "userInfo": {},
        "object": None,
        "dryRun": None,
    }
    asked = review.read(body(least), JSON)
    assert (asked.name, asked.namespace, asked.user_info.username, asked.user_info.groups) == ("", "", "", ())
    assert (asked.object, asked.old_object, asked.options, asked.dry_run) == (None, None, None, None)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/yaml", "application/jsonp", None])
def test_another_content_type_is_refused(content_type: str | None) -> None:
    with pytest.raises(BadReviewError) as caught:
        review.read(body(GOOD), content_type)
    assert caught.value.status == 415
    assert str(caught.value) == f"content type {content_type or '(none)'} is not accepted; send application/json"


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        pytest.param(b"", "the body is not JSON: Input data was truncated", id="empty"),
        pytest.param(b"{", "the body is not JSON: Input data was truncated", id="cut short"),
        pytest.param(b"uid: x", "the body is not JSON: invalid character (byte 0)", id="YAML"),
        pytest.param(
            body(GOOD) + b"}", f"the body is not JSON: trailing characters (byte {len(body(GOOD)) + 1})", id="more"
        ),
        pytest.param(
            b'{"kind": "\xff"}', "the body is not JSON: invalid start byte, where JSON is UTF-8", id="not UTF-8"
        ),
        pytest.param(deep(b'{"x": %s}'), review.TOO_DEEP, id="too deep in what is not read"),
        pytest.param(deep(b'{"request": {"object": {"spec": %s}}}'), review.TOO_DEEP, id="too deep in the object"),
        pytest.param(b"[]", NOT_A_REVIEW + "Expected `object`, got `array`", id="a list"),
        pytest.param(b"null", NOT_A_REVIEW + "Expected `object`, got `null`", id="null"),
        pytest.param(b"{}", NOT_A_REVIEW + "Object missing required field `apiVersion`", id="nothing in it"),
        pytest.param(enveloped(kind="Pod"), NOT_A_REVIEW + "Invalid enum value 'Pod' - at `$.kind`", id="another kind"),
        pytest.param(
            enveloped(apiVersion="admission.k8s.io/v1beta1"),
            NOT_A_REVIEW + "Invalid enum value 'admission.k8s.io/v1beta1' - at `$.apiVersion`",
            id="another version",
        ),
        pytest.param(
            enveloped(request=None), NOT_A_REVIEW + "Expected `object`, got `null` - at `$.request`", id="no request"
        ),
        pytest.param(
            enveloped(request=7), NOT_A_REVIEW + "Expected `object`, got `int` - at `$.request`", id="request a number"
        ),
        pytest.param(
            without("uid"), NOT_A_REVIEW + "Object missing required field `uid` - at `$.request`", id="no uid"
        ),
        pytest.param(
            without("kind"), NOT_A_REVIEW + "Object missing required field `kind` - at `$.request`", id="no kind"
        ),
        pytest.param(
            without("operation"),
            NOT_A_REVIEW + "Object missing required field `operation` - at `$.request`",
            id="no operation",
        ),
        pytest.param(
            without("userInfo"),
            NOT_A_REVIEW + "Object missing required field `userInfo` - at `$.request`",
            id="no user",
        ),
        pytest.param(
            body(request(JOB, uid="")),
            NOT_A_REVIEW + "Expected `str` of length >= 1 - at `$.request.uid`",
            id="an empty uid",
        ),
        pytest.param(
            body(request(JOB, uid="7" * 129)),
            NOT_A_REVIEW + "Expected `str` of length <= 128 - at `$.request.uid`",
            id="a long uid",
        ),
        pytest.param(
            body(request(JOB, operation="PATCH")),
            NOT_A_REVIEW + "Invalid enum value 'PATCH' - at `$.request.operation`",
            id="another operation",
        ),
        pytest.param(
            body({**GOOD, "object": [JOB]}),
            NOT_A_REVIEW + "Expected `object | null`, got `array` - at `$.request.object`",
            id="a list of objects",
        ),
        pytest.param(without("object"), "request.object is missing; CREATE needs it", id="no object"),
        pytest.param(
            body(request(None, JOB)), "request.object is missing; UPDATE needs it", id="no object to update to"
        ),
        pytest.param(
            body(request(JOB, operation="UPDATE")), "request.oldObject is missing; UPDATE needs it", id="no old object"
        ),
        pytest.param(body({**GOOD, "object": {**JOB, "kind": "CronJob"}}), OTHER_KIND, id="an object of another kind"),
        pytest.param(body({**GOOD, "object": {"spec": {}}}), OTHER_KIND, id="an object of no kind"),
    ],
)
def test_what_is_no_review_is_refused(sent: bytes, sentence: str) -> None:
    with pytest.raises(BadReviewError) as caught:
        review.read(sent, JSON)
    assert (caught.value.status, str(caught.value)) == (400, sentence)


def answered(decision: Decision, **changes: Any) -> Any:
    return json.loads(review.write(review.read(body(request(JOB, **changes)), JSON), decision))


def test_an_allowance_says_no_more_than_that() -> None:
    assert answered(Decision()) == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": UID, "allowed": True},
    }


def test_warnings_audit_annotations_and_a_patch_are_handed_on() -> None:
    response = answered(Decision(warnings=("one", "two"), audit={"defaulted": "that"}, patch=b"[]"))["response"]
    assert response == {
        "uid": UID,
        "allowed": True,
        "warnings": ["one", "two"],
        "auditAnnotations": {"defaulted": "that"},
        "patchType": "JSONPatch",
        "patch": "W10=",
    }
    assert b64decode(response["patch"]) == b"[]"


@pytest.mark.parametrize(("sent", "name"), [(JOB, "import"), ({"kind": "Job", "metadata": {"generateName": "x-"}}, "")])
def test_a_denial_is_a_status_that_kubectl_prints_whole(sent: dict[str, Any], name: str) -> None:
    cause = {"reason": "FieldValueRequired", "field": "spec.x", "message": "is missing"}
    asked = review.read(body(request(sent)), JSON)
    decision = Decision(allowed=False, message="Job team-a/x breaks\n\n  two rules", causes=(cause,))
    assert json.loads(review.write(asked, decision))["response"] == {
        "uid": UID,
        "allowed": False,
        "status": {
            "status": "Failure",
            "code": 403,
            "reason": "Forbidden",
            "message": "Job team-a/x breaks\n\n  two rules",
            "details": {"name": name, "group": "batch", "kind": "Job", "causes": [cause]},
        },
    }

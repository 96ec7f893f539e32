"""AdmissionReview v1 in and out: bytes to a typed request, a decision to bytes. No HTTP, no policy.

Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#webhook-request-and-response
"""

from base64 import b64encode
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from policies.verdict import Failure, Violation, Written

TOO_DEEP = "the body is nested too deep to be an AdmissionReview"
Namespace = Annotated[str, Meta(max_length=253)]  # what Kubernetes allows
Uid = Annotated[str, Meta(min_length=1, max_length=128)]


class BadReviewError(ValueError):
    """What was sent is no AdmissionReview: for the caller, in one sentence, with an HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        """Remember the status beside the sentence, which may quote what was sent."""
        super().__init__(message)
        self.status = status


class UserInfo(Struct, frozen=True):
    """Who sends the request."""

    username: str = ""
    groups: tuple[str, ...] = ()


class GroupVersionKind(Struct, frozen=True):
    """The kind of the object, as the webhook registered for it."""

    group: str = ""
    version: str = ""
    kind: str = ""


class AdmissionRequest(Struct, frozen=True, rename="camel"):
    """The part of a request that decides; the objects stay raw."""

    uid: Uid
    kind: GroupVersionKind
    operation: Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]
    user_info: UserInfo
    namespace: Namespace = ""
    name: str = ""
    sub_resource: str = ""
    dry_run: bool | None = False
    object: dict[str, Any] | None = None
    old_object: dict[str, Any] | None = None
    options: dict[str, Any] | None = None


class AdmissionReview(Struct, frozen=True, rename="camel"):
    """The envelope."""

    api_version: Literal["admission.k8s.io/v1"]
    kind: Literal["AdmissionReview"]
    request: AdmissionRequest


class Decision(Struct, frozen=True, kw_only=True):
    """What is answered, and what the log and the metrics are told of it."""

    allowed: bool = True
    message: str = ""
    causes: tuple[Mapping[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    patch: bytes | None = None
    audit: Mapping[str, str] = {}
    exempt: str = ""
    violations: tuple[Violation, ...] = ()
    written: tuple[Written, ...] = ()
    failures: tuple[Failure, ...] = ()


_decoder = msgspec.json.Decoder(AdmissionReview)


def read(body: bytes, content_type: str | None) -> AdmissionRequest:
    """Decode a review; raise BadReviewError where it is none."""
    if (content_type or "").partition(";")[0].strip().lower() != "application/json":
        raise BadReviewError(415, f"content type {content_type or '(none)'} is not accepted; send application/json")
    try:
        request = _decoder.decode(body)
    except RecursionError:
        raise BadReviewError(400, TOO_DEEP) from None
    except msgspec.ValidationError as error:
        raise BadReviewError(400, f"the body is not an AdmissionReview of admission.k8s.io/v1: {error}") from None
    except msgspec.DecodeError as error:
        raise BadReviewError(400, f"the body is not JSON: {str(error).removeprefix('JSON is malformed: ')}") from None
    except UnicodeDecodeError as error:
        raise BadReviewError(400, f"the body is not JSON: {error.reason}, where JSON is UTF-8") from None
    return _complete(request.request)


def _complete(request: AdmissionRequest) -> AdmissionRequest:
    if request.operation in ("CREATE", "UPDATE") and request.object is None:
        raise BadReviewError(400, f"request.object is missing; {request.operation} needs it")
    kind = (request.object or {}).get("kind")
    if request.operation in ("CREATE", "UPDATE") and kind != request.kind.kind and not request.sub_resource:
        raise BadReviewError(400, "request.object.kind is not request.kind.kind; send the object as it is registered")
    if request.operation == "UPDATE" and request.old_object is None:
        raise BadReviewError(400, "request.oldObject is missing; UPDATE needs it")
    return request


def write(request: AdmissionRequest, decision: Decision) -> bytes:
    """Encode the answer."""
    response: dict[str, Any] = {"uid": request.uid, "allowed": decision.allowed}
    if decision.warnings:
        response["warnings"] = decision.warnings
    if decision.audit:
        response["auditAnnotations"] = decision.audit
    if decision.patch is not None:
        response |= {"patchType": "JSONPatch", "patch": b64encode(decision.patch).decode()}
    if not decision.allowed:
        # with any reason but Forbidden kubectl would print the causes and leave the message out
        response["status"] = {
            "status": "Failure",
            "code": 403,
            "reason": "Forbidden",
            "message": decision.message,
            "details": {
                "name": request.name,
                "group": request.kind.group,
                "kind": request.kind.kind,
                "causes": decision.causes,
            },
        }
    return msgspec.json.encode({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})

"""What is not judged at all. Pure; the webhook configuration leaves most of it out already, without a call."""

from collections.abc import Mapping
from typing import Any

from msgspec import json

from policies.fields import lookup, mapping, sequence
from policies.workload import KINDS
from webhook.admission.review import AdmissionRequest
from webhook.admission.settings import BREAK_GLASS_GROUP, Settings

BREAK_GLASS = "break-glass"


def exemption(request: AdmissionRequest, settings: Settings) -> str | None:
    """Say why a request is not judged; None where it is."""
    kind = request.kind
    if kind.group != "batch" or kind.kind not in KINDS or request.sub_resource:
        return "not a Job or CronJob"
    if request.operation not in ("CREATE", "UPDATE"):
        return "nothing is written"
    if settings.is_exempt(request.namespace):
        return "exempt namespace"
    if BREAK_GLASS_GROUP in request.user_info.groups:
        return BREAK_GLASS
    if request.operation == "UPDATE":
        return _update(mapping(request.object), mapping(request.old_object))
    return _creation(request, settings)


def _creation(request: AdmissionRequest, settings: Settings) -> str | None:
    """Let the CronJob controller work: to deny its Jobs piles up CronJobs, and nobody sees why."""
    if request.kind.kind == "Job" and request.user_info.username == settings.controller_user:
        owners = sequence(lookup(request.object, ("metadata", "ownerReferences")))
        if any(
            mapping(owner).get("kind") == "CronJob" and mapping(owner).get("controller") is True for owner in owners
        ):
            return "created by the CronJob controller"
    return None


def _update(becomes: Mapping[str, Any], was: Mapping[str, Any]) -> str | None:
    if lookup(becomes, ("metadata", "deletionTimestamp")) is not None:
        return "being deleted"
    new, old = mapping(becomes.get("spec")), mapping(was.get("spec"))
    suspended = new.get("suspend") is True and {**old, "suspend": True} == new
    if new != old and not suspended:
        return None
    labels, before = (mapping(lookup(raw, ("metadata", "labels"))) for raw in (becomes, was))
    if labels != before or not _owners(becomes) <= _owners(was):
        return None
    # an owner may be gone, as ``kubectl delete --cascade=orphan`` wants it
    return "nothing judged is changed" if new == old else "only suspended"


def _owners(raw: Mapping[str, Any]) -> set[bytes]:
    """Give the owner references as text: anybody may write so many that to compare each with each takes seconds."""
    owners = sequence(lookup(raw, ("metadata", "ownerReferences")))
    return {json.encode(owner, order="deterministic") for owner in owners}

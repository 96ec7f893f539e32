"""Pure: one run, which is a Job: how it came out, when, and how near it came to its limits.

Source: pkg/controller/job/job_controller.go of https://github.com/kubernetes/kubernetes v1.37.1.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct

from policies.fields import mapping, sequence
from policies.server_defaults import MAX_INT32
from webhook.audit.values import count, moment

Outcome: TypeAlias = Literal["Complete", "Failed", ""]
"""Empty for a run that is not over."""

NEAR: Final = 0.8  # of a limit: a run that takes a quarter more the next time is over it
BACKOFF: Final = "BackoffLimitExceeded"
DEADLINE: Final = "DeadlineExceeded"
BUILT_IN: Final = "kubernetes.io/job-controller"  # the value of managedBy that means Kubernetes' own controller
MOST_TEXT: Final = 1024  # characters: a message is kept for as long as its namespace is looked at


class Run(Struct, frozen=True, kw_only=True, gc=False):
    """A Job, in short; ``owner`` is the uid of the CronJob that controls it, empty where none does.

    ``reason`` and ``message`` are those of the condition that ended it. ``deadline`` and ``ttl`` are in seconds and
    ``size`` in bytes; ``retry_limit`` is None where no limit counts failed Pods of the whole Job. ``lacks_pods`` where
    fewer Pods are at work than there should be, ``without_pods`` where there has never been one.
    """

    uid: str = ""
    owner: str = ""
    outcome: Outcome = ""
    reason: str = ""
    message: str = ""
    start: datetime | None = None
    end: datetime | None = None
    deadline: int | None = None
    retries: int = 0
    retry_limit: int | None = None
    ttl: int | None = None
    size: int = 0
    lacks_pods: bool = False
    without_pods: bool = False

    @property
    def took(self) -> timedelta | None:
        """Say how long it took, where that is known."""
        return self.end - self.start if self.start and self.end and self.end >= self.start else None

    @property
    def neared_deadline(self) -> bool:
        """Whether it came near its deadline, or was ended by it."""
        if self.deadline is None or self.outcome == "Failed":
            return self.reason == DEADLINE
        return self.took is not None and self.took.total_seconds() >= NEAR * self.deadline

    @property
    def neared_retry_limit(self) -> bool:
        """Whether it succeeded with few retries left, or was ended by their limit; none at all is no limit to near.

        Of a Job whose Pods restart in place (``OnFailure``) the status tells no restarts.
        """
        if self.outcome == "Failed":
            return bool(self.retry_limit) and self.reason == BACKOFF
        return bool(self.retry_limit) and self.retries >= NEAR * (self.retry_limit or 0)


def read_run(manifest: object, size: int) -> Run:
    """Read a Job; ``size`` is the number of bytes of its JSON. What has another shape reads as absent."""
    metadata, spec, status = (mapping(mapping(manifest).get(key)) for key in ("metadata", "spec", "status"))
    ended = _ended(status)
    outcome: Outcome = "" if ended is None else "Complete" if ended.get("type") == "Complete" else "Failed"
    condition = mapping(ended)
    lacks_pods = outcome == "" and _lacks_pods(spec, status)
    changed = moment(condition.get("lastTransitionTime"))
    return Run(
        uid=_text(metadata.get("uid")),
        owner=_owner(metadata),
        outcome=outcome,
        reason=_text(condition.get("reason")),
        message=_text(condition.get("message")),
        start=moment(status.get("startTime")),
        end=moment(status.get("completionTime")) or changed if outcome == "Complete" else changed,
        deadline=count(spec.get("activeDeadlineSeconds")),
        retries=count(status.get("failed")) or 0,
        retry_limit=_retry_limit(spec),
        ttl=count(spec.get("ttlSecondsAfterFinished")),
        size=size,
        lacks_pods=lacks_pods,
        without_pods=lacks_pods and not any(count(status.get(key)) for key in PODS),
    )


PODS: Final = ("active", "succeeded", "failed", "terminating")


def _ended(status: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Find the condition that says how it ended: ``FailureTarget`` and ``SuccessCriteriaMet`` only announce it."""
    return next((each for each in _conditions(status) if each.get("type") in {"Complete", "Failed"}), None)


def _conditions(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    conditions = map(mapping, sequence(status.get("conditions")))
    return [each for each in conditions if each.get("status") == "True" and isinstance(each.get("type"), str)]


def _owner(metadata: Mapping[str, Any]) -> str:
    owners = map(mapping, sequence(metadata.get("ownerReferences")))
    return next(
        (_text(each.get("uid")) for each in owners if each.get("controller") is True and _is_cron_job(each)), ""
    )


def _is_cron_job(reference: Mapping[str, Any]) -> bool:
    return reference.get("kind") == "CronJob" and _text(reference.get("apiVersion")).startswith("batch/")


def _retry_limit(spec: Mapping[str, Any]) -> int | None:
    limit = count(spec.get("backoffLimit"))
    limit = 6 if limit is None else limit  # what the API server fills in, though it has done so for every Job
    return None if limit >= MAX_INT32 or spec.get("backoffLimitPerIndex") is not None else limit


def _lacks_pods(spec: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    """Whether the Job controller should make Pods, as ``manageJob`` reckons it."""
    ending = any(each["type"] in {"FailureTarget", "SuccessCriteriaMet"} for each in _conditions(status))
    foreign = (_text(spec.get("managedBy")) or BUILT_IN) != BUILT_IN
    if ending or foreign or spec.get("suspend") is True or moment(status.get("startTime")) is None:
        return False
    wanted, completions = count(spec.get("parallelism")), count(spec.get("completions"))
    wanted = 1 if wanted is None else wanted
    succeeded, active = (count(status.get(key)) or 0 for key in ("succeeded", "active"))
    if completions is None:
        return succeeded == 0 and active < wanted
    return active < min(wanted, completions - succeeded)


def _text(value: object) -> str:
    return value[:MOST_TEXT] if isinstance(value, str) else ""

"""Pure: runs that cannot start, and runs that fail."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Final

from policies.fields import render
from webhook.admission.message import quoted
from webhook.audit.runs.consequences import Consequence
from webhook.audit.runs.event import FAILED_CREATE, Event
from webhook.audit.runs.look import Look
from webhook.audit.runs.refusals import Refusal, of_jobs, read_refusal
from webhook.audit.values import latest, stamp

MOST_TOLD: Final = 3  # different reasons, the newest: what is refused for more is refused all the same
# The Job controller makes Pods as soon as it sees a Job, and waits ten minutes at most before it tries again:
# MaxJobPodFailureBackOff in pkg/controller/job/job_controller.go.
PATIENCE: Final = timedelta(minutes=10)
FIELDS: Final = {
    "BackoffLimitExceeded": "backoffLimit",
    "DeadlineExceeded": "activeDeadlineSeconds",
    "FailedIndexes": "backoffLimitPerIndex",
    "MaxFailedIndexesExceeded": "maxFailedIndexes",
    "PodFailurePolicy": "podFailurePolicy",
}


def refused(look: Look) -> Iterator[Consequence]:
    """Find what refuses the Pods of a Job that waits for them, or the Jobs of a CronJob."""
    standing = (each for each in look.events if each.reason == FAILED_CREATE and _stands(look, each))
    found: dict[str, tuple[Refusal, Event]] = {}
    times: Counter[str] = Counter()
    for event in sorted(standing, key=lambda each: (each.last, each.message), reverse=True):
        refusal = read_refusal(event.message, look.job.name)
        found.setdefault(refusal.statement, (refusal, event))
        times[refusal.statement] += event.count
    for refusal, event in islice(found.values(), MOST_TOLD):
        number = times[refusal.statement]
        often = "once," if number == 1 else f"{number} times, last"
        path = "" if refusal.whose == "Jobs" else render(look.job.pod_spec.path)
        evidence = {"basis": f"refused {often} at {stamp(event.last)}", **refusal.details}
        yield Consequence(refusal.kind, path, refusal.statement, evidence)


def _stands(look: Look, event: Event) -> bool:
    """Whether what was refused has not been created since."""
    if look.run is not None:
        return look.run.lacks_pods or look.run.outcome == "Failed"
    if of_jobs(event.message):
        changed, clock = look.changed, look.clock
        due = clock.after(latest(look.created, look.scheduled)) if clock else None
        return due is not None and due <= event.last and not (changed and changed > event.last)
    if look.succeeded and look.succeeded >= event.last:
        return False
    return look.history.lacking > 0 or not look.history.active


def without_pods(look: Look) -> Iterator[Consequence]:
    """Find a run that was started and has had no Pod, where no Event tells why."""
    since = look.history.without_pods
    if since is None or look.at - since < PATIENCE or any(refused(look)):
        return
    statement = "it was started and has had no Pod" if look.run else "a run was started and has had no Pod"
    yield Consequence("noPods", "", statement, {"basis": f"started at {stamp(since)}", "since": stamp(since)})


def run_failed(look: Look) -> Iterator[Consequence]:
    """Find a Job that failed, or a CronJob whose latest run failed, and whose spec nobody has changed since."""
    failed, history = look.history.last_failure, look.history
    after = latest(look.succeeded, None if look.run else look.changed)
    if failed is None or (after and after >= failed):
        return
    reason = quoted(history.failure) or "no reason given"
    whose = "it" if look.run else "its latest run"
    field = FIELDS.get(history.failure)
    counted = "" if look.run else f"; {history.failed} of the {history.finished} runs that still exist failed"
    evidence = {"basis": f"failed at {stamp(failed)}{counted}", "reason": reason}
    evidence |= {"message": quoted(history.failure_message)} if history.failure_message else {}
    path = render((*look.job.job_spec.path, field)) if field else ""
    yield Consequence("runFailed", path, f"{whose} failed: {reason}", evidence)

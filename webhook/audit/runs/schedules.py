"""Pure: CronJobs that do not run as their schedule says.

Source: pkg/controller/cronjob of https://github.com/kubernetes/kubernetes v1.37.1.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from policies import cron, timing
from policies.fields import sequence
from webhook.admission.message import quoted
from webhook.audit.runs.consequences import Consequence
from webhook.audit.runs.event import MISSED, UNREADABLE, Event
from webhook.audit.runs.look import Clock, Look
from webhook.audit.values import latest, stamp

# The controller looks when a run is due, but may have a long queue, or have to be elected and to list everything first.
GRACE: Final = timedelta(minutes=10)
SEVERAL: Final = 3  # intervals: two failures in a row may have one cause that is over, such as a node that was replaced
LONG: Final = timedelta(days=30)  # outlasts incidents, holidays and freezes
BRIEF: Final = 60  # seconds of TTL: a shorter one may delete a Job before the CronJob controller has noted its success
FATES: Final = {
    "Allow": "under concurrencyPolicy Allow they overlap",
    "Forbid": "under concurrencyPolicy Forbid runs are skipped or start late",
    "Replace": "under concurrencyPolicy Replace the next one stops it",
}


def missed_schedule(look: Look) -> Iterator[Consequence]:
    """Find a run that was due and was not started, though nothing in the spec forbids it."""
    clock = look.clock
    if clock is None:
        return
    due, event = _overdue(look, clock), _newest(look, MISSED)
    basis = [f"due at {stamp(due)}, not started since"] if due else []
    basis += [f"{event.reason} at {stamp(event.last)}"] if event else []
    if not basis:
        return
    evidence = {"basis": "; ".join(basis)} | ({"due": stamp(due)} if due else {})
    evidence |= {"message": quoted(event.message)} if event else {}
    yield Consequence("missedSchedule", "spec.schedule", "a run was due and was not started", evidence)


def _overdue(look: Look, clock: Clock) -> datetime | None:
    """Give the first run that was due since the latest one, or since the spec was written, and will not start."""
    due = clock.after(latest(look.created, look.scheduled, look.changed))
    if due is None or look.at - due <= GRACE + clock.sure_within:
        return None
    if look.job.cron_job_spec.text("concurrencyPolicy").value == "Forbid" and sequence(look.status.get("active")):
        return None  # it waits for the run before, which is another matter
    window = look.job.cron_job_spec.integer("startingDeadlineSeconds").value
    if window is None or (look.at - due).total_seconds() > window:
        return due
    superseded = clock.after(due)
    return due if superseded and superseded <= look.at else None


def schedule_not_followed(look: Look) -> Iterator[Consequence]:
    """Find a schedule or a time zone that the controller says it cannot read."""
    event = _newest(look, UNREADABLE)
    if event and look.job.cron_job_spec.raw.get("suspend") is not True:
        path = "spec.timeZone" if event.reason == "UnknownTimeZone" else "spec.schedule"
        statement = f"the CronJob controller cannot follow it: {quoted(event.reason)}"
        evidence = {"basis": f"{event.reason} at {stamp(event.last)}", "message": quoted(event.message)}
        yield Consequence("scheduleNotFollowed", path, statement, evidence)


def _newest(look: Look, reasons: frozenset[str]) -> Event | None:
    """Find the newest Event of a reason that is about the spec as it is."""
    changed = look.changed
    events = [each for each in look.events if each.reason in reasons and not (changed and changed > each.last)]
    return max(events, key=lambda event: (event.last, event.message), default=None)


def no_success(look: Look) -> Iterator[Consequence]:
    """Find a CronJob with no success in the last intervals, since it was made, and since its spec was written."""
    since = latest(look.created, look.succeeded, look.changed)
    if since is not None and _awaited(look, since):
        last = f"last success at {stamp(look.succeeded)}" if look.succeeded else "no success is known"
        words = f"{last}; at least {SEVERAL} runs were due since {stamp(since)}"
        evidence = {"basis": words, "since": stamp(since)}
        evidence |= {"reason": quoted(look.history.failure)} if look.history.failure else {}
        yield Consequence("noSuccess", "", f"no run has succeeded for {SEVERAL} intervals", evidence)


def _awaited(look: Look, since: datetime) -> bool:
    """Whether several runs were due since then, and the last of them has had its time."""
    least, failed = timing.interval(look.job), look.history.last_failure
    if least is None or (look.at - since).total_seconds() <= (SEVERAL - 1) * least:
        return False  # as with nearly every CronJob: what follows takes longer
    ttl = look.job.job_spec.integer("ttlSecondsAfterFinished").value
    working = look.history.at_work and (failed is None or failed <= since)
    clock = None if working or (ttl is not None and ttl < BRIEF) else look.clock
    due = clock.after(since, SEVERAL) if clock else None
    patience = GRACE + (look.history.longest or timedelta())
    return bool(clock and due and look.at - due > patience + clock.sure_within)


def long_suspended(look: Look) -> Iterator[Consequence]:
    """Find a CronJob that has been suspended for long."""
    since = look.suspended_since
    if since is not None and look.at - since > LONG:
        statement = f"spec.suspend has been true for more than {LONG.days} days"
        evidence = {"basis": f"suspended since {stamp(since)} at the latest", "since": stamp(since)}
        yield Consequence("longSuspended", "spec.suspend", statement, evidence)


def runs_longer(look: Look) -> Iterator[Consequence]:
    """Find runs that take longer than the least time from one to the next: one that succeeded, or one at work."""
    least, took, start = timing.interval(look.job), look.history.longest, look.history.at_work
    interval, parts = timedelta(seconds=least or 0), []
    if took and took > interval:
        parts.append(f"longest of {look.history.succeeded} successful runs {cron.span(int(took.total_seconds()))}")
    if start and look.at - start > interval:
        parts.append(f"one at work since {stamp(start)}")
    if least and parts and look.clock:
        parts.append(f"least time between two {cron.span(least)}")
        fate = FATES.get(look.job.cron_job_spec.text("concurrencyPolicy").value or "")
        statement = "its runs take longer than the time between two of them" + (f": {fate}" if fate else "")
        evidence = {"basis": "; ".join(parts), "intervalSeconds": str(least)}
        yield Consequence("runsLongerThanInterval", "spec.schedule", statement, evidence)

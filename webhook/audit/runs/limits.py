"""Pure: runs beside the limits that are set for them, or that should be."""

from collections.abc import Iterator
from typing import Final

from policies import cron, timing
from policies.fields import render
from webhook.admission.message import paste
from webhook.audit.runs.consequences import Consequence
from webhook.audit.runs.look import Look
from webhook.audit.runs.run import NEAR
from webhook.audit.values import stamp

REGULARLY: Final = 0.5  # of the runs that still exist
TWICE: Final = 2  # once may be chance
FEWEST: Final = 3  # runs on which a suggestion may rest: as many successful ones as a CronJob keeps by default
ROOM: Final = 3  # times the longest run: for more data, and for a try that fails half-way
DAY: Final = 86400
# Rounded up to these, a suggestion does not change with each run. The least leaves time to add a node and to pull an
# image, which count as well.
STEPS: Final = (300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, DAY)


def near_deadline(look: Look) -> Iterator[Consequence]:
    """Find runs that regularly come near the deadline, if nobody has put it off since."""
    history, deadline = look.history, look.job.job_spec.integer("activeDeadlineSeconds")
    if not _regular(history.near_deadline, history.finished) or deadline.value is None:
        return
    if deadline.value > history.neared_deadline:
        return
    longest = f"; longest success {cron.span(int(history.longest.total_seconds()))}" if history.longest else ""
    basis = f"{_share(history.near_deadline, history.finished)} took {NEAR:.0%} of {deadline.value} s or more{longest}"
    suggested = _suggested(look)
    pasted = (paste(deadline.path, suggested),) if suggested and suggested > deadline.value else ()
    evidence = {"basis": basis, "runs": str(history.finished), "near": str(history.near_deadline)}
    yield Consequence("nearDeadline", render(deadline.path), "its runs come near the deadline", evidence, pasted)


def near_retry_limit(look: Look) -> Iterator[Consequence]:
    """Find runs that regularly come near the retry limit, if nobody has raised it since."""
    history, limit = look.history, look.job.job_spec.integer("backoffLimit")
    if not _regular(history.near_retry_limit, history.finished) or limit.value is None:
        return
    if limit.value > history.neared_retry_limit:
        return
    basis = f"{_share(history.near_retry_limit, history.finished)} used {NEAR:.0%} of {limit.value} retries or more"
    evidence = {"basis": basis, "runs": str(history.finished), "near": str(history.near_retry_limit)}
    yield Consequence("nearRetryLimit", render(limit.path), "its runs come near the retry limit", evidence)


def deadline_suggested(look: Look) -> Iterator[Consequence]:
    """Suggest a deadline where there is none and enough runs have succeeded."""
    history, deadline = look.history, timing.deadline(look.job)
    suggested = _suggested(look)
    if deadline.value is not None or suggested is None or history.longest is None or history.succeeded < FEWEST:
        return
    longest, interval = max(1, int(history.longest.total_seconds())), timing.interval(look.job)
    basis = f"{history.succeeded} runs, longest {cron.span(longest)}; {suggested} s would do"
    if interval is not None and suggested > interval:
        basis += f", though the next run is due after {cron.span(interval)}"
    evidence = {"basis": basis, "runs": str(history.succeeded), "longestSeconds": str(longest)}
    evidence |= {"suggestedSeconds": str(suggested)}
    pasted = (paste(deadline.path, suggested),)
    statement = "there is no deadline, and its runs tell what it could be"
    yield Consequence("deadlineSuggested", render(deadline.path), statement, evidence, pasted)


def _suggested(look: Look) -> int | None:
    """Reckon a deadline, in seconds, from the longest success: that of the next run where it leaves room enough."""
    longest = look.history.longest
    if longest is None:
        return None
    wanted = longest.total_seconds() * ROOM
    days = max(1, -(-int(wanted) // DAY)) * DAY
    rounded = next((step for step in STEPS if step >= wanted), days)
    interval = timing.interval(look.job)
    ample = interval is not None and interval < rounded and interval >= TWICE * longest.total_seconds()
    return interval if ample else rounded


def _regular(near: int, finished: int) -> bool:
    return near >= TWICE and near >= REGULARLY * finished


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} runs"


def kept_for_ever(look: Look) -> Iterator[Consequence]:
    """Find a finished Job that neither a TTL nor an owner removes, and that no tool would create again."""
    run = look.run
    if run is None or not run.outcome or run.ttl is not None or look.job.controller or look.job.tracker:
        return
    path = (*look.job.job_spec.path, "ttlSecondsAfterFinished")
    since = f"finished at {stamp(run.end)}; " if run.end else ""
    evidence = {"basis": f"{since}{run.size} bytes", "bytes": str(run.size)}
    evidence |= {"since": stamp(run.end)} if run.end else {}
    statement = "it has finished, and nothing will delete it"
    yield Consequence("keptForEver", render(path), statement, evidence, (paste(path, DAY),))

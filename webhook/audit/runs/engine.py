"""Pure: what has come of a CronJob or a Job: everything that can be told of how it runs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from policies.workload import Workload
from webhook.audit.runs.consequences import CONSEQUENCES, Consequence
from webhook.audit.runs.event import Event
from webhook.audit.runs.failures import refused, run_failed, without_pods
from webhook.audit.runs.history import History
from webhook.audit.runs.limits import deadline_suggested, kept_for_ever, near_deadline, near_retry_limit
from webhook.audit.runs.look import Look
from webhook.audit.runs.run import Run
from webhook.audit.runs.schedules import (
    long_suspended,
    missed_schedule,
    no_success,
    runs_longer,
    schedule_not_followed,
)

Find: TypeAlias = Callable[[Look], Iterator[Consequence]]
OF_BOTH: Final[tuple[Find, ...]] = (refused, without_pods, run_failed)
OF_CRON_JOBS: Final[tuple[Find, ...]] = (
    *OF_BOTH,
    missed_schedule,
    schedule_not_followed,
    no_success,
    long_suspended,
    runs_longer,
    near_deadline,
    near_retry_limit,
    deadline_suggested,
)
OF_JOBS: Final[tuple[Find, ...]] = (*OF_BOTH, kept_for_ever)
ORDER: Final[Mapping[str, int]] = {kind: at for at, kind in enumerate(CONSEQUENCES)}


def of_cron_job(
    job: Workload, raw: Mapping[str, Any], history: History, events: Sequence[Event], at: datetime
) -> tuple[Consequence, ...]:
    """Tell of a CronJob at a moment, the gravest first; ``events`` are those about it and about the Jobs it made.

    ``raw`` is the object as it stands in the cluster, ``job`` how rules see it.
    """
    return _told(OF_CRON_JOBS, Look(job, raw, history, events, at))


def of_job(
    job: Workload, raw: Mapping[str, Any], run: Run, events: Sequence[Event], at: datetime
) -> tuple[Consequence, ...]:
    """Tell of a Job that no CronJob made, at a moment, the gravest first; ``events`` are those about it.

    ``raw`` is the object as it stands in the cluster, ``job`` how rules see it.
    """
    history = History()
    history.add(run)
    return _told(OF_JOBS, Look(job, raw, history, events, at, run))


def _told(finds: Sequence[Find], look: Look) -> tuple[Consequence, ...]:
    found = (each for find in finds for each in find(look))
    return tuple(sorted(found, key=lambda each: (ORDER[each.kind], each.path, each.statement)))

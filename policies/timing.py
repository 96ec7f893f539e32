"""Pure: how long a Job may run, and how its CronJob's runs follow each other."""

from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Final, NamedTuple

from policies import cron
from policies.cron.oddities import Oddity, oddity
from policies.workload import Field, Workload

MEMO_TEXT: Final = 200  # characters: hostile objects cannot fill the memo
START: Final = datetime(2026, 1, 1, tzinfo=UTC)  # there is no clock here, so that every day gives the same answer
DAYS: Final = 3 * 365


class Timetable(NamedTuple):
    """A schedule, the least number of seconds from one run to the next, and what is odd about it."""

    schedule: cron.Schedule
    interval: int | None
    oddity: Oddity | None


def timetable(text: str) -> Timetable:
    """Read a schedule; raise InvalidScheduleError where the API server could not."""
    return _remembered(text) if len(text) <= MEMO_TEXT else _read(text)


def _read(text: str) -> Timetable:
    schedule = cron.parse(text)
    found = cron.intervals(schedule)
    return Timetable(schedule, found.shortest if found else None, oddity(schedule))


_remembered = lru_cache(maxsize=1024)(_read)


def schedule(job: Workload) -> cron.Schedule | None:
    """Give a CronJob's schedule; None where the API server could not read it."""
    found = _timetable(job)
    return found.schedule if found else None


def interval(job: Workload) -> int | None:
    """Give the least number of seconds from one run of a CronJob to the next; None where it never runs."""
    found = _timetable(job)
    return found.interval if found else None


def longest_interval(job: Workload) -> int | None:
    """Give the most seconds from one run of a CronJob to the next; None where it never runs."""
    read = schedule(job)
    found = cron.intervals(read) if read else None
    return found.longest if found else None


def _timetable(job: Workload) -> Timetable | None:
    text = job.cron_job_spec.raw.get("schedule")
    try:
        return timetable(text) if isinstance(text, str) else None
    except cron.InvalidScheduleError:
        return None


def deadline(job: Workload) -> Field[int]:
    """Give the Job's deadline, in seconds; where there is none, that of each try, which the Pod template may hold."""
    whole = job.job_spec.integer("activeDeadlineSeconds")
    each = whole if whole.written else job.pod_spec.integer("activeDeadlineSeconds")
    return each if each.written else whole


NAMES_HOURS: Final = "!schedule.matches('^[^ ]+ [*] [*] [*] [*]$')"
"""In the CEL of a gap: true wherever ``names_hours`` is, and of little else."""


def names_hours(job: Workload) -> bool:
    """Whether it is for ``timeZone`` to say when a CronJob runs."""
    read = schedule(job)
    return read is not None and read.names_hours and "TZ" not in read.expression


def clock_change(job: Workload, zone: tzinfo) -> str:
    """Say in a sentence what the first change of clocks that disturbs a CronJob does; nothing where none does."""
    read = schedule(job)
    return _changes(read.expression, zone) if read and len(read.expression) <= MEMO_TEXT else ""


@lru_cache(maxsize=1024)
def _changes(text: str, zone: tzinfo) -> str:
    for change in cron.clock_changes(cron.parse(text), zone, START, DAYS):
        times = change.skipped or change.repeated or change.unnamed
        fate = "there is no {}" if change.skipped else "{} comes twice" if change.repeated else "it runs at {}"
        return f"On {times[0]:%Y-%m-%d} the clocks change, and {fate.format(format(times[0], '%H:%M'))}."
    return ""

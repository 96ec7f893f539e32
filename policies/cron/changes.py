"""Pure: what changes of clocks do to a schedule.

A local time that is skipped gets no run, and one that comes twice gets two. Beyond that, what the controller follows
has oddities of its own: where a day begins at 1 o'clock it may leave out the day or run on the one after it, and where
clocks change by half an hour it may leave out the next hour.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import takewhile
from typing import Final

from msgspec import Struct

from policies.cron.schedule import Fields, Schedule
from policies.cron.zones import later, time_zone, transitions

DAY: Final = timedelta(days=1)
MICROSECOND: Final = timedelta(microseconds=1)


class ClockChange(Struct, frozen=True):
    """A change of clocks, ``at`` a moment, at which a schedule does not do what it says; times are local ones.

    ``skipped`` are times that it names and that get no run, ``repeated`` those that get two, ``unnamed`` times of runs
    that it does not name.
    """

    at: datetime
    skipped: tuple[datetime, ...]
    repeated: tuple[datetime, ...]
    unnamed: tuple[datetime, ...]


def clock_changes(schedule: Schedule, zone: tzinfo, start: datetime, days: int = 365) -> tuple[ClockChange, ...]:
    """List the changes of clocks in the days after a moment that cost a schedule runs, or give it more.

    A schedule of every hour goes on as before in an hour that is skipped or comes twice: that is not told. It takes
    time for each run of a day, and is remembered.
    """
    if schedule.fields is None or schedule.never or not schedule.names_hours:
        return ()
    zone = time_zone(schedule.zone) if schedule.zone else zone
    changes = (_change(schedule, zone, at) for at in transitions(zone, start, days))
    return tuple(change for change in changes if change.skipped or change.repeated or change.unnamed)


@lru_cache(maxsize=512)
def _change(schedule: Schedule, zone: tzinfo, at: datetime) -> ClockChange:
    """Follow the schedule from its last run before a change to the end of the day, where all oddities end."""
    fields = schedule.fields
    before, after = _wall(later(at, -MICROSECOND, zone)) + MICROSECOND, _wall(at.astimezone(zone))
    start, end = (
        time.replace(hour=0, minute=0, second=0) for time in (min(before, after) - DAY, max(before, after) + DAY)
    )
    named = list(_times(fields, start, end)) if fields else []
    earlier = [time for time in named if time < before]
    since = at - (before - earlier[-1]) if earlier else at - 2 * DAY
    walls = takewhile(lambda wall: wall < end, map(_wall, schedule.fires(since, zone)))
    fired = Counter([*earlier, *(wall for wall in walls if wall >= start)])
    unsure = (min(before, after), max(before, after)) if fields and fields.hour.full else (start, start)
    return ClockChange(
        at,
        _outside(unsure, (time for time in named if time not in fired)),
        _outside(unsure, (time for time, count in fired.items() if count > 1)),
        tuple(sorted(fired.keys() - set(named))),
    )


def _times(fields: Fields, day: datetime, end: datetime) -> Iterator[datetime]:
    """List the times that a schedule names on the days up to an end."""
    while day < end:
        if day.month in fields.month and fields.runs_on(day):
            yield from (day.replace(hour=at, minute=past) for at in fields.hour.values for past in fields.minute.values)
        day += DAY


def _wall(at: datetime) -> datetime:
    return at.replace(tzinfo=None, fold=0)


def _outside(unsure: tuple[datetime, datetime], times: Iterable[datetime]) -> tuple[datetime, ...]:
    return tuple(time for time in times if not unsure[0] <= time < unsure[1])

"""Pure: what there is to tell of the days and hours in which CronJobs run, and for how long."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import accumulate, groupby
from typing import Final, Literal, NamedTuple, TypeAlias

from webhook.audit.entries import Timing

MINUTE: Final = 60
DAY_MINUTES: Final = 24 * 60
SLOT: Final = 5  # minutes: finer is no picture of a day

Basis: TypeAlias = Literal["runs", "deadline", "unknown"]
"""From what it is known how long a run may last: the longest that succeeded, else the deadline, else nothing."""


class Hour(NamedTuple):
    """An hour of the week: how many runs begin in it, and how many of them at minute 0."""

    runs: int
    sharp: int


class Week(NamedTuple):
    """Runs of each hour of seven days, Monday first; an hour that the clocks skip is None.

    ``minutes`` has the runs by the minute at which they begin, but those of ``@every``, whose minute nobody knows.
    """

    days: tuple[date, ...]
    hours: tuple[tuple[Hour | None, ...], ...]
    minutes: tuple[int, ...]

    @property
    def runs(self) -> int:
        """Give the sum."""
        return sum(hour.runs for day in self.hours for hour in day if hour)

    @property
    def sharp(self) -> int:
        """Give the sum of those at minute 0."""
        return sum(hour.sharp for day in self.hours for hour in day if hour)

    @property
    def quietest(self) -> int:
        """Give the runs of the hour that has fewest."""
        return min(hour.runs for day in self.hours for hour in day if hour)

    @property
    def busiest(self) -> int:
        """Give the runs of the hour that has most."""
        return max(hour.runs for day in self.hours for hour in day if hour)


class Span(NamedTuple):
    """Minutes of the day, from its beginning, in which one run may go on, or several of the same CronJob."""

    start: int
    minutes: int
    several: bool


class Row(NamedTuple):
    """A CronJob's next day; ``overlaps`` is how many runs begin while the one before may still go on."""

    namespace: str
    name: str
    schedule: str
    time_zone: str
    first: datetime
    runs: int
    lasting: timedelta | None
    basis: Basis
    overlaps: int
    spans: tuple[Span, ...]


class Day(NamedTuple):
    """The next 24 hours, from the full hour in which they begin, minute by minute; ``unsure`` is of unknown lengths.

    ``starts`` is how many runs begin, ``running`` how many may go on, each at least in the minute in which it begins.
    """

    start: datetime
    rows: tuple[Row, ...]
    cron_jobs: int
    overlapping: int
    unsure: int
    starts: tuple[int, ...]
    running: tuple[int, ...]


def lasting(timing: Timing) -> tuple[timedelta | None, Basis]:
    """Say how long a run may last, and how that is known."""
    if timing.history.longest is not None:
        return timing.history.longest, "runs"
    if timing.deadline is not None:
        return timedelta(seconds=timing.deadline), "deadline"
    return None, "unknown"


def spans(starts: Sequence[int], minutes: int) -> Iterator[Span]:
    """Draw runs that last for so many minutes, by the seconds at which they begin, in whole slots."""
    changes = [0] * (DAY_MINUTES + 1)
    for start in starts:
        changes[start // MINUTE] += 1
        changes[min(start // MINUTE + minutes, DAY_MINUTES)] -= 1
    depths = list(accumulate(changes))
    slots = (min(2, max(depths[at : at + SLOT])) for at in range(0, DAY_MINUTES, SLOT))
    at = 0
    for depth, same in groupby(slots):
        length = SLOT * len(list(same))
        if depth:
            yield Span(at, length, depth > 1)
        at += length

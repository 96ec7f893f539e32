"""Pure: when a schedule fires."""

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from msgspec import Struct

from policies.cron.zones import later, move, resolve, time_zone

SECOND: Final = timedelta(seconds=1)
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
NOON: Final = 12
YEARS: Final = 5  # how far the controller looks
LONGEST: Final = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # days of each month, in its longest year


class Field(Struct, frozen=True, gc=False):
    """A field of a schedule: its name in words, its text as written, and the values that it allows, as bits.

    ``star`` where a part of it is ``*`` or ``?``, with no step over 1. ``idle_steps`` are steps so wide that
    only the first value is left.
    """

    name: str
    text: str
    bits: int
    least: int
    most: int
    star: bool = False
    idle_steps: tuple[int, ...] = ()

    def __contains__(self, value: int) -> bool:
        return bool(self.bits >> value & 1)

    @property
    def values(self) -> tuple[int, ...]:
        """List the values, in order."""
        return tuple(value for value in range(self.least, self.most + 1) if value in self)

    @property
    def full(self) -> bool:
        """Whether it allows everything."""
        return self.bits == (1 << self.most + 1) - (1 << self.least)

    def following(self, value: int) -> int:
        """Give the next value after this one; the one over the largest where there is none."""
        rest = self.bits >> value + 1
        return value + (rest & -rest).bit_length() if rest else self.most + 1


class Fields(NamedTuple):
    """The five fields of a schedule, in their order."""

    minute: Field
    hour: Field
    day_of_month: Field
    month: Field
    day_of_week: Field

    @property
    def either(self) -> bool:
        """Whether the day of the month or the day of the week is enough; else both are asked."""
        return not (self.day_of_month.star or self.day_of_week.star)

    @property
    def every_day(self) -> bool:
        """Whether it runs on each day of the year."""
        full = (self.day_of_month.full, self.day_of_week.full)
        return self.month.full and (any(full) if self.either else all(full))

    def runs_on(self, day: datetime) -> bool:
        """Whether the day of the month and the day of the week allow this day, whatever its month."""
        of_month = day.day in self.day_of_month
        of_week = day.isoweekday() % 7 in self.day_of_week
        return of_month or of_week if self.either else of_month and of_week


class Schedule(Struct, frozen=True):
    """A schedule: five fields, or, for ``@every``, seconds between runs; ``zone`` is what ``TZ=`` in it names."""

    expression: str
    fields: Fields | None = None
    every: int = 0
    zone: str = ""

    @property
    def names_hours(self) -> bool:
        """Whether it names hours or days, so that it takes a time zone to know when it fires."""
        return self.fields is not None and not (self.fields.hour.full and self.fields.every_day)

    @property
    def never(self) -> bool:
        """Whether no day fits it, such as 30 February, so that it never fires."""
        if self.fields is None:
            return False
        minute, hour, day, month, weekday = self.fields
        dates = any(day.following(0) <= LONGEST[number] for number in month.values)
        days = dates or weekday.bits if self.fields.either else dates and weekday.bits
        return not (minute.bits and hour.bits and month.bits and days)

    def next(self, after: datetime, zone: tzinfo) -> datetime | None:
        """Give the first run after a moment, in the zone, which one that the schedule names outdoes.

        None where there is none within five years.
        """
        zone = time_zone(self.zone) if self.zone else zone
        try:
            start = later(after, SECOND - timedelta(microseconds=after.microsecond), zone)
            if self.fields is None:
                return later(start, timedelta(seconds=self.every - 1), zone)
            return None if self.never else _Search(self.fields, start, zone).run()
        except (OverflowError, ValueError):  # Python's calendar ends in the year 9999
            return None

    def fires(self, after: datetime, zone: tzinfo) -> Iterator[datetime]:
        """Go through the runs after a moment."""
        at = self.next(after, zone)
        while at is not None:
            yield at
            at = self.next(at, zone)


class _Search:
    """The way to the next run, from month to second: what leaves a larger unit begins again with the month.

    It is as odd as the original where clocks change, since a day that begins at 1 or an hour that begins at half past
    is taken for a whole one, and where a time that a clock shows twice is meant.
    """

    def __init__(self, fields: Fields, at: datetime, zone: tzinfo) -> None:
        self.fields = fields
        self.at = at
        self.zone = zone
        self.moved = False

    def run(self) -> datetime | None:
        """Walk on; None where there is nothing within the years that the controller looks ahead."""
        last_year = self.at.year + YEARS
        while self.at.year <= last_year:
            if self.month() and self.day() and self.hour() and self.minute() and self.second():
                return self.at
        return None

    def month(self) -> bool:
        while self.at.month not in self.fields.month:
            self._begin(day=1, hour=0, minute=0)
            self.at = move(self.at, self.zone, months=1)
            if self.at.month == 1:
                return False
        return True

    def day(self) -> bool:
        while not self.fields.runs_on(self.at):
            self._begin(hour=0, minute=0)
            ahead = _at_midnight(move(self.at, self.zone, days=1), self.zone)
            # a zone that crosses the date line leaves a day out, and there the original never ends
            self.at = move(self.at, self.zone, days=2) if ahead == self.at else ahead
            if self.at.day == 1:
                return False
        return True

    def hour(self) -> bool:
        while self.at.hour not in self.fields.hour:
            self._begin(minute=0)
            self._pass(self.fields.hour.following(self.at.hour) - self.at.hour, HOUR)
            if self.at.hour == 0:
                return False
        return True

    def minute(self) -> bool:
        while self.at.minute not in self.fields.minute:
            self.at = self.at.replace(second=0)
            self._pass(self.fields.minute.following(self.at.minute) - self.at.minute, MINUTE)
            if self.at.minute == 0:
                return False
        return True

    def second(self) -> bool:
        if self.at.second:
            self._pass(60 - self.at.second, SECOND)
            return False
        return True

    def _begin(self, **smallest: int) -> None:
        """Go back to where a unit began, unless the way has led to a beginning already."""
        if not self.moved:
            wall = self.at.replace(**smallest, second=0, tzinfo=None, fold=0)
            self.at = resolve(wall, self.zone)
        self.moved = True

    def _pass(self, times: int, unit: timedelta) -> None:
        """Let units of time pass, or only one where the clocks change meanwhile."""
        ahead = later(self.at, times * unit, self.zone)
        self.at = ahead if ahead.utcoffset() == self.at.utcoffset() else later(self.at, unit, self.zone)
        self.moved = True


def _at_midnight(at: datetime, zone: tzinfo) -> datetime:
    """Undo what a change of clocks at midnight did to the hour, as far as the original does."""
    hours = 24 - at.hour if at.hour > NOON else -at.hour
    return later(at, hours * HOUR, zone) if at.hour else at

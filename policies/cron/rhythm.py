"""Pure: how often a schedule fires, by a calendar that knows no time zone."""

from collections import Counter
from functools import lru_cache
from itertools import pairwise
from typing import Final

from msgspec import Struct

from policies.cron.schedule import LONGEST, Schedule

MINUTES: Final = 24 * 60
WEEK: Final = 7
FOUR_YEARS: Final = 4 * 365 + 1
CYCLE: Final = 7 * FOUR_YEARS  # after which weekdays fall on the same dates again, until the year 2100
FEBRUARY: Final = 2
LEAP: Final = 3  # of four years the last
ALL_DATES: Final = (1 << 32) - 2
ALL_MONTHS: Final = (1 << 13) - 2
ALL_WEEKDAYS: Final = (1 << 7) - 1
EACH_WEEK: Final = ((1 << CYCLE) - 1) // ((1 << WEEK) - 1)
EACH_FOUR_YEARS: Final = ((1 << CYCLE) - 1) // ((1 << FOUR_YEARS) - 1)


class Intervals(Struct, frozen=True, gc=False):
    """Seconds from one run to the next: shortest, longest and most frequent; how many runs a day has on average."""

    shortest: int
    longest: int
    usual: int
    runs_per_day: float


def intervals(schedule: Schedule) -> Intervals | None:
    """Say how often it fires; None where it never does."""
    if schedule.fields is None:
        return Intervals(schedule.every, schedule.every, schedule.every, 86400 / schedule.every)
    if schedule.never:
        return None
    return _intervals(*(field.bits for field in schedule.fields), either=schedule.fields.either)


@lru_cache(maxsize=1024)
def _intervals(minute: int, hour: int, *days: int, either: bool) -> Intervals:
    minutes, hours, days_apart = _bits(minute), _bits(hour), _day_gaps(*days, either=either)
    hour_apart, day_apart = minutes[-1] - minutes[0], 60 * (hours[-1] - hours[0]) + minutes[-1] - minutes[0]
    number = sum(days_apart.values())
    found: Counter[int] = Counter()
    for earlier, later in pairwise(minutes):
        found[later - earlier] += number * len(hours)
    for earlier, later in pairwise(hours):
        found[60 * (later - earlier) - hour_apart] += number
    for gap, count in days_apart.items():
        found[gap * MINUTES - day_apart] += count
    usual = max(found, key=lambda gap: (found[gap], -gap))
    runs = len(minutes) * len(hours) * number / sum(gap * count for gap, count in days_apart.items())
    return Intervals(60 * min(found), 60 * max(found), 60 * usual, runs)


def _day_gaps(date: int, month: int, weekday: int, *, either: bool) -> Counter[int]:
    """Count the days from one day with runs to the next, over a cycle of the calendar as short as may be."""
    if not either and month == ALL_MONTHS and date == ALL_DATES:
        days, cycle = weekday, WEEK
    elif not either and weekday == ALL_WEEKDAYS:
        days, cycle = _dates(date, month), FOUR_YEARS
    else:
        cycle = CYCLE
        dates = _dates(date, month) * EACH_FOUR_YEARS
        weekdays = _dates(ALL_DATES, month) * EACH_FOUR_YEARS & weekday * EACH_WEEK
        days = dates | weekdays if either else dates & weekdays
    gaps = f"{days:0{cycle}b}".split("1")
    gaps[0] += gaps.pop()
    return Counter({len(gap) + 1: count for gap, count in Counter(gaps).items()})


def _dates(dates: int, months: int) -> int:
    """Mark the days of four years, the last one a leap year, whose date and month are allowed; the first is bit 0."""
    marked, at = 0, 0
    for year in range(4):
        for number in range(1, 13):
            length = LONGEST[number] - (number == FEBRUARY and year != LEAP)
            if months >> number & 1:
                marked |= (dates >> 1 & (1 << length) - 1) << at
            at += length
    return marked


def _bits(bits: int) -> list[int]:
    return [at for at in range(bits.bit_length()) if bits >> at & 1]

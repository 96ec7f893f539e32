"""Pure: exceptions by the day on which they end, as the months of a calendar."""

from calendar import Calendar
from collections.abc import Iterable, Iterator
from datetime import date, datetime, tzinfo
from itertools import groupby
from typing import Final, NamedTuple

from webhook.audit.report import Grant

MOST_MONTHS: Final = 12
MOST_GRANTS: Final = 1000


class Expiry(NamedTuple):
    """An exception, by a number of its own, and the day of the zone on which it ends."""

    number: int
    grant: Grant
    day: date
    days: int


class Square(NamedTuple):
    """A day of a month, and the exceptions that end on it."""

    day: date
    ends: tuple[Expiry, ...]


class Month(NamedTuple):
    """A month of the calendar: weeks from Monday to Sunday; what is of another month is None."""

    first: date
    weeks: tuple[tuple[Square | None, ...], ...]


def by_end(grants: Iterable[Grant], at: datetime, zone: tzinfo) -> list[Expiry]:
    """Number exceptions by the time at which they end; of many, those that end last are left out."""
    today = at.astimezone(zone).date()
    ordered = sorted(grants, key=lambda each: (each.expires_at, each.namespace, each.name))[:MOST_GRANTS]
    days = [grant.expires_at.astimezone(zone).date() for grant in ordered]
    return [
        Expiry(number, grant, day, (day - today).days)
        for number, (grant, day) in enumerate(zip(ordered, days, strict=True), 1)
    ]


def months(expiries: Iterable[Expiry], today: date) -> list[Month]:
    """Draw the first months, from this one on, in which an exception ends."""
    coming = [each for each in expiries if each.day >= today.replace(day=1)]
    by_month = groupby(coming, key=lambda each: each.day.replace(day=1))
    return [Month(first, tuple(_weeks(first, tuple(ends)))) for first, ends in by_month][:MOST_MONTHS]


def _weeks(first: date, ends: tuple[Expiry, ...]) -> Iterator[tuple[Square | None, ...]]:
    for week in Calendar().monthdatescalendar(first.year, first.month):
        yield tuple(
            Square(day, tuple(each for each in ends if each.day == day)) if day.month == first.month else None
            for day in week
        )

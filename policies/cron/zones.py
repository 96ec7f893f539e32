"""Pure: time zones by their names, and reckoning in them as Go does.

Sources: ``validateTimeZone`` in pkg/apis/batch/validation/validation.go of https://github.com/kubernetes/kubernetes,
``LoadLocation`` and ``Date`` in src/time of https://github.com/golang/go.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from difflib import get_close_matches
from functools import lru_cache
from pkgutil import get_data
from typing import Final
from zoneinfo import ZoneInfo

MOST_SHOWN: Final = 40
DAY: Final = timedelta(days=1)
SECOND: Final = timedelta(seconds=1)
CLOSE: Final = 0.8  # how alike names are that are mistaken for each other, from 0 to 1
OFFSET: Final = re.compile(r"(?:utc|gmt|etc/utc)?([+-])0?([0-9]{1,2})(?::?00)?")


COMMON_ZONES: Final = (
    "America/Chicago", "America/Denver", "America/Los_Angeles", "America/New_York", "America/Sao_Paulo",
    "America/Toronto", "Asia/Dubai", "Asia/Hong_Kong", "Asia/Jakarta", "Asia/Kolkata", "Asia/Seoul", "Asia/Shanghai",
    "Asia/Singapore", "Asia/Tokyo", "Australia/Sydney", "Etc/GMT", "Etc/UTC", "Europe/Amsterdam", "Europe/Berlin",
    "Europe/Istanbul", "Europe/London", "Europe/Madrid", "Europe/Moscow", "Europe/Paris", "Europe/Rome",
    "Europe/Stockholm", "Europe/Vienna", "Europe/Warsaw", "Europe/Zurich", "GMT", "UTC",
)  # fmt: skip
"""Zones that most people name."""


class UnknownTimeZoneError(ValueError):
    """No time zone that the API server takes has this name; ``suggestion`` is what was likely meant, or empty."""

    def __init__(self, name: str, suggestion: str, advice: str) -> None:
        shown = json.dumps(f"{name[:MOST_SHOWN]}…" if len(name) > MOST_SHOWN else name, ensure_ascii=False)
        self.suggestion = suggestion
        self.advice = advice
        super().__init__(f"{shown} is no time zone; allowed: names such as Europe/Berlin or UTC; {advice}")


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """Name the zones of the IANA database, which are those that Go knows."""
    return frozenset((get_data("tzdata", "zones") or b"").decode().split())


def time_zone(name: str) -> ZoneInfo:
    """Look up a zone as the API server does for ``spec.timeZone``: by its exact name, and never ``Local``."""
    if name not in zone_names():
        raise _unknown(name)
    return ZoneInfo(name)


def _unknown(name: str) -> UnknownTimeZoneError:
    if name.casefold() == "local":
        return UnknownTimeZoneError(name, "", "say which one: the controller's own is that of the machine it runs on")
    likely = _likely("_".join(name[:MOST_SHOWN].casefold().split()))
    return UnknownTimeZoneError(name, likely, f"write {likely}" if likely else "see https://www.iana.org/time-zones")


@lru_cache(maxsize=256)
def _likely(name: str) -> str:
    """Guess what was meant by ``berlin``, ``america/new_york``, ``Europe/Berln`` or ``UTC+2``."""
    offset = OFFSET.fullmatch(name)
    if offset:  # Etc counts westwards: https://data.iana.org/time-zones/tzdb/etcetera
        known = f"Etc/GMT{'-' if offset[1] == '+' else '+'}{int(offset[2])}"
        return known if known in zone_names() else ""
    by_name = {known.casefold(): known for known in sorted(zone_names())}
    by_name |= {key.rpartition("/")[2]: known for key, known in by_name.items() if "/" in key} | by_name
    close = get_close_matches(name, by_name, n=1, cutoff=CLOSE)
    return by_name[close[0]] if close else ""


def later(at: datetime, gap: timedelta, zone: tzinfo) -> datetime:
    """Go on by a time that passes, whatever the clock on the wall does meanwhile."""
    return (at.astimezone(UTC) + gap).astimezone(zone)


def resolve(wall: datetime, zone: tzinfo) -> datetime:
    """Say when a clock shows this, as Go's ``Date`` does, also where it never does or does so twice."""
    guess = wall.replace(tzinfo=UTC)
    for _ in range(2):
        guess = wall.replace(tzinfo=UTC) - _offset(guess, zone)
    return guess.astimezone(zone)


def move(at: datetime, zone: tzinfo, *, months: int = 0, days: int = 0) -> datetime:
    """Turn the calendar's pages: the same time on another day, as Go's ``AddDate`` does."""
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    first = at.replace(year=year, month=month + 1, day=1, tzinfo=None, fold=0)
    return resolve(first + timedelta(days=at.day - 1 + days), zone)


@lru_cache(maxsize=256)
def transitions(zone: tzinfo, start: datetime, days: int) -> tuple[datetime, ...]:
    """List the moments at which the zone's offset changes: the first ones of the other offset, in UTC."""
    return tuple(_transitions(zone, start.astimezone(UTC).replace(microsecond=0), days))


def _transitions(zone: tzinfo, start: datetime, days: int) -> Iterator[datetime]:
    before = start
    for _ in range(days):
        after = before + DAY
        if _offset(before, zone) != _offset(after, zone):
            low, high = before, after
            while high - low > SECOND:
                middle = low + SECOND * ((high - low) // SECOND // 2)
                low, high = (middle, high) if _offset(middle, zone) == _offset(before, zone) else (low, middle)
            yield high
        before = after


def _offset(at: datetime, zone: tzinfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()

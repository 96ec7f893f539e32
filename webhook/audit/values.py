"""Pure: times and counts as Kubernetes writes them into an object; what is none reads as absent."""

from datetime import UTC, datetime, timedelta
from typing import Final

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)  # leaves room to reckon with, as Python's calendar ends in 9999
MOST: Final = 2**63 - 1


def moment(value: object) -> datetime | None:
    """Read a time, such as ``2026-11-21T12:00:00Z``, into UTC."""
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) else None
        return read.astimezone(UTC) if read and read.tzinfo and EARLIEST < read < LATEST else None
    except ValueError:
        return None


def count(value: object) -> int | None:
    """Read a number that is not negative and that Kubernetes could hold."""
    return value if type(value) is int and 0 <= value <= MOST else None


def latest(*times: datetime | None) -> datetime | None:
    """Give the last of the times that are known."""
    return max((time for time in times if time is not None), default=None)


def earliest(*times: datetime | None) -> datetime | None:
    """Give the first of the times that are known."""
    return min((time for time in times if time is not None), default=None)


def longest(*spans: timedelta | None) -> timedelta | None:
    """Give the longest of the spans that are known."""
    return max((span for span in spans if span is not None), default=None)


def stamp(at: datetime) -> str:
    """Write a time as Kubernetes does."""
    return f"{at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()}Z"

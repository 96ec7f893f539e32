"""Pure: what Kubernetes' controllers tell of a Job or a CronJob in Events, which the API server keeps for an hour.

Sources: ``recorder.Event`` in pkg/controller/{job,cronjob}/*.go and pkg/controller/controller_utils.go of
https://github.com/kubernetes/kubernetes v1.37.1.
"""

from datetime import datetime
from typing import Final

from msgspec import Struct

from policies.fields import mapping
from webhook.audit.values import EARLIEST, count, latest, moment

FAILED_CREATE: Final = "FailedCreate"
MISSED: Final = frozenset({"MissSchedule", "TooManyMissedTimes"})
UNREADABLE: Final = frozenset({
    "InvalidSchedule", "UnParseableCronJobSchedule", "UnknownTimeZone", "UnparseableSchedule",
})  # fmt: skip
TELLING: Final = frozenset({FAILED_CREATE, *MISSED, *UNREADABLE})
"""The reasons that matter here: Events of any other may be left out."""
MOST_TEXT: Final = 1024  # characters: Events are kept for as long as their namespace is looked at


class Event(Struct, frozen=True, gc=False):
    """An Event about a Job or a CronJob; ``type`` is ``Normal`` or ``Warning``, ``last`` when it was seen last."""

    reason: str
    message: str
    count: int
    last: datetime
    type: str


def read_event(manifest: object) -> tuple[str, Event]:
    """Read a ``core/v1`` Event: the uid of the object that it is about, and what it says; other shapes are absent."""
    raw = mapping(manifest)
    series, metadata = mapping(raw.get("series")), mapping(raw.get("metadata"))
    seen = latest(*map(moment, (raw.get("lastTimestamp"), series.get("lastObservedTime"), raw.get("eventTime"))))
    last = seen or moment(metadata.get("creationTimestamp")) or EARLIEST
    times = count(raw.get("count")) or count(series.get("count")) or 1
    uid = _text(mapping(raw.get("involvedObject")).get("uid"))
    return uid, Event(_text(raw.get("reason")), _text(raw.get("message")), times, last, _text(raw.get("type")))


def _text(value: object) -> str:
    return value[:MOST_TEXT] if isinstance(value, str) else ""

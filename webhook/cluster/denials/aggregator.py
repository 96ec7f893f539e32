"""What happens again and again is one series of an Event; there are so many of them, and so many of a namespace.

Pure but for a lock. What client-go's EventCorrelator does for its recorder: tools/record/events_cache.go.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Final, Literal, TypeAlias

from msgspec import structs

from webhook.admission.occurrences import GENERATED, Occurrence

WINDOW_SECONDS: Final = 30.0  # from one write of a series to the next
IDLE_SECONDS: Final = 600.0  # after which the same is another series
MOST: Final = 2000
MOST_NAMED: Final = 25  # of a namespace: further ones count without their names
MOST_IN_NAMESPACE: Final = 50

Outcome: TypeAlias = Literal["written", "folded", "dropped", "failed"]


@dataclass
class Series:
    """How often something happened, between when and when, and how much of that was written.

    ``number`` tells it from every other one; ``due`` is when it may be written, ``touched`` when it last happened, in
    seconds of the clock.
    """

    occurrence: Occurrence
    number: int
    first: datetime
    last: datetime
    due: float
    touched: float
    count: int = 1
    written: int = 0

    @property
    def is_news(self) -> bool:
        """Whether some of it is not written yet."""
        return self.count > self.written

    def wrote(self, count: int, clock: float) -> None:
        """Take note of how much was written."""
        self.written, self.due = count, clock + WINDOW_SECONDS


class Aggregator:
    """Takes what happens, from any thread; ``clock`` is in seconds, from whenever."""

    def __init__(self) -> None:
        self._series: dict[Occurrence, Series] = {}
        self._homes = Counter[str]()
        self._made = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._series)

    def add(self, occurrence: Occurrence, at: datetime, clock: float) -> Outcome | None:
        """Count something; say where it joined what was counted already, or that there is no room for it."""
        home = occurrence.namespace
        with self._lock:
            if occurrence not in self._series and self._homes[home] >= MOST_NAMED:
                occurrence = structs.replace(occurrence, name=GENERATED, uid="", owner=None)
            if series := self._series.get(occurrence):
                series.count, series.last, series.touched = series.count + 1, max(series.last, at), clock
                return "folded"
            if self._homes[home] >= MOST_IN_NAMESPACE or len(self) >= MOST:
                return "dropped"
            self._made += 1
            self._homes[home] += 1
            self._series[occurrence] = Series(occurrence, self._made, at, at, clock, clock)
        return None

    def due(self, clock: float) -> list[Series]:
        """List what may be written, that which waits longest first; forget what is old and written."""
        with self._lock:
            for series in list(self._series.values()):
                if clock - series.touched >= IDLE_SECONDS and not series.is_news:
                    self._forget(series)
        return sorted((each for each in self.news() if each.due <= clock), key=lambda each: each.due)

    def news(self) -> list[Series]:
        """List what is not all written."""
        with self._lock:
            return [each for each in self._series.values() if each.is_news]

    def forget(self, series: Series) -> None:
        """Make room: what happens again is another series."""
        with self._lock:
            self._forget(series)

    def _forget(self, series: Series) -> None:
        del self._series[series.occurrence]
        home = series.occurrence.namespace
        self._homes[home] -= 1
        if not self._homes[home]:
            del self._homes[home]

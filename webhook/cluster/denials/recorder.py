"""Each denial leaves an Event, written behind the answers: nobody waits for one; for what is too much there is none."""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from threading import Event, Thread
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter

from webhook.admission.occurrences import Occurrence, Owner
from webhook.audit.denials import Denial, write_event
from webhook.cluster.api import Api, ApiError
from webhook.cluster.backoff import wait_after
from webhook.cluster.denials.aggregator import Aggregator, Outcome, Series
from webhook.cluster.events import EVENTS
from webhook.cluster.listing import within
from webhook.cluster.retry import AWAY
from webhook.cluster.watch import Pace

LOOK_SECONDS: Final = 1.0
WRITE_SECONDS: Final = 0.05  # from one write to the next
AT_ONCE: Final = 20  # writes: then what came meanwhile is looked at
MOST_WAIT: Final = 30.0  # after failures
FLUSH_SECONDS: Final = 1.0  # at the end


class Replica(NamedTuple):
    """Who tells: the name of the replica, and a text that no other run of it has."""

    instance: str
    run: str


class EventObserver:
    """What becomes of what is told, as a metric and log lines; ``write`` takes an event and its fields."""

    def __init__(self, registry: CollectorRegistry, write: Callable[..., None]) -> None:
        """Register the metric."""
        self._write, self._failing = write, ""
        self._events = Counter("batchwarden_events", "Denials to tell of.", ("outcome",), registry=registry)

    def count(self, outcome: Outcome) -> None:
        """Count what became of one: written, folded into one that is counted already, dropped, or failed."""
        self._events.labels(outcome).inc()

    def state(self, reason: str, message: str = "") -> None:
        """Take note why Events are not written, by an empty reason that they are; it is told when it changes."""
        if reason != self._failing:
            self._failing = reason
            level, text = ("warning", f"an Event is not written: {message}") if reason else ("info", "written again")
            self._write("events", level=level, message=text)


class EventRecorder:
    """Tells of denials by Events, from ``start`` until ``stop``."""

    def __init__(self, api: Api, replica: Replica, observer: EventObserver, clock: Callable[[], float]) -> None:
        """Take whom to tell, as who, and what is to take note of it; the clock gives seconds, from whenever."""
        self._api, self._replica, self._observer, self._clock = api, replica, observer, clock
        self._aggregator = Aggregator()
        self._woken = Event()
        self._failures, self._rest = 0, 0.0
        self._thread: Thread | None = None

    def record(self, occurrence: Occurrence) -> None:
        """Take note of what is to be told; from any thread, in a few microseconds, and whatever happens."""
        outcome = self._aggregator.add(occurrence, datetime.now(UTC), self._clock())
        if outcome:
            self._observer.count(outcome)
        else:
            self._woken.set()

    def start(self, stop: Event, pace: Pace) -> None:
        """Begin; ``pace.wait`` is to end at the stop as well."""
        self._thread = Thread(target=self._run, args=(stop, pace), name="events", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait a moment, after the stop, for what is left to be told."""
        self._woken.set()
        if self._thread:
            self._thread.join(FLUSH_SECONDS)

    def _run(self, stop: Event, pace: Pace) -> None:
        while not stop.is_set():
            self._woken.wait(LOOK_SECONDS)
            self._woken.clear()
            due = self._aggregator.due(self._clock()) if self._clock() >= self._rest else []
            self._write_all(due[:AT_ONCE], pace)
            if due[AT_ONCE:]:
                self._woken.set()
        self._write_all(self._aggregator.news(), pace)

    def _write_all(self, due: list[Series], pace: Pace) -> None:
        """Write what is due; where the API server is away wait a while with all of it."""
        for series in due:
            pace.wait(WRITE_SECONDS)
            try:
                self._write(series)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told; without the thread no Event ever was
                if self._fail(series, error):
                    self._rest = self._clock() + wait_after(error, self._failures, MOST_WAIT, pace.chance())
                    self._failures += 1
                    return

    def _write(self, series: Series) -> None:
        denial, name = _denial(series), self._name(series)
        event = write_event(denial, _about(series.occurrence), name, self._replica.instance)
        self._api.apply(f"{within(EVENTS, denial.namespace)}/{name}", event)
        series.wrote(denial.count, self._clock())
        self._failures = 0
        self._observer.count("written")
        self._observer.state("")

    def _fail(self, series: Series, error: Exception) -> bool:
        """Give up what is refused; tell whether the API server is away instead."""
        is_away = isinstance(error, ApiError) and error.status in AWAY
        if not is_away:
            self._aggregator.forget(series)
        self._observer.count("failed")
        self._observer.state(error.reason if isinstance(error, ApiError) else repr(error), str(error))
        return is_away

    def _name(self, series: Series) -> str:
        """Name an Event as nobody else does: the name of an object that was not yet validated may be anything."""
        digest = sha256(f"{self._replica.instance} {self._replica.run} {series.number}".encode()).hexdigest()[:16]
        return f"batchwarden-{series.occurrence.what}.{digest}"


def _denial(series: Series) -> Denial:
    occurrence = series.occurrence
    return Denial(
        what=occurrence.what,
        user=occurrence.user,
        operation=occurrence.operation,
        kind=occurrence.kind,
        namespace=occurrence.namespace,
        name=occurrence.name,
        rules=occurrence.rules,
        policies=occurrence.policies,
        first=series.first,
        last=series.last,
        count=series.count,
    )


def _about(occurrence: Occurrence) -> dict[str, str]:
    """Name the object, or its owner: an involvedObject is in the namespace of its Event."""
    owner = occurrence.owner or Owner("batch/v1", occurrence.kind, occurrence.name, occurrence.uid)
    about = {"apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name, "uid": owner.uid}
    return {"namespace": occurrence.namespace, **{key: value for key, value in about.items() if value}}

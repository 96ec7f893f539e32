"""How watching and keeping go, as log lines and metrics: a line for each change of state, not for each attempt."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import datetime
from itertools import islice
from threading import Lock
from traceback import format_tb
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from webhook.cluster.api import ApiError

MOST_NAMED: Final = 10


class KeeperError(Exception):
    """A keeper cannot do its work as things are: for the cluster's admin, in words."""


class WatchObserver:
    """Told by any number of threads; ``write`` takes an event and its fields, ``clock`` gives seconds."""

    def __init__(self, registry: CollectorRegistry, write: Callable[..., None], clock: Callable[[], float]) -> None:
        """Register the metrics."""
        self._write, self._clock = write, clock
        self._lock = Lock()
        self._last: dict[str, float] = {}
        self._failing: dict[str, str] = {}
        self._there: dict[str, bool] = {}
        self._crowd = self._remarks = tuple[str, ...]()
        self._age = Gauge(
            "batchwarden_watch_age_seconds",
            "Since the API server last answered about a kind; it is asked again after 75 seconds of silence.",
            ("kind",),
            registry=registry,
        )
        self._failures = Counter(
            "batchwarden_watch_failures", "Lists and watches that failed.", ("kind", "reason"), registry=registry
        )
        self._installed = Gauge(
            "batchwarden_watch_installed", "Whether the API server knows a kind.", ("kind",), registry=registry
        )
        self._objects = Gauge("batchwarden_watch_objects", "Objects known.", ("kind",), registry=registry)
        self._invalid = Gauge(
            "batchwarden_watch_invalid_objects",
            "Objects that cannot be used; of each the last good version is in force.",
            ("kind",),
            registry=registry,
        )
        self._crowded = Gauge(
            "batchwarden_policies_over_limit", "BatchPolicies too many in their namespace.", registry=registry
        )
        self._rebuilds = Counter("batchwarden_snapshot_rebuilds", "Snapshots put in force.", registry=registry)

    def heard(self, kind: str) -> None:
        """Record that the API server spoke of a kind."""
        with self._lock:
            if kind not in self._last:
                self._age.labels(kind).set_function(lambda: self._clock() - self._last[kind])
            self._last[kind] = self._clock()
            recovered = self._failing.pop(kind, "")
        if recovered:
            self._write("watch", kind=kind, message="heard of again")

    def failed(self, kind: str, error: ApiError) -> None:
        """Record that a list or a watch failed; what is known stays in force."""
        self._failures.labels(kind, error.reason).inc()
        with self._lock:
            before = self._failing.get(kind)
            self._failing[kind] = error.reason
        if before != error.reason:
            self._write("watch", level="warning", kind=kind, message=f"what is known stays in force: {error}")

    def installed(self, kind: str, *, there: bool) -> None:
        """Record whether the API server knows a kind."""
        self._installed.labels(kind).set(there)
        with self._lock:
            before = self._there.get(kind, True)
            self._there[kind] = there
        if before != there:
            level, text = ("info", "installed") if there else ("warning", "not installed; looked for again")
            self._write("watch", level=level, kind=kind, message=text)

    def judged(self, kind: str, key: Hashable, fault: str) -> None:
        """Record what is found wrong with an object, or by the empty text that nothing is any more."""
        name = "/".join(filter(None, key)) if isinstance(key, tuple) else key
        text = f"not usable, so its last good version, if any, is in force: {fault}" if fault else "mended, or gone"
        self._write("object", level="warning" if fault else "info", kind=kind, name=name, message=text)

    def rebuilt(self, known: Mapping[str, int], invalid: Mapping[str, int], crowd: tuple[str, ...]) -> None:
        """Record that a snapshot is in force: of how many objects, how many of no use, and which policies too many."""
        self._rebuilds.inc()
        for kind, count in known.items():
            self._objects.labels(kind).set(count)
            self._invalid.labels(kind).set(invalid[kind])
        self._crowded.set(len(crowd))
        if crowd != self._crowd:
            self._crowd = crowd
            text = "too many in their namespace, and not in force" if crowd else "no longer too many in any namespace"
            self._write("policies", level="warning" if crowd else "info", message=text, policies=crowd[:MOST_NAMED])

    def remarked(self, remarks: Iterable[str]) -> None:
        """Record what is strange about objects that are in force all the same; it is told when it changes."""
        found = tuple(islice(remarks, MOST_NAMED))
        if found != self._remarks:
            self._remarks = found
            level, text = ("warning", "in force, but look at this") if found else ("info", "nothing strange")
            self._write("policies", level=level, message=text, remarks=found)


class KeeperObserver:
    """Told by keepers and by who runs them; ``write`` takes an event and its fields."""

    def __init__(self, registry: CollectorRegistry, write: Callable[..., None]) -> None:
        """Register the metrics."""
        self._write = write
        self._states: dict[str, str] = {}
        self._failing: dict[str, str] = {}
        self.kept_once: set[str] = set()
        self._success = Gauge(
            "batchwarden_keeper_last_success_timestamp_seconds",
            "When a keeper last found or put all as it should be, as far as it could.",
            ("keeper",),
            registry=registry,
        )
        self._failures = Counter(
            "batchwarden_keeper_failures", "Looks that failed.", ("keeper", "reason"), registry=registry
        )
        self._writes = Counter("batchwarden_keeper_writes", "Objects written.", ("keeper",), registry=registry)
        self._expiry = Gauge(
            "batchwarden_certificate_expiry_timestamp_seconds",
            "When a certificate ends: ca or serving.",
            ("certificate",),
            registry=registry,
        )

    def kept(self, keeper: str, at: datetime) -> None:
        """Record that a keeper came to the end of a look."""
        self.kept_once.add(keeper)
        self._success.labels(keeper).set(at.timestamp())
        self.recovered(keeper)

    def recovered(self, what: str) -> None:
        """Record that a keeper works, or a part of it; that is told where it had failed."""
        if self._failing.pop(what, ""):
            self._write("keeper", keeper=what, message="works again")

    def failed(self, keeper: str, error: Exception) -> None:
        """Record that a look failed; what is no refusal is our bug, and its place is told."""
        expected = isinstance(error, KeeperError | ApiError)
        reason = error.reason if isinstance(error, ApiError) else type(error).__name__
        self._failures.labels(keeper, reason).inc()
        if self._failing.get(keeper) != str(error):
            self._failing[keeper] = str(error)
            text = f"tried again: {error}" if expected else f"an error in Batchwarden, tried again: {error!r}"
            frames = "" if expected else "".join(format_tb(error.__traceback__))
            self._write(
                "keeper", level="warning" if expected else "error", keeper=keeper, message=text, traceback=frames
            )

    def did(self, keeper: str, what: str) -> None:
        """Record that a keeper wrote something, and why."""
        self._writes.labels(keeper).inc()
        self._states.pop(keeper, None)
        self._write("keeper", keeper=keeper, message=what)

    def found(self, keeper: str, state: str) -> None:
        """Record the state of what a keeper keeps, in words; it is told when it changes."""
        if self._states.get(keeper) != state:
            self._states[keeper] = state
            self._write("keeper", keeper=keeper, message=state)

    def ends(self, certificate: str, at: datetime | None) -> None:
        """Record when a certificate ends; 0 where there is none."""
        self._expiry.labels(certificate).set(at.timestamp() if at else 0)

"""How watching goes, as log lines and metrics: a line for each change of state, not for each attempt."""

from collections.abc import Callable, Hashable, Mapping
from threading import Lock
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from webhook.cluster.api import ApiError

MOST_NAMED: Final = 10


class WatchObserver:
    """Told by any number of threads; ``write`` takes an event and its fields, ``clock`` gives seconds."""

    def __init__(self, registry: CollectorRegistry, write: Callable[..., None], clock: Callable[[], float]) -> None:
        """Register the metrics."""
        self._write, self._clock = write, clock
        self._lock = Lock()
        self._last: dict[str, float] = {}
        self._failing: dict[str, str] = {}
        self._there: dict[str, bool] = {}
        self._crowd: tuple[str, ...] = ()
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
            self._write("watch", kind=kind, message=f"what is known stays in force: {error}")

    def installed(self, kind: str, *, there: bool) -> None:
        """Record whether the API server knows a kind."""
        self._installed.labels(kind).set(there)
        with self._lock:
            before = self._there.get(kind, True)
            self._there[kind] = there
        if before != there:
            self._write("watch", kind=kind, message="installed" if there else "not installed; looked for again")

    def judged(self, kind: str, key: Hashable, fault: str) -> None:
        """Record what is found wrong with an object, or by the empty text that nothing is any more."""
        name = "/".join(filter(None, key)) if isinstance(key, tuple) else key
        text = f"not usable, so its last good version, if any, is in force: {fault}" if fault else "mended, or gone"
        self._write("object", kind=kind, name=name, message=text)

    def rebuilt(self, known: Mapping[str, int], invalid: Mapping[str, int], crowd: tuple[str, ...]) -> None:
        """Record that a snapshot is in force: of how many objects, how many of no use, and which policies too many."""
        self._rebuilds.inc()
        for kind, count in known.items():
            self._objects.labels(kind).set(count)
            self._invalid.labels(kind).set(invalid[kind])
        self._crowded.set(len(crowd))
        if crowd != self._crowd:
            self._crowd = crowd
            self._write(
                "policies", message="too many in their namespace, and not in force", policies=crowd[:MOST_NAMED]
            )

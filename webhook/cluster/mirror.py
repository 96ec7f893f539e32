"""The cluster in one immutable snapshot, which is swapped whole; whoever asks for a namespace may wait for it."""

from collections.abc import Callable
from threading import Condition, Event, Thread
from typing import Final

from policies.selection import Snapshot
from webhook.cluster.api import Api, ApiError
from webhook.cluster.kinds import KINDS
from webhook.cluster.observe import WatchObserver
from webhook.cluster.store import Store
from webhook.cluster.watch import ListWatch, Pace

REST_SECONDS: Final = 0.1  # between snapshots: what comes meanwhile is one more
LOOK_SECONDS: Final = 1.0  # whether to stop
WAITING: Final = 16  # requests at one time: the threads that answer are for those who need not wait


class Mirror:
    """Follows a cluster from ``start`` on; ``changed`` is told of each snapshot whose policies are not those before."""

    def __init__(self, api: Api, observer: WatchObserver, changed: Callable[[Snapshot], None]) -> None:
        """Take whom to ask and whom to tell."""
        self._api, self._observer, self._told = api, observer, changed
        self._store = Store(observer)
        self._snapshot: Snapshot | None = None
        self._swapped = Condition()
        self.waiting = 0  # requests

    @property
    def snapshot(self) -> Snapshot | None:
        """Give the snapshot in force, if there is one yet."""
        return self._snapshot

    @property
    def missing(self) -> str:
        """Say what is not known yet; empty once there is a snapshot, for ever after."""
        if self._snapshot is not None:
            return ""
        return f"waiting for the API server to list {', '.join(self._store.missing) or 'what changed'}"

    def knowing(self, namespace: str, seconds: float) -> Snapshot | None:
        """Give a snapshot that knows a namespace, waiting for one a moment; None where none comes, or many wait."""
        snapshot = self._snapshot
        if snapshot is not None and namespace in snapshot.namespaces:
            return snapshot
        with self._swapped:
            if not seconds or self.waiting >= WAITING:
                return None
            self.waiting += 1
            try:
                return self._snapshot if self._swapped.wait_for(lambda: self._knows(namespace), seconds) else None
            finally:
                self.waiting -= 1

    def start(self, stop: Event, pace: Pace) -> None:
        """Follow the cluster until told to stop."""
        watches = [ListWatch(self._api, kind, self._store, self._observer, pace).run for kind in KINDS]
        for work in (*watches, lambda: self._renew(stop)):
            Thread(target=work, daemon=True).start()

    def _renew(self, stop: Event) -> None:
        """Put together a snapshot as soon as something has changed, but only so often."""
        while not stop.wait(REST_SECONDS):
            if self._store.changed.wait(LOOK_SECONDS) and not self._store.missing:
                self._store.changed.clear()
                try:
                    self._swap(self._store.build())
                except Exception as error:  # noqa: BLE001 - our bug; the next change may be whole
                    self._observer.failed("Snapshot", ApiError(0, "error", f"an error in Batchwarden: {error!r}"))

    def _swap(self, snapshot: Snapshot) -> None:
        before = self._snapshot
        with self._swapped:
            self._snapshot = snapshot
            self._swapped.notify_all()
        same = before is not None and before.policies == snapshot.policies
        if not same:
            self._told(snapshot)
        if before is None or not same or before.exceptions != snapshot.exceptions:
            self._observer.remarked(snapshot.remarks())

    def _knows(self, namespace: str) -> bool:
        return self._snapshot is not None and namespace in self._snapshot.namespaces

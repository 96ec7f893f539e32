"""What is known of the cluster, kind by kind, and the snapshot that comes of it."""

from collections.abc import Hashable, Iterable
from threading import Event, Lock

from policies.selection import Snapshot
from webhook.cluster.kinds import KINDS, Item
from webhook.cluster.observe import WatchObserver
from webhook.cluster.tables import Table, assemble


class Store:
    """Takes what is listed and watched, from any number of threads; ``changed`` is set where it makes a difference."""

    def __init__(self, observer: WatchObserver) -> None:
        """Know nothing."""
        self.changed = Event()
        self._observer = observer
        self._tables: dict[str, Table] = {kind.name: {} for kind in KINDS}
        self._faults: dict[str, dict[Hashable, str]] = {kind.name: {} for kind in KINDS}
        self._listed: set[str] = set()
        self._lock = Lock()

    @property
    def missing(self) -> list[str]:
        """Name the kinds that were not listed yet."""
        return [kind for kind in self._tables if kind not in self._listed]

    def replace(self, kind: str, items: Iterable[Item]) -> None:
        """Take these for all there are; of one that cannot be used the last good version stays."""
        with self._lock:
            known, fresh = self._tables[kind], Table()
            gone = self._faults[kind].keys() - {item.key for item in items}
            for item in items:
                if not item.fault:
                    fresh[item.key] = item.value
                elif item.key in known:
                    fresh[item.key] = known[item.key]
                self._judge(kind, item.key, item.fault)
            for key in gone:
                self._judge(kind, key, "")
            if fresh != known or kind not in self._listed:
                self._tables[kind] = fresh
                self._listed.add(kind)
                self.changed.set()

    def put(self, kind: str, item: Item) -> None:
        """Take one that is there; where it cannot be used its last good version stays."""
        with self._lock:
            self._judge(kind, item.key, item.fault)
            table = self._tables[kind]
            if not item.fault and (item.key not in table or table[item.key] != item.value):
                table[item.key] = item.value
                self.changed.set()

    def remove(self, kind: str, key: Hashable) -> None:
        """Take one that is gone."""
        with self._lock:
            self._judge(kind, key, "")
            if self._tables[kind].pop(key, None) is not None:
                self.changed.set()

    def build(self) -> Snapshot:
        """Put together what is known at this moment."""
        with self._lock:
            tables = {kind: dict(table) for kind, table in self._tables.items()}
            invalid = {kind: len(faults) for kind, faults in self._faults.items()}
        snapshot, crowd = assemble(tables)
        self._observer.rebuilt({kind: len(table) for kind, table in tables.items()}, invalid, crowd)
        return snapshot

    def _judge(self, kind: str, key: Hashable, fault: str) -> None:
        faults = self._faults[kind]
        if fault != faults.get(key, ""):
            faults[key] = fault
            self.changed.set()  # for how many there are is told with the snapshot
            self._observer.judged(kind, key, fault)
        if not fault:
            faults.pop(key, None)

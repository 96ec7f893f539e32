"""What is known of the cluster, kind by kind, and the snapshot that comes of it."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from datetime import UTC, datetime
from threading import Event, Lock
from typing import Any, Final, TypeAlias

from policies.objects import MOST_IN_NAMESPACE, Policy
from policies.resources import limit_range
from policies.rule import LimitRange
from policies.selection import Snapshot
from webhook.cluster.kinds import (
    CLUSTER_POLICIES,
    CRON_JOBS,
    EXCEPTIONS,
    KINDS,
    LIMIT_RANGES,
    NAMESPACES,
    POLICIES,
    Bound,
    Item,
)
from webhook.cluster.observe import WatchObserver

EVER: Final = datetime.min.replace(tzinfo=UTC)
Table: TypeAlias = dict[Any, Any]


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
        fit, crowd = _fit(tables[POLICIES.name].values())
        snapshot = Snapshot(
            [*(bound.policy for bound in tables[CLUSTER_POLICIES.name].values()), *fit],
            tables[EXCEPTIONS.name].values(),
            tables[NAMESPACES.name],
            _limits(tables[LIMIT_RANGES.name]),
            tables[CRON_JOBS.name],
        )
        self._observer.rebuilt({kind: len(table) for kind, table in tables.items()}, invalid, crowd)
        return snapshot

    def _judge(self, kind: str, key: Hashable, fault: str) -> None:
        faults = self._faults[kind]
        if fault != faults.get(key, ""):
            faults[key] = fault
            self._observer.judged(kind, key, fault)
        if not fault:
            faults.pop(key, None)


def _fit(written: Iterable[Bound]) -> tuple[list[Policy], tuple[str, ...]]:
    """Part the policies of namespaces, the oldest first, from those that are too many in theirs, which are named."""
    count, fit, crowd = Counter[str](), list[Policy](), list[str]()
    for bound in sorted(written, key=_age):
        count[bound.policy.namespace] += 1
        if count[bound.policy.namespace] <= MOST_IN_NAMESPACE:
            fit.append(bound.policy)
        else:
            crowd.append(f"{bound.policy.namespace}/{bound.policy.name}")
    return fit, tuple(crowd)


def _age(bound: Bound) -> tuple[datetime, str]:
    return bound.source.metadata.creation_timestamp or EVER, bound.policy.name


def _limits(manifests: Mapping[tuple[str, str], Any]) -> dict[str, LimitRange]:
    """Unite the LimitRanges of each namespace, in the order of their names."""
    homes: dict[str, list[Any]] = {}
    for namespace, name in sorted(manifests):
        homes.setdefault(namespace, []).append(manifests[namespace, name])
    return {namespace: limit_range(found) for namespace, found in homes.items()}

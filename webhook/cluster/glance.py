"""A cluster is read once, and never written; one namespace by rights in it alone, and to read ClusterBatchPolicies."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import quote

from policies.fields import mapping
from policies.objects import CROWDED, EVERYTHING, BatchPolicyException, Policy
from policies.resources import unite_limits
from policies.selection import Snapshot
from webhook.admission.message import printable
from webhook.cluster.api import FORBIDDEN, NOT_FOUND, Api, ApiError, Manifest, decode_json
from webhook.cluster.kinds import CLUSTER_POLICIES, KINDS, LIMIT_RANGES, NAMESPACES, OURS, WORKLOADS, Kind
from webhook.cluster.listing import Head, read_items, within
from webhook.cluster.tables import Table, assemble, bound_policies

CLUSTERS: Final = {CLUSTER_POLICIES.name, NAMESPACES.name}  # kinds that are in no namespace
Wait: TypeAlias = Callable[[float], object]


class Fault(NamedTuple):
    """One of our objects that cannot be used: its kind and name, and why."""

    name: str
    why: str


class Glance(NamedTuple):
    """What was found: tables as for ``assemble``, what cannot be used, and which kinds are not installed."""

    tables: dict[str, Table]
    faults: list[Fault]
    absent: list[str]

    def snapshot(self) -> Snapshot:
        """Put it together."""
        return assemble(self.tables)[0]

    def around(self, policies: Iterable[Policy], exceptions: Iterable[BatchPolicyException]) -> Snapshot:
        """Put together what was found of namespaces and LimitRanges with policies and exceptions from elsewhere."""
        tables = self.tables
        return Snapshot(policies, exceptions, tables[NAMESPACES.name], unite_limits(tables[LIMIT_RANGES.name]))


class Cluster(NamedTuple):
    """Whom to ask and about which namespace; the empty one is all of them. Every method raises ApiError.

    ``home`` is where objects are meant to be that name no namespace; what is in ``exempt`` ones is not judged.
    """

    api: Api
    namespace: str
    wait: Wait
    home: str = ""
    exempt: frozenset[str] = frozenset()

    def look(self, others: Iterable[Policy] = ()) -> Glance:
        """Read policies, exceptions, and what they and other policies need to know."""
        glance = self._look(OURS, others)
        _, crowd = assemble(glance.tables)
        glance.faults.extend(Fault(f"BatchPolicy {name}", CROWDED) for name in crowd)
        return glance

    def look_around(self, others: Iterable[Policy]) -> Glance:
        """Read only what these policies need to know: LimitRanges, and the labels of namespaces."""
        return self._look((), others)

    def _look(self, kinds: Iterable[Kind], others: Iterable[Policy]) -> Glance:
        glance = Glance({kind.name: {} for kind in KINDS}, [], [])
        for kind in (*kinds, LIMIT_RANGES):
            self._read(kind, glance)
        if self.namespace:
            glance.tables[NAMESPACES.name] = self._labels([*bound_policies(glance.tables), *others])
        else:
            self._read(NAMESPACES, glance)
        return glance

    def workloads(self, kind: str) -> Iterator[Manifest]:
        """Go through all Jobs, or all CronJobs, with no more than a page of them in memory."""
        for raw in read_items(self.api, within(WORKLOADS[kind], self.namespace), self.wait):
            item = decode_json(raw, dict[str, Any])
            yield {**item, "apiVersion": "batch/v1", "kind": kind}  # which items of a list leave out

    def workload(self, kind: str, name: str) -> Manifest | None:
        """Get one Job or CronJob of the namespace; None where there is none."""
        return self.api.get(f"{within(WORKLOADS[kind], self.namespace)}/{name}")

    def _read(self, kind: Kind, glance: Glance) -> None:
        path = kind.path if kind.name in CLUSTERS else within(kind.path, self.namespace)
        try:
            for raw in read_items(self.api, path, self.wait, bare=kind.bare):
                meta = decode_json(raw, Head).metadata
                item = kind.read(meta, raw)
                if item.fault:
                    glance.faults.append(Fault(f"{kind.name} {meta.full_name}", printable(item.fault)))
                else:
                    glance.tables[kind.name][item.key] = item.value
        except ApiError as error:
            if error.status != NOT_FOUND or kind not in OURS:
                raise
            glance.absent.append(kind.name)

    def _labels(self, policies: Iterable[Policy]) -> Table:
        """Get the labels of the namespace; who may not read them need not where no policy asks for them."""
        try:
            found = self.api.get(f"{NAMESPACES.path}/{quote(self.namespace, safe='')}")
        except ApiError as error:
            if error.status == FORBIDDEN and all(each.namespace_selector == EVERYTHING for each in policies):
                return {self.namespace: {}}
            raise
        if found is None:
            raise ApiError(NOT_FOUND, str(NOT_FOUND), f"there is no namespace {self.namespace}")
        return {self.namespace: mapping(mapping(found.get("metadata")).get("labels"))}

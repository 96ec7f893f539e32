"""Pure: what is kept of a cluster's objects, kind by kind, and the snapshot that comes of it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from msgspec import structs

from policies.objects import (
    MOST_IN_NAMESPACE,
    BatchObject,
    BatchPolicyException,
    ClusterBatchPolicy,
    Policy,
    policy,
)
from policies.resources import unite_limits
from policies.selection import Snapshot
from webhook.cluster.kinds import CLUSTER_POLICIES, CRON_JOBS, EXCEPTIONS, LIMIT_RANGES, NAMESPACES, POLICIES, Bound

EVER: Final = datetime.min.replace(tzinfo=UTC)
Table: TypeAlias = dict[Any, Any]
Tables: TypeAlias = Mapping[str, Table]
"""Name of a kind to key to value, as ``Kind.read`` gives them."""


def assemble(tables: Tables) -> tuple[Snapshot, tuple[str, ...]]:
    """Put together a snapshot; policies of namespaces that are too many in theirs are left out, and named."""
    fit, crowd = _fit(tables[POLICIES.name].values())
    snapshot = Snapshot(
        [*(bound.policy for bound in tables[CLUSTER_POLICIES.name].values()), *fit],
        tables[EXCEPTIONS.name].values(),
        tables[NAMESPACES.name],
        unite_limits(tables[LIMIT_RANGES.name]),
        tables[CRON_JOBS.name],
    )
    return snapshot, crowd


def bound_policies(tables: Tables) -> list[Policy]:
    """List the policies of either kind."""
    return [bound.policy for kind in (CLUSTER_POLICIES, POLICIES) for bound in tables[kind.name].values()]


def changed(tables: Tables, objects: Iterable[BatchObject], at: datetime) -> dict[str, Table]:
    """Give the tables as they would be once these objects were applied at a moment; those of the same name go."""
    after = {kind: dict(table) for kind, table in tables.items()}
    for each in objects:
        table, key = after[type(each).__name__], _key(each)
        known = table.get(key)
        source = known.source if isinstance(known, Bound) else known
        made = source.metadata.creation_timestamp if source is not None else at
        aged = structs.replace(each, metadata=structs.replace(each.metadata, creation_timestamp=made))
        table[key] = aged if isinstance(aged, BatchPolicyException) else Bound(aged, policy(aged))
    return after


def without(tables: Tables, objects: Iterable[BatchObject]) -> dict[str, Table]:
    """Give the tables as they would be once the objects of these names were deleted."""
    after = {kind: dict(table) for kind, table in tables.items()}
    for each in objects:
        after[type(each).__name__].pop(_key(each), None)
    return after


def labelled(tables: Tables, namespaces: Mapping[str, Mapping[str, str]]) -> dict[str, Table]:
    """Give the tables as they would be once Namespaces with these labels were applied; labels that are there stay."""
    known = tables[NAMESPACES.name]
    both = {name: {**labels, **namespaces.get(name, {})} for name, labels in known.items()}
    return {**tables, NAMESPACES.name: both}


def _key(source: BatchObject) -> tuple[str, str]:
    home = "" if isinstance(source, ClusterBatchPolicy) else source.metadata.namespace
    return home, source.metadata.name


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

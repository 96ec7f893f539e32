"""What is listed and watched becomes one snapshot; what cannot be used spoils nothing but itself."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec import Raw
from prometheus_client import CollectorRegistry

from policies.objects import MOST_IN_NAMESPACE
from policies.quantity import amounts
from policies.status import MOST_SAID
from policies.workload import Workload
from tests.policies.cases import API_VERSION, base, merge
from webhook.cluster.kinds import (
    CLUSTER_POLICIES,
    CRON_JOBS,
    EXCEPTIONS,
    KINDS,
    LIMIT_RANGES,
    NAMESPACES,
    POLICIES,
    Item,
    Kind,
    Meta,
)
from webhook.cluster.observe import WatchObserver
from webhook.cluster.store import Store

HOUSE = {"rules": {"backoffLimit": {"max": 3}}}
LET_OFF = {
    "policies": ["house"],
    "rules": ["backoffLimit"],
    "selector": {},
    "reason": "x",
    "owner": "y",
    "expiresAt": "2027-01-01T00:00:00Z",
}


class Known:
    """A store, and what it told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self.registry = CollectorRegistry()
        self.store = Store(
            WatchObserver(self.registry, lambda event, **fields: self.told.append((event, fields)), float)
        )

    def put(self, kind: Kind, thing: Mapping[str, Any]) -> bool:
        """Put an object; return whether it made a difference."""
        self.store.changed.clear()
        self.store.put(kind.name, item(kind, thing))
        return self.store.changed.is_set()

    def sample(self, name: str, **labels: str) -> float | None:
        self.store.build()
        return self.registry.get_sample_value(name, labels)


def item(kind: Kind, thing: Mapping[str, Any]) -> Item:
    metadata = thing["metadata"]
    meta = Meta(metadata["name"], metadata.get("namespace", ""), metadata.get("uid", ""), "1", metadata.get("labels"))
    return kind.read(meta, Raw(json.dumps(thing).encode()))


def ours(kind: Kind, spec: Mapping[str, Any], name: str = "house", **more: Any) -> dict[str, Any]:
    metadata = {
        "name": name,
        **({} if kind is CLUSTER_POLICIES else {"namespace": "team-a"}),
        **more.pop("metadata", {}),
    }
    return {"apiVersion": API_VERSION, "kind": kind.name, "metadata": metadata, "spec": spec, **more}


def chosen(known: Known, **metadata: Any) -> list[str]:
    """Name the policies that concern a Job with this metadata."""
    job = Workload(merge(base("Job"), {"metadata": {"namespace": "team-a", **metadata}}))
    return [clause.policy.name for clause in known.store.build().select(job).clauses.every]


def test_a_snapshot_holds_what_is_known_of_every_kind() -> None:
    known = Known()
    known.put(CLUSTER_POLICIES, ours(CLUSTER_POLICIES, HOUSE))
    known.put(POLICIES, ours(POLICIES, HOUSE, "own"))
    known.put(EXCEPTIONS, ours(EXCEPTIONS, LET_OFF))
    known.put(NAMESPACES, {"metadata": {"name": "team-a", "labels": {"a": "b"}}})
    known.put(CRON_JOBS, {"metadata": {"name": "nightly", "namespace": "team-a", "uid": "1", "labels": {"c": "d"}}})
    limits = [{"type": "Container", "default": {"memory": "1Gi"}}]
    named = {"name": "l", "namespace": "team-a", "managedFields": []}
    known.put(LIMIT_RANGES, {"metadata": named, "spec": {"limits": limits}})
    snapshot = known.store.build()
    assert [policy.name for policy in snapshot.policies] == ["own", "house"]
    assert snapshot.namespaces == {"team-a": {"a": "b"}}
    assert snapshot.owners == {("team-a", "1"): {"c": "d"}}
    selection = snapshot.select(Workload(base("Job"), "team-a"))
    assert [exception.metadata.name for exception in selection.exceptions] == ["house"]
    assert selection.facts.limit_range.default == amounts({"memory": "1Gi"})
    assert known.sample("batchwarden_watch_objects", kind="Namespace") == 1


def test_only_what_counts_makes_a_difference() -> None:
    known = Known()
    policy, space = ours(CLUSTER_POLICIES, HOUSE), {"metadata": {"name": "a"}}
    assert known.put(CLUSTER_POLICIES, policy)
    assert not known.put(CLUSTER_POLICIES, policy | {"status": {"conditions": [1]}})
    assert known.put(CLUSTER_POLICIES, ours(CLUSTER_POLICIES, {"rules": {"backoffLimit": {"max": 4}}}))
    assert known.put(NAMESPACES, space)
    assert not known.put(NAMESPACES, {"metadata": {"name": "a", "annotations": {"x": "y"}}})
    assert known.put(NAMESPACES, {"metadata": {"name": "a", "labels": {"x": "y"}}})
    known.store.changed.clear()
    known.store.remove("Namespace", "b")
    assert not known.store.changed.is_set()
    known.store.remove("Namespace", "a")
    assert known.store.changed.is_set()


@pytest.mark.parametrize("listed", [False, True], ids=["watched", "listed"])
@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ({"rules": {"backoffLimit": {"mux": 1}}}, "did you mean max?"),
        ({"rules": {}}, "rules is empty"),
        ({"rules": {"nonsense": {}}}, "unknown rule"),
        ({}, "rules is missing"),
    ],
)
def test_what_cannot_be_used_leaves_its_last_good_version_in_force(
    spec: Mapping[str, Any], fault: str, *, listed: bool
) -> None:
    known = Known()
    good, broken = ours(CLUSTER_POLICIES, HOUSE), ours(CLUSTER_POLICIES, spec)
    other = ours(CLUSTER_POLICIES, spec, "other")
    known.put(CLUSTER_POLICIES, good)
    if listed:
        known.store.replace("ClusterBatchPolicy", [item(CLUSTER_POLICIES, broken), item(CLUSTER_POLICIES, other)])
    else:
        assert known.put(CLUSTER_POLICIES, broken)  # else the metric would not be written
        assert known.put(CLUSTER_POLICIES, other)
        assert not known.put(CLUSTER_POLICIES, other)
    assert chosen(known) == ["house"]
    assert [(event, fields["name"]) for event, fields in known.told] == [("object", "house"), ("object", "other")]
    assert fault in known.told[0][1]["message"]
    assert known.sample("batchwarden_watch_invalid_objects", kind="ClusterBatchPolicy") == 2
    known.store.replace("ClusterBatchPolicy", [item(CLUSTER_POLICIES, good)])
    assert known.sample("batchwarden_watch_invalid_objects", kind="ClusterBatchPolicy") == 0
    assert [fields["message"] for _, fields in known.told[2:]] == ["mended, or gone"] * 2


def test_one_that_was_never_good_makes_a_difference_when_it_goes() -> None:
    known = Known()
    known.put(CLUSTER_POLICIES, ours(CLUSTER_POLICIES, {}))
    known.store.changed.clear()
    known.store.remove("ClusterBatchPolicy", ("", "house"))
    assert known.store.changed.is_set()
    assert known.sample("batchwarden_watch_invalid_objects", kind="ClusterBatchPolicy") == 0


def test_all_that_is_wrong_with_an_object_is_told_at_once_and_not_at_any_length() -> None:
    spec = {"rules": {"backoffLimit": {"max": "x"}, "restartPolicy": {"mux": 1}}}
    fault = item(CLUSTER_POLICIES, ours(CLUSTER_POLICIES, spec)).fault
    assert fault.startswith("spec.rules.backoffLimit.max: ")
    assert "; spec.rules.restartPolicy.mux: " in fault
    many: Any = {"rules": {f"nonsense{number}": {} for number in range(500)}}
    assert len(item(CLUSTER_POLICIES, ours(CLUSTER_POLICIES, many)).fault) == MOST_SAID


def test_an_object_that_is_nested_too_deep_is_its_own_fault_alone() -> None:
    deep = Raw(b'{"spec":' * 100_000 + b"1" + b"}" * 100_000)
    found = CLUSTER_POLICIES.read(Meta("deep"), deep)
    assert (found.key, found.fault) == (("", "deep"), "it cannot be read: RecursionError")


def test_of_too_many_policies_in_a_namespace_the_oldest_are_in_force() -> None:
    known = Known()
    for index in range(MOST_IN_NAMESPACE + 2):
        made = {"metadata": {"creationTimestamp": f"2026-01-01T00:00:{59 - index:02}Z"}}
        known.put(POLICIES, ours(POLICIES, HOUSE, f"p-{index}", **made))
    assert len(known.store.build().policies) == MOST_IN_NAMESPACE
    assert known.sample("batchwarden_policies_over_limit") == 2
    ((event, fields),) = known.told
    assert (event, fields["policies"]) == ("policies", ("team-a/p-1", "team-a/p-0"))


def test_it_is_complete_when_every_kind_was_listed() -> None:
    known = Known()
    for kind in KINDS:
        assert kind.name in known.store.missing
        known.store.changed.clear()
        known.store.replace(kind.name, [])
        assert known.store.changed.is_set()
        known.store.changed.clear()
        known.store.replace(kind.name, [])
        assert not known.store.changed.is_set()
    assert known.store.missing == []

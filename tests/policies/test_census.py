"""What policies and exceptions select is counted as it is judged: by namespace, labels, and the labels of the owner."""

from collections.abc import Mapping
from typing import Any

from policies.census import Census
from policies.selection import Snapshot
from policies.workload import Workload
from tests.policies.build import cluster, exception, local

RULE: Mapping[str, Any] = {"activeDeadline": {}}
NAMESPACES = {"team-a": {"level": "high"}, "team-b": {}}


def head(namespace: str = "team-a", labels: Any = None, owner: str = "") -> Workload:
    """Return a Job of which only metadata is known."""
    owners = [{"kind": "CronJob", "uid": owner, "controller": True}] if owner else []
    return Workload({"kind": "Job", "metadata": {"namespace": namespace, "labels": labels, "ownerReferences": owners}})


def test_each_policy_is_told_its_namespaces_and_those_that_it_selects_there() -> None:
    census = Census(
        Snapshot(
            [
                cluster("all", RULE),
                cluster("every", RULE),
                cluster("high", RULE, namespaceSelector={"matchLabels": {"level": "high"}}),
                cluster("by-name", RULE, namespaceSelector={"matchLabels": {"kubernetes.io/metadata.name": "team-b"}}),
                cluster("by-label", RULE, objectSelector={"matchLabels": {"app": "x"}}),
                local("own", RULE),
                local("elsewhere", RULE, namespace="unheard-of"),
            ],
            namespaces=NAMESPACES,
            owners={("team-b", "u1"): {"app": "x"}},
        )
    )
    census.take([head(), head(labels={"app": "x"}), head(labels={"app": "x"}), head("unheard-of")])
    census.take([head("team-b"), head("team-b", owner="u1"), head("team-b", owner="u2")])
    assert census.namespaces == {
        ("", "all"): 2,
        ("", "every"): 2,
        ("", "high"): 1,
        ("", "by-name"): 1,
        ("", "by-label"): 2,
        ("team-a", "own"): 1,
        ("unheard-of", "elsewhere"): 0,
    }
    assert census.selected == {
        ("", "all"): 6,
        ("", "every"): 6,
        ("", "high"): 3,
        ("", "by-name"): 3,
        ("", "by-label"): 3,
        ("team-a", "own"): 3,
        ("unheard-of", "elsewhere"): 0,
    }


def test_an_exception_covers_what_it_selects_and_a_rule_that_it_names_binds() -> None:
    exceptions = [
        exception(),
        exception(namespace="team-b"),
        exception(namespace="team-c", rules=["backoffLimit"]),
        exception(namespace="team-d", selector={"matchLabels": {"app": "x"}}),
    ]
    homes = [f"team-{letter}" for letter in "abcd"]
    snapshot = Snapshot(
        [cluster("p", RULE, objectSelector={"matchExpressions": [{"key": "free", "operator": "DoesNotExist"}]})],
        exceptions,
        namespaces={home: {} for home in homes},
    )
    census = Census(snapshot)
    for home in homes:
        census.take([head(home), head(home, {"app": "x"}), head(home, {"free": ""})])
    assert census.covered == {
        ("team-a", "let-off"): 2,
        ("team-b", "let-off"): 2,
        ("team-c", "let-off"): 0,
        ("team-d", "let-off"): 1,
    }

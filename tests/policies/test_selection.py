"""Which clauses and exceptions concern an object, whoever sends it, wherever it is."""

from datetime import timedelta
from typing import Any

import pytest

from policies import selection
from policies.fields import NOTHING
from policies.objects import Policy
from policies.quantity import amounts
from policies.rule import Facts, LimitRange
from policies.selection import NOBODY, Snapshot, Subject
from policies.workload import Workload
from tests.policies.build import NOW, cluster, cron_job, exception, local, one_off

RULE: dict[str, Any] = {"activeDeadline": {}}


def chosen(snapshot: Snapshot, *, labels: Any = None, namespace: str = "team-a", by: Subject = NOBODY) -> list[str]:
    """Name the policies whose clauses are selected, in order."""
    job = Workload(cron_job(metadata={"labels": labels or {}, "namespace": namespace}))
    return [clause.policy.name for clause in snapshot.select(job, by).clauses.every]


@pytest.mark.parametrize(
    ("selector", "namespace", "expected"),
    [
        ({}, "team-a", True),
        ({}, "unheard-of", True),
        ({"matchLabels": {"level": "high"}}, "team-a", True),
        ({"matchLabels": {"level": "high"}}, "team-b", False),
        ({"matchLabels": {"level": "high"}}, "unheard-of", False),
        ({"matchExpressions": [{"key": "level", "operator": "DoesNotExist"}]}, "unheard-of", True),
        ({"matchLabels": {"kubernetes.io/metadata.name": "team-b"}}, "team-b", True),
        ({"matchLabels": {"kubernetes.io/metadata.name": "team-b"}}, "team-a", False),
        ({"matchLabels": {"kubernetes.io/metadata.name": "unheard-of"}}, "unheard-of", True),
        ({"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}, "forged", False),
        ({"matchLabels": {"kubernetes.io/metadata.name": "forged"}}, "forged", True),
    ],
)
def test_a_policy_concerns_the_namespaces_it_selects(selector: Any, namespace: str, *, expected: bool) -> None:
    known = {"team-a": {"level": "high"}, "team-b": {}, "forged": {"kubernetes.io/metadata.name": "kube-system"}}
    snapshot = Snapshot([cluster("p", RULE, namespaceSelector=selector)], namespaces=known)
    assert (["p"] if expected else []) == chosen(snapshot, namespace=namespace)
    assert (["p"] if expected else []) == [policy.name for policy in snapshot.binding(namespace)]


@pytest.mark.parametrize(
    ("selector", "labels", "expected"),
    [
        ({}, {}, True),
        ({"matchLabels": {"app": "x"}}, {"app": "x", "b": "y"}, True),
        ({"matchLabels": {"app": "x"}}, {"app": "y"}, False),
        ({"matchLabels": {"app": "x"}}, {}, False),
        ({"matchLabels": {"app": "x", "tier": "b"}}, {"app": "x"}, False),
        ({"matchLabels": {"app": "x", "tier": "b"}}, {"tier": "b", "app": "x"}, True),
        ({"matchLabels": {"app": "x"}, "matchExpressions": [{"key": "b", "operator": "Exists"}]}, {"app": "x"}, False),
        ({"matchExpressions": [{"key": "b", "operator": "In", "values": ["1", "2"]}]}, {"b": "2"}, True),
        ({"matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["1"]}]}, {}, True),
        ({"matchLabels": {"app": "x"}}, {"app": ["x"], "x": {}}, False),
        ({"matchLabels": {"app": ""}}, {"app": ""}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, {"app": ["x"]}, False),
    ],
    ids=range(12),
)
def test_a_policy_concerns_the_objects_it_selects(selector: Any, labels: Any, *, expected: bool) -> None:
    snapshot = Snapshot([cluster("p", RULE, objectSelector=selector)])
    assert (["p"] if expected else []) == chosen(snapshot, labels=labels)


@pytest.mark.parametrize(
    ("namespace", "expected"), [("team-a", ["p"]), ("team-b", []), ("", ["d"]), ("default", ["d"])]
)
def test_a_namespaces_policy_stays_in_it(namespace: str, expected: list[str]) -> None:
    snapshot = Snapshot([local("p", RULE, "team-a"), local("d", RULE, "default")])
    job = Workload(cron_job(metadata={"namespace": None}), namespace)
    assert expected == [clause.policy.name for clause in snapshot.select(job).clauses.every]


@pytest.mark.parametrize(
    ("exclude", "subject", "expected"),
    [
        ({"users": ["system:serviceaccount:velero:*"]}, Subject("system:serviceaccount:velero:velero"), False),
        ({"users": ["system:serviceaccount:velero:*"]}, Subject("system:serviceaccount:veleros:x"), True),
        ({"users": ["system:serviceaccount:velero:*"]}, Subject("x-system:serviceaccount:velero:x"), True),
        ({"users": ["alice"]}, Subject("Alice"), True),
        ({"users": ["alice"]}, Subject("alice\n"), True),
        ({"users": ["ops-?"]}, Subject("ops-1"), False),
        ({"users": ["a", "b"]}, Subject("b"), False),
        ({"groups": ["ops:*"]}, Subject("x", ("devs", "ops:prod")), False),
        ({"groups": ["ops:*"]}, Subject("ops:prod", ("devs",)), True),
        ({"users": ["x"], "groups": ["y"]}, Subject("a", ("y",)), False),
        ({"users": ["*"]}, Subject("anybody"), False),
        ({"users": ["*"]}, NOBODY, True),
        ({"groups": ["*"]}, NOBODY, True),
        ({"users": [], "groups": []}, Subject("x", ("y",)), True),
    ],
    ids=range(14),
)
def test_who_is_excluded_is_not_judged(exclude: Any, subject: Subject, *, expected: bool) -> None:
    for selector in ({}, {"matchLabels": {"app": "x"}}):
        snapshot = Snapshot([cluster("p", RULE, exclude=exclude, objectSelector=selector)])
        assert (["p"] if expected else []) == chosen(snapshot, labels={"app": "x"}, by=subject)


def test_clauses_go_by_namespace_policies_then_cluster_policies_by_name_then_rules_by_key() -> None:
    both: dict[str, Any] = {"restartPolicy": {}, "activeDeadline": {}}
    labelled = {"objectSelector": {"matchLabels": {"app": "x"}}}
    snapshot = Snapshot(
        [
            cluster("b", both),
            local("d", both),
            cluster("a", both, **labelled),
            local("c", both, exclude={"users": ["nobody"]}),
            local("a", both, namespace="team-b"),
            cluster("z", both, objectSelector={"matchExpressions": [{"key": "app", "operator": "Exists"}]}),
        ]
    )
    found = snapshot.select(Workload(cron_job(metadata={"labels": {"app": "x"}}))).clauses.every
    assert [(clause.policy.name, clause.rule.key) for clause in found] == [
        (name, key) for name in ("c", "d", "a", "b", "z") for key in ("activeDeadline", "restartPolicy")
    ]


def test_the_order_in_which_policies_come_changes_nothing() -> None:
    policies = [cluster("b", RULE), local("a", RULE), cluster("a", RULE), local("c", RULE)]
    assert chosen(Snapshot(policies)) == chosen(Snapshot(policies[::-1])) == ["a", "c", "a", "b"]


def test_two_hundred_policies_of_which_four_apply() -> None:
    def numbered(number: int) -> Policy:
        spec = {"objectSelector": {"matchLabels": {"app": f"app-{number}"}}} if number % 2 else {}
        where = {"namespaceSelector": {"matchLabels": {"team": f"team-{number // 8}"}}}
        return cluster(f"p-{number:03}", RULE, **spec, **where)

    snapshot = Snapshot(
        [numbered(number) for number in range(200)],
        namespaces={"team-a": {"team": "team-3"}, "team-b": {"team": "none"}},
    )
    assert chosen(snapshot, labels={"app": "app-25"}) == ["p-024", "p-025", "p-026", "p-028", "p-030"]
    assert chosen(snapshot) == ["p-024", "p-026", "p-028", "p-030"]
    assert chosen(snapshot, labels={"app": "app-33"}) == ["p-024", "p-026", "p-028", "p-030"]
    assert chosen(snapshot, namespace="team-b", labels={"app": "app-25"}) == []


def test_the_memo_of_namespaces_is_bounded_and_forgets_nothing_that_matters() -> None:
    snapshot = Snapshot([local("p", RULE, "team-a"), cluster("c", RULE)])
    first = snapshot.scope("team-a")
    assert snapshot.scope("team-a") is first
    for number in range(selection.MEMO):
        snapshot.scope(f"made-up-{number}")
    again = snapshot.scope("team-a")
    assert again is not first
    assert again == first
    assert snapshot.scope("team-a") is again


def test_the_facts_are_those_of_the_namespace() -> None:
    limits = LimitRange(max=amounts({"cpu": 1}))
    snapshot = Snapshot(limit_ranges={"team-a": limits})
    assert snapshot.select(Workload(cron_job())).facts == Facts(limits)
    assert snapshot.select(Workload(cron_job(), "team-b")).facts == Facts(LimitRange(max=NOTHING))


LAX: dict[str, Any] = {"exceptions": {"maxDays": 90}}


@pytest.mark.parametrize(
    ("let_off", "lifted"),
    [
        (exception(), True),
        (exception(policies=["q", "p"]), True),
        (exception(policies=["q"]), False),
        (exception(rules=["backoffLimit"]), False),
        (exception(namespace="team-b"), False),
        (exception(selector={"matchLabels": {"app": "legacy"}}), True),
        (exception(selector={"matchLabels": {"app": "other"}}), False),
        (exception(expiresAt=NOW.isoformat()), False),
        (exception(expiresAt=(NOW + timedelta(seconds=1)).isoformat()), True),
        (exception(expiresAt=(NOW + timedelta(days=91)).isoformat()), False),
        (exception(created=(NOW - timedelta(days=50)).isoformat()), True),
        (exception(created=(NOW - timedelta(days=51)).isoformat()), False),
    ],
    ids=range(12),
)
def test_an_exception_lifts_a_clause(let_off: Any, *, lifted: bool) -> None:
    snapshot = Snapshot([cluster("p", RULE, **LAX)], [let_off])
    found = snapshot.select(Workload(cron_job(metadata={"labels": {"app": "legacy"}})), at=NOW)
    (clause,) = found.clauses.every
    assert (let_off if lifted else None) is found.lifting(clause)
    assert lifted is found.lifts_rule(clause.rule)


def test_no_exception_lifts_a_policy_that_permits_none() -> None:
    snapshot = Snapshot([cluster("p", RULE)], [exception()])
    found = snapshot.select(Workload(cron_job()), at=NOW)
    assert found.lifting(found.clauses.every[0]) is None


def test_without_a_moment_no_exception_counts() -> None:
    snapshot = Snapshot([cluster("p", RULE, **LAX)], [exception()])
    found = snapshot.select(Workload(cron_job()))
    assert found.lifting(found.clauses.every[0]) is None


def test_an_exception_lifts_policies_of_either_kind_and_no_others() -> None:
    policies = [cluster("p", RULE, **LAX), local("p", RULE, **LAX), cluster("q", RULE, **LAX)]
    found = Snapshot(policies, [exception()]).select(Workload(cron_job()), at=NOW)
    assert [(clause.policy.name, found.lifting(clause) is not None) for clause in found.clauses.every] == [
        ("p", True),
        ("p", True),
        ("q", False),
    ]


def test_of_several_exceptions_any_that_is_valid_lifts() -> None:
    expired, valid = exception(expiresAt=NOW.isoformat()), exception(reason="OPS-2")
    found = Snapshot([cluster("p", RULE, **LAX)], [expired, valid]).select(Workload(cron_job()), at=NOW)
    assert found.lifting(found.clauses.every[0]) is valid


def test_a_clause_gives_the_admins_own_reason() -> None:
    found = Snapshot([cluster("p", {"activeDeadline": {"reason": "the ledger"}})]).select(Workload(cron_job()))
    assert found.clauses.every[0].reason == "the ledger"


def test_what_labels_bring_together_is_remembered_a_bounded_number_of_times() -> None:
    number = selection.MOST_MET + 1
    policies = [
        cluster(f"p{index:02}", RULE, objectSelector={"matchLabels": {"n": f"{index}"}}) for index in range(number)
    ]
    snapshot = Snapshot(policies)
    for index in (*range(number), 0):
        assert chosen(snapshot, labels={"n": f"{index}"}) == [f"p{index:02}"]
    assert len(snapshot.scope("team-a").met) <= selection.MOST_MET


OWNER = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": "1", "controller": True}


@pytest.mark.parametrize(
    ("owner", "namespace", "expected"),
    [
        (OWNER, "team-a", ["other", "own", "theirs"]),
        (OWNER, "team-b", ["other", "own"]),
        (OWNER | {"uid": "2"}, "team-a", ["other", "own"]),
        (OWNER | {"uid": None}, "team-a", ["other", "own"]),
        (OWNER | {"kind": "JobSet"}, "team-a", ["other", "own"]),
        (OWNER | {"controller": False}, "team-a", ["other", "own"]),
        (None, "team-a", ["other", "own"]),
    ],
    ids=range(7),
)
def test_a_job_is_matched_by_its_own_labels_or_by_those_of_the_cronjob_that_made_it(
    owner: Any, namespace: str, expected: list[str]
) -> None:
    theirs = {"matchLabels": {"made-by": "nightly"}}
    snapshot = Snapshot(
        [
            cluster("own", RULE, objectSelector={"matchLabels": {"app": "x"}}),
            cluster("theirs", RULE, objectSelector=theirs),
            cluster(
                "other", RULE, objectSelector={"matchExpressions": [{"key": "made-by", "operator": "DoesNotExist"}]}
            ),
        ],
        [exception(selector=theirs)],
        owners={("team-a", "1"): {"made-by": "nightly"}},
    )
    metadata = {"labels": {"app": "x"}, "namespace": namespace, "ownerReferences": [owner] if owner else []}
    selection = snapshot.select(Workload(one_off(metadata=metadata)))
    assert expected == [clause.policy.name for clause in selection.clauses.every]
    assert ("theirs" in expected) == bool(selection.exceptions)


def test_exceptions_that_name_what_is_not_here_are_told_by_place() -> None:
    exceptions = [exception(), exception(namespace="team-b"), exception(rules=["schedule"], namespace="team-c")]
    snapshot = Snapshot([local("p", RULE), local("p", RULE, "team-c"), cluster("other", RULE)], exceptions)
    assert [*snapshot.remarks()] == [
        "exception team-b/let-off: there is no policy p here",
        "exception team-c/let-off: no policy that it names has the rule schedule",
    ]

"""Judging: each clause by itself, united by rule and place, lifted by exceptions; a crash is a value."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.engine import EVERYTHING, WHAT_IS_REFUSED, WHAT_WEIGHS, Extent, evaluate
from policies.objects import BatchPolicyException, Policy
from policies.quantity import amounts
from policies.rule import Action, Facts, Finding, LimitRange, Rule, RuleParams
from policies.verdict import Verdict
from policies.workload import Workload
from tests.policies.build import (
    asks,
    cluster,
    containers,
    cron_job,
    exception,
    judged,
    local,
    made_of,
    one_off,
    selecting,
    told,
)
from tests.policies.hostile import objects

FORBID: dict[str, Any] = {"concurrencyPolicy": {"allowed": ["Forbid"]}}
SUSPEND = ("spec", "suspend")


def crash(_job: Workload, _params: RuleParams, _facts: Facts) -> Iterator[Finding]:
    """Find something, and then fall over."""
    yield Finding(path=SUSPEND, found="is", allowed="", why="")
    raise KeyError("boom")


CRASHING = Rule("rules.crashing", "Crashes.", RuleParams, crash)


def test_a_compliant_object_has_an_empty_verdict() -> None:
    assert judged(cron_job(concurrencyPolicy="Forbid"), cluster("p", FORBID)) == Verdict()


def test_no_policies_find_nothing() -> None:
    assert judged(cron_job()) == Verdict()


def test_each_clause_is_judged_by_itself() -> None:
    """Parameters are never merged: a value that one policy allows is still found by the other."""
    verdict = judged(
        cron_job(concurrencyPolicy="Replace"),
        cluster("strict", FORBID),
        local("lax", {"concurrencyPolicy": {"allowed": ["Replace"]}}),
    )
    (violation,) = verdict.violations
    assert [judgement.clause.policy.name for judgement in violation.judgements] == ["strict"]


@pytest.mark.parametrize(
    ("actions", "order"),
    [
        (["Deny", "Warn", "Audit"], ["a", "b", "c"]),
        (["Audit", "Warn", "Deny"], ["c", "b", "a"]),
        (["Warn", "Deny", "Warn"], ["b", "a", "c"]),
        (["Deny", "Audit", "Deny"], ["a", "c", "b"]),
        (["Audit", "Audit", "Audit"], ["a", "b", "c"]),
    ],
)
def test_findings_are_united_by_rule_and_place_with_the_strongest_action_first(
    actions: list[str], order: list[str]
) -> None:
    policies = [cluster(name, FORBID, action=action) for name, action in zip("abc", actions, strict=True)]
    (violation,) = judged(cron_job(), *policies).violations
    assert order == [judgement.clause.policy.name for judgement in violation.judgements]
    assert min(actions, key=["Deny", "Warn", "Audit"].index) == violation.action
    assert (violation.rule, violation.key) == ("concurrencyPolicy", ("concurrencyPolicy", "spec.concurrencyPolicy"))
    assert not violation.known


def test_two_rules_on_one_place_are_two_violations() -> None:
    verdict = judged(cron_job(), made_of(asks(SUSPEND, [True], name="one"), asks(SUSPEND, [True], name="other")))
    assert [violation.rule for violation in verdict.violations] == ["one", "other"]


def test_a_rule_is_asked_about_its_own_kinds_only() -> None:
    policies = [cluster("p", FORBID), made_of(asks(SUSPEND, [True], kinds=("Job",)), name="q")]
    assert told(judged(cron_job(), *policies)) == [("spec.concurrencyPolicy", "Deny")]
    assert told(judged(one_off(), *policies)) == [("spec.suspend", "Deny")]


@pytest.mark.parametrize("kind", [None, "Pod", 5, ["Job"], {}])
def test_an_object_of_another_kind_is_not_judged(kind: Any) -> None:
    assert judged({"kind": kind, "spec": {}}, cluster("p", {"activeDeadline": {}})) == Verdict()


def test_violations_go_by_the_document() -> None:
    raw = {
        "kind": "CronJob",
        "spec": {
            "jobTemplate": {"spec": {"backoffLimit": 9, "template": {"spec": {"containers": containers(b={}, a={})}}}},
            "concurrencyPolicy": "Allow",
        },
        "metadata": {"name": "nightly"},
    }
    rules = {"backoffLimit": {"max": 1}, "resourceLimits": {}, "startingDeadline": {"required": True}, **FORBID}
    pod = "spec.jobTemplate.spec.template.spec"
    assert [path for path, _ in told(judged(raw, cluster("p", rules)))] == [
        "spec.jobTemplate.spec.backoffLimit",
        f"{pod}.containers[0].resources.limits.memory",
        f"{pod}.containers[1].resources.limits.memory",
        "spec.concurrencyPolicy",
        "spec.startingDeadlineSeconds",
    ]


def test_a_verdict_tells_what_is_done_about_what() -> None:
    raw = cron_job(job={"backoffLimit": 9})
    verdict = judged(raw, cluster("p", {"backoffLimit": {"max": 1, "action": "Warn"}, **FORBID}))
    assert [violation.rule for violation in verdict.having(Action.DENY)] == ["concurrencyPolicy"]
    assert [violation.rule for violation in verdict.having(Action.WARN)] == ["backoffLimit"]
    assert verdict.having(Action.AUDIT) == []


def test_a_rule_that_crashes_is_a_failure_and_the_others_still_judge() -> None:
    verdict = judged(cron_job(), made_of(CRASHING, asks(SUSPEND, [True])), cluster("q", FORBID))
    assert told(verdict) == [("spec.suspend", "Deny"), ("spec.concurrencyPolicy", "Deny")]
    (failure,) = verdict.failures
    assert (failure.clause.rule.key, failure.clause.policy.name) == ("crashing", "p")
    assert isinstance(failure.error, KeyError)
    assert failure.error.__traceback__ is not None


def test_the_facts_of_the_namespace_reach_the_rules() -> None:
    def check(_job: Workload, _params: RuleParams, facts: Facts) -> Iterator[Finding]:
        yield Finding(path=SUSPEND, found=f"is {facts.limit_range.max['cpu']}", allowed="", why="")

    limits = LimitRange(max=amounts({"cpu": 1}))
    policy = made_of(Rule("rules.reads", "Reads.", RuleParams, check))
    (violation,) = judged(cron_job(), policy, limit_ranges={"team-a": limits}).violations
    assert violation.finding.found == "is 1"


LAX: dict[str, Any] = {"exceptions": {}}


def test_an_exception_turns_findings_into_skips_of_its_own_clauses_alone() -> None:
    let_off = exception()
    policies = [
        cluster("p", {"activeDeadline": {}, "backoffLimit": {"max": 0}}, **LAX),
        local("q", {"activeDeadline": {}}, **LAX),
    ]
    verdict = judged(one_off(), *policies, exceptions=[let_off])
    assert [(skip.clause.policy.name, skip.clause.rule.key, skip.exception) for skip in verdict.skips] == [
        ("p", "activeDeadline", let_off)
    ]
    assert [(violation.rule, violation.judgements[0].clause.policy.name) for violation in verdict.violations] == [
        ("activeDeadline", "q"),
        ("backoffLimit", "p"),
    ]


def test_an_exception_from_what_is_kept_is_no_skip() -> None:
    raw = one_off(activeDeadlineSeconds=60)
    assert judged(raw, cluster("p", {"activeDeadline": {}}, **LAX), exceptions=[exception()]) == Verdict()


RETRIES = {"backoffLimit": {"max": 1}}
BIG = {"resourceLimits": {"max": {"memory": "1Gi"}}}
IMAGES: dict[str, Any] = {"imageTag": {}}
MEMORY: dict[str, Any] = {"resourceLimits": {}}
REFUSED = {"restartPolicy": {}, "backoffLimit": {"max": 1}}


@pytest.mark.parametrize(
    ("extent", "found"),
    [
        (EVERYTHING, ["restartPolicy", "backoffLimit", "activeDeadline"]),
        (WHAT_WEIGHS, ["restartPolicy", "activeDeadline"]),
        (WHAT_IS_REFUSED, ["restartPolicy"]),
    ],
)
def test_a_smaller_extent_leaves_out_what_cannot_deny(extent: Extent, found: list[str]) -> None:
    job = Workload(one_off(backoffLimit=9, pod={"restartPolicy": "Always"}))
    select = selecting(cluster("p", REFUSED, action="Warn"), cluster("q", {"activeDeadline": {}}, action="Deny"))
    assert sorted(found) == sorted(each.rule for each in evaluate(job, select(job), extent=extent).violations)


@pytest.mark.parametrize(
    ("theirs", "asked"),
    [({"action": "Deny", "reason": "ours"}, 1), ({"max": 2}, 2), ({"max": 1}, 1)],
)
def test_what_several_policies_ask_alike_is_asked_once(theirs: dict[str, Any], asked: int) -> None:
    limit = {"max": 1}
    job = Workload(one_off(backoffLimit=9))
    selection = selecting(cluster("p", {"backoffLimit": limit}), cluster("q", {"backoffLimit": {**limit, **theirs}}))(
        job
    )
    assert asked == len(selection.clauses.asked["Job"])
    (violation,) = evaluate(job, selection).violations
    assert {"p", "q"} == {judgement.clause.policy.name for judgement in violation.judgements}


ODD: dict[str, Any] = {"schedule": {}}


@pytest.mark.parametrize(
    ("schedule", "action"),
    [("0 0 30 2 *", "Deny"), ("* */3 * * *", "Warn"), ("*/45 * * * *", "Warn")],
)
def test_what_may_be_meant_so_is_only_warned_of(schedule: str, action: str) -> None:
    assert told(judged(cron_job(schedule=schedule), cluster("p", ODD))) == [("spec.schedule", action)]


@pytest.mark.parametrize(("retries", "action"), [(2, "Warn"), (4, "Deny")])
def test_retries_that_come_too_late_are_only_warned_of_unless_they_are_too_many(retries: int, action: str) -> None:
    job = one_off(backoffLimit=retries, activeDeadlineSeconds=10)
    assert told(judged(job, cluster("p", {"backoffLimit": {"max": 3}}))) == [("spec.backoffLimit", action)]


ALL = [
    cluster("p", {**REFUSED, **FORBID, **BIG, **IMAGES, "activeDeadline": {}}, **LAX),
    local("q", FORBID, objectSelector={"matchLabels": {"name": "x"}}),
]
OTHERS = [cluster("x", FORBID, action="Audit"), local("y", {**MEMORY, **IMAGES}, **LAX), cluster("z", REFUSED)]
LET_OFF = exception()
KEYS = st.sampled_from(["kind", "metadata", "spec", "labels", "annotations", "template", "name"])
arbitrary = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(objects)
def test_judging_leaves_the_object_as_it_was(raw: dict[str, Any]) -> None:
    was = deepcopy(raw)
    judged(raw, *ALL, old=raw)
    assert was == raw


@given(objects, objects, st.lists(st.sampled_from(OTHERS)), st.lists(st.just(LET_OFF), max_size=1))
def test_one_more_policy_never_lifts_a_denial(
    raw: dict[str, Any], old: dict[str, Any], more: list[Policy], exceptions: list[BatchPolicyException]
) -> None:
    few, many = (
        {violation.key for violation in judged(raw, *policies, old=old, exceptions=exceptions).having(Action.DENY)}
        for policies in (ALL, [*ALL, *more])
    )
    assert few <= many


@given(st.dictionaries(st.sampled_from(["metadata", "spec"]), arbitrary), st.sampled_from(["Job", "CronJob"]))
def test_judging_never_raises(raw: dict[str, Any], kind: str) -> None:
    assert judged({**raw, "kind": kind}, *ALL, old={"kind": kind}, exceptions=[LET_OFF]).failures == ()

"""Judging: each clause by itself, united by rule and place, lifted by exceptions, ratcheted on updates."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.engine import evaluate, refusals
from policies.fields import render
from policies.objects import BatchPolicyException, Policy
from policies.rule import Action, Facts, Finding, LimitRange, Rule, RuleParams
from policies.verdict import Before, Verdict
from policies.workload import Workload
from tests.policies.build import asks, cluster, containers, cron_job, exception, local, made_of, one_off, selecting
from tests.policies.hostile import objects

FORBID: dict[str, Any] = {"concurrencyPolicy": {"allowed": ["Forbid"]}}
SUSPEND = ("spec", "suspend")


def crash(_job: Workload, _params: RuleParams, _facts: Facts) -> Iterator[Finding]:
    """Find something, and then fall over."""
    yield Finding(path=SUSPEND, found="is", allowed="", why="")
    raise KeyError("boom")


CRASHING = Rule("rules.crashing", "Crashes.", RuleParams, crash)


def judged(raw: dict[str, Any], *policies: Policy, old: dict[str, Any] | None = None, **known: Any) -> Verdict:
    """Judge an object by these policies, as an update if there is an old one."""
    select, job = selecting(*policies, **known), Workload(raw)
    was = None if old is None else Workload(old)
    return evaluate(job, select(job), None if was is None else Before(was, select(was)))


def told(verdict: Verdict) -> list[tuple[str, str]]:
    """Give the paths found, each with what is done about it."""
    return [(render(violation.finding.path), violation.action.value) for violation in verdict.violations]


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
        yield Finding(path=SUSPEND, found=str(facts.limit_range.max), allowed="", why="")

    limits = LimitRange(max={"cpu": 1})
    policy = made_of(Rule("rules.reads", "Reads.", RuleParams, check))
    (violation,) = judged(cron_job(), policy, limit_ranges={"team-a": limits}).violations
    assert violation.finding.found == "{'cpu': 1}"


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


MEMORY: dict[str, Any] = {"resourceLimits": {}}
RETRIES = {"backoffLimit": {"max": 1}}
BIG = {"resourceLimits": {"max": {"memory": "1Gi"}}}
IMAGES: dict[str, Any] = {"imageTag": {}}
LIMITS = "spec.template.spec.containers[{}].resources.limits.memory"


def sized(**resources: str | None) -> dict[str, Any]:
    """Give a Job whose containers have these memory limits, or none."""
    given = {name: {"limits": {"memory": size}} if size else {} for name, size in resources.items()}
    return one_off(pod={"containers": containers(**given)})


def imaged(**images: str) -> dict[str, Any]:
    """Give a Job whose containers have these images."""
    return one_off(pod={"containers": [{"name": name, "image": image} for name, image in images.items()]})


@pytest.mark.parametrize(
    ("rules", "old", "new", "expected"),
    [
        pytest.param(FORBID, cron_job(), cron_job(suspend=True), ["Warn"], id="had it before"),
        pytest.param(FORBID, cron_job(concurrencyPolicy="Forbid"), cron_job(), ["Deny"], id="is new"),
        pytest.param(FORBID, cron_job(), cron_job(concurrencyPolicy="Replace"), ["Deny"], id="another wrong value"),
        pytest.param(FORBID, cron_job(), cron_job(concurrencyPolicy="Allow"), ["Warn"], id="the same, written out"),
        pytest.param(FORBID, cron_job(), cron_job(concurrencyPolicy="Forbid"), [], id="cured"),
        pytest.param(FORBID, cron_job(suspend=True), cron_job(suspend=False), ["Warn"], id="resumed"),
        pytest.param(RETRIES, one_off(backoffLimit=5), one_off(backoffLimit=6), ["Deny"], id="worse"),
        pytest.param(RETRIES, one_off(backoffLimit=5), one_off(backoffLimit=4), ["Warn"], id="better"),
        pytest.param(RETRIES, one_off(backoffLimit=5), one_off(), ["Deny"], id="left to the server"),
        pytest.param(
            {"activeDeadline": {"maxSeconds": 60}}, one_off(), one_off(activeDeadlineSeconds=10**9), ["Warn"],
            id="from missing to over the ceiling",
        ),
        pytest.param(
            {"activeDeadline": {"maxSeconds": 60}}, one_off(activeDeadlineSeconds=10**9), one_off(), ["Deny"],
            id="from over the ceiling to missing",
        ),
        pytest.param(
            {"ttlAfterFinished": {"minSeconds": 60, "maxSeconds": 99}}, one_off(ttlSecondsAfterFinished=59),
            one_off(ttlSecondsAfterFinished=100), ["Deny"], id="from under to over",
        ),
        pytest.param(
            {"ttlAfterFinished": {"minSeconds": 60}}, one_off(ttlSecondsAfterFinished=5),
            one_off(ttlSecondsAfterFinished=4), ["Deny"], id="further under",
        ),
        pytest.param(BIG, sized(a="4Gi"), sized(a="3072Mi"), ["Warn"], id="a smaller excess"),
        pytest.param(BIG, sized(a="4Gi"), sized(a="4097Mi"), ["Deny"], id="a bigger excess"),
        pytest.param(BIG, sized(a=None), sized(a="4Gi"), ["Warn"], id="any limit is more than none"),
        pytest.param(BIG, sized(a="4Gi"), sized(a=None), ["Deny"], id="none is less than any limit"),
        pytest.param(BIG, sized(a=None), sized(a="0"), ["Warn"], id="none written as 0"),
        pytest.param(BIG, sized(a="4Gi"), sized(a="0"), ["Deny"], id="0 is none"),
        pytest.param(MEMORY, sized(a=None, b="1Gi"), sized(b="1Gi", a=None), ["Warn"], id="containers in another order"),
        pytest.param(MEMORY, sized(a=None), sized(b=None), ["Deny"], id="a container renamed"),
        pytest.param(MEMORY, sized(a=None), sized(a=None, b=None), ["Warn", "Deny"], id="a container added"),
        pytest.param(MEMORY, sized(a=None), sized(b=None, a=None), ["Deny", "Warn"], id="a container put before it"),
        pytest.param(MEMORY, sized(a=None, b="1Gi"), sized(a="1Gi", b=None), ["Deny"], id="the fault moved on"),
        pytest.param(IMAGES, imaged(a="x:latest"), imaged(a="x:latest"), ["Warn"], id="the same image"),
        pytest.param(IMAGES, imaged(a="x:latest"), imaged(a="y:latest"), ["Deny"], id="another image"),
        pytest.param(
            IMAGES, imaged(a="x:latest", b="y:latest"), imaged(a="y:latest", b="x:latest"), ["Deny", "Deny"], id="swapped"
        ),
    ],
)  # fmt: skip
def test_an_update_is_denied_only_what_is_new_or_worse(
    rules: dict[str, Any], old: dict[str, Any], new: dict[str, Any], expected: list[str]
) -> None:
    verdict = judged(new, cluster("p", rules), old=old)
    assert expected == [violation.action.value for violation in verdict.violations]
    assert [action == "Warn" for action in expected] == [violation.known for violation in verdict.violations]


def test_a_container_made_an_init_container_is_another_place() -> None:
    old = sized(a="1Gi", b=None)
    new = one_off(pod={"containers": containers(a={"limits": {"memory": "1Gi"}}), "initContainers": containers(b={})})
    assert told(judged(new, cluster("p", MEMORY), old=old)) == [
        ("spec.template.spec.initContainers[0].resources.limits.memory", "Deny")
    ]


@pytest.mark.parametrize("action", ["Warn", "Audit"])
def test_what_only_warns_or_reports_goes_on_doing_so(action: str) -> None:
    (violation,) = judged(cron_job(), cluster("p", FORBID, action=action), old=cron_job()).violations
    assert (violation.action, violation.known) == (Action(action), True)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [({"a": "x"}, {"a": "y"}, "Deny"), ({"a": "x"}, {"a": "x", "b": "y"}, "Warn"), ({}, {"a": "x"}, "Deny")],
)
def test_the_old_object_is_judged_with_its_own_labels(old: Any, new: Any, expected: str) -> None:
    """Another policy's same rule is another finding."""
    policies = [cluster(f"for-{value}", FORBID, objectSelector={"matchLabels": {"a": value}}) for value in "xy"]
    verdict = judged(cron_job(metadata={"labels": new}), *policies, old=cron_job(metadata={"labels": old}))
    assert told(verdict) == [("spec.concurrencyPolicy", expected)]


def test_a_label_that_selects_nothing_changes_nothing() -> None:
    verdict = judged(cron_job(metadata={"labels": {"a": "b"}}), cluster("p", FORBID), old=cron_job())
    assert told(verdict) == [("spec.concurrencyPolicy", "Warn")]


def test_policies_of_one_name_in_cluster_and_namespace_are_two() -> None:
    old, new = cron_job(), cron_job(metadata={"labels": {"a": "b"}})
    policies = [cluster("p", FORBID), local("p", FORBID, objectSelector={"matchLabels": {"a": "b"}})]
    (violation,) = judged(new, *policies, old=old).violations
    assert [(each.clause.policy.namespace, each.known) for each in violation.judgements] == [
        ("team-a", False),
        ("", True),
    ]
    assert (violation.action, violation.known) == (Action.DENY, False)


def test_what_an_exception_lifted_before_is_new_when_it_no_longer_does() -> None:
    let_off = exception(selector={"matchLabels": {"a": "b"}})
    policy = cluster("p", {"activeDeadline": {}}, **LAX)
    old, new = one_off(metadata={"labels": {"a": "b"}}), one_off()
    assert told(judged(new, policy, old=old, exceptions=[let_off])) == [("spec.activeDeadlineSeconds", "Deny")]
    assert judged(old, policy, old=new, exceptions=[let_off]).violations == ()


def test_a_rule_that_crashed_on_the_old_object_makes_nothing_known() -> None:
    def check(job: Workload, _params: RuleParams, _facts: Facts) -> Iterator[Finding]:
        yield Finding(path=SUSPEND, found=str(1 / job.raw["spec"]["suspend"]), allowed="", why="")

    policy = made_of(Rule("rules.divides", "Divides.", RuleParams, check))
    verdict = judged(cron_job(suspend=1), policy, old=cron_job(suspend=0))
    assert (told(verdict), verdict.failures) == ([("spec.suspend", "Deny")], ())


def test_several_findings_at_one_place_are_compared_each_with_each() -> None:
    def check(job: Workload, _params: RuleParams, _facts: Facts) -> Iterator[Finding]:
        for word in job.labels:
            yield Finding(path=SUSPEND, found=word, allowed="", why="", judged=word)

    policy = made_of(Rule("rules.counts", "Counts.", RuleParams, check))
    old = cron_job(metadata={"labels": {"a": "", "b": ""}})
    (violation,) = judged(cron_job(metadata={"labels": {"b": "", "c": ""}}), policy, old=old).violations
    assert [(each.finding.found, each.known) for each in violation.judgements] == [("c", False), ("b", True)]
    assert (violation.action, violation.known) == (Action.DENY, False)


REFUSED = {"restartPolicy": {}, "backoffLimit": {"max": 1}}


def test_refusals_are_told_with_everything_else_that_is_wrong() -> None:
    job = Workload(one_off(backoffLimit=9, pod={"restartPolicy": "Always"}))
    verdict = refusals(job, selecting(cluster("p", REFUSED))(job))
    assert [violation.rule for violation in verdict.violations] == ["restartPolicy", "backoffLimit"]


def test_without_a_refusal_nothing_is_told() -> None:
    job = Workload(one_off(backoffLimit=9))
    assert refusals(job, selecting(cluster("p", REFUSED))(job)) == Verdict()


@given(objects, st.sampled_from([None, "Warn"]))
def test_judging_leaves_the_object_as_it_was(raw: dict[str, Any], action: str | None) -> None:
    was = deepcopy(raw)
    judged(raw, cluster("p", {**REFUSED, **FORBID, **BIG, "imageTag": {}}, action=action or "Deny"), old=raw)
    assert was == raw


@given(objects)
def test_an_object_never_breaks_a_policy_more_than_it_did_itself(raw: dict[str, Any]) -> None:
    verdict = judged(raw, cluster("p", {**REFUSED, **FORBID, **BIG, "imageTag": {}, "activeDeadline": {}}), old=raw)
    assert verdict.having(Action.DENY) == []


@given(
    objects,
    objects,
    st.lists(st.sampled_from([FORBID, MEMORY, BIG, IMAGES, REFUSED]), max_size=3),
    st.lists(st.just(exception()), max_size=1),
)
def test_one_more_policy_never_lifts_a_denial(
    raw: dict[str, Any], old: dict[str, Any], more: list[dict[str, Any]], exceptions: list[BatchPolicyException]
) -> None:
    one = cluster("p", {**FORBID, **BIG, "activeDeadline": {}}, **LAX)
    others = [
        (local if index % 2 else cluster)(f"q{index}", rules, action="Audit", **LAX) for index, rules in enumerate(more)
    ]
    few, many = (
        judged(raw, one, *policies, old=old, exceptions=exceptions).having(Action.DENY) for policies in ([], others)
    )
    assert {violation.key for violation in few} <= {violation.key for violation in many}


arbitrary = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["kind", "metadata", "spec", "labels", "annotations", "template", "name"]), inner
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status"]), arbitrary), st.sampled_from(["Job", "CronJob"]))
def test_judging_never_raises(raw: dict[str, Any], kind: str) -> None:
    policies = [
        cluster("p", {**REFUSED, **FORBID, **BIG, "imageTag": {}, "activeDeadline": {}}, **LAX),
        local("q", FORBID, objectSelector={"matchLabels": {"name": "x"}}),
    ]
    assert judged({**raw, "kind": kind}, *policies, old={"kind": kind}, exceptions=[exception()]).failures == ()

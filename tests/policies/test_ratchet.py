"""An update is judged against what the object was: what it had already warns, what is new or worse is denied."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given

from policies.rule import Action, Facts, Finding, Rule, RuleParams
from policies.workload import Workload
from tests.policies.build import cluster, containers, cron_job, exception, judged, local, made_of, one_off, told
from tests.policies.hostile import objects

FORBID: dict[str, Any] = {"concurrencyPolicy": {"allowed": ["Forbid"]}}
LAX: dict[str, Any] = {"exceptions": {}}
SUSPEND = ("spec", "suspend")
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
        pytest.param(MEMORY, sized(a=None, b="1Gi"), sized(b="1Gi", a=None), ["Warn"], id="in another order"),
        pytest.param(MEMORY, sized(a=None), sized(b=None), ["Deny"], id="a container renamed"),
        pytest.param(MEMORY, sized(a=None), sized(a=None, b=None), ["Warn", "Deny"], id="a container added"),
        pytest.param(MEMORY, sized(a=None), sized(b=None, a=None), ["Deny", "Warn"], id="a container put before it"),
        pytest.param(MEMORY, sized(a=None, b="1Gi"), sized(a="1Gi", b=None), ["Deny"], id="the fault moved on"),
        pytest.param(IMAGES, imaged(a="x:latest"), imaged(a="x:latest"), ["Warn"], id="the same image"),
        pytest.param(IMAGES, imaged(a="x:latest"), imaged(a="y:latest"), ["Deny"], id="another image"),
        pytest.param(IMAGES, imaged(a="x:latest", b="y"), imaged(a="y", b="x:latest"), ["Deny", "Deny"], id="swapped"),
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


def test_a_rule_that_crashed_on_the_old_object_denies_nothing_and_is_told() -> None:
    def check(job: Workload, _params: RuleParams, _facts: Facts) -> Iterator[Finding]:
        yield Finding(path=SUSPEND, found=str(1 / job.raw["spec"]["suspend"]), allowed="", why="")

    policy = made_of(Rule("rules.divides", "Divides.", RuleParams, check))
    verdict = judged(cron_job(suspend=1), policy, old=cron_job(suspend=0))
    assert told(verdict) == [("spec.suspend", "Warn")]
    assert [type(failure.error) for failure in verdict.failures] == [ZeroDivisionError]


def test_several_findings_at_one_place_are_compared_each_with_each() -> None:
    def check(job: Workload, _params: RuleParams, _facts: Facts) -> Iterator[Finding]:
        for word in job.labels:
            yield Finding(path=SUSPEND, found=word, allowed="", why="", judged=word)

    policy = made_of(Rule("rules.counts", "Counts.", RuleParams, check))
    old = cron_job(metadata={"labels": {"a": "", "b": ""}})
    (violation,) = judged(cron_job(metadata={"labels": {"b": "", "c": ""}}), policy, old=old).violations
    assert [(each.finding.found, each.known) for each in violation.judgements] == [("c", False), ("b", True)]
    assert (violation.action, violation.known) == (Action.DENY, False)


ALL = cluster("p", {**FORBID, **BIG, **IMAGES, **RETRIES, "restartPolicy": {}, "activeDeadline": {}})


@given(objects)
def test_an_object_never_breaks_a_policy_more_than_it_did_itself(raw: dict[str, Any]) -> None:
    assert judged(raw, ALL, old=raw).having(Action.DENY) == []

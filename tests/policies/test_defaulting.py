"""Defaults: written where the user provably said nothing, by the first candidate that nobody would deny, and told."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.defaulting import MOST_CONTAINERS, MOST_TRIES, defaults
from policies.engine import evaluate
from policies.fields import DEFAULTED_ANNOTATION, FILE, Origin, Path, Request, lookup, put, render
from policies.objects import Policy
from policies.quantity import amounts
from policies.rule import Action, Default, Facts, LimitRange, Phase, Rule, RuleParams
from policies.selection import Selection
from policies.verdict import Before, Defaulting
from policies.workload import Workload
from tests.policies.build import (
    MEMORY,
    NOW,
    POD,
    asks,
    cluster,
    containers,
    cron_job,
    exception,
    local,
    made_of,
    one_off,
    selecting,
    sent,
)
from tests.policies.cases import merge
from tests.policies.hostile import leaves, objects

FORBID: dict[str, Any] = {"concurrencyPolicy": {"allowed": ["Forbid"], "default": "Forbid"}}
ONLY_FORBID: dict[str, Any] = {"concurrencyPolicy": {"allowed": ["Forbid"]}}
REPLACE: dict[str, Any] = {"concurrencyPolicy": {"allowed": ["Replace"], "default": "Replace"}}
ALLOW: dict[str, Any] = {"concurrencyPolicy": {"allowed": ["Allow"], "default": "Allow"}}
DEADLINE: dict[str, Any] = {"activeDeadline": {"defaultSeconds": 3600}}
LIMIT: dict[str, Any] = {"resourceLimits": {"defaults": {"memory": "64Mi"}}}
HISTORY: dict[str, Any] = {"historyLimits": {"defaultSuccessful": 1}}
POLICY: Path = ("spec", "concurrencyPolicy")
SUSPEND: Path = ("spec", "suspend")
LAX: dict[str, Any] = {"exceptions": {}}


TIER: Path = ("metadata", "labels", "tier")
LABEL = asks(TIER, ["batch"], write="batch", name="label", phase=Phase.LABELS)


def given_to(job: Workload, *policies: Policy, old: Workload | None = None, **known: Any) -> Defaulting:
    """Work out the defaults of these policies, on an update if there is an old object; never touching the object."""
    was, select = deepcopy(job.raw), selecting(*policies, **known)
    result = defaults(job, select, None if old is None else Before(old, select(old)))
    assert was == job.raw
    return result


def writes(result: Defaulting) -> dict[str, Any]:
    """Map the paths written to their values."""
    return {render(path): value for each in result.written for path, value in each.default.writes}


def wrote(result: Defaulting) -> list[str]:
    """Name the policies whose defaults were written."""
    return [each.clause.policy.name for each in result.written]


def test_no_policy_writes_nothing_and_gives_the_object_back() -> None:
    job = Workload(cron_job())
    result = given_to(job)
    assert result == Defaulting((), job, result.selection)


@pytest.mark.parametrize(
    ("document", "by", "expected"),
    [
        (cron_job(), "kubectl apply", {"spec.concurrencyPolicy": "Forbid"}),
        (cron_job(), "kubectl apply --server-side", {"spec.concurrencyPolicy": "Forbid"}),
        (cron_job(), "kubectl create", {}),
        (cron_job(concurrencyPolicy="Allow"), "kubectl apply", {}),
        (cron_job(concurrencyPolicy="Allow"), "kubectl apply --server-side", {}),
        (cron_job(concurrencyPolicy="Allow"), "kubectl create", {}),
        (cron_job(concurrencyPolicy="Replace"), "kubectl apply", {}),
    ],
    ids=range(7),
)
def test_a_value_is_replaced_only_where_the_api_server_provably_filled_it_in(
    document: dict[str, Any], by: str, expected: dict[str, Any]
) -> None:
    assert expected == writes(given_to(sent(document, by), cluster("p", FORBID)))


@pytest.mark.parametrize("by", ["kubectl apply", "kubectl apply --server-side", "kubectl create"])
def test_an_absent_field_is_written_whoever_sends_it(by: str) -> None:
    result = given_to(sent(cron_job(), by), cluster("p", {"startingDeadline": {"defaultSeconds": 300}}))
    assert writes(result) == {"spec.startingDeadlineSeconds": 300}


def test_in_a_file_an_absent_field_is_open_and_a_written_default_is_the_users() -> None:
    assert writes(given_to(Workload(cron_job()), cluster("p", FORBID))) == {"spec.concurrencyPolicy": "Forbid"}
    assert writes(given_to(Workload(cron_job(concurrencyPolicy="Allow")), cluster("p", FORBID))) == {}


def test_the_object_after_defaults_is_in_the_same_namespace() -> None:
    """A request may name a namespace that the object itself does not."""
    nowhere = Workload(cron_job(metadata={"namespace": None}), "team-b")
    selected = local("q", FORBID, "team-b", objectSelector={"matchLabels": {"tier": "batch"}})
    result = given_to(nowhere, made_of(LABEL), selected)
    assert (result.job.namespace, wrote(result)) == ("team-b", ["p", "q"])


def test_what_was_written_is_told_in_the_object_and_judged() -> None:
    raw = cron_job(metadata={"annotations": {"a": "b"}})
    result = given_to(Workload(raw), cluster("p", {**FORBID, **LIMIT, **HISTORY}))
    note = {
        "spec.concurrencyPolicy": "Forbid",
        "spec.jobTemplate.spec.template.spec.containers[work].resources.limits.memory": "64Mi",
        "spec.successfulJobsHistoryLimit": 1,
    }
    annotations = result.job.annotations
    assert annotations == {"a": "b", DEFAULTED_ANNOTATION: json.dumps(note, separators=(",", ":"), sort_keys=True)}
    assert {
        render(path): lookup(result.job.raw, path) for each in result.written for path, _ in each.default.writes
    } == (writes(result))
    assert all(result.job.origin(each.default.path) is Origin.BATCHWARDEN for each in result.written)
    assert result.verdict is not None
    assert result.verdict.violations == ()


def test_the_note_keeps_what_was_noted_before() -> None:
    noted = {"annotations": {DEFAULTED_ANNOTATION: '{"spec.suspend":false,"spec.concurrencyPolicy":"Allow"}'}}
    result = given_to(Workload(cron_job(metadata=noted, suspend=False)), cluster("p", FORBID))
    assert result.job.annotations == {DEFAULTED_ANNOTATION: '{"spec.concurrencyPolicy":"Forbid","spec.suspend":false}'}


@pytest.mark.parametrize("by", ["kubectl apply", "kubectl apply --server-side", "kubectl create"])
def test_writing_twice_is_writing_once(by: str) -> None:
    policies = [cluster("p", {**FORBID, **LIMIT, **HISTORY}), local("q", {**REPLACE, **DEADLINE})]
    once = given_to(sent(cron_job(), by), *policies)
    again = given_to(once.job, *policies)
    assert once.written
    assert (again.written, again.job) == ((), once.job)


def test_what_comes_to_be_what_stands_there_is_not_written() -> None:
    result = given_to(sent(cron_job()), cluster("p", ALLOW))
    assert (result.written, result.job.annotations.get(DEFAULTED_ANNOTATION)) == ((), None)


@pytest.mark.parametrize("action", ["Warn", "Deny"])
def test_policies_that_warn_and_policies_that_deny_write(action: str) -> None:
    assert writes(given_to(Workload(cron_job()), cluster("p", FORBID, action=action))) == {
        "spec.concurrencyPolicy": "Forbid"
    }


def test_audit_writes_nothing_and_reports_what_it_would() -> None:
    preview = cluster("p", {**FORBID, **DEADLINE, **ALLOW}, action="Audit")
    job = Workload(cron_job())
    result = given_to(job, cluster("p", {**FORBID, **DEADLINE}, action="Audit"))
    assert (result.written, result.job, result.verdict) == ((), job, None)
    assert [(each.place, each.default.value) for each in result.audited] == [
        ("spec.jobTemplate.spec.activeDeadlineSeconds", 3600),
        ("spec.concurrencyPolicy", "Forbid"),
    ]
    assert [each.place for each in given_to(sent(cron_job()), preview).audited] == [
        "spec.jobTemplate.spec.activeDeadlineSeconds"
    ]


def test_audit_does_not_report_what_another_policy_writes_or_the_user_wrote() -> None:
    preview = cluster("p", {**FORBID, **DEADLINE, **HISTORY}, action="Audit")
    raw = cron_job(job={"activeDeadlineSeconds": 60})
    result = given_to(Workload(raw), preview, cluster("q", REPLACE))
    assert [each.place for each in result.audited] == ["spec.successfulJobsHistoryLimit"]


@pytest.mark.parametrize(
    ("policies", "expected", "by"),
    [
        pytest.param([cluster("b", REPLACE, action="Warn"), cluster("a", FORBID, action="Warn")], "Forbid", ["a"],
                     id="the first by name"),
        pytest.param([cluster("a", FORBID, action="Warn"), local("z", REPLACE, action="Warn")], "Replace", ["z"],
                     id="a namespace's own before the cluster's"),
        pytest.param([local("b", FORBID, action="Warn"), local("a", REPLACE, action="Warn")], "Replace", ["a"],
                     id="a namespace's own by name"),
        pytest.param([cluster("a", REPLACE, action="Warn"), cluster("b", FORBID)], "Forbid", ["b"],
                     id="the first gives way where it would be denied"),
        pytest.param([local("a", ALLOW, action="Warn"), cluster("b", FORBID)], "Forbid", ["b"],
                     id="so does what stands there already"),
        pytest.param([local("a", REPLACE), cluster("b", FORBID)], None, [], id="none that is not denied: none"),
        pytest.param([local("a", ALLOW), cluster("b", FORBID)], None, [], id="nor where what stands there is denied"),
        pytest.param([cluster("a", REPLACE, action="Warn"), cluster("b", FORBID, action="Warn")], "Replace", ["a"],
                     id="who warns does not weigh"),
        pytest.param([cluster("a", REPLACE), cluster("b", FORBID, action="Audit")], "Replace", ["a"],
                     id="who audits does not weigh"),
        pytest.param([cluster("a", FORBID, action="Audit"), cluster("b", REPLACE)], "Replace", ["b"],
                     id="nor comes first"),
        pytest.param([cluster("a", REPLACE, action="Warn"), cluster("b", ONLY_FORBID)], None, [],
                     id="who has no default still denies"),
    ],
)  # fmt: skip
def test_the_first_candidate_that_nobody_would_deny_is_written(
    policies: list[Policy], expected: str | None, by: list[str]
) -> None:
    result = given_to(sent(cron_job()), *policies)
    assert ({"spec.concurrencyPolicy": expected} if expected else {}, by) == (writes(result), wrote(result))
    if not expected:
        assert result.verdict is not None
        assert [violation.rule for violation in result.verdict.having(Action.DENY)] == ["concurrencyPolicy"]


def test_one_candidate_that_gives_way_takes_no_other_field_along() -> None:
    policies = [cluster("a", {**REPLACE, **HISTORY, **LIMIT}, action="Warn"), cluster("b", {**FORBID, **DEADLINE})]
    result = given_to(sent(cron_job()), *policies)
    assert list(writes(result).values()) == ["64Mi", "Forbid", 1, 3600]
    assert wrote(result) == ["a", "b", "a", "b"]


def test_a_fault_that_no_default_cures_does_not_hinder_the_others() -> None:
    result = given_to(Workload(cron_job(job={"backoffLimit": 9})), cluster("p", {**FORBID, "backoffLimit": {"max": 1}}))
    assert writes(result) == {"spec.concurrencyPolicy": "Forbid"}
    assert result.verdict is not None
    assert [violation.rule for violation in result.verdict.violations] == ["backoffLimit"]


def test_a_default_that_would_be_denied_elsewhere_is_not_written() -> None:
    """One rule wants a TTL written where the other then finds fault with suspend."""

    def check(job: Workload, _params: RuleParams, _facts: Facts) -> Iterator[Any]:
        if lookup(job.raw, ("spec", "ttlSecondsAfterFinished")) == 7:
            yield from asks(SUSPEND, [True]).check(job, RuleParams(), Facts())

    meddling = made_of(Rule("rules.meddling", "Meddles.", RuleParams, check), name="z")
    seven = asks(("spec", "ttlSecondsAfterFinished"), [7, 8], write=7, name="ttl")
    eight = asks(("spec", "ttlSecondsAfterFinished"), [7, 8], write=8, name="ttl")
    assert writes(given_to(Workload(one_off()), made_of(seven), meddling)) == {}
    result = given_to(Workload(one_off()), made_of(seven, name="a"), made_of(eight, name="b"), meddling)
    assert writes(result) == {"spec.ttlSecondsAfterFinished": 8}
    warning = made_of(Rule("rules.meddling", "Meddles.", RuleParams, check), name="z", action=Action.WARN)
    assert writes(given_to(Workload(one_off()), made_of(seven), warning)) == {"spec.ttlSecondsAfterFinished": 7}


def test_a_default_that_would_undo_the_cure_of_another_is_not_written() -> None:
    """Suspend is written first; with a TTL of 7 it would be denied all the same."""
    ttl: Path = ("spec", "ttlSecondsAfterFinished")

    def check(job: Workload, _params: RuleParams, _facts: Facts) -> Iterator[Any]:
        yield from asks(SUSPEND, [True] if lookup(job.raw, ttl) != 7 else []).check(job, RuleParams(), Facts())

    suspend = Rule("rules.suspend", "Suspends.", RuleParams, check, asks(SUSPEND, [], write=True).defaults)
    result = given_to(Workload(one_off()), made_of(suspend, asks(ttl, [7], write=7, name="ttl")))
    assert writes(result) == {"spec.suspend": True}


def test_a_rule_writes_into_its_own_kinds_only() -> None:
    policy = made_of(asks(SUSPEND, [True], write=True, kinds=("Job",)))
    assert writes(given_to(Workload(cron_job()), policy)) == {}
    assert writes(given_to(Workload(one_off()), policy)) == {"spec.suspend": True}


def test_an_exception_lifts_the_defaults_of_its_clauses_and_their_weight() -> None:
    policies = [cluster("p", {**FORBID, **HISTORY}, **LAX), cluster("q", REPLACE, action="Warn")]
    let_off = exception(rules=["concurrencyPolicy"])
    result = given_to(Workload(cron_job()), *policies, exceptions=[let_off])
    assert writes(result) == {"spec.concurrencyPolicy": "Replace", "spec.successfulJobsHistoryLimit": 1}
    assert (
        given_to(Workload(cron_job()), policies[0], exceptions=[exception(rules=["historyLimits"])]).job.raw["spec"][
            "concurrencyPolicy"
        ]
        == "Forbid"
    )


@pytest.mark.parametrize(
    ("rules", "name", "expected"),
    [
        (DEADLINE, "activeDeadline", {}),
        (FORBID, "concurrencyPolicy", {"spec.concurrencyPolicy": "Forbid"}),
    ],
)
def test_what_can_stop_work_is_not_written_where_any_exception_lifts_the_rule(
    rules: dict[str, Any], name: str, expected: dict[str, Any]
) -> None:
    policies = [cluster("p", rules, **LAX), cluster("q", rules)]
    assert expected == writes(given_to(Workload(cron_job()), *policies, exceptions=[exception(rules=[name])]))


@pytest.mark.parametrize("expires", ["2026-11-21T12:00:00Z", "2028-01-01T00:00:00Z"])
def test_an_inert_exception_keeps_no_default_out(expires: str) -> None:
    let_off = exception(expiresAt=expires)
    assert list(
        writes(given_to(Workload(one_off()), cluster("p", DEADLINE, **LAX), exceptions=[let_off])).values()
    ) == [3600]


def test_an_exception_for_a_policy_that_does_not_concern_the_object_keeps_no_default_out() -> None:
    policies = [cluster("p", DEADLINE, objectSelector={"matchLabels": {"a": "b"}}, **LAX), cluster("q", DEADLINE)]
    assert wrote(given_to(Workload(one_off()), *policies, exceptions=[exception()])) == ["q"]


def test_what_can_stop_work_is_not_written_into_what_a_controller_owns() -> None:
    owned = one_off(metadata={"ownerReferences": [{"kind": "JobSet", "name": "train", "controller": True}]})
    result = given_to(Workload(owned), cluster("p", {**DEADLINE, "backoffLimit": {"default": 2}}))
    assert writes(result) == {"spec.backoffLimit": 2}
    loose = merge(owned, {"metadata": {"ownerReferences": [{"kind": "JobSet", "name": "train"}]}})
    assert writes(given_to(Workload(loose), cluster("p", DEADLINE))) == {"spec.activeDeadlineSeconds": 3600}


def test_labels_come_first_and_may_bring_further_policies() -> None:
    selected = cluster("q", FORBID, objectSelector={"matchLabels": {"tier": "batch"}})
    result = given_to(sent(cron_job()), made_of(LABEL), selected)
    assert list(writes(result).items()) == [("metadata.labels[tier]", "batch"), ("spec.concurrencyPolicy", "Forbid")]
    assert writes(given_to(sent(cron_job()), selected)) == {}


def test_a_label_that_brings_a_denial_is_not_written() -> None:
    selected = cluster("q", {"backoffLimit": {"max": 0}}, objectSelector={"matchLabels": {"tier": "batch"}})
    result = given_to(sent(one_off(backoffLimit=3)), made_of(LABEL), selected)
    assert result.written == ()


def test_on_an_update_a_label_may_bring_policies_whose_faults_are_cured_too() -> None:
    selected = cluster("q", FORBID, objectSelector={"matchLabels": {"tier": "batch"}})
    old = sent(cron_job(metadata={"labels": {"tier": "batch"}}, concurrencyPolicy="Forbid"))
    result = given_to(sent(cron_job(), old=old), made_of(LABEL), selected, old=old)
    assert list(writes(result).items()) == [("metadata.labels[tier]", "batch"), ("spec.concurrencyPolicy", "Forbid")]


def test_limits_come_before_requests_and_requests_stand_beside_limits_of_our_own() -> None:
    rules = {**LIMIT, "resourceRequests": {"require": ["memory"], "defaults": {"memory": "32Mi"}}}
    result = given_to(sent(cron_job()), cluster("p", rules))
    container = render(MEMORY[:7])
    assert list(writes(result).items()) == [
        (f"{container}.resources.limits.memory", "64Mi"),
        (f"{container}.resources.requests.memory", "32Mi"),
    ]
    users = sent(cron_job(pod={"containers": containers(work={"limits": {"memory": "1Gi"}})}))
    assert writes(given_to(users, cluster("p", rules))) == {}


def test_a_default_that_the_limit_range_does_not_admit_gives_way() -> None:
    policies = [
        cluster("a", {"resourceLimits": {"defaults": {"memory": "64Mi"}}}),
        cluster("b", {"resourceLimits": {"defaults": {"memory": "256Mi"}}}),
    ]
    ranges = {"team-a": LimitRange(min=amounts({"memory": "128Mi"}))}
    assert wrote(given_to(Workload(cron_job()), *policies, limit_ranges=ranges)) == ["b"]
    assert wrote(given_to(Workload(cron_job()), *policies)) == ["a"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param({}, {"schedule": "0 4 * * *"}, {}, id="what was wrong before stays"),
        pytest.param({"concurrencyPolicy": "Forbid"}, {}, {"spec.concurrencyPolicy": "Forbid"}, id="a value removed"),
        pytest.param({"concurrencyPolicy": "Forbid"}, {"concurrencyPolicy": "Allow"}, {}, id="another written"),
        pytest.param({"concurrencyPolicy": "Replace"}, {}, {"spec.concurrencyPolicy": "Forbid"}, id="another fault"),
    ],
)
def test_on_an_update_only_what_is_new_is_cured(
    old: dict[str, Any], new: dict[str, Any], expected: dict[str, Any]
) -> None:
    was, policy = sent(cron_job(**old)), cluster("p", {**FORBID, **HISTORY, **DEADLINE})
    assert expected == writes(given_to(sent(cron_job(**new), old=was), policy, old=was))


def test_on_an_update_nothing_is_written_into_an_old_object_that_a_policy_has_just_reached() -> None:
    was = sent(one_off())
    assert writes(given_to(sent(one_off(suspend=True), old=was), cluster("p", DEADLINE), old=was)) == {}


def test_a_container_added_on_an_update_gets_its_limit_and_the_old_one_stays_as_it_is() -> None:
    was = sent(cron_job(pod={"containers": containers(a={})}))
    job = sent(cron_job(pod={"containers": containers(b={}, a={})}), old=was)
    assert writes(given_to(job, cluster("p", LIMIT), old=was)) == {render(MEMORY): "64Mi"}


def test_after_a_move_to_server_side_apply_our_values_are_written_again() -> None:
    """The move drops what client-side apply had owned, our values among it, and the API server fills in its own."""
    was = given_to(sent(cron_job()), cluster("p", FORBID)).job
    moved = sent(merge(cron_job(), {"metadata": {"annotations": was.annotations}}), "kubectl apply --server-side", was)
    assert lookup(moved.raw, POLICY) == "Allow"
    assert writes(given_to(moved, cluster("p", FORBID), old=was)) == {"spec.concurrencyPolicy": "Forbid"}


def test_audit_on_an_update_reports_only_what_it_would_cure() -> None:
    was = sent(cron_job(concurrencyPolicy="Forbid"))
    preview = cluster("p", {**FORBID, **DEADLINE}, action="Audit")
    assert [each.place for each in given_to(sent(cron_job(), old=was), preview, old=was).audited] == [
        "spec.concurrencyPolicy"
    ]


def paired(*also: tuple[Path, Any], **options: Any) -> Policy:
    """Make a policy that writes suspend and companions."""

    def write(_job: Workload, _params: RuleParams, _facts: Facts) -> Iterator[Default]:
        yield Default(SUSPEND, True, also)  # noqa: FBT003 - a value

    return made_of(Rule("rules.paired", "Writes two.", RuleParams, lambda *_: (), write), **options)


def test_companions_are_written_together_or_not_at_all() -> None:
    pair = paired((("spec", "timeZone"), "Etc/UTC"))
    result = given_to(sent(cron_job()), pair)
    assert writes(result) == {"spec.suspend": True, "spec.timeZone": "Etc/UTC"}
    assert json.loads(result.job.annotations[DEFAULTED_ANNOTATION]) == writes(result)
    assert writes(given_to(sent(cron_job(timeZone="Asia/Tokyo")), pair)) == {}
    assert writes(given_to(sent(cron_job(suspend=True)), pair)) == {}


def test_a_companion_never_overwrites_what_another_default_has_just_written() -> None:
    zone = asks(("spec", "timeZone"), ["Asia/Tokyo"], write="Asia/Tokyo", name="zone")
    pair = paired((("spec", "timeZone"), "Etc/UTC"), name="z")
    assert writes(given_to(sent(cron_job()), made_of(zone, name="a"), pair)) == {"spec.timeZone": "Asia/Tokyo"}
    assert writes(
        given_to(sent(cron_job()), paired((("spec", "timeZone"), "Etc/UTC"), name="a"), made_of(zone, name="z"))
    ) == {
        "spec.suspend": True,
        "spec.timeZone": "Etc/UTC",
    }


def crashing(*, checks: bool = False) -> Rule[RuleParams]:
    """Make a rule whose defaults crash, and its check if it is told to."""

    def crash(_job: Workload, _params: RuleParams, _facts: Facts) -> Iterator[Any]:
        yield from ()
        raise KeyError("boom")

    return Rule("rules.crashing", "Crashes.", RuleParams, crash if checks else lambda *_: (), crash)


def test_defaults_that_crash_are_one_failure_and_the_others_are_still_written() -> None:
    policies = [made_of(crashing()), cluster("q", {**REPLACE, **HISTORY}, action="Warn"), cluster("r", FORBID)]
    result = given_to(sent(cron_job()), *policies)
    assert writes(result) == {"spec.concurrencyPolicy": "Forbid", "spec.successfulJobsHistoryLimit": 1}
    assert [(failure.clause.rule.key, str(failure.error)) for failure in result.failures] == [("crashing", "'boom'")]


def test_a_check_that_crashes_keeps_no_default_out() -> None:
    result = given_to(sent(cron_job()), made_of(crashing(checks=True)), cluster("q", FORBID))
    assert writes(result) == {"spec.concurrencyPolicy": "Forbid"}
    assert result.verdict is not None
    assert [failure.clause.rule.key for failure in result.verdict.failures] == ["crashing"]


@pytest.mark.parametrize(
    "raw",
    [
        {"metadata": [], "spec": {}},
        {"metadata": {"annotations": []}, "spec": {}},
        {"metadata": {"annotations": "text"}, "spec": {}},
        {"spec": []},
        {"spec": "text"},
        {"spec": 5},
    ],
    ids=range(6),
)
def test_what_cannot_hold_a_default_gets_none(raw: dict[str, Any]) -> None:
    for kind in ("Job", "CronJob"):
        result = given_to(Workload({"kind": kind, **raw}), cluster("p", {**FORBID, **DEADLINE, **HISTORY}))
        assert (result.written, result.failures) == ((), ())


@pytest.mark.parametrize("raw", [{}, {"spec": None}, {"metadata": None}, {"metadata": {"annotations": None}}])
def test_what_is_absent_or_null_is_made(raw: dict[str, Any]) -> None:
    result = given_to(Workload({"kind": "CronJob", **raw}), cluster("p", DEADLINE))
    assert lookup(result.job.raw, (*POD[:3], "activeDeadlineSeconds")) == 3600


def counted(select: Callable[[Workload], Selection], asked: list[Workload]) -> Callable[[Workload], Selection]:
    """Note each object for which clauses are selected."""

    def note(job: Workload) -> Selection:
        asked.append(job)
        return select(job)

    return note


def many(number: int) -> dict[str, Any]:
    """Give a CronJob of this many containers."""
    return cron_job(pod={"containers": containers(**{f"c{index}": {} for index in range(number)})})


def test_an_object_of_too_many_containers_is_judged_but_not_defaulted() -> None:
    """Each default costs a walk through all of it, and anybody may send one."""
    policy = cluster("p", LIMIT)
    assert len(given_to(Workload(many(MOST_CONTAINERS)), policy).written) == MOST_CONTAINERS
    job = Workload(many(MOST_CONTAINERS + 1))
    result = given_to(job, policy)
    assert result == Defaulting((), job, result.selection)
    assert len(evaluate(job, selecting(policy)(job)).violations) == MOST_CONTAINERS + 1


def test_candidates_are_tried_one_by_one_a_bounded_number_of_times() -> None:
    """However many policies a tenant writes: the first sixty-four candidates are tried, then nothing is."""
    asked: list[Workload] = []
    warning = [local(f"w{index:03}", REPLACE, action="Warn") for index in range(MOST_TRIES)]
    job = sent(cron_job())
    result = defaults(job, counted(selecting(*warning, cluster("z", FORBID)), asked))
    assert (result.written, len(asked) < MOST_TRIES + 20) == ((), True)
    assert writes(given_to(job, *warning[1:], cluster("z", FORBID))) == {"spec.concurrencyPolicy": "Forbid"}


some_policies = st.lists(
    st.sampled_from(
        [
            cluster("a", {**REPLACE, **LIMIT}, action="Warn"),
            cluster("b", {**FORBID, **DEADLINE, **HISTORY}, **LAX),
            cluster("c", {"ttlAfterFinished": {"defaultSeconds": 60}, "backoffLimit": {"default": 6, "max": 6}}),
            cluster("d", {"resourceLimits": {"max": {"memory": "1Mi"}}, "historyLimits": {"maxSuccessful": 0}}),
            local("e", {**ALLOW, "resourceRequests": {"defaults": {"memory": "1Mi", "cpu": 1}}}),
            local("f", {"restartPolicy": {"allowed": ["OnFailure"], "default": "OnFailure"}}, action="Audit"),
            made_of(LABEL, name="g"),
            cluster("h", FORBID, objectSelector={"matchLabels": {"tier": "batch"}}),
        ]
    ),
    max_size=6,
)
writers = st.sampled_from(["kubectl apply", "kubectl apply --server-side", "kubectl create"])
documents = st.builds(
    cron_job,
    concurrencyPolicy=st.sampled_from([None, "Allow", "Forbid"]),
    successfulJobsHistoryLimit=st.sampled_from([None, 3, 0]),
    suspend=st.sampled_from([None, False]),
    job=st.fixed_dictionaries(
        {}, optional={"backoffLimit": st.sampled_from([6, 9]), "activeDeadlineSeconds": st.just(5)}
    ),
    pod=st.fixed_dictionaries({"restartPolicy": st.sampled_from([None, "Always", "Never"])}),
)


@given(documents, writers, some_policies)
def test_what_the_user_wrote_is_never_changed(document: dict[str, Any], by: str, policies: list[Policy]) -> None:
    after = given_to(sent(document, by), *policies, exceptions=[exception()]).job.raw
    for path, value in leaves(document):
        assert value == lookup(after, path)


@given(documents, documents, writers, some_policies)
def test_an_update_writes_what_it_wrote_once_and_denies_nothing_more(
    old: dict[str, Any], new: dict[str, Any], by: str, policies: list[Policy]
) -> None:
    was = given_to(sent(old), *policies).job
    job, select = sent(new, by, was), selecting(*policies)
    once = given_to(job, *policies, old=was)
    assert given_to(once.job, *policies, old=was).written == ()
    before = Before(was, select(was))
    denied = [
        {violation.key for violation in evaluate(each, select(each), before).having(Action.DENY)}
        for each in (once.job, job)
    ]
    assert denied[0] <= denied[1]


@given(objects, st.sampled_from([FILE, Request(), Request("kubectl-client-side-apply")]), some_policies)
def test_defaults_never_raise_and_never_touch_the_object(
    raw: dict[str, Any], request: Request | None, policies: list[Policy]
) -> None:
    result = given_to(Workload(raw, request=request), *policies)
    assert result.failures == ()
    for each in result.written:
        assert lookup(result.job.raw, each.default.path) == each.default.value
        assert put(result.job.raw, each.default.path, each.default.value) == result.job.raw


def test_the_moment_of_these_tests_is_fixed() -> None:
    assert selecting()(Workload(cron_job())).at == NOW

"""Every rule keeps what its cases and its page say, and all rules together keep the laws of the set."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from policies.catalog import example, rules
from policies.defaulting import defaults
from policies.engine import evaluate
from policies.fields import DEFAULTED_ANNOTATION, FILE, Request, lookup, place, put, render
from policies.objects import Policy
from policies.resources import limit_range
from policies.rule import STRENGTH, Facts, Finding
from policies.selection import Selection, Snapshot
from policies.server_defaults import CRON_JOB_SPEC_DEFAULTS, JOB_SPEC_DEFAULTS, POD_SPEC_DEFAULTS
from policies.strict import InvalidObjectError
from policies.verdict import Before, Verdict
from policies.workload import Workload
from tests.policies.cases import TESTS, Case, base, cases, overlay, policy_of
from tests.policies.hostile import leaves, objects

RULES = list(rules())
CASES = [(rule, case) for rule in RULES for case in cases(rule)]


def every_case(ask: Callable[[Case], object]) -> pytest.MarkDecorator:
    """Run a test on the cases of which this is true."""
    return pytest.mark.parametrize(
        ("rule", "case"), [pytest.param(rule, case, id=f"{rule}: {case.name}") for rule, case in CASES if ask(case)]
    )


def said(finding: Finding) -> str:
    """Give the sentence of a finding, less its subject, and whether the API server would say so too."""
    allowed = f"; allowed: {finding.allowed}" if finding.allowed else ""
    return f"{finding.found}{allowed}{'; refused' if finding.refused else ''}"


def cure(finding: Finding) -> object:
    """Give the value that cures a finding; None where no value at one place does."""
    if finding.fix is None:
        return None
    return f"e.g. {finding.fix.value}" if finding.example else finding.fix.value


def findings(verdict: Verdict) -> list[Finding]:
    """Give what would be denied; a rule that crashed found nothing, and fails the test."""
    assert verdict.failures == ()
    return [violation.finding for violation in verdict.violations if not violation.known]


def before(case: Case, rule: str) -> Before | None:
    """Give the object of which the case is an update."""
    old = case.old()
    return None if old is None else Before(old, case.select(rule, old))


@every_case(lambda case: not case.refused)
def test_a_case_is_judged_and_defaulted_as_it_says(rule: str, case: Case) -> None:
    job = case.job()
    found = findings(evaluate(job, case.select(rule, job), before(case, rule)))
    assert case.finds == [render(finding.path) for finding in found]
    assert case.says in ([], [said(finding) for finding in found])
    assert case.cures in ([], [cure(finding) for finding in found])
    assert all(finding.why.startswith(why) for finding, why in zip(found, case.why, strict=bool(case.why)))
    result = defaults(job, lambda each: case.select(rule, each), before(case, rule))
    assert result.failures == ()
    assert case.defaulted == {render(at): value for each in result.written for at, value in each.default.writes}


@every_case(lambda case: case.refused)
def test_parameters_that_cannot_be_meant_are_refused(rule: str, case: Case) -> None:
    with pytest.raises(InvalidObjectError) as error:
        policy_of({rule: case.params})
    assert case.refused in str(error.value)
    assert ("spec", "rules", rule) == error.value.path[:3]


@every_case(lambda case: case.defaulted)
def test_a_default_leaves_no_finding_and_is_written_once(rule: str, case: Case) -> None:
    result = defaults(case.job(), lambda each: case.select(rule, each), before(case, rule))
    after = Workload(result.job.raw, request=case.request)
    left = {place(after.raw, finding.path) for finding in findings(evaluate(after, case.select(rule, after)))}
    assert set() == left & {each.place for each in result.written}
    assert defaults(after, lambda each: case.select(rule, each), before(case, rule)).written == ()


@every_case(lambda case: case.finds)
def test_the_cure_of_a_finding_cures_it(rule: str, case: Case) -> None:
    job = case.job()
    for finding in findings(evaluate(job, case.select(rule, job))):
        if finding.fix is None:
            assert None in case.cures, "a finding without a cure, of which the case says nothing"
            continue
        raw = job.raw
        for path, value in finding.fix.writes:
            raw = put(raw, path, value)
        cured = Workload(raw)
        assert finding.path not in [each.path for each in findings(evaluate(cured, case.select(rule, cured)))]


@pytest.mark.parametrize(
    ("rules_beside", "written"),
    [
        ({"backoffLimit": {"default": 0}}, {"backoffLimit"}),
        ({"backoffLimit": {"default": 2}}, {"backoffLimit", "podFailurePolicy"}),
        ({"restartPolicy": {"default": "Never"}}, {"restartPolicy", "podFailurePolicy"}),
        ({"restartPolicy": {"default": "OnFailure"}}, {"restartPolicy"}),
    ],
)
def test_disruptions_are_ignored_only_if_the_defaults_of_other_rules_let_a_pod_be_replaced(
    rules_beside: dict[str, Any], written: set[str]
) -> None:
    asked = policy_of({"podFailurePolicy": {"defaultIgnoreDisruptions": True}, **rules_beside})
    given = None if "restartPolicy" in rules_beside else "Never"
    raw = put(base("Job"), ("spec", "template", "spec", "restartPolicy"), given)
    result = defaults(Workload(raw), Snapshot([asked]).select)
    assert written == {each.clause.rule.key for each in result.written}


def test_each_rule_has_cases_and_each_case_has_a_rule() -> None:
    assert set(RULES) == {path.stem for path in (TESTS / "cases").iterdir()}


@pytest.mark.parametrize("kind", ["Job", "CronJob"])
@pytest.mark.parametrize("rule", RULES)
def test_a_rule_writes_nothing_where_no_parameter_called_default_is_given(rule: str, kind: str) -> None:
    known = rules()[rule]
    job, wanted = Workload(base(kind)), known.defaults or (lambda *_: ())
    assert list(wanted(job, known.params(), Facts())) == []


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_has_cases_that_fail_pass_and_default_and_use_each_parameter(rule: str) -> None:
    judged = [case for case in cases(rule) if not case.refused]
    assert any(case.finds for case in judged), "none fails"
    assert any(not case.finds for case in judged), "none passes"
    assert any(case.defaulted for case in judged) == (rules()[rule].defaults is not None), "none is defaulted"
    assert len({case.name for case in cases(rule)}) == len(cases(rule)), "two have the same name"
    own = set(rules()[rule].params.__struct_encode_fields__) - {"action", "reason"}
    assert own - {key for case in judged for key in case.params} == set(), "these parameters are in no case"
    assert any("; refused" in said for case in judged for said in case.says) == bool(rules()[rule].refusable)
    assert set(rules()[rule].kinds) <= {case.kind for case in judged}, "a kind is in no case"


def shown(rule: str, title: str) -> tuple[Workload, dict[str, Any]]:
    """Read an example of a rule's page: as an object, and the parameters it assumes."""
    found = example(rules()[rule], title)
    raw = yaml.safe_load(found.manifest)
    return Workload(overlay(base(raw["kind"]), raw)), yaml.safe_load(found.params)


def under(job: Workload, params: dict[str, Any]) -> Selection:
    return Snapshot([policy_of(params)]).select(job)


@pytest.mark.parametrize("rule", RULES)
def test_what_the_page_flags_is_found_and_what_it_allows_is_not(rule: str) -> None:
    flagged, params = shown(rule, "Flagged")
    assert {rule} == {violation.rule for violation in evaluate(flagged, under(flagged, {rule: params})).violations}
    allowed, params = shown(rule, "Allowed")
    for assumed in (params, shown(rule, "Flagged")[1]):
        assert evaluate(allowed, under(allowed, {rule: assumed})).violations == ()


@pytest.mark.parametrize("kind", ["Job", "CronJob"])
def test_what_the_pages_allow_they_allow_together(kind: str) -> None:
    """The rules do not contradict each other: one object can be all that they ask for."""
    raw = base(kind)
    for rule in RULES:
        raw = overlay(raw, _as(kind, yaml.safe_load(example(rules()[rule], "Allowed").manifest)))
    job = Workload(raw)
    assert evaluate(job, under(job, {rule: {} for rule in RULES})).violations == ()


def _as(kind: str, sketch: dict[str, Any]) -> dict[str, Any]:
    """Bring an example under a kind: a Job's spec into a CronJob's template; a CronJob's says nothing of Jobs."""
    if sketch["kind"] == kind:
        return sketch
    return {"spec": {"jobTemplate": {"spec": sketch["spec"]}}} if kind == "CronJob" else {}


FILLED = {**JOB_SPEC_DEFAULTS, **CRON_JOB_SPEC_DEFAULTS, **POD_SPEC_DEFAULTS}
SOUND = [(rule, case) for rule, case in CASES if not case.refused]
RANGES = [limit_range([{"spec": {"limits": case.limit_range}}]) for _, case in SOUND]
LABELLED = {"objectSelector": {"matchLabels": {"app": "import"}}}
POLICIES = [
    policy_of({rule: case.params}, **spec) for rule, case in SOUND for spec in ({}, LABELLED, {"action": "Warn"})
]
some_policies = st.lists(st.sampled_from(POLICIES), min_size=1, max_size=12)
snapshots = st.builds(lambda policies, limits: Snapshot(policies, limit_ranges={"team-a": limits}), some_policies,
                      st.sampled_from(RANGES))  # fmt: skip
requests = st.sampled_from([FILE, Request(), Request("kubectl"), Request("kubectl", {"metadata": {"name": "import"}})])


@given(objects, requests, snapshots)
def test_no_object_makes_a_rule_raise(raw: dict[str, Any], request: Request | None, snapshot: Snapshot) -> None:
    job = Workload(raw, request=request)
    assert evaluate(job, snapshot.select(job)).failures == ()
    assert defaults(job, snapshot.select).failures == ()


def test_no_number_is_too_large_for_a_rule() -> None:
    for rule, case in SOUND:
        raw = case.job().raw
        for path, value in leaves(raw):
            job = Workload(put(raw, path, 10**400) if type(value) is int else raw)
            assert evaluate(job, case.select(rule, job)).failures == ()


@given(objects, requests, snapshots)
def test_defaults_touch_nothing_that_stands_and_are_complete(
    raw: dict[str, Any], request: Request | None, snapshot: Snapshot
) -> None:
    result = defaults(Workload(raw, request=request), snapshot.select)
    for path, value in leaves(raw):
        found = lookup(result.job.raw, path)
        filled = request is not FILE and FILLED.get(str(path[-1])) == value
        assert found == value or filled or path[-1] == DEFAULTED_ANNOTATION
    again = defaults(Workload(result.job.raw, request=request), snapshot.select)
    assert result.job.raw == again.job.raw


@given(objects, some_policies, some_policies)
def test_one_more_policy_never_allows_more(raw: dict[str, Any], some: list[Policy], more: list[Policy]) -> None:
    job = Workload(raw)
    few, many = Snapshot(some), Snapshot([*some, *more])
    before, after = evaluate(job, few.select(job)), evaluate(job, many.select(job))
    actions = {violation.key: violation.action for violation in after.violations}
    for violation in before.violations:
        assert STRENGTH[actions[violation.key]] <= STRENGTH[violation.action]

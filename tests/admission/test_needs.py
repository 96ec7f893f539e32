"""What the mutating webhook's condition is made of; tests/cluster/test_needs.py holds it against mutation itself."""

import json
import re
from itertools import permutations
from typing import Any

import pytest
from msgspec import structs

from policies import cron, timing
from policies.catalog import rules
from policies.cron.zones import zone_names
from policies.defaulting import defaults
from policies.engine import evaluate
from policies.fields import Path
from policies.objects import Policy
from policies.rule import Gap
from policies.rules import job_name
from policies.selection import Snapshot
from policies.selector import LabelSelector
from policies.workload import Workload
from tests.conftest import ROOT
from tests.policies.cases import Case, base, cases, merge, policy_of
from webhook.admission.needs import BINDINGS, MOST, mutation_condition

CASES = [(key, case) for key in rules() for case in cases(key) if not case.refused]
DEADLINE = {"activeDeadline": {"defaultSeconds": 60}}
DEADLINE_OPEN = "!owned && !pod.?activeDeadlineSeconds.hasValue() && !job[?'activeDeadlineSeconds'].hasValue()"
OF_CRON_JOB = "request.kind.kind == 'CronJob' && "


def asked(*policies: Policy) -> str:
    """Give the condition, less what binds its variables, which are those that it names."""
    condition = mutation_condition(policies)
    for name, value in BINDINGS.items():
        beginning = f"[{value}].exists({name}, "
        bound = condition.startswith(beginning)
        condition = condition.removeprefix(beginning).removesuffix(")" * bound)
        assert bound == bool(re.search(rf"\b{name}\b", condition))
    return condition


@pytest.mark.parametrize(
    "policies",
    [
        [],
        [policy_of({"parallelism": {"max": 3}, "activeDeadline": {"maxSeconds": 60}})],
        [policy_of({"schedule": {}, "restartPolicy": {}}, action="Audit")],
    ],
)
def test_where_nothing_is_written_or_refused_it_is_false(policies: list[Policy]) -> None:
    assert mutation_condition(policies) == "false"


TERMS: dict[str, tuple[dict[str, Any], str]] = {
    "a field": ({"activeDeadline": {"defaultSeconds": 60}}, DEADLINE_OPEN),
    "a field that Kubernetes fills in": (
        {"concurrencyPolicy": {"allowed": ["Forbid"], "default": "Forbid"}},
        OF_CRON_JOB + 'object.spec[?\'concurrencyPolicy\'].orValue("Allow") == "Allow"',
    ),
    "a number that Kubernetes fills in": ({"backoffLimit": {"default": 2}}, "job[?'backoffLimit'].orValue(6) == 6"),
    "what Kubernetes fills in anyway": ({"backoffLimit": {"default": 6}}, "!job[?'backoffLimit'].hasValue()"),
    "one of two": (
        {"historyLimits": {"defaultSuccessful": 1}},
        OF_CRON_JOB + "object.spec[?'successfulJobsHistoryLimit'].orValue(3) == 3",
    ),
    "containers": (
        {"resourceRequests": {"defaults": {"cpu": "10m", "memory": "1Mi"}}},
        (
            "size(containers) <= 64 && containers.exists(container,"
            " !container[?'resources'][?'requests'][?'cpu'].hasValue()"
            " || !container[?'resources'][?'requests'][?'memory'].hasValue())"
        ),
    ),
    "labels": (
        {"requiredLabels": {"defaults": {"example.com/team": "a"}, "templates": True}},
        (
            "!job[?'template'][?'metadata'][?'labels'][?'example.com/team'].hasValue()"
            " || !object.metadata[?'labels'][?'example.com/team'].hasValue()"
            " || request.kind.kind == 'CronJob' &&"
            " !object.spec[?'jobTemplate'][?'metadata'][?'labels'][?'example.com/team'].hasValue()"
        ),
    ),
    "a part of what could be written": (
        {"placement": {"nodeSelector": {"pool": "batch"}, "defaults": True}},
        "!pod[?'nodeSelector'].hasValue()",
    ),
    "what is refused": ({"restartPolicy": {}}, "!(pod.?restartPolicy.orValue('') in ['Never', 'OnFailure'])"),
    "what would be written": ({"activeDeadline": {"defaultSeconds": 60, "action": "Audit"}}, DEADLINE_OPEN),
}


@pytest.mark.parametrize("what", TERMS)
def test_it_asks_for_what_is_open_and_what_is_refused(what: str) -> None:
    rules, expected = TERMS[what]
    assert asked(policy_of(rules)) == f"({expected})"


def test_it_asks_each_thing_once_and_in_one_order() -> None:
    some = {"backoffLimit": {"default": 1}, **DEADLINE}
    policies = [policy_of(some), policy_of({"backoffLimit": {"default": 3}}), policy_of(DEADLINE)]
    expected = f"({DEADLINE_OPEN} || job[?'backoffLimit'].orValue(6) == 6)"
    assert {asked(*order) for order in permutations(policies)} == {expected}


def of_namespace(name: str, rules: dict[str, Any] = DEADLINE) -> Policy:
    return structs.replace(policy_of(rules), namespace=name)


def selecting(**labels: str) -> Policy:
    return structs.replace(policy_of(DEADLINE), object_selector=LabelSelector(match_labels=labels))


def test_it_asks_for_namespaces_and_labels_where_no_other_policy_makes_that_vain() -> None:
    team_a, team_b, chosen = of_namespace("team-a"), of_namespace("team-b"), selecting(tier="b", app="x")
    own = "object.metadata.?labels[?'app'].orValue('') == 'x' && object.metadata.?labels[?'tier'].orValue('') == 'b'"
    assert asked(team_b, chosen, team_a, team_a) == (
        f"({own} || ofCronJob) && ({DEADLINE_OPEN}) || request.namespace in ['team-a', 'team-b'] && ({DEADLINE_OPEN})"
    )
    assert asked(team_b, chosen, team_a, policy_of(DEADLINE)) == f"({DEADLINE_OPEN})"


def test_where_it_grows_too_long_it_asks_less_and_at_last_nothing() -> None:
    labelled = [{"requiredLabels": {"defaults": {f"example.com/{number:03}": "a"}}} for number in range(400)]
    selected = [selecting(task=f"task-{number}") for number in range(400)]
    of_namespaces = [of_namespace(f"team-{number}", rules) for number, rules in enumerate(labelled)]
    rough = asked(*of_namespaces, *selected)
    assert rough.startswith(f"({DEADLINE_OPEN}) || request.namespace in ['team-0', 'team-1', 'team-10', ")
    assert rough.endswith("'team-99'] && (true)")
    in_thousands = [of_namespace(f"namespace-{number}") for number in range(2000)]
    assert asked(*in_thousands, policy_of({"backoffLimit": {"default": 1}})) == (
        f"({DEADLINE_OPEN} || job[?'backoffLimit'].orValue(6) == 6)"
    )
    assert mutation_condition([policy_of(rules) for rules in labelled]) == ""
    assert len(mutation_condition([policy_of(rules) for rules in labelled[:200]])) in range(MOST // 2, MOST)


def gap_paths(job: Workload, gap: Gap) -> list[Path]:
    """Say where a gap is in an object."""
    holder, *steps = gap.path
    if holder == "container":
        return [(*container.path, *steps) for container in job.all_containers]
    if holder == "cronJob" and job.kind != "CronJob":
        return []
    holders = {"metadata": job.metadata, "cronJob": job.cron_job_spec, "job": job.job_spec, "pod": job.pod_spec}
    return [(*holders[holder].path, *steps)]


@pytest.mark.parametrize(("key", "case"), [pytest.param(*each, id=f"{each[0]}: {each[1].name}") for each in CASES])
def test_what_a_rule_writes_is_a_gap_that_it_names(key: str, case: Case) -> None:
    rule, job = rules()[key], case.job()
    result = defaults(job, lambda each: case.select(key, each))
    params = case.select(key, job).clauses.every[0].params
    asks = rule.defaults if rule.defaults and job.kind in rule.kinds else lambda *_: ()
    wanted = {default.path for default in asks(job, params, case.select(key, job).facts) if job.is_open(default.path)}
    written = wanted | {each.default.path for each in result.written}
    gaps = rule.gaps(params) if rule.gaps else ()
    named = [path for gap in gaps if gap.value is not None for path in gap_paths(job, gap)]
    assert [path for path in written if not any(path[: len(gap)] == gap for gap in named)] == []


def test_each_rule_that_writes_names_gaps_and_else_there_is_no_condition() -> None:
    writing = [rule for rule in rules().values() if rule.defaults]
    assert [rule.key for rule in writing if not rule.gaps] == []
    ((rule, *rest),) = policy_of(DEADLINE).rules
    silent = structs.replace(policy_of(DEADLINE), rules=((structs.replace(rule, gaps=None), *rest),))
    assert mutation_condition([silent, policy_of({"restartPolicy": {}})]) == ""


EXPRESSIONS = [json.loads(line)[0] for line in (ROOT / "tests" / "cron" / "expected.jsonl").read_text().splitlines()]


def test_a_plain_schedule_is_never_refused() -> None:
    plain = [text for text in {*EXPRESSIONS} if re.search(cron.PLAIN, text) and "\n" not in text]
    assert {cron.parse(text).zone for text in plain} == {""}  # and so it could be parsed
    usual = ["* * * * *", "*/5 0,12 1-15 */3 1-5", "5,25,45 9-17 * 1 MON-FRI", "@daily", "00 03 31 12 0"]
    assert {text for text in usual if re.search(cron.PLAIN, text)} == {*usual}
    odd = ["", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 7", "*/0 * * * *", "TZ=UTC * * * * *",
           "* * * *", "* * * * * *", "5-1 * * * *", "@every x", "@reboot", "* * * * *x", "“* * * * *”"]  # fmt: skip
    assert [text for text in odd if re.search(cron.PLAIN, text)] == []
    assert len(plain) > 100
    assert max(map(len, plain)) < 999  # what is longer counts as odd


def test_a_schedule_that_names_hours_is_taken_for_one() -> None:
    (pattern,) = re.findall(r"^!schedule\.matches\('(.*)'\)$", timing.NAMES_HOURS)
    nameless = [text for text in EXPRESSIONS if re.search(pattern, text)]
    jobs = [Workload(merge(base("CronJob"), {"spec": {"schedule": text}})) for text in nameless]
    assert jobs
    assert [job.raw["spec"] for job in jobs if timing.names_hours(job)] == []


def test_the_zones_that_most_people_name_are_known() -> None:
    assert set(cron.COMMON_ZONES) - zone_names() == set()


@pytest.mark.parametrize("field", ["name", "generateName"])
def test_a_name_that_fits_with_an_index_fits_whatever_is_added(field: str) -> None:
    indexed = {"completions": 2**31 - 1, "completionMode": "Indexed"}
    shapes = {
        ("CronJob", job_name.FIT): {"jobTemplate": {"spec": indexed}},
        ("Job", job_name.FIT): indexed,
        ("CronJob", job_name.CRON_JOB - len(job_name.TAIL)): {},
        ("Job", job_name.BASE): {},
    }
    for (kind, most), spec in shapes.items():
        metadata = {"name": None, field: "a" * most}
        job = Workload(merge(base(kind), {"metadata": metadata, "spec": spec}))
        assert evaluate(job, Snapshot([policy_of({"jobName": {}})]).select(job)).violations == ()

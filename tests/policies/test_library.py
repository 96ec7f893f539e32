"""The ready policies do to real objects what their comments promise, alone and together."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies.defaulting import defaults
from policies.engine import evaluate
from policies.fields import FILE, Request, render
from policies.objects import BatchPolicyException, ClusterBatchPolicy, Policy, decode_object, policy
from policies.resources import limit_range
from policies.rule import Action
from policies.selection import Snapshot
from policies.server_defaults import CRON_JOB_SPEC_DEFAULTS
from policies.workload import Workload
from tests.policies.cases import TESTS, base, merge

LIBRARY = TESTS.parent / "policies" / "library"
EXAMPLES = TESTS.parent / "deploy" / "examples"
AT = datetime(2027, 1, 15, tzinfo=UTC)  # while the exception of the examples is in force


def manifests(folder: Path) -> list[Any]:
    return [yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.yaml"))]


def ready(name: str) -> Policy:
    source = decode_object(yaml.safe_load((LIBRARY / f"{name}.yaml").read_text()))
    assert isinstance(source, ClusterBatchPolicy)
    return policy(source)


READY = {path.stem: ready(path.stem) for path in LIBRARY.glob("*.yaml")}


def snapshot() -> Snapshot:
    """Put the ready policies over the small world of the examples."""
    world = manifests(EXAMPLES / "policies")
    ours = [decode_object(each) for each in world if each["apiVersion"].startswith("batchwarden.io/")]
    return Snapshot(
        [*READY.values(), *(policy(each) for each in ours if not isinstance(each, BatchPolicyException))],
        [each for each in ours if isinstance(each, BatchPolicyException)],
        {each["metadata"]["name"]: each["metadata"].get("labels", {}) for each in world if each["kind"] == "Namespace"},
        {each["metadata"]["namespace"]: limit_range([each]) for each in world if each["kind"] == "LimitRange"},
    )


def judged(
    raw: dict[str, Any], world: Snapshot, *, request: Request | None = FILE, at: datetime = AT
) -> dict[str, Any]:
    """Default and judge an object: rules that deny and warn, those an exception lifts, and what is written."""
    result = defaults(Workload(raw, request=request), lambda job: world.select(job, at=at))
    verdict = evaluate(result.job, world.select(result.job, at=at))
    assert result.failures == verdict.failures == ()
    told = {
        "denied": {violation.rule for violation in verdict.having(Action.DENY)},
        "warned": {violation.rule for violation in verdict.having(Action.WARN)},
        "lifted": {skip.clause.rule.key for skip in verdict.skips},
        "written": {
            render(path).rpartition(".")[2]: value for each in result.written for path, value in each.default.writes
        },
    }
    return {key: value for key, value in told.items() if value}


TOLD: dict[str, dict[str, Any]] = {
    "good-job": {},
    "good-cronjob": {},
    "cronjob-everything-wrong": {
        "denied": {"concurrencyPolicy", "startingDeadline", "historyLimits", "backoffLimit", "ttlAfterFinished",
                   "imageTag", "resourceLimits"},
        "warned": {"runOverlap"},
        "written": {"activeDeadlineSeconds": 86400, "successfulJobsHistoryLimit": 3},
    },
    "cronjob-singleton-left-to-defaults": {"written": {"concurrencyPolicy": "Forbid"}},
    "cronjob-singleton-that-overlaps": {"denied": {"concurrencyPolicy"}, "warned": {"runOverlap"}},
    "cronjob-that-hides-its-failures": {"warned": {"historyLimits", "startingDeadline"}},
    "cronjob-without-starting-deadline": {"written": {"startingDeadlineSeconds": 300}},
    "job-from-a-foreign-registry": {"denied": {"imageTag"}},
    "job-kept-for-a-year": {"denied": {"ttlAfterFinished"}},
    "job-migration-left-to-defaults": {"written": {"backoffLimit": 0, "restartPolicy": "Never"}},
    "job-migration-that-retries": {"denied": {"backoffLimit", "restartPolicy"}},
    "job-of-the-latest-image": {"denied": {"imageTag"}},
    "job-of-two-days-with-exception": {"lifted": {"activeDeadline"}},
    "job-that-restarts-always": {"denied": {"restartPolicy"}},
    "job-tracked-by-argo-cd": {},
    "job-without-deadline": {"written": {"activeDeadlineSeconds": 86400}},
    "job-without-limits": {"denied": {"resourceLimits"}, "written": {"cpu": "50m", "memory": "64Mi"}},
    "job-without-ttl": {"written": {"ttlSecondsAfterFinished": 259200}},
}  # fmt: skip


def test_every_example_is_told_of() -> None:
    assert set(TOLD) == {path.stem for path in EXAMPLES.glob("*.yaml")}


@pytest.mark.parametrize("name", TOLD)
def test_an_example_shows_what_its_name_says(name: str) -> None:
    raw = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text())
    assert TOLD[name] == judged(raw, snapshot())


@pytest.mark.parametrize(("at", "told"), [
    ("2027-02-14", {"lifted": {"activeDeadline"}}),
    ("2027-02-15", {"denied": {"activeDeadline"}}),  # expired
    ("2026-11-16", {"denied": {"activeDeadline"}}),  # more than 90 days ahead
])  # fmt: skip
def test_the_exception_of_the_examples_ends(at: str, told: dict[str, Any]) -> None:
    raw = yaml.safe_load((EXAMPLES / "job-of-two-days-with-exception.yaml").read_text())
    assert told == judged(raw, snapshot(), at=datetime.fromisoformat(at).replace(tzinfo=UTC))


RESTRICTED = {"batchwarden.io/level": "restricted"}
DEFAULTS = {"batchwarden.io/defaults": "true"}
NO_STARTING_DEADLINE = {"spec": {"startingDeadlineSeconds": None}}
FOUR_FAULTS = yaml.safe_load("""
spec:
  concurrencyPolicy: Allow
  jobTemplate:
    spec:
      activeDeadlineSeconds: null
      template:
        spec:
          containers:
          - name: report
            image: registry.example.com/reports/report:latest
            resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 256Mi}}
          - name: upload
            image: registry.example.com/reports/upload:2.0.1
            resources: {requests: {cpu: 50m, memory: 64Mi}}
""")
FAULTS = {"concurrencyPolicy", "activeDeadline", "imageTag", "resourceLimits"}


@pytest.mark.parametrize(("labels", "tweak", "told"), [
    (RESTRICTED | DEFAULTS, {}, {}),
    (RESTRICTED | DEFAULTS, NO_STARTING_DEADLINE, {"written": {"startingDeadlineSeconds": 300}}),
    (RESTRICTED, NO_STARTING_DEADLINE, {"denied": {"startingDeadline"}}),
    (DEFAULTS, NO_STARTING_DEADLINE, {"written": {"startingDeadlineSeconds": 300}}),
    ({}, NO_STARTING_DEADLINE, {}),
    (RESTRICTED, FOUR_FAULTS, {"denied": FAULTS}),
    (RESTRICTED | DEFAULTS, FOUR_FAULTS,
     {"denied": FAULTS - {"activeDeadline"}, "written": {"activeDeadlineSeconds": 86400}}),
    (DEFAULTS, FOUR_FAULTS, {"warned": {"imageTag", "resourceLimits"}, "written": {"activeDeadlineSeconds": 86400}}),
    ({}, FOUR_FAULTS, {"warned": {"imageTag", "resourceLimits"}}),
])  # fmt: skip
def test_the_labels_of_a_namespace_choose_how_much_is_asked(
    labels: dict[str, str], tweak: dict[str, Any], told: dict[str, Any]
) -> None:
    """The object is as the API server passes it on at a plain create: whose its own defaults are, nobody can know."""
    raw = yaml.safe_load((EXAMPLES / "good-cronjob.yaml").read_text())
    created = merge(raw | {"spec": CRON_JOB_SPEC_DEFAULTS | raw["spec"]}, tweak)
    assert told == judged(created, Snapshot(READY.values(), namespaces={"team-a": labels}), request=Request())


@pytest.mark.parametrize("kind", ["Job", "CronJob"])
def test_the_baseline_writes_nothing_that_can_stop_or_skip_work(kind: str) -> None:
    written = {"cpu": "50m", "memory": "64Mi"} | ({"ttlSecondsAfterFinished": 259200} if kind == "Job" else {})
    assert {"warned": {"resourceLimits"}, "written": written} == judged(base(kind), Snapshot([READY["baseline"]]))


@pytest.mark.parametrize("kind", ["Job", "CronJob"])
def test_what_one_ready_policy_writes_no_other_denies(kind: str) -> None:
    labels = {"batchwarden.io/singleton": "true", "batchwarden.io/idempotent": "false"}
    world = Snapshot(READY.values(), namespaces={"team-a": RESTRICTED | DEFAULTS})
    raw = merge(base(kind), {"metadata": {"labels": labels}})
    assert judged(raw, world)["denied"] == {"resourceLimits"}  # which no ready policy writes


def test_a_ready_policy_is_called_as_its_file_and_speaks_for_no_particular_admin() -> None:
    assert [ready.name for ready in READY.values()] == list(READY)
    assert {ready.contact for ready in READY.values()} == {None}
    assert {ready.name for ready in READY.values() if ready.max_days} == {"restricted"}

"""``batchwarden test`` runs an admin's own cases, and says what came instead of what was expected."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from webhook.cli import main
from webhook.cli.test import EXAMPLE

NIGHTLY = """\
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, namespace: team-a, labels: {app: nightly}}
spec:
  schedule: "0 3 * * *"
  jobTemplate: {spec: {backoffLimit: 9, template: {spec: {containers: [{name: main, image: "a:1"}]}}}}
"""
POLICY = """\
apiVersion: batchwarden.io/v1alpha1
kind: ClusterBatchPolicy
metadata: {name: house}
spec:
  action: Deny
  exceptions: {}
  exclude: {users: [robot]}
  namespaceSelector: {matchLabels: {level: high}}
  rules:
    concurrencyPolicy: {allowed: [Forbid, Replace], action: Warn}
    backoffLimit: {max: 3}
    startingDeadline: {defaultSeconds: 300}
"""
EXCEPTION = """\
apiVersion: batchwarden.io/v1alpha1
kind: BatchPolicyException
metadata: {name: nightly, namespace: team-a, creationTimestamp: "2026-12-01T00:00:00Z"}
spec:
  policies: [house]
  rules: [backoffLimit]
  selector: {}
  reason: old
  owner: me
  expiresAt: "2027-01-01T00:00:00Z"
"""
SUITE = """\
apiVersion: cli.batchwarden.io/v1alpha1
kind: PolicyTest
cases:
"""
CASE = """\
- name: nightly
  object: nightly.yaml
  namespaceLabels: {level: high}
  at: 2026-12-31T00:00:00Z
"""
FOUND = """\
  finds:
  - {rule: concurrencyPolicy, path: spec.concurrencyPolicy, action: Warn}
"""
LATER = CASE.replace("2026-12-31", "2027-12-31")
BACKOFF = "  - {rule: backoffLimit, path: spec.jobTemplate.spec.backoffLimit, action: Deny}\n"

OVERLAPS = (
    "Warn concurrencyPolicy: spec.concurrencyPolicy is Allow (filled in by Kubernetes); allowed: Forbid or Replace"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a policy, an exception and an object into a folder."""
    (tmp_path / "nightly.yaml").write_text(NIGHTLY)
    (tmp_path / "policy.yaml").write_text(f"{POLICY}---\n{EXCEPTION}")
    return tmp_path


def run(folder: Path, cases: str, *options: str) -> Result:
    """Run cases; whatever happens, it is told in sentences."""
    (folder / "suite.yaml").write_text(cases if cases.startswith("api") else SUITE + cases)
    result = CliRunner().invoke(main, ["test", str(folder), *options])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


PASSING = {
    "findings": CASE + FOUND,
    "findings without path or action": CASE + "  finds: [{rule: concurrencyPolicy}]\n",
    "defaults": CASE + "  defaults: {spec.startingDeadlineSeconds: 300}\n",
    "an exception": CASE + "  excepted: [backoffLimit]\n",
    "an exception that has ended": LATER + FOUND + BACKOFF + "  excepted: []\n",
    "a namespace of other labels": CASE.replace("high", "low") + "  finds: []\n  defaults: {}\n",
    "somebody who is not judged": CASE + "  user: robot\n  finds: []\n  defaults: {}\n",
    "an object that was as bad before": LATER + "  old: nightly.yaml\n" + FOUND + BACKOFF.replace("Deny", "Warn"),
    "an object that stands in the case": """\
- name: inline
  object: {apiVersion: batch/v1, kind: Job, metadata: {name: a}, spec: {backoffLimit: 9}}
  namespace: other
  namespaceLabels: {level: high}
  finds: [{rule: backoffLimit, path: spec.backoffLimit}]
""",
    "a value of another type, of which the rules say nothing": """\
- name: mistyped
  object:
    {apiVersion: batch/v1, kind: CronJob, spec: {concurrencyPolicy: [Forbid], jobTemplate: {spec: {backoffLimit: 1}}}}
  namespaceLabels: {level: high}
  finds: [{rule: manifest, path: spec.concurrencyPolicy}]
""",
    "what no API server takes": CASE.replace("nightly.yaml", "{apiVersion: batch/v1beta1, kind: CronJob}")
    + "  namespace: team-a\n  finds: [{rule: manifest, path: apiVersion}, {rule: concurrencyPolicy}]\n",
}


@pytest.mark.parametrize("name", PASSING)
def test_a_case_passes(folder: Path, name: str) -> None:
    result = run(folder, PASSING[name])
    title = PASSING[name].partition("\n")[0].removeprefix("- name: ")
    assert result.output == f"passed  {folder / 'suite.yaml'}:4: {title}\n1 case, 0 failed.\n"
    assert result.exit_code == 0


FAILING = [
    (
        CASE + "  finds: []\n",
        f"not expected: {OVERLAPS}",
    ),
    (
        CASE + FOUND.replace("Warn", "Deny"),
        f"expected Deny concurrencyPolicy at spec.concurrencyPolicy, got {OVERLAPS}",
    ),
    (CASE + FOUND + BACKOFF, "expected Deny backoffLimit at spec.jobTemplate.spec.backoffLimit, got no such finding"),
    (
        CASE + "  defaults: {spec.startingDeadlineSeconds: 200}\n",
        "expected spec.startingDeadlineSeconds to be set to 200, got 300",
    ),
    (CASE + "  defaults: {}\n", "not expected: spec.startingDeadlineSeconds is set to 300"),
    (
        CASE + "  defaults: {spec.startingDeadlineSeconds: 300, spec.suspend: true}\n",
        "expected spec.suspend to be set to true, got no default there",
    ),
    (LATER + "  excepted: [backoffLimit]\n", "expected an exception to lift backoffLimit, got none that does"),
    (CASE + "  excepted: []\n", "not expected: an exception lifts backoffLimit"),
]


@pytest.mark.parametrize(("case", "difference"), FAILING, ids=[difference for _, difference in FAILING])
def test_a_case_fails_and_says_what_came_instead(folder: Path, case: str, difference: str) -> None:
    result = run(folder, case)
    assert result.stdout == f"FAILED  {folder / 'suite.yaml'}:4: nightly\n    {difference}\n1 case, 1 failed.\n"
    assert (result.exit_code, result.stderr) == (1, "")


WRONG = [
    (CASE, "suite.yaml:4:3: nothing is expected; write finds, defaults or excepted, empty if need be"),
    (CASE + "  findings: []\n", "unknown field"),
    (CASE.replace("nightly.yaml", "gone.yaml") + "  finds: []\n", "gone.yaml: there is no such file or folder"),
    (
        CASE.replace("nightly.yaml", "policy.yaml") + "  finds: []\n",
        "suite.yaml:5:3: object takes one Job or CronJob, and policy.yaml holds 0 of them",
    ),
    (
        CASE.replace("nightly.yaml", "{kind: Pod}") + "  finds: []\n",
        "object takes one Job or CronJob, and this is none",
    ),
    (CASE + "  finds: []\n  old: {}\n", "suite.yaml:9:3: old takes one Job or CronJob, and this is none"),
    (
        SUITE.replace("cases", "ready: [basic]\ncases") + CASE + FOUND,
        "suite.yaml:3:9: there is no ready policy basic; allowed: base",
    ),
    (SUITE.replace("cases", "policies: [gone]\ncases") + CASE + FOUND, "there is no such file or folder"),
    ("apiVersion: v1\nkind: ConfigMap\n", "there is no PolicyTest; batchwarden test --help shows one"),
]


@pytest.mark.parametrize(("suite", "fault"), WRONG, ids=[fault for _, fault in WRONG])
def test_what_is_no_case_is_told_with_its_place(folder: Path, suite: str, fault: str) -> None:
    result = run(folder, suite)
    assert result.exit_code == 2
    assert fault in result.stderr


def test_ready_policies_are_tested_too(folder: Path) -> None:
    suite = SUITE.replace("cases", "ready: [singleton-tasks]\ncases") + CASE + "  finds: []\n"
    assert run(folder, suite).exit_code == 0
    (folder / "nightly.yaml").write_text(NIGHTLY.replace("app: nightly", 'batchwarden.io/singleton: "true"'))
    assert "activeDeadline" in run(folder, suite).stdout


def test_junit_tells_ci_the_same(folder: Path) -> None:
    wrong = CASE.replace("nightly.yaml", "{}") + "  finds: []\n"
    result = run(folder, CASE + FOUND + CASE + "  finds: []\n" + wrong, "--format=junit")
    assert result.exit_code == 2
    (suite,) = ET.fromstring(result.stdout)  # noqa: S314 - our own
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    passed, failed, error = suite.findall("testcase")
    assert list(passed) == []
    assert "not expected: Warn concurrencyPolicy" in "".join(failed.itertext())
    assert "object takes one Job or CronJob" in "".join(error.itertext())


def test_the_example_of_the_help_can_be_read(folder: Path) -> None:
    text = EXAMPLE.partition("policies:\n")[2].partition("What a case")[0]
    suite = "\n".join(line.removeprefix("  ") for line in text.splitlines()).replace("policies/", ".")
    (folder / "nightly-before.yaml").write_text(NIGHTLY)
    result = run(folder, suite)
    assert (result.exit_code, result.stderr) == (1, "")
    assert "FAILED" in result.stdout

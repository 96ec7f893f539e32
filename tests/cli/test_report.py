"""``batchwarden report`` takes what auditors ask for from a cluster as it stands, or from files."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result
from trestle.oscal.assessment_results import AssessmentResults

from tests.audit import junit
from tests.cli.clusters import HOME, NAMESPACE, Scene, cron_job, forbidden, job, made_by, ours, retries
from tests.cli.test_check import BAD, GOOD, LIMIT_RANGE, POLICY
from tests.conftest import ROOT
from tests.watching.apiserver import Answer, ApiServer, page, status
from webhook.audit import formats
from webhook.audit.values import stamp
from webhook.cli import main

SCHEMA = json.loads((ROOT / "deploy/schema/report.json").read_text())
EVENTS = f"{HOME}/events"
REPORTS = (f"/apis/wgpolicyk8s.io/v1alpha2/namespaces/{NAMESPACE}/policyreports",
           f"/apis/openreports.io/v1alpha1/namespaces/{NAMESPACE}/reports")  # fmt: skip
IN_TEAM = ("report", "-n", NAMESPACE)
NOW = datetime.now(UTC).replace(microsecond=0)
LAST_MONTH, TODAY = stamp(NOW - timedelta(days=30)), stamp(NOW - timedelta(minutes=5))


def run(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["report", *map(str, arguments)], input=stdin)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text, newline="")))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ended(type_: str, at: str, **more: Any) -> dict[str, Any]:
    condition = {"type": type_, "status": "True", "lastTransitionTime": at, **more}
    return {"startTime": at, "completionTime": at, "conditions": [condition]}


def denied(at: str) -> dict[str, Any]:
    """Write an Event of a denial."""
    about = {"kind": "Job", "name": "pi"}
    note = {"what": "denied", "user": "eve", "operation": "CREATE", "rules": ["imageTag"], **about}
    annotations = {"batchwarden.io/denial": json.dumps(note)}
    return {
        "metadata": {"name": "pi.1", "namespace": NAMESPACE, "annotations": annotations},
        "involvedObject": about, "type": "Warning", "reason": "Denied",
        "source": {"component": "batchwarden-webhook"}, "reportingComponent": "batchwarden-webhook",
        "firstTimestamp": at, "lastTimestamp": at, "count": 3,
    }  # fmt: skip


@pytest.fixture
def scene(server: ApiServer, tmp_path: Path) -> Scene:
    """Return a CronJob whose last run failed, made a month ago; a Job made today; an exception; and a denial."""
    failed = ended("Failed", TODAY, reason="BackoffLimitExceeded")
    grant = ours("BatchPolicyException", "off", policies=["house"], rules=["backoffLimit"], reason="OPS-1", owner="me",
                 selector={"matchLabels": {"a": "b"}}, expiresAt="2099-01-01T00:00:00Z")  # fmt: skip
    grant["metadata"]["creationTimestamp"] = "2098-12-31T00:00:00Z"
    old = {"creationTimestamp": LAST_MONTH, "uid": "1", "labels": {"team": "billing"}}
    scene = Scene(
        server, tmp_path,
        policies=[retries(3, exceptions={})],
        exceptions=[grant],
        cronjobs=[cron_job("nightly", {"backoffLimit": 9}, **old)],
        jobs=[
            {**job("nightly-1", {"backoffLimit": 9}, uid="2", **made_by("nightly")), "status": failed},
            job("off", {"backoffLimit": 9}, uid="3", creationTimestamp=TODAY, labels={"a": "b"}),
        ],
    )  # fmt: skip
    answer(scene, [denied(TODAY)])
    return scene


def answer(scene: Scene, events: Sequence[Any], *more: Answer) -> None:
    """Let there be these Events of denials, and no API of reports."""
    scene.answers[EVENTS] = [page(events), *(more or (page([]), page([])))]
    scene.answers |= {path: [status(404, "404 page not found")] for path in REPORTS}


def test_a_cluster_is_told_of_whole(scene: Scene) -> None:
    result = scene.run(*IN_TEAM, "--format=json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    jsonschema.Draft202012Validator(SCHEMA).validate(told)
    off, nightly = told["objects"]
    assert (nightly["name"], nightly["owner"], off["name"]) == ("nightly", "billing", "off")
    assert [each["rule"] for each in nightly["findings"]] == ["backoffLimit"]
    assert "runFailed" in {each["kind"] for each in nightly["consequences"]}
    assert (nightly["timing"]["schedule"], nightly["timing"]["runs"]["failed"]) == ("0 3 * * *", 1)
    assert [(each["name"], each["covers"], each["state"]) for each in told["exceptions"]] == [("off", 1, "Active")]
    assert [(each["user"], each["count"]) for each in told["denials"]] == [("eve", 3)]
    assert told["policies"] == ["house"]
    assert told["title"].endswith(", namespace team-a")
    assert told["summary"]["leftOut"] == {"made by a CronJob": 1}


def test_since_leaves_out_what_is_older(scene: Scene) -> None:
    told = json.loads(scene.run(*IN_TEAM, "--since=7d", "--format=json").stdout)
    off, nightly = told["objects"]
    assert (nightly["findings"], [each["kind"] for each in nightly["consequences"]]) == ([], ["runFailed"])
    assert [each["rule"] for each in off["findings"]] == ["backoffLimit"]
    assert len(told["denials"]) == 1
    assert "as --since asks" in told["missing"][0]
    told = json.loads(scene.run(*IN_TEAM, "--since=1m", "--format=json").stdout)
    assert (told["objects"], told["denials"], len(told["exceptions"])) == ([], [], 1)


@pytest.mark.parametrize("since", ["60d", "2001-01-01", "2001-01-01T00:00:00+02:00"])
def test_since_takes_how_long_ago_a_date_and_a_time(scene: Scene, since: str) -> None:
    assert "1 finding (1 Deny)" in scene.run(*IN_TEAM, f"--since={since}", "--format=markdown").stdout


@pytest.mark.parametrize("since", ["7", "soon", "7y", "2026-13-01", "2001-01-01T00:00:00", "2099-01-01"])
def test_what_since_cannot_mean_is_refused(scene: Scene, since: str) -> None:
    result = scene.run(*IN_TEAM, f"--since={since}")
    assert result.exit_code == 2
    assert "Invalid value for" in result.stderr
    assert "write how long ago (30m, 12h, 7d, 2w)" in result.stderr or "is yet to come" in result.stderr


def test_a_list_that_is_refused_fails_and_events_that_are_refused_are_missing(scene: Scene) -> None:
    no_events = forbidden("list", "events", "", f'in the namespace "{NAMESPACE}"')
    answer(scene, [], no_events, no_events)
    result = scene.run(*IN_TEAM, "--format=json")
    assert result.exit_code == 0
    assert any(
        "What Events tell" in each and "may not list events" in each for each in json.loads(result.stdout)["missing"]
    )
    answer(scene, [])
    scene.answers["cronjobs"] = [forbidden("list", "cronjobs", "batch", f'in the namespace "{NAMESPACE}"')]
    result = scene.run(*IN_TEAM, "--format=json")
    assert result.exit_code == 2
    assert [each["source"] for each in json.loads(result.stdout)["unreadable"]] == ["CronJobs"]


@pytest.mark.parametrize(("code", "fail_on"), [(0, "never"), (1, "Deny"), (1, "audit")])
def test_only_findings_fail_and_only_where_that_is_asked_for(scene: Scene, code: int, fail_on: str) -> None:
    assert scene.run(*IN_TEAM, f"--fail-on={fail_on}").exit_code == code
    scene.answers["cronjobs"] = [page([cron_job("nightly", {"backoffLimit": 1}, uid="1")])]
    result = scene.run(*IN_TEAM, f"--fail-on={fail_on}")
    assert (result.exit_code, "consequence" in result.stdout) == (0, True)


def test_exempt_namespaces_are_left_out_of_all_of_them(scene: Scene) -> None:
    jobs = [job("a", {"backoffLimit": 9}, namespace="kube-system"), job("b", {"backoffLimit": 9})]
    scene.spread("kube-system", NAMESPACE, policies=[retries(3)], jobs=jobs)
    scene.answers["/api/v1/events"] = [page([])] * 3
    for path in ("/apis/wgpolicyk8s.io/v1alpha2/policyreports", "/apis/openreports.io/v1alpha1/reports"):
        scene.answers[path] = [status(404, "404 page not found")]
    found = rows(scene.run("report", "-A", "--format=csv").stdout)
    assert [each["name"] for each in found] == ["b", ""]
    assert (found[1]["outcome"], "enials" in found[1]["message"]) == ("missing", True)


@pytest.mark.parametrize(
    ("owner", "labels", "annotations", "home"),
    [
        ("a", "owner: a, team: b", "owner: c", "owner: d"),
        ("b", "team: b", "owner: c", "owner: d"),
        ("c", "x: y", "owner: c", "owner: d"),
        ("d", "x: y", "x: y", "owner: d"),
        ("", "x: y", "x: y", "x: y"),
    ],
    ids=["label", "second label", "annotation", "namespace", "nobody"],
)
def test_the_owner_is_the_nearest_that_is_named(owner: str, labels: str, annotations: str, home: str) -> None:
    metadata = f"{{name: pi, namespace: here, labels: {{{labels}}}, annotations: {{{annotations}}}}}"
    text = BAD.replace("{name: pi}", metadata)
    stdin = f"{text}---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: here, labels: {{{home}}}}}\n"
    assert {each["owner"] for each in rows(run("--format=csv", "-", stdin=stdin).stdout)} == {owner}


def test_another_label_may_name_the_owner() -> None:
    text = BAD.replace("{name: pi}", '{name: pi, labels: {owner: a, "example.com/squad": blue}}')
    (row,) = rows(run("--format=csv", "--owner-label=example.com/squad", "-", stdin=text).stdout)
    assert row["owner"] == "blue"


def test_files_are_told_of_as_check_does_and_with_their_exceptions(folder: Path) -> None:
    (folder / "policy.yaml").write_text(POLICY.replace("action: Deny", "action: Deny\n  exceptions: {}"))
    (folder / "jobs").mkdir()
    (folder / "jobs/all.yaml").write_text(f"{GOOD}---\n{BAD}---\n{LIMIT_RANGE}")
    result = run("--format=json", "--policy=restricted", "--output=out.json", "jobs")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("2 objects checked; 5 findings (5 Deny)")
    told = json.loads((folder / "out.json").read_text())
    assert (told["title"], told["policies"], told["exceptions"]) == ("jobs", ["restricted"], [])
    assert run("--policy=restricted", "--fail-on=deny", "jobs").exit_code == 1


def test_without_a_path_it_looks_into_the_current_folder(folder: Path) -> None:
    (folder / "bad.yaml").write_text(BAD)
    result = run()
    assert result.stdout.startswith("# Batchwarden report\n\n`.`, ")
    assert "\n1 object checked; 1 finding (1 Deny).\n" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--since=7d", "."], "--since is for a cluster: files do not tell when they changed"),
        (["-A", "."], "PATH is for files, -A, --context and --kubeconfig for a cluster"),
        (["--group-by=colour", "."], "namespace"),
        (["--format=text", "."], "markdown"),
        (["--time-zone=berlin", "."], "write Europe/Berlin"),
    ],
    ids=range(5),
)
def test_what_contradicts_itself_or_is_not_known_is_refused(arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize("form", formats.OFFERED["report"])
def test_the_corpus_is_told_of_in_each_format(form: str, corpus: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.json"  # by whose end that reader knows what it is
    result = run(f"--format={form}", "--policy=restricted", "--group-by=rule", f"--output={file}", corpus)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "objects checked; " in result.stderr
    assert "limits.memory is missing" in file.read_text()
    if form == "json":
        jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(file.read_text()))
    if form == "junit":
        junit.read(file.read_text())
    if form == "oscal":
        (result,) = AssessmentResults.oscal_read(file).results  # type: ignore[union-attr]
        assert len({each.uuid for each in result.observations}) == len(result.observations) > 0


def test_it_starts_without_what_another_format_or_a_cluster_needs(folder: Path) -> None:
    (folder / "good.yaml").write_text(GOOD)
    heavy = {"cryptography", "flask", "gunicorn", "jinja2", "jsonpatch", "kubernetes", "prometheus_client"}
    program = (
        "import sys; from webhook.cli import main\n"
        "try: main(['report', '--format=csv', 'good.yaml'])\n"
        f"finally: print(sorted({heavy} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"

"""Each format says all that was found, in the shape that those who read it ask for."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from itertools import chain
from pathlib import Path
from pkgutil import iter_modules

import jsonschema
import pytest
from msgspec import structs

from policies.catalog import rules
from policies.rule import Action
from policies.verdict import Failure
from tests.audit import junit, sarif
from webhook.audit import formats
from webhook.audit.report import Found, Report
from webhook.audit.scan import Judge, Judged
from webhook.files import Unreadable, read_paths
from webhook.snapshots import collect

AT = datetime(2026, 6, 1, tzinfo=UTC)
WHY = "https://example.com/why"
POLICIES = """
apiVersion: batchwarden.io/v1alpha1
kind: ClusterBatchPolicy
metadata: {name: house}
spec:
  action: Deny
  contact: "#batch"
  exceptions: {}
  rules:
    ttlAfterFinished: {defaultSeconds: 60}
    activeDeadline: {maxSeconds: 9, reason: "<Slow> & \\"costly\\""}
    imageTag: {forbiddenTags: [latest], action: Warn}
    backoffLimit: {max: 0, action: Audit}
---
apiVersion: batchwarden.io/v1alpha1
kind: BatchPolicyException
metadata: {name: slow, namespace: team-a}
spec:
  {policies: [house], rules: [activeDeadline], selector: {}, reason: "R, 100%", owner: I,
   expiresAt: "2026-06-09T00:00:00Z"}
"""
MANIFESTS = """\
apiVersion: batch/v1beta1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 3 * * *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: "a:latest"}]}}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: pi, namespace: team-a}
spec: {backoffLimit: 0, template: {spec: {restartPolicy: Never, containers: [{name: a, image: "a:1"}]}}}
---
apiVersion: v1
kind: Service
---
a: b
---
a: @
"""


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Found]:
    """Judge the manifests above, from a file whose name asks for escapes, below the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies.yaml").write_text(POLICIES)
    file = tmp_path / "deploy, all" / "50%&.yaml"
    file.parent.mkdir()
    file.write_text(MANIFESTS)
    judge = Judge(collect(["policies.yaml"]).snapshot(), AT)
    return list(look(judge, Path("deploy, all", "50%&.yaml")))


def look(judge: Judge, file: Path) -> Iterator[Found]:
    for document in read_paths([file]):
        yield document if isinstance(document, Unreadable) else judge.judge(document) or document


def written(form: str, found: list[Found], fail_on: Action | None = Action.DENY, why_url: str = "") -> str:
    out = StringIO()
    formats.writer(form)(Report(found, AT, fail_on, why_url), out)
    return out.getvalue()


def test_each_format_is_offered_by_some_command() -> None:
    assert {*chain.from_iterable(formats.OFFERED.values())} == {each.name for each in iter_modules(formats.__path__)}
    assert all(sorted(offered) == [*offered] for offered in formats.OFFERED.values())


SOURCE = "deploy, all/50%&.yaml"
IMAGE = "spec.jobTemplate.spec.template.spec.containers[0].image is a:latest; allowed: a tag that stays or a digest"
LET_OFF = "spec.activeDeadlineSeconds is missing; let off by exception slow of I (activeDeadline, policy house)"
SUM = (
    "2 objects checked; 4 findings (2 Deny, 1 Warn, 1 Audit); 1 let off by exceptions;"
    " skipped: 1 Service, 1 without a kind; 1 could not be read."
)
TEXT = f"""\
CronJob default/nightly  {SOURCE}:1
  {SOURCE}:1:1: Deny apiVersion is batch/v1beta1, removed in Kubernetes 1.25; allowed: batch/v1
    The API server takes the object under no other name.   manifest
    apiVersion: "batch/v1"
  {SOURCE}:6:87: Warn {IMAGE} (container "a")
    The tag latest is another image tomorrow.   imageTag, policy house
    image: "a:VERSION"  # for example
  {SOURCE}:6:17: Deny spec.jobTemplate.spec.activeDeadlineSeconds is missing; allowed: at most 9
    <Slow> & "costly".   activeDeadline, policy house
    activeDeadlineSeconds: 9
  {SOURCE}:6:17: Audit spec.jobTemplate.spec.backoffLimit is 6 (filled in by Kubernetes); allowed: at most 0
    Work that fails again and again costs as much as work that succeeds.   backoffLimit, policy house
    backoffLimit: 0

Job team-a/pi  {SOURCE}:8
  {SOURCE}:11:1: skip {LET_OFF}
    R, 100% (I, until 2026-06-09)
  default spec.ttlSecondsAfterFinished would be set to 60 (ttlAfterFinished, policy house)

cannot read {SOURCE}:18:4: quote a value that begins with @

Why: batchwarden explain imageTag activeDeadline backoffLimit    Help: #batch
{SUM}
"""


def test_text_groups_by_object_and_ends_with_the_sum(found: list[Found]) -> None:
    assert written("text", found) == TEXT


def test_text_names_the_page_of_reasons_where_there_is_one(found: list[Found]) -> None:
    assert "\nWhy: https://example.com/why#imageTag    Help: #batch\n" in written("text", found, None, WHY)


def test_text_has_no_word_on_what_is_clean() -> None:
    assert written("text", []) == "0 objects checked; 0 findings.\n"


def test_github_gets_a_command_for_each_finding_with_its_escapes(found: list[Found]) -> None:
    *commands, last = written("github", found).splitlines()
    file = "file=deploy%2C all/50%25&.yaml"
    assert [re.sub("title=.*", "", command) for command in commands] == [
        f"::error {file},line=1,col=1,",
        f"::warning {file},line=6,col=87,",
        f"::error {file},line=6,col=17,",
        f"::notice {file},line=6,col=17,",
        f"::error {file},line=18,col=4,",
    ]
    deadline = "spec.jobTemplate.spec.activeDeadlineSeconds is missing; allowed: at most 9"
    title, why = "title=activeDeadline%3A CronJob default/nightly", '<Slow> & "costly". (activeDeadline, policy house)'
    assert commands[2].endswith(f"{title}::{deadline}%0A{why}%0AactiveDeadlineSeconds: 9")
    assert last == SUM


def test_github_names_a_file_as_a_whole_without_a_line() -> None:
    text = written("github", [Unreadable("a.yaml", 0, 0, "100% gone")])
    assert text.startswith("::error file=a.yaml,title=cannot be read::100%25 gone\n")


def test_json_tells_programs_all_of_it(found: list[Found]) -> None:
    told = json.loads(written("json", found))
    cron_job, job = told["objects"]
    assert told["unreadable"] == [
        {"source": SOURCE, "line": 18, "column": 4, "reason": "quote a value that begins with @"}
    ]
    assert told["summary"] == {
        "objects": 2,
        "findings": {"Deny": 2, "Warn": 1, "Audit": 1},
        "excepted": 1,
        "failing": 2,
        "consequences": {},
        "skipped": {"Service": 1, "without a kind": 1},
        "leftOut": {},
    }
    assert [(each["rule"], each["failing"]) for each in cron_job["findings"]] == [
        ("manifest", True), ("imageTag", False), ("activeDeadline", True), ("backoffLimit", False)]  # fmt: skip
    assert cron_job["findings"][2] == {
        "rule": "activeDeadline",
        "action": "Deny",
        "failing": True,
        "severity": "medium",
        "category": "Reliability",
        "path": "spec.jobTemplate.spec.activeDeadlineSeconds",
        "line": 6,
        "column": 17,
        "message": "spec.jobTemplate.spec.activeDeadlineSeconds is missing; allowed: at most 9",
        "found": "is missing",
        "allowed": "at most 9",
        "why": '<Slow> & "costly".',
        "notLifted": [],
        "paste": ["activeDeadlineSeconds: 9"],
        "policies": ["house"],
        "contacts": ["#batch"],
    }
    assert (job["source"], job["line"], job["kind"], job["namespace"], job["name"]) == (
        SOURCE,
        8,
        "Job",
        "team-a",
        "pi",
    )
    assert job["defaults"] == ["spec.ttlSecondsAfterFinished would be set to 60 (ttlAfterFinished, policy house)"]
    assert job["findings"][0]["exception"] == {
        "name": "slow", "reason": "R, 100%", "owner": "I", "expiresAt": "2026-06-09T00:00:00Z"}  # fmt: skip


def test_nothing_at_all_is_json_too() -> None:
    assert json.loads(written("json", []))["objects"] == json.loads(written("sarif", []))["runs"][0]["results"] == []


def test_sarif_is_valid_and_names_each_rule(found: list[Found]) -> None:
    log = json.loads(written("sarif", found, why_url=WHY))
    jsonschema.Draft7Validator(sarif.SCHEMA, format_checker=jsonschema.FormatChecker()).validate(log)
    run = log["runs"][0]
    pages = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert [*pages] == [*rules(), "manifest", "readable"]
    assert {rule["ruleId"] for rule in run["results"]} <= pages.keys()
    assert pages["imageTag"]["helpUri"] == f"{WHY}#imageTag"
    assert run["invocations"] == [{"executionSuccessful": False, "exitCode": 2}]
    assert [(each["ruleId"], each["level"], "suppressions" in each) for each in run["results"]] == [
        ("manifest", "error", False),
        ("imageTag", "warning", False),
        ("activeDeadline", "error", False),
        ("backoffLimit", "note", False),
        ("activeDeadline", "error", True),
        ("readable", "error", False),
    ]
    assert run["results"][0]["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "deploy%2C%20all/50%25%26.yaml"},
        "region": {"startLine": 1, "startColumn": 1},
    }


def fingerprints(text: str) -> list[str]:
    return [each["partialFingerprints"]["batchwarden/v1"] for each in json.loads(text)["runs"][0]["results"]]


def test_a_fingerprint_survives_moved_lines_and_tells_findings_apart(found: list[Found], tmp_path: Path) -> None:
    before = fingerprints(written("sarif", found))
    assert len(set(before)) == len(before)
    (tmp_path / SOURCE).write_text(f"# a comment\n---\n{MANIFESTS}")
    moved = look(Judge(collect(["policies.yaml"]).snapshot(), AT), Path(SOURCE))
    assert before == fingerprints(written("sarif", list(moved)))


def test_sarif_names_what_lies_elsewhere_and_a_file_as_a_whole() -> None:
    log = json.loads(written("sarif", [Unreadable("/elsewhere/a b.yaml", 0, 0, "gone")]))
    (result,) = log["runs"][0]["results"]
    assert result["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": "file:///elsewhere/a%20b.yaml"}}}]


def test_junit_has_a_suite_for_a_file_and_a_case_for_an_object(found: list[Found]) -> None:
    root = junit.read(written("junit", found))
    (suite,) = root
    assert (root.tag, [part.tag for part in suite]) == (
        "testsuites", ["properties", "testcase", "testcase", "testcase", "system-out", "system-err"])  # fmt: skip
    assert suite.attrib == {
        "id": "0", "name": SOURCE, "package": "batchwarden", "hostname": "localhost", "time": "0",
        "timestamp": "2026-06-01T00:00:00", "tests": "3", "failures": "1", "errors": "1"}  # fmt: skip
    cases = suite.findall("testcase")
    assert [(case.attrib["name"], [part.tag for part in case]) for case in cases] == [
        ("CronJob default/nightly", ["failure"]), ("Job team-a/pi", []), ("line 18", ["error"])]  # fmt: skip
    assert all(case.attrib.keys() == {"classname", "name", "time"} for case in cases)
    failure = cases[0][0]
    assert failure.attrib == {"type": "batchwarden", "message": "2 findings"}
    assert '    <Slow> & "costly". (activeDeadline, policy house)' in str(failure.text).splitlines()
    assert f"Job team-a/pi: 11:1: skip {LET_OFF}" in str(suite.findtext("system-out")).splitlines()


def test_junit_fails_by_what_should_stop_the_pipeline(found: list[Found]) -> None:
    (never,) = junit.read(written("junit", found, None))
    assert never.attrib["failures"] == "0"
    (audit,) = junit.read(written("junit", found, Action.AUDIT))
    failure = audit.find("testcase/failure")
    assert failure is not None
    assert failure.attrib["message"] == "4 findings"


def test_junit_replaces_what_xml_cannot_hold() -> None:
    (suite,) = junit.read(written("junit", [Unreadable("a\x00b", 0, 0, "c\x1bd")]))
    assert suite.attrib["name"] == "a\ufffdb"


@pytest.mark.parametrize(
    ("code", "fail_on", "count"),
    [(1, Action.DENY, 2), (1, Action.WARN, 3), (1, Action.AUDIT, 4), (0, None, 0)],
)
def test_the_exit_code_follows_the_weakest_finding_that_fails(
    found: list[Found], code: int, fail_on: Action | None, count: int
) -> None:
    report = Report([each for each in found if not isinstance(each, Unreadable)], AT, fail_on)
    list(report)
    assert (report.exit_code, report.failing) == (code, count)


def test_what_could_not_be_read_counts_for_more(found: list[Found]) -> None:
    report = Report(found, AT, Action.DENY)
    list(report)
    assert report.exit_code == 2


@pytest.mark.parametrize("form", sorted({*chain.from_iterable(formats.OFFERED.values())}))
def test_a_rule_that_crashes_is_told_in_each_format_and_is_no_success(form: str, found: list[Found]) -> None:
    judged = next(each for each in found if isinstance(each, Judged))
    failure = Failure(next(iter(judged.verdict.violations)).judgements[0].clause, ValueError("x"))
    verdict = structs.replace(judged.verdict, violations=(), failures=(failure,))
    report = Report([judged._replace(faults=(), verdict=verdict)], AT, None)
    out = StringIO()
    formats.writer(form)(report, out)
    assert "imageTag" in out.getvalue()
    assert report.exit_code == 2

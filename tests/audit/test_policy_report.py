"""A policy report tells all that is wrong with an object, is the same at each look, and is what its readers expect."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from policies.catalog import rules
from policies.objects import BatchPolicyException, Policy
from policies.rule import Finding, Rule, RuleParams
from policies.selection import Snapshot
from tests.audit.policy_reporter import Reading, read_as_policy_reporter, store
from tests.policies.build import NOW, cluster, cron_job, exception, local, made_of, one_off
from tests.policies.hostile import objects
from webhook.audit.policy_reports import report as policy_report
from webhook.audit.policy_reports.report import LEFT_OUT, MOST_BYTES, OPENREPORTS, WGPOLICY, ReportApi, Totals
from webhook.audit.policy_reports.results import ORDER
from webhook.audit.runs.consequences import CONSEQUENCES, Consequence
from webhook.audit.runs.history import History
from webhook.audit.scan import Judge, Judged
from webhook.audit.standing import Standing
from webhook.files import Document
from webhook.snapshots import ready, ready_names
from webhook.text.places import Place

UID = "0b1c7c3e-6a3b-4a52-9d8b-1f0c3c1d2e4f"
APIS = pytest.mark.parametrize("api", [WGPOLICY, OPENREPORTS], ids=lambda api: api.group)
LATER = NOW + timedelta(hours=1)
NIGHTLY = cron_job(metadata={"name": "nightly", "uid": UID, "labels": {"app": "etl"}}, failedJobsHistoryLimit=2)
HOUSE = cluster("house", {"activeDeadline": {"maxSeconds": 600}, "historyLimits": {"maxFailed": 1}}, contact="#batch")
OWN = local("house", {"activeDeadline": {}}, action="Audit")
MILD = cluster("mild", {"timeZone": {"required": True}, "concurrencyPolicy": {"allowed": ["Allow"]}}, action="Warn")
KIND = next(iter(CONSEQUENCES))
COME = Consequence(KIND, "spec.schedule", "No run has succeeded", {"basis": "3 runs", "runs": "3"}, ("suspend: true",))


def standing(
    raw: dict[str, Any],
    *policies: Policy,
    exceptions: tuple[BatchPolicyException, ...] = (),
    consequences: tuple[Consequence, ...] = (),
) -> Standing:
    """Judge an object as it stands in a cluster."""
    judge = Judge(Snapshot(policies, exceptions), NOW)
    judged = judge.judge_standing(Document("", raw, Place(0, 0)))
    assert isinstance(judged, Judged)
    return Standing(judged, History(), consequences)


def report(looked: Standing, known: Mapping[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    api = options.pop("api", WGPOLICY)
    return policy_report.policy_report(looked, api, known, options.pop("at", NOW), **options)


def told(manifest: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [(each["result"], each["policy"], each["rule"]) for each in manifest["results"]]


def crowded(failures: int, passing: int = 0, length: int = 1) -> Policy:
    """Make a policy of which so many rules find something, and so many nothing; the texts have so many characters."""

    def flaw(number: int) -> Rule[RuleParams]:
        finding = Finding(path=("spec", f"field{number}"), found="\N{SNOWMAN}" * length, allowed='"' * length, why="W")
        found = [finding] if number < failures else []
        return Rule(f"rules.broken_{number}", "A rule.", RuleParams, lambda *_: found)

    return made_of(*map(flaw, range(failures + passing)))


@APIS
def test_a_report_says_whose_it_is_and_goes_with_its_object(api: ReportApi) -> None:
    made = report(standing(NIGHTLY, HOUSE), api=api)
    source = {"source": "batchwarden"} if api is OPENREPORTS else {}
    named = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": UID}
    labels = {"app.kubernetes.io/managed-by": "batchwarden", "batchwarden.io/report": "scan"}
    assert {key: made[key] for key in made if key not in {"results", "summary", "metadata"}} == {
        "apiVersion": f"{api.group}/{api.version}",
        "kind": api.kind,
        "scope": {**named, "namespace": "team-a"},
        **source,
    }
    assert made["metadata"] == {
        "name": "batchwarden-cronjob-nightly",
        "namespace": "team-a",
        "labels": labels,
        "annotations": {"batchwarden.io/digest": policy_report.digest(made)},
        "ownerReferences": [named],
    }


def test_each_policy_and_rule_has_its_result_and_the_gravest_come_first() -> None:
    made = report(standing(NIGHTLY, MILD, HOUSE, OWN, consequences=(COME,)))
    assert told(made) == [
        ("fail", "house", "activeDeadline"),
        ("fail", "house", "historyLimits"),
        ("warn", "batchwarden.io/consequences", KIND),
        ("warn", "team-a/house", "activeDeadline"),
        ("warn", "mild", "timeZone"),
    ]
    assert made["summary"] == {"fail": 2, "error": 0, "warn": 3, "skip": 0, "pass": 1}


def test_a_result_says_where_what_is_allowed_whose_it_is_and_what_to_paste() -> None:
    path = "spec.jobTemplate.spec.activeDeadlineSeconds"
    missing, first = report(standing(NIGHTLY, HOUSE))["results"]
    assert {key: value for key, value in first.items() if key != "properties"} == {
        "source": "batchwarden",
        "policy": "house",
        "rule": "historyLimits",
        "category": rules()["historyLimits"].category,
        "severity": rules()["historyLimits"].severity,
        "result": "fail",
        "scored": True,
        "message": first["message"],
        "timestamp": {"seconds": int(NOW.timestamp()), "nanos": 0},
    }
    assert first["message"].startswith("spec.failedJobsHistoryLimit is 2; allowed: 1 to 1. ")
    properties = dict(first["properties"])
    assert len(properties.pop("resultID")) == 32
    assert properties == {
        "field": "spec.failedJobsHistoryLimit",
        "found": "is 2",
        "allowed": "1 to 1",
        "basis": "yours",
        "fix": "failedJobsHistoryLimit: 1",
        "action": "Deny",
        "contact": "#batch",
    }
    assert (missing["properties"]["field"], missing["properties"]["found"]) == (path, "is missing")
    assert "basis" not in missing["properties"]


@pytest.mark.parametrize(
    ("entry", "basis"),
    [
        pytest.param({"operation": "Update", "manager": "kubectl-create"}, "yours or Kubernetes'", id="nobody-knows"),
        pytest.param({"operation": "Apply", "manager": "kubectl"}, "yours", id="applied"),
    ],
)
def test_a_result_says_whose_the_value_is(entry: dict[str, Any], basis: str) -> None:
    owned = [{**entry, "fieldsV1": {"f:spec": {"f:concurrencyPolicy": {}}}}]
    raw = cron_job(metadata={"managedFields": owned}, concurrencyPolicy="Allow")
    (result,) = report(standing(raw, cluster("p", {"concurrencyPolicy": {"allowed": ["Forbid"]}})))["results"]
    assert result["properties"]["basis"] == basis


def test_an_exception_makes_a_skip_that_says_who_why_and_until_when() -> None:
    lenient = cluster("p", {"activeDeadline": {}}, exceptions={})
    raw = cron_job(metadata={"uid": UID})
    failing, skipped = report(standing(raw, lenient)), report(standing(raw, lenient, exceptions=(exception(),)))
    assert told(failing) == [("fail", "p", "activeDeadline")]
    assert told(skipped) == [("skip", "p", "activeDeadline")]
    properties = skipped["results"][0]["properties"]
    assert {key: properties[key] for key in ("exception", "reason", "owner", "expires")} == {
        "exception": "let-off",
        "reason": "OPS-1",
        "owner": "data@example.com",
        "expires": "2026-12-31T00:00:00Z",
    }
    assert skipped["results"][0]["message"].endswith("(activeDeadline, policy p). OPS-1")


def test_an_exception_that_lifts_nothing_says_why() -> None:
    strict = cluster("p", {"activeDeadline": {}})
    (result,) = report(standing(NIGHTLY, strict, exceptions=(exception(),)))["results"]
    assert result["properties"]["notLifted"] == "Exception let-off: policy p permits no exceptions."


def test_a_rule_that_breaks_is_an_error_and_passes_nothing() -> None:
    def broken(*_: object) -> list[Finding]:
        raise RuntimeError("secret")

    rule = Rule("rules.broken", "A rule.", RuleParams, broken)
    made = report(standing(NIGHTLY, made_of(rule)))
    assert told(made) == [("error", "p", "broken")]
    assert made["summary"] == {"fail": 0, "error": 1, "warn": 0, "skip": 0, "pass": 0}
    assert "secret" not in json.dumps(made)


def test_a_consequence_is_told_with_its_evidence() -> None:
    (result,) = report(standing(NIGHTLY, consequences=(COME,)))["results"]
    properties = dict(result["properties"])
    assert len(properties.pop("resultID")) == 32
    assert properties == {"basis": "3 runs", "runs": "3", "field": "spec.schedule", "fix": "suspend: true"}
    assert result["message"] == f"No run has succeeded. {CONSEQUENCES[KIND].why}"
    assert (result["severity"], result["scored"]) == (CONSEQUENCES[KIND].severity, False)


def test_what_passes_is_counted_and_listed_only_when_asked() -> None:
    looked = standing(NIGHTLY, MILD, cluster("p", {"restartPolicy": {}}))
    brief, whole = report(looked), report(looked, list_passes=True)
    passes = [("pass", "mild", "concurrencyPolicy"), ("pass", "p", "restartPolicy")]
    assert told(brief) == [("warn", "mild", "timeZone")]
    assert told(whole) == [("warn", "mild", "timeZone"), *passes]
    assert brief["summary"] == whole["summary"] == {"fail": 0, "error": 0, "warn": 1, "skip": 0, "pass": 2}


def test_a_policy_of_a_namespace_is_not_taken_for_the_clusters() -> None:
    made = report(standing(NIGHTLY, cluster("p", {"activeDeadline": {}}), local("p", {"activeDeadline": {}})))
    assert [policy for _, policy, _ in told(made)] == ["team-a/p", "p"]


def test_of_what_a_file_holds_the_api_server_would_refuse_all_is_told() -> None:
    judged = Judge(Snapshot((HOUSE,)), NOW).judge(Document("", one_off(backoffLimit="six"), Place(0, 0)))
    assert judged is not None
    made = policy_report.exported_report(Standing(judged, History()), WGPOLICY, NOW)
    assert told(made)[0] == ("fail", "batchwarden.io/manifest", "manifest")
    assert "ownerReferences" not in made["metadata"]
    assert "uid" not in made["scope"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        pytest.param("nightly", "batchwarden-job-nightly", id="plain"),
        pytest.param("a.b-c", "batchwarden-job-a.b-c", id="dotted"),
        pytest.param("a" * 237, f"batchwarden-job-{'a' * 237}", id="longest"),
        pytest.param("a" * 253, f"batchwarden-job-{'a' * 220}-", id="too-long"),
        pytest.param("nightly-(generated)", "batchwarden-job-nightly-generated--", id="no-name"),
        pytest.param("\N{SNOWMAN}\ud800", "batchwarden-job--", id="no-text"),
    ],
)
def test_a_report_is_named_after_its_object(name: str, found: str) -> None:
    named = policy_report.report_name("Job", name)
    assert named.startswith(found)
    assert len(named) <= 253
    assert policy_report.PLAIN_NAME.fullmatch(named)


def test_long_names_are_told_apart() -> None:
    assert len({policy_report.report_name("Job", f"{'a' * 250}{end}") for end in "bcd"}) == 3


def test_a_finding_keeps_the_time_when_it_was_first_told() -> None:
    raw = cron_job(metadata={"uid": UID}, failedJobsHistoryLimit=2)
    first = report(standing(raw, HOUSE))
    again = report(standing(raw, HOUSE, MILD), first, at=LATER)
    worse = report(standing(cron_job(metadata={"uid": UID}, failedJobsHistoryLimit=3), HOUSE), first, at=LATER)
    assert seconds(again) == {"activeDeadline": NOW, "historyLimits": NOW, "timeZone": LATER}
    assert seconds(worse) == {"activeDeadline": NOW, "historyLimits": LATER}
    assert ids(first)["historyLimits"] == ids(worse)["historyLimits"]


def seconds(made: Mapping[str, Any]) -> dict[str, datetime]:
    listed = (each for each in made["results"] if each["result"] != "pass")
    return {each["rule"]: datetime.fromtimestamp(each["timestamp"]["seconds"], UTC) for each in listed}


def ids(made: Mapping[str, Any]) -> dict[str, str]:
    return {each["rule"]: each["properties"]["resultID"] for each in made["results"]}


def test_an_id_is_of_one_object_policy_rule_place_and_result() -> None:
    lenient = cluster("p", {"activeDeadline": {}}, exceptions={})
    raws = [cron_job(metadata=each) for each in ({"uid": UID}, {"uid": "other"}, {"name": "other", "uid": UID})]
    made = [
        *(report(standing(raw, lenient, HOUSE, OWN)) for raw in raws),
        report(standing(raws[0], lenient, exceptions=(exception(),))),
    ]
    found = [each["properties"]["resultID"] for one in made for each in one["results"]]
    assert len(set(found)) == len(found) == sum(len(one["results"]) for one in made)


def test_two_findings_of_a_rule_at_one_place_are_two() -> None:
    twice = [Finding(path=("spec",), found=f"is {word}", allowed="", why="Y.") for word in ("a", "b")]
    rule = Rule("rules.twice", "A rule.", RuleParams, lambda *_: twice)
    made = report(standing(NIGHTLY, made_of(rule)))
    assert len({each["properties"]["resultID"] for each in made["results"]}) == 2


def test_the_digest_is_of_all_but_times_and_what_the_api_server_adds() -> None:
    looked = standing(NIGHTLY, HOUSE)
    made = report(looked)
    stored = {**made, "metadata": {**made["metadata"], "resourceVersion": "7", "managedFields": [], "generation": 1}}
    others = {**stored["metadata"]["annotations"], "example.com/seen": "yes"}
    stored["metadata"]["annotations"] = others
    assert made["metadata"]["annotations"]["batchwarden.io/digest"] == policy_report.digest(stored)
    assert policy_report.digest(report(looked, at=LATER)) == policy_report.digest(made)
    changed = {**made, "results": [{**made["results"][0], "message": "other"}, *made["results"][1:]]}
    assert policy_report.digest(changed) != policy_report.digest(made)
    assert policy_report.digest({**made, "summary": {}}) != policy_report.digest(made)


def test_what_has_no_room_is_counted_and_the_gravest_stay() -> None:
    looked = standing(NIGHTLY, crowded(60, length=300), consequences=(COME,) * 9)
    made, whole = report(looked), policy_report.exported_report(looked, WGPOLICY, NOW)
    left_out = int(made["metadata"]["annotations"]["batchwarden.io/left-out"])
    assert made["results"] == whole["results"][: len(made["results"])]
    assert len(made["results"]) + left_out == len(whole["results"]) == 69
    assert made["summary"] == whole["summary"] == {"fail": 60, "error": 0, "warn": 9, "skip": 0, "pass": 0}
    assert MOST_BYTES - 3072 < size(made) <= MOST_BYTES


def size(made: Mapping[str, Any]) -> int:
    return len(json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode())


@given(
    raw=objects,
    known=st.dictionaries(st.sampled_from(["results", "metadata"]), st.lists(st.dictionaries(st.text(), st.text()))),
)
def test_a_report_of_any_object_is_bounded_printable_and_the_same_each_time(
    raw: dict[str, Any], known: dict[str, Any]
) -> None:
    judged = JUDGE.judge(Document("", {**raw, "apiVersion": "batch/v1"}, Place(0, 0)))
    assume(judged is not None)  # some have a kind that is not judged
    assert judged is not None
    looked = Standing(judged, History(), (COME,))
    made = report(looked, known)
    assert made == report(looked, known) == report(looked, made, at=LATER)
    assert size(made) <= MOST_BYTES
    texts = [text for each in made["results"] for text in (each["message"], *each["properties"].values())]
    assert all(text.replace("\n", "").isprintable() and len(text.encode()) <= 1024 for text in texts)
    order = [ORDER.index(each["result"]) for each in made["results"]]
    assert order == sorted(order)
    shown = Counter(each["result"] for each in made["results"])
    assert all(shown[result] <= made["summary"][result] for result in ORDER)


JUDGE = Judge(Snapshot([*map(ready, ready_names()), crowded(9, 3, length=300)]), NOW)


@APIS
def test_policy_reporter_reads_what_we_mean(api: ReportApi) -> None:
    looked = standing(NIGHTLY, MILD, HOUSE, OWN, consequences=(COME,))
    made = report(looked, api=api)
    reading = read_as_policy_reporter(made)
    assert (reading.type, reading.source, reading.counts) == ("PolicyReport", "batchwarden", made["summary"])
    assert {(row.api, row.kind, row.namespace, row.name, row.uid) for row in reading.rows} == {
        ("cronjobs.batch/v1", "CronJob", "team-a", "nightly", UID)
    }
    for row, result in zip(reading.rows, made["results"], strict=True):
        assert row.id == row.properties["resultID"]
        same = ("policy", "rule", "message", "scored", "result", "severity", "category", "source", "properties")
        assert {key: getattr(row, key) for key in same} == {key: result[key] for key in same}
        assert row.created == NOW.timestamp()
        assert row.severity in {"high", "medium", "low"}
    assert len(reading.mailed_violations) == made["summary"]["fail"] + made["summary"]["warn"]
    assert reading.mailed_totals == made["summary"]


def test_policy_reporter_loses_no_result_of_many_objects() -> None:
    raws = [cron_job(metadata={"name": f"{name}", "uid": f"{UID}{name}"}) for name in "abc"]
    readings = [read(standing(raw, HOUSE, OWN, MILD)) for raw in raws]
    assert len(store(readings)) == sum(len(reading.rows) for reading in readings) == 9


def read(looked: Standing) -> Reading:
    return read_as_policy_reporter(report(looked))


def test_policy_reporter_tells_once_of_a_finding_and_again_when_its_exception_has_ended() -> None:
    lenient = cluster("p", {"activeDeadline": {}, "historyLimits": {"maxFailed": 1}}, exceptions={})
    two, three = (cron_job(metadata={"uid": UID}, failedJobsHistoryLimit=most) for most in (2, 3))
    skipped = read(standing(two, lenient, exceptions=(exception(),)))
    worse = read(standing(three, lenient, exceptions=(exception(),)))
    ended = read(standing(three, lenient))
    seen = {row.id for row in skipped.rows}
    assert [row.rule for row in skipped.notified(())] == ["historyLimits"]
    assert worse.notified(seen) == []
    assert [row.rule for row in ended.notified(seen)] == ["activeDeadline"]


@pytest.mark.parametrize("failures", range(8))
def test_policy_reporters_mails_never_take_a_report_for_clean(failures: int) -> None:
    for passing in range(10):
        made = report(standing(NIGHTLY, crowded(failures, passing)))
        assert len(read_as_policy_reporter(made).mailed_violations) == made["summary"]["fail"] == failures
        assert made["summary"]["pass"] == passing


def test_policy_reporters_mails_never_take_a_full_report_for_clean() -> None:
    shown = len(report(standing(NIGHTLY, crowded(60, length=300)))["results"])
    for passing in range(shown - 2, shown + 2):
        made = report(standing(NIGHTLY, crowded(60, passing, length=300)))
        violations, left_out = (
            read_as_policy_reporter(made).mailed_violations,
            made["metadata"]["annotations"][LEFT_OUT],
        )
        assert len(violations) == 60 - int(left_out) >= shown - 1


@APIS
def test_the_clusters_report_holds_totals_that_policy_reporter_does_not_count_again(api: ReportApi) -> None:
    summary = {"fail": 3, "warn": 2, "skip": 1, "pass": 9}
    findings = {("timeZone", "warn"): 2, ("activeDeadline", "skip"): 1, ("activeDeadline", "fail"): 3}
    made = policy_report.cluster_report(Totals(7, summary, findings, {KIND: 4}, left_out=2), api)
    assert (made["apiVersion"], made["kind"]) == (f"{api.group}/{api.version}", api.cluster_kind)
    assert made["summary"] == {**summary, "error": 0}
    annotations = made["metadata"]["annotations"]
    assert (annotations["batchwarden.io/objects"], annotations["batchwarden.io/left-out"]) == ("7", "2")
    assert json.loads(annotations["batchwarden.io/totals"]) == {
        "rules": {"activeDeadline": {"fail": 3, "skip": 1}, "timeZone": {"warn": 2}},
        "consequences": {KIND: 4},
    }
    reading = read_as_policy_reporter(made)
    assert (reading.type, reading.rows, reading.mailed_totals) == ("ClusterPolicyReport", (), {})

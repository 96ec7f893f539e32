"""Each format of ``batchwarden report`` holds all that was found, in the shape that its readers ask for."""

import csv
import json
import re
from io import StringIO
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from policies.selection import Snapshot
from tests.audit import junit, sarif
from tests.audit.audited import DENIAL, HOUSE, UID, everything, metadata, options, standing, written
from tests.conftest import ROOT
from tests.policies.build import NOW, cron_job, one_off
from webhook.audit.formats.csv import COLUMNS, FORMULA
from webhook.audit.formats.markdown import MOST
from webhook.audit.policy_reports.report import OPENREPORTS, WGPOLICY, exported_report
from webhook.audit.report import PLAIN, Grouping
from webhook.audit.runs.consequences import Consequence
from webhook.audit.scan import Judge, Judged
from webhook.audit.standing import Standing
from webhook.files import Document
from webhook.text.places import Place

SCHEMA = json.loads((ROOT / "deploy/schema/report.json").read_text())
SUMMARY = (
    "3 objects checked; 4 findings (2 Deny, 1 Warn, 1 Audit); 1 let off by exceptions; 2 consequences; "
    "left out: 1 made by a CronJob; 1 could not be read"
)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text, newline="")))


def test_the_sum_tells_consequences_and_they_fail_nothing() -> None:
    _, report = written("csv", everything())
    assert (report.summary, report.failing) == (SUMMARY, 0)


def test_json_is_as_its_schema_says_and_has_nothing_that_is_not_in_it() -> None:
    told = json.loads(written("json", everything())[0])
    closed = json.loads(json.dumps(SCHEMA), object_hook=close)
    jsonschema.Draft202012Validator(closed).validate(told)
    nightly, let_off, far = told["objects"]
    assert (nightly["uid"], nightly["owner"], far["owner"]) == (UID, "=data", "beta")
    assert [each["kind"] for each in nightly["consequences"]] == ["runFailed", "deadlineSuggested"]
    assert nightly["timing"]["runs"] == {
        "finished": 3, "failed": 1, "active": 0, "longestSeconds": 240.0, "lastSuccess": None,
        "lastFailure": "2026-11-20T00:00:00Z"}  # fmt: skip
    assert (nightly["passed"], let_off["passed"], far["passed"]) == (0, 2, 2)
    assert let_off["findings"][0]["exception"]["reason"] == "=1+1, OPS-1 | `x`"
    assert [(each["name"], each["state"], each["covers"]) for each in told["exceptions"]] == [("let-off", "Active", 1)]
    assert told["denials"][0]["count"] == 4
    assert told["missing"] == ["A.", "What Events tell: nobody may list them."]
    assert told["summary"]["consequences"] == {"runFailed": 1, "deadlineSuggested": 1}


def close(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "additionalProperties": False} if "required" in schema else schema


def test_csv_has_a_row_for_each_finding_exception_consequence_and_error() -> None:
    text, _ = written("csv", everything())
    assert text.startswith('"namespace","kind",')
    assert text.count("\r\n") == text.count("\n") == 12
    found = rows(text)
    assert [*found[0]] == [*COLUMNS]
    assert [(each["name"], each["outcome"], each["rule"]) for each in found] == [
        ("nightly", "Deny", "activeDeadline"),
        ("nightly", "Audit", "historyLimits"),
        ("nightly", "Warn", "concurrencyPolicy"),
        ("nightly", "consequence", "runFailed"),
        ("nightly", "consequence", "deadlineSuggested"),
        ("let-off", "skip", "activeDeadline"),
        ("far", "Deny", "activeDeadline"),
        ("", "error", "readable"),
        ("pi", "denied", "imageTag"),
        ("", "missing", ""),
        ("", "missing", ""),
    ]
    assert (found[8]["message"], found[8]["policies"], found[9]["message"]) == (
        f"'{DENIAL.sentence}",
        "house",
        "A.",
    )
    assert found[8]["evidence"].startswith("4 times from 2026-")
    assert (found[0]["owner"], found[0]["paste"], found[5]["exception"]) == (
        "'=data",
        "activeDeadlineSeconds: 600",
        "let-off",
    )
    assert found[3]["evidence"] == "failed at 2026-11-20T03:00:00Z, 2 of 3 runs;' =cmd|' /C calc'!A0"


def test_csv_that_is_grouped_is_sorted_by_group() -> None:
    found = rows(written("csv", everything(), options(Grouping.RULE))[0])
    assert [each["rule"] for each in found[1:8]] == sorted(each["rule"] for each in found[1:8])
    assert [each["outcome"] for each in found[8:]] == ["denied", "missing", "missing"]
    severities = [each["severity"] for each in rows(written("csv", everything(), options(Grouping.SEVERITY))[0])[:8]]
    assert severities == ["", *["medium"] * 6, "low"]


@pytest.mark.parametrize(
    ("text", "inert"),
    [
        ("=1", "'=1"),
        (" =1", "' =1"),
        ("\t1", "'\t1"),
        ("\uff0d1", "'\uff0d1"),
        ("a;=1", "a;'=1"),
        ("a\n@b", "a\n'@b"),
        ("a,\t+b", "a,'\t'+b"),
        ("a-b=c, d", "a-b=c, d"),
        ("- a: 1\n  b: 2", "'- a: 1\n  b: 2"),
    ],
)
def test_what_a_spreadsheet_may_take_for_a_formula_has_an_apostrophe_before_it(text: str, inert: str) -> None:
    assert FORMULA.sub("'", text) == inert


@given(
    st.text(st.characters(codec="utf-8"), max_size=9), st.sampled_from([*"=+-@\t\r\n\uff1d\uff0b\uff0d\uff20a'\";,"])
)
def test_no_cell_of_csv_begins_a_formula_and_each_reads_back(text: str, start: str) -> None:
    come = Consequence("runFailed", f"{start}{text}", "x", {"basis": f"{start}{text}"}, (f"{start}{text}",))
    looked = standing(cron_job(metadata=metadata("a", owner=f"{start}{text}")), consequences=(come,))
    (row,) = rows(written("csv", [looked], PLAIN)[0])
    assert not any(FORMULA.search(cell) for cell in row.values())
    assert row["evidence"].replace("'", "") == f"{start}{text}".replace("'", "")


def tokens(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def cells(text: str) -> list[list[Token]]:
    """List the cells of all tables, each as what it is made of."""
    found = tokens(text)
    return [found[at + 1].children or [] for at, token in enumerate(found) if token.type in {"td_open", "th_open"}]


def test_markdown_has_a_table_for_each_group_the_worst_first() -> None:
    text, _ = written("markdown", everything(), options(Grouping.OWNER))
    found = tokens(text)
    heads = [found[at + 1].content for at, token in enumerate(found) if token.type == "heading_open"]
    assert heads == [
        "Batchwarden report", "By owner", "Not looked at", "Missing here", "`=data`", "`beta`", "nobody known",
        "Exceptions", "Refused at admission"]  # fmt: skip
    assert f"\n{SUMMARY}.\n" in text
    assert "| `=data` | 1 | 1 | 1 | 2 | 0 |\n" in text
    widths = [token.content.count(" --- |") for token in found if token.type == "inline"]
    assert set(widths) == {0}, "a table that is none"


def test_what_others_chose_is_code_in_markdown() -> None:
    found = cells(written("markdown", everything())[0])
    kinds = {token.type for cell in found for token in cell}
    assert kinds == {"text", "code_inline", "html_inline", "em_open", "em_close", "softbreak"} - {"softbreak"}
    assert {token.content for cell in found for token in cell if token.type == "html_inline"} == {"<br>"}
    shown = [token.content for cell in found for token in cell if token.type == "code_inline"]
    assert {"Slow | *costly* @team, #12 <b>.", "=1+1, OPS-1 | `x`", "@eve|", "Jobs: user | may not list them"} <= {
        *shown
    }
    assert "@" not in "".join(token.content for cell in found for token in cell if token.type == "text")


@pytest.mark.parametrize("by", [None, *Grouping])
def test_markdown_fits_into_a_comment_however_much_is_found(by: Grouping | None) -> None:
    found = [
        standing(cron_job(metadata=metadata(f"{'a' * 50}-{n}", f"home-{n % 90}", owner=f"{n}@{'x' * 150}")), HOUSE)
        for n in range(400)
    ]
    text, _ = written("markdown", found, options(by))
    assert len(text) <= MOST + 200
    assert re.search(r"^\d+ (findings )?more", text, re.MULTILINE)


def test_sarif_tells_consequences_with_a_page_of_their_own() -> None:
    log = json.loads(written("sarif", everything())[0])
    jsonschema.Draft7Validator(sarif.SCHEMA, format_checker=jsonschema.FormatChecker()).validate(log)
    run = log["runs"][0]
    assert [(each["ruleId"], each["level"]) for each in run["results"]][3:5] == [
        ("runFailed", "warning"), ("deadlineSuggested", "note")]  # fmt: skip
    (where,) = run["results"][4]["locations"][0]["logicalLocations"]
    assert where == {"fullyQualifiedName": "CronJob team-a/nightly", "kind": "object"}
    missing = [each["message"]["text"] for each in run["invocations"][0]["toolExecutionNotifications"]]
    assert missing == ["A.", "What Events tell: nobody may list them."]
    pages = {each["id"]: each for each in run["tool"]["driver"]["rules"]}
    assert pages["runFailed"]["shortDescription"]["text"].startswith("The Job failed")
    assert "missedSchedule" not in pages


def test_junit_tells_consequences_beside_and_fails_by_none() -> None:
    root = junit.read(written("junit", everything())[0])
    suite = root[0]
    assert (suite.attrib["name"], suite.attrib["failures"]) == ("namespace team-a", "0")
    assert "CronJob team-a/nightly: consequence its last run failed: BackoffLimitExceeded" in str(
        suite.findtext("system-out")
    )


@pytest.mark.parametrize(
    ("form", "api"), [("policyreport", WGPOLICY), ("openreports", OPENREPORTS)], ids=["old", "new"]
)
def test_policy_reports_are_documents_of_their_api(form: str, api: Any) -> None:
    found = everything()
    text, report = written(form, found)
    documents = list(yaml.safe_load_all(text))
    assert documents == [exported_report(each, api, NOW) for each in found if isinstance(each, Standing)]
    assert report.unreadable == 1


def test_policy_reports_of_the_same_name_are_told_apart_by_their_place() -> None:
    found = [judged(source, line) for source, line in (("a.yaml", 1), ("a.yaml", 9), ("b.yaml", 1))]
    names = [each["metadata"]["name"] for each in yaml.safe_load_all(written("policyreport", found)[0])]
    assert len({*names}) == 3
    assert names[0] == "batchwarden-job-import"
    assert [name.rpartition("-")[0] for name in names[1:]] == [
        "batchwarden-job-import-a-yaml-9",
        "batchwarden-job-import-b-yaml-1",
    ]


def judged(source: str, line: int) -> Judged:
    found = Judge(Snapshot([HOUSE]), NOW).judge(Document(source, one_off(metadata={"name": "import"}), Place(line, 1)))
    assert found is not None
    return found

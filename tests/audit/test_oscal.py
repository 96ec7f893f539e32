"""What ``--format oscal`` writes, compliance-trestle reads."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from trestle.oscal.assessment_results import AssessmentResults

from tests.audit.audited import everything, written
from webhook.audit.report import PLAIN, Found, Options
from webhook.files import Unreadable


def read(folder: Path, found: Sequence[Found], asked: Options | None = None) -> AssessmentResults:
    """Write it, and read it as that program does."""
    file = folder / "assessment-results.json"
    file.write_text(written("oscal", found, asked)[0])
    results = AssessmentResults.oscal_read(file)
    assert isinstance(results, AssessmentResults)
    return results


def test_each_finding_is_an_observation_of_its_object(tmp_path: Path) -> None:
    (result,) = read(tmp_path, everything()).results
    assert result.observations is not None
    props = [{each.name: each.value for each in one.props or []} for one in result.observations]
    assert [(each["outcome"], each["rule"]) for each in props] == [
        ("Deny", "activeDeadline"),
        ("Audit", "historyLimits"),
        ("Warn", "concurrencyPolicy"),
        ("consequence", "runFailed"),
        ("consequence", "deadlineSuggested"),
        ("skip", "activeDeadline"),
        ("Deny", "activeDeadline"),
    ]
    assert result.local_definitions is not None
    items = {item.uuid: item.description for item in result.local_definitions.inventory_items or []}
    subjects = [one.subjects[0] for one in result.observations if one.subjects]
    assert [(each.title, items[each.subject_uuid]) for each in subjects[-2:]] == [
        ("CronJob team-a/let-off",) * 2, ("CronJob team-b/far",) * 2]  # fmt: skip
    assert len({one.uuid for one in result.observations}) == 7


def test_a_rule_that_is_broken_is_a_finding_and_an_exception_a_risk(tmp_path: Path) -> None:
    (result,) = read(tmp_path, everything()).results
    found = [(each.target.target_id, len(each.related_observations or [])) for each in result.findings or []]
    assert found == [
        ("activeDeadline", 2), ("historyLimits", 1), ("concurrencyPolicy", 1),
        ("runFailed", 1), ("deadlineSuggested", 1),
    ]  # fmt: skip
    (risk,) = result.risks or []
    assert (risk.title, risk.statement) == ("Exception team-a/let-off", "=1+1, OPS-1 | `x`")
    assert f"{risk.deadline:%Y-%m-%d}" == "2026-12-31"
    assert [each.observation_uuid for each in risk.related_observations or []] == [(result.observations or [])[5].uuid]
    assert "user | may not list them" in str(result.remarks)


@pytest.mark.parametrize("found", [[], [Unreadable("a", 0, 0, "gone")]], ids=["nothing", "unread"])
def test_nothing_found_is_read_as_well(tmp_path: Path, found: list[Found]) -> None:
    (result,) = read(tmp_path, found, PLAIN).results
    assert (result.observations, result.findings, result.risks) == (None, None, None)


def test_what_is_told_again_has_the_same_identity_and_names_what_is_there() -> None:
    first, second = (json.loads(written("oscal", everything())[0])["assessment-results"] for _ in range(2))
    assert first == second
    assert first["import-ap"]["href"] == f"#{first['back-matter']['resources'][0]['uuid']}"

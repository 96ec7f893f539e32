"""``--since`` keeps what was made or changed since then, and of the rest what has come of it since then."""

from datetime import timedelta
from typing import Any

import pytest

from policies.fields import mapping
from tests.audit.audited import FAILED, HOUSE, LONGER, standing, written
from tests.policies.build import NOW, cron_job
from webhook.audit.report import PLAIN
from webhook.audit.runs.consequences import Consequence
from webhook.audit.since import changed, recent
from webhook.audit.values import stamp

OLD, YOUNG = stamp(NOW - timedelta(days=30)), stamp(NOW - timedelta(hours=1))
SINCE = NOW - timedelta(days=7)
LONG_AGO = Consequence("missedSchedule", "", "a run was due", {"basis": f"due at {OLD}", "message": f"at {YOUNG}"})


def written_at(created: str | None, *writes: tuple[str, str]) -> dict[str, Any]:
    """Write metadata; each write is a time and a subresource."""
    fields = [{"manager": "x", "time": at, **({"subresource": part} if part else {})} for at, part in writes]
    return {"name": "a", "namespace": "team-a", "creationTimestamp": created, "managedFields": fields}


@pytest.mark.parametrize(
    ("expected", "metadata"),
    [
        (OLD, written_at(OLD)),
        (YOUNG, written_at(YOUNG)),
        (YOUNG, written_at(OLD, (YOUNG, ""), (OLD, ""))),
        (OLD, written_at(OLD, (YOUNG, "status"))),
        (YOUNG, written_at(OLD, (YOUNG, "scale"))),
        (None, written_at(None)),
        (None, {"creationTimestamp": 1, "managedFields": [1, {"time": "x"}]}),
    ],
    ids=["made", "made lately", "changed", "status alone", "another subresource", "not told", "garbage"],
)
def test_an_object_has_changed_when_it_was_last_written_but_for_its_status(
    expected: str | None, metadata: dict[str, Any]
) -> None:
    found = changed({"metadata": metadata})
    assert (found and stamp(found)) == expected


@pytest.mark.parametrize(
    ("expected", "created", "consequences"),
    [
        (["activeDeadline", "runFailed", "deadlineSuggested"], YOUNG, (FAILED, LONGER)),
        (["activeDeadline"], YOUNG, (LONG_AGO,)),
        (["runFailed"], OLD, (FAILED, LONGER, LONG_AGO)),
        (["activeDeadline"], None, ()),
    ],
    ids=["changed", "changed, and nothing came of it since", "not changed, and something came", "not known"],
)
def test_what_is_kept(expected: list[str], created: str | None, consequences: tuple[Consequence, ...]) -> None:
    raw = cron_job(metadata=written_at(created), concurrencyPolicy="Forbid")
    (kept,) = recent([standing(raw, HOUSE, consequences=consequences)], SINCE)
    _, report = written("csv", [kept], PLAIN)
    told = [*report.rules, *report.consequences]
    assert (told, report.objects, dict(report.left_out)) == (expected, 1, {})


def test_what_has_not_changed_and_of_which_nothing_came_is_left_out_and_counted() -> None:
    looked = standing(cron_job(metadata=written_at(OLD)), HOUSE, consequences=(LONG_AGO, LONGER))
    _, report = written("csv", recent([looked], SINCE), PLAIN)
    assert report.summary == "0 objects checked; 0 findings; left out: 1 not changed since 2026-11-14 12:00 UTC"


def test_of_what_has_not_changed_no_rule_counts_as_passed() -> None:
    looked = standing(cron_job(metadata=written_at(OLD)), HOUSE, consequences=(FAILED,))
    (kept,) = recent([looked], SINCE)
    assert mapping(kept.judged.document.value) == looked.judged.document.value  # type: ignore[union-attr]
    assert '"passed":0' in written("json", [kept], PLAIN)[0]

"""An exception's status says what it lifts or why it lifts nothing; its owner hears of the end in time."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from policies.exception_status import exception_status, faulty_exception_status, reminder
from policies.objects import BatchPolicyException, Policy
from policies.status import LAST_GOOD, MOST_SAID, ExceptionStatus, Known
from policies.strict import InvalidObjectError
from tests.policies.build import NOW, cluster, exception, local

NONE = ExceptionStatus()
AHEAD = timedelta(days=14)
END = datetime(2026, 12, 31, tzinfo=UTC)  # of an exception that says nothing else
RULES: Mapping[str, Any] = {"activeDeadline": {}, "backoffLimit": {"action": "Warn"}}
PERMITS = cluster("p", RULES, exceptions={"maxDays": 90})
REFUSES = cluster("q", RULES)
NO_RULE = "no policy that it names has the rule schedule"
UNTIL = "until 2026-12-31 00:00 UTC it lifts"


def status(
    of: BatchPolicyException, *near: Policy, at: datetime = NOW, before: ExceptionStatus = NONE, **known: Any
) -> ExceptionStatus:
    return exception_status(of, near, Known(generation=1, at=at, **known), before, AHEAD)


@pytest.mark.parametrize(
    ("of", "near", "state", "reason", "message"),
    [
        (exception(), [PERMITS], "Active", "InForce", f"{UNTIL} activeDeadline of policy p"),
        (exception(rules=["activeDeadline", "backoffLimit"]), [PERMITS],
         "Active", "InForce", f"{UNTIL} activeDeadline and backoffLimit of policy p"),
        (exception(policies=["p", "own"]), [local("own", RULES, exceptions={}), PERMITS],
         "Active", "InForce", f"{UNTIL} activeDeadline of policy own, activeDeadline of policy p"),
        (exception(policies=["p", "q"]), [PERMITS, REFUSES],
         "Active", "InForce", f"{UNTIL} activeDeadline of policy p; but policy q permits no exceptions"),
        (exception(policies=["p", "x"], rules=["activeDeadline", "schedule"]), [PERMITS],
         "Active", "InForce",
         f"{UNTIL} activeDeadline of policy p; but there is no policy x here; {NO_RULE}"),
        (exception(expiresAt="2026-12-05T12:00:00Z"), [PERMITS],
         "ExpiringSoon", "ExpiringSoon", "until 2026-12-05 12:00 UTC it lifts activeDeadline of policy p"),
        (exception(expiresAt="2026-11-21T13:00:00+01:00"), [PERMITS],
         "Expired", "Expired", "it ended on 2026-11-21 12:00 UTC"),
        (exception(policies=["q"]), [REFUSES], "Inert", "NotPermitted", "policy q permits no exceptions"),
        (exception(created="2026-01-01T00:00:00Z"), [PERMITS],
         "Inert", "NotPermitted", "expiresAt is more than the 90 days away that policy p permits"),
        (exception(), [], "Inert", "NotFound", "there is no policy p here"),
        (exception(rules=["schedule"]), [PERMITS],
         "Inert", "NotFound", NO_RULE),
    ],
)  # fmt: skip
def test_it_says_what_it_lifts_or_why_nothing(
    of: BatchPolicyException, near: list[Policy], state: str, reason: str, message: str
) -> None:
    found = status(of, *near)
    (active,) = found.conditions
    assert (found.state, active.reason, active.message) == (state, reason, message)
    assert active.status == str(state in {"Active", "ExpiringSoon"})


def test_it_says_how_much_it_covers_and_since_when() -> None:
    before = status(exception(), PERMITS, workloads=3)
    assert before.workloads == 3
    assert status(exception(), PERMITS, at=NOW + timedelta(days=1), before=before) == before
    inert = status(exception(), at=NOW + timedelta(days=2), before=before)
    assert inert.conditions[0].last_transition_time == NOW + timedelta(days=2)


def test_one_that_cannot_be_used_says_why() -> None:
    fault = InvalidObjectError(("spec", "owner"), "owner is missing")
    found = faulty_exception_status(fault, Known(generation=1, at=NOW), NONE)
    assert found.state == "Inert"
    assert found.conditions[0].message == f"spec.owner: owner is missing ({LAST_GOOD})"


def told(of: BatchPolicyException, at: datetime, last: datetime | None, *near: Policy) -> list[tuple[str, str]]:
    """Give reason and day of the reminder that is due."""
    before = ExceptionStatus(reminded_at=last)
    due = reminder(of, near, status(of, *near, at=at, before=before), at)
    return [(due.reason, due.day)] if due else []


HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("at", "last", "expected"),
    [
        (END - AHEAD - HOUR, None, []),
        (END - AHEAD, None, [("ExpiringSoon", "2026-12-17")]),
        (END - AHEAD + HOUR, END - AHEAD, []),
        (END - AHEAD + DAY, END - AHEAD, [("ExpiringSoon", "2026-12-18")]),
        (END - HOUR, END - 2 * DAY, [("ExpiringSoon", "2026-12-30")]),
        (END, END - HOUR, [("Expired", "")]),
        (END + DAY, None, [("Expired", "")]),
        (END + DAY, END, []),
    ],
)
def test_its_owner_is_reminded_once_a_day_and_at_last_of_its_end(
    at: datetime, last: datetime | None, expected: list[tuple[str, str]]
) -> None:
    assert told(exception(), at, last, PERMITS) == expected


def test_one_that_lifts_nothing_reminds_nobody_and_a_later_end_begins_anew() -> None:
    assert told(exception(), END - HOUR, None) == []
    extended = exception(expiresAt="2027-01-31T00:00:00Z")
    assert status(extended, PERMITS, before=ExceptionStatus(reminded_at=NOW)).reminded_at is None


def test_the_reminder_says_what_follows_and_what_to_do() -> None:
    audit = cluster("audit", {"activeDeadline": {"action": "Audit"}}, exceptions={})
    of = exception(policies=["p", "q", "audit"], rules=["activeDeadline", "backoffLimit"])
    near = (PERMITS, REFUSES, audit)
    soon = reminder(of, near, ExceptionStatus(state="ExpiringSoon"), END - HOUR)
    assert soon is not None
    assert soon.message == (
        "It ends on 2026-12-31 00:00 UTC. From then on denied again: activeDeadline of policy p; warned of again: "
        "backoffLimit of policy p; audited again: activeDeadline of policy audit. Change the Jobs and CronJobs, or ask "
        "an admin for a later expiresAt. Owner: data@example.com. Reason: OPS-1"
    )
    ended = reminder(of, (), ExceptionStatus(state="Expired"), END)
    assert ended is not None
    assert ended.message == (
        "It ended on 2026-12-31 00:00 UTC. Change the Jobs and CronJobs, or ask an admin for another exception, and "
        "delete this one. Owner: data@example.com. Reason: OPS-1"
    )
    long = exception(owner="o" * 256, reason="r" * 512, policies=["p" * 200], rules=["activeDeadline"])
    named = structs.replace(PERMITS, name="p" * 200)
    cut = reminder(long, (named,), ExceptionStatus(state="Expired"), END)
    assert cut is not None
    assert len(cut.message) == MOST_SAID

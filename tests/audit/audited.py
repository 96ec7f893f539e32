"""What reports are made of, for tests of their formats: findings of each sort, of a cluster or of a file."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

from policies.objects import BatchPolicyException, Policy
from policies.selection import Snapshot
from tests.policies.build import NOW, cluster, cron_job, exception
from webhook.audit import formats
from webhook.audit.denials import Denial
from webhook.audit.entries import Owners
from webhook.audit.grants import grants
from webhook.audit.report import Context, Found, Grouping, Missing, Options, Report
from webhook.audit.runs.consequences import Consequence
from webhook.audit.runs.history import History
from webhook.audit.scan import Judge, Judged, LeftOut
from webhook.audit.standing import Standing
from webhook.files import Document, Unreadable
from webhook.text.places import Place

UID = "0b1c7c3e-6a3b-4a52-9d8b-1f0c3c1d2e4f"
HOUSE = cluster(
    "house",
    {
        "activeDeadline": {"maxSeconds": 600, "reason": "Slow | *costly* @team, #12 <b>"},
        "historyLimits": {"maxFailed": 1, "action": "Audit"},
        "concurrencyPolicy": {"allowed": ["Forbid"], "action": "Warn"},
    },
    exceptions={},
    contact="#batch",
)
LET_OFF = exception(policies=["house"], selector={"matchLabels": {"off": "yes"}}, reason="=1+1, OPS-1 | `x`")
FAILED = Consequence(
    "runFailed", "spec.jobTemplate.spec.backoffLimit", "its last run failed: BackoffLimitExceeded",
    {"basis": "failed at 2026-11-20T03:00:00Z, 2 of 3 runs", "message": "=cmd|' /C calc'!A0"},
)  # fmt: skip
LONGER = Consequence("deadlineSuggested", "", "its runs tell a deadline", {"basis": "3 runs, longest 4m"}, ("a: 1",))
DENIAL = Denial(
    what="denied", user="@eve|", operation="CREATE", kind="Job", namespace="team-a", name="pi",
    rules=("imageTag",), policies=("house",), first=NOW - timedelta(days=3), last=NOW - timedelta(days=2), count=4,
)  # fmt: skip


def standing(
    raw: dict[str, Any],
    *policies: Policy,
    exceptions: Iterable[BatchPolicyException] = (),
    consequences: tuple[Consequence, ...] = (),
) -> Standing:
    """Judge an object as it stands in a cluster."""
    judged = Judge(Snapshot(policies, exceptions), NOW).judge_standing(Document("", raw, Place(0, 0)))
    assert isinstance(judged, Judged)
    history = History(
        finished=3, failed=1, longest=timedelta(minutes=4), last_failure=datetime(2026, 11, 20, tzinfo=UTC)
    )
    return Standing(judged, history, consequences)


def metadata(name: str, namespace: str = "team-a", **labels: str) -> dict[str, Any]:
    """Write metadata as a cluster has it."""
    return {"name": name, "namespace": namespace, "uid": UID, "labels": labels}


def everything() -> list[Found]:
    """Give something of each sort."""
    nightly = cron_job(metadata=metadata("nightly", owner="=data"), failedJobsHistoryLimit=2, concurrencyPolicy="Allow")
    let_off = cron_job(metadata=metadata("let-off", off="yes"), concurrencyPolicy="Forbid")
    far = cron_job(metadata=metadata("far", "team-b"), concurrencyPolicy="Forbid")
    return [
        standing(nightly, HOUSE, exceptions=[LET_OFF], consequences=(FAILED, LONGER)),
        standing(let_off, HOUSE, exceptions=[LET_OFF]),
        standing(far, HOUSE, exceptions=[LET_OFF]),
        LeftOut("made by a CronJob"),
        Missing("What Events tell: nobody may list them."),
        Unreadable("Jobs", 0, 0, "user | may not list them"),
    ]


def options(group_by: Grouping | None = None) -> Options:
    """Give what is told beside them."""
    snapshot = Snapshot([HOUSE], [LET_OFF])
    around = Context("https://c, all namespaces", ("house",), grants(snapshot, NOW), (DENIAL,), ("A.",))
    return Options(around, group_by, Owners(namespaces={"team-b": {"team": "beta"}}))


def written(form: str, found: Iterable[Found], asked: Options | None = None) -> tuple[str, Report]:
    """Write a report in a format."""
    report = Report(found, NOW, None, options=options() if asked is None else asked)
    out = StringIO()
    formats.writer(form)(report, out)
    return out.getvalue(), report

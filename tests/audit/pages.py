"""Reports to be shown as pages: a small one with something of everything in it, hostile words, and large ones."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

from webhook.audit import formats
from webhook.audit.denials import Denial
from webhook.audit.report import Context, Found, Grant, Options, Report
from webhook.audit.runs.consequences import Consequence
from webhook.audit.runs.history import History
from webhook.audit.scan import Judge, Judged
from webhook.audit.standing import Standing
from webhook.files import Document, Unreadable, read_text
from webhook.snapshots import Collection
from webhook.text.places import Place

AT = datetime(2026, 11, 21, 14, 10, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
HOSTILE = "\"'><script>document.title='owned'</script><img src=x onerror=alert(1)>{{ 7*7 }}"
TURNED = "a\u202eb\x00c"
POLICIES = """
apiVersion: batchwarden.io/v1alpha1
kind: ClusterBatchPolicy
metadata: {name: house}
spec:
  action: Deny
  contact: "#batch"
  exceptions: {}
  rules:
    resourceLimits: {}
    imageTag: {action: Warn}
    activeDeadline: {maxSeconds: 3600, action: Audit}
    topOfHour: {action: Warn}
    concurrencyPolicy: {allowed: [Forbid]}
---
apiVersion: batchwarden.io/v1alpha1
kind: BatchPolicyException
metadata: {name: legacy, namespace: team-a}
spec:
  {policies: [house], rules: [imageTag], selector: {}, reason: "vendor images, OPS-1", owner: data@example.com,
   expiresAt: "2026-12-24T00:00:00Z"}
"""


def judge() -> Judge:
    collection = Collection()
    for document in read_text(POLICIES, "policies.yaml"):
        assert isinstance(document, Document)
        collection.take(document)
    return Judge(collection.snapshot(), AT)


def cron_job(name: str, namespace: str = "team-a", schedule: str = "0 3 * * *", **pod: Any) -> dict[str, Any]:
    """Make a CronJob; keys of its Pod's container are given by name."""
    container = {"name": "main", "image": "registry.example.com/tool", **pod}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"schedule": schedule, "jobTemplate": {"spec": {"template": template}}},
    }


def standing(
    judge: Judge, manifest: dict[str, Any], *consequences: Consequence, longest: int | None = None
) -> Standing:
    """Judge an object of a cluster, with what has come of it and the seconds that its longest run took."""
    judged = judge.judge_standing(Document("", manifest, Place(0, 0)))
    assert isinstance(judged, Judged)
    took = None if longest is None else timedelta(seconds=longest)
    return Standing(judged, History(finished=3, longest=took), consequences)


FAILED = Consequence("runFailed", "spec.jobTemplate", "the latest run failed", {"basis": "1 of 3 runs", "reason": "x"})
GRANTS = (
    Grant("team-a", "legacy", ("house",), ("imageTag",), "vendor images, OPS-1", "data@example.com",
          datetime(2026, 12, 24, tzinfo=UTC), "Active"),
    Grant("team-b", "old", ("house",), ("topOfHour",), "was once needed", "ops@example.com",
          datetime(2026, 9, 1, tzinfo=UTC), "Expired"),
    Grant("team-b", "far", ("house",), ("topOfHour",), "a partner polls then", "ops@example.com",
          datetime(2027, 3, 1, tzinfo=UTC), "ExpiringSoon"),
)  # fmt: skip


def denial(user: str, what: Any = "denied") -> Denial:
    return Denial(
        what=what,
        user=user,
        operation="CREATE",
        kind="CronJob",
        namespace="team-a",
        name="nightly",
        rules=("resourceLimits",),
        policies=("house",),
        first=AT - timedelta(hours=5),
        last=AT - timedelta(minutes=7),
        count=3,
    )


def everything() -> list[Found]:
    """Give something of each sort, a CronJob with hostile words among them."""
    ask = judge()
    good = cron_job("good", schedule="17 3 * * *", image="a:1", resources={"limits": {"memory": "1Gi"}})
    good["spec"] |= {"concurrencyPolicy": "Forbid"}
    good["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] = 60
    file = Document("deploy/<b>/cron.yaml", cron_job("from-file", "team-c"), Place(7, 1))
    judged = ask.judge(file)
    assert judged is not None
    return [
        standing(ask, cron_job("nightly"), FAILED, longest=240),
        standing(ask, cron_job("hourly", "team-b", "0 * * * *"), longest=4000),
        standing(ask, cron_job("other", "team-b", "*/10 * * * *")),
        standing(ask, cron_job(HOSTILE, f"team-{HOSTILE}", image=f"{HOSTILE}:latest")),
        standing(ask, good, longest=30),
        judged,
        Unreadable("deploy/broken.yaml", 3, 1, f"quote {HOSTILE}"),
    ]


def large(findings: int) -> list[Found]:
    """Give objects with at least so many findings, of many namespaces."""
    ask = judge()
    found: list[Found] = []
    told = 0
    while told < findings:
        number = len(found)
        manifest = cron_job(
            f"job-{number}", f"team-{number % 97}", f"{number % 60 if number % 3 else 0} {number % 24} * * *"
        )
        each = standing(ask, manifest, longest=number % 5000)
        told += len(each.judged.verdict.violations) + len(each.judged.verdict.skips)
        found.append(each)
    return found


def context(title: str = "prod", **others: Any) -> Context:
    return Context(
        title, ("house",), **{"grants": GRANTS, "denials": (denial("jane"), denial(HOSTILE, "break-glass"))} | others
    )


def page(found: Iterable[Found], around: Context | None = None, zone: tzinfo = BERLIN, why_url: str = "") -> str:
    """Write the page."""
    out = StringIO()
    options = Options(context() if around is None else around)._replace(zone=zone)
    formats.writer("html")(Report(found, AT, None, why_url, options), out)
    return out.getvalue()

"""A case of a consequence is the minimal valid object plus a tweak, its runs, its Events, and all that is told of it.

``tests/audit/runs/cases/<kind>.yaml`` holds those of a kind, and of what is easily taken for it.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml
from msgspec import Struct, field

from policies.cron import durations
from policies.workload import Workload
from tests.policies.cases import base, merge
from webhook.audit.runs.consequences import Consequence
from webhook.audit.runs.engine import of_cron_job, of_job
from webhook.audit.runs.event import read_event
from webhook.audit.runs.history import History
from webhook.audit.runs.run import read_run
from webhook.audit.values import stamp

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
CASES = Path(__file__).parent / "cases"
SIZE = 2048


class Told(Struct, kw_only=True, forbid_unknown_fields=True):
    """What is told: the statement, what it rests on, the field to look at, and the lines that would help."""

    kind: str
    says: str
    basis: str
    path: str = ""
    paste: list[str] = []


class Ran(Struct, kw_only=True, forbid_unknown_fields=True):
    """A run: how long before the look it ended, after what time; or how long before it began and is at work.

    ``fails`` is the reason for which it failed; ``with`` is a merge patch on the Job.
    """

    ended: str = ""
    took: str = "1m"
    began: str = ""
    fails: str = ""
    message: str = ""
    tweak: dict[str, Any] = field(name="with", default_factory=dict)

    def patch(self, at: datetime) -> dict[str, Any]:
        """Give what a Job's controllers write of such a run."""
        if not self.ended:
            status: dict[str, Any] = {"startTime": ago(at, self.began), "active": 1} if self.began else {}
            return self._tweaked(status)
        end = at - span(self.ended)
        condition = {"type": "Complete", "status": "True", "lastTransitionTime": stamp(end)}
        done = {"succeeded": 1, "completionTime": stamp(end)}
        if self.fails:
            condition |= {"type": "Failed", "reason": self.fails, "message": self.message}
            done = {}
        status = {"startTime": stamp(end - span(self.took)), "conditions": [condition], **done}
        return self._tweaked(status)

    def _tweaked(self, status: dict[str, Any]) -> dict[str, Any]:
        raw: dict[str, Any] = merge({"status": status}, self.tweak)
        return raw


class Heard(Struct, kw_only=True, forbid_unknown_fields=True):
    """An Event: how long before the look it was seen last, and how often."""

    reason: str = "FailedCreate"
    message: str
    ago: str = "5m"
    count: int = 1


class Case(Struct, kw_only=True, forbid_unknown_fields=True):
    """One case; ``with`` is a merge patch on the base object, ``run`` how a Job went, ``runs`` those of a CronJob."""

    name: str
    kind: Literal["Job", "CronJob"] = "CronJob"
    tweak: dict[str, Any] = field(name="with", default_factory=dict)
    run: Ran = field(default_factory=Ran)
    runs: list[Ran] = []
    events: list[Heard] = []
    at: datetime = AT
    finds: list[Told] = []

    def look(self, at: datetime | None = None, times: int = 1) -> tuple[Consequence, ...]:
        """Look at the object, then or later; each run and each Event is there so many times."""
        events = [read_event(self._event(each))[1] for each in self.events] * times
        if self.kind == "Job":
            raw = merge(merge(base("Job"), self.run.patch(self.at)), self.tweak)
            return of_job(Workload(raw), raw, read_run(raw, SIZE), events, at or self.at)
        raw = merge(merge(base("CronJob"), MADE), self.tweak)
        history = History()
        for ran in self.runs * times:
            template = {"spec": raw["spec"]["jobTemplate"]["spec"]}
            history.add(read_run(merge(merge(base("Job"), template), ran.patch(self.at)), SIZE))
        return of_cron_job(Workload(raw), raw, history, events, at or self.at)

    def _event(self, heard: Heard) -> dict[str, Any]:
        about = {"uid": "u-1"}
        last = {"lastTimestamp": ago(self.at, heard.ago), "count": heard.count}
        return {"reason": heard.reason, "message": heard.message, "type": "Warning", "involvedObject": about, **last}


# Nightly at 02:15, and all is well.
MADE = {
    "metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"},
    "spec": {"timeZone": "Etc/UTC"},
    "status": {"lastScheduleTime": "2026-11-21T02:15:00Z", "lastSuccessfulTime": "2026-11-21T02:16:00Z"},
}


def cases(kind: str) -> list[Case]:
    """Read the cases of a kind; a key that no case has is an error."""
    return msgspec.convert(yaml.safe_load((CASES / f"{kind}.yaml").read_text()), list[Case])


def told(consequence: Consequence) -> Told:
    """Give what a case says of a consequence."""
    kind, path, statement, evidence, paste = consequence
    return Told(kind=kind, says=statement, basis=evidence["basis"], path=path, paste=list(paste))


def span(text: str) -> timedelta:
    """Read a time such as ``2h``, as schedules write it."""
    read = durations.seconds(text)
    assert read is not None, text
    return timedelta(seconds=read)


def ago(at: datetime, text: str) -> str:
    """Write a moment so long before another."""
    return stamp(at - span(text))

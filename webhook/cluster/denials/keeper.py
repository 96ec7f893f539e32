"""Keeps a report of denials in each namespace that has any: what Events tell is folded into it as they come.

A report remembers which Events were counted, and is written only onto the version of it that was read: so a restart, or
a second controller, counts nothing twice, and where there is no news nothing is written.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter

from webhook.audit.denials import Denial, DenialEvent, Known, fold
from webhook.audit.policy_reports.denials import NAME, read_report, write_report
from webhook.audit.policy_reports.report import ReportApi
from webhook.cluster.api import CONFLICT, Api, ApiError, Manifest
from webhook.cluster.denials.store import DenialStore
from webhook.cluster.observe import KeeperObserver
from webhook.cluster.reports.discovery import path
from webhook.cluster.retry import AWAY

LOOK_SECONDS: Final = 60.0
SPACING: Final = timedelta(seconds=3)  # from one look at a namespace to the next
WRITE_SECONDS: Final = 0.05  # from one namespace to the next
TOLD: Final = ("no API takes reports: the log tells of denials", "reports tell of each denial that Events tell of")


class DenialObserver:
    """What was counted, as a metric and, where there is no report, as log lines."""

    def __init__(self, registry: CollectorRegistry, write: Callable[..., None]) -> None:
        """Register the metric; ``write`` takes an event and its fields."""
        self._write = write
        self._denials = Counter(
            "batchwarden_denials",
            "What was refused, or let through unjudged.",
            ("what",),
            registry=registry,
        )

    def count(self, denial: Denial) -> None:
        """Count what is news of one."""
        self._denials.labels(denial.what).inc(denial.count)

    def log(self, denial: Denial) -> None:
        """Tell what is news of one."""
        self._write(
            "denial",
            what=denial.what,
            user=denial.user,
            operation=denial.operation,
            object=f"{denial.kind} {denial.namespace}/{denial.name}",
            rules=denial.rules,
            policies=denial.policies,
            count=denial.count,
            last=denial.last.isoformat(),
        )


class Sources(NamedTuple):
    """Where Events are, and which API takes reports, if any does; ``wait`` waits some seconds."""

    store: DenialStore
    report_api: Callable[[], ReportApi | None]
    wait: Callable[[float], object]


class DenialKeeper:
    """Looks at a namespace where there is news of it."""

    name: Final = "denials"

    def __init__(self, api: Api, sources: Sources, observer: KeeperObserver, denials: DenialObserver) -> None:
        """Take whom to ask, what about, and whom to tell."""
        self._api, self._sources, self._observer, self._denials = api, sources, observer, denials
        self._pending: dict[str, list[DenialEvent]] = {}
        self._looked: dict[str, datetime] = {}
        self._since: datetime | None = None
        self._report_api: ReportApi | None = None
        self._asked = datetime.min.replace(tzinfo=UTC)
        self._logged: dict[str, Known] = {}  # of namespaces, where no report remembers it

    def keep(self, at: datetime) -> float:
        """Fold in what is news; raises ApiError where the API server is away or has no time."""
        self._pending |= self._sources.store.take()
        self._looked = {home: then for home, then in self._looked.items() if timedelta() <= at - then < SPACING}
        if self._pending.keys() - self._looked.keys() or (at - self._asked).total_seconds() >= LOOK_SECONDS:
            self._ask(at)
        refused = ""
        for home in sorted(self._pending.keys() - self._looked.keys()):
            try:
                is_done = self._fold(home, at)
            except ApiError as error:
                if error.status in AWAY:
                    raise
                is_done, refused = True, f"of namespace {home} and perhaps others nothing is written: {error}"
            self._looked[home] = at
            if is_done:
                del self._pending[home]
            self._sources.wait(WRITE_SECONDS)
        self._observer.found(self.name, refused or TOLD[self._report_api is not None])
        return SPACING.total_seconds() if self._pending else LOOK_SECONDS

    def _ask(self, at: datetime) -> None:
        """Ask which API takes reports: what was told before it was there goes into its reports as well."""
        report_api = self._sources.report_api()
        if report_api not in {None, self._report_api}:
            self._pending |= self._sources.store.take_all()
        if report_api or not self._since:
            self._since = at.replace(microsecond=0)  # Events have whole seconds
        self._report_api, self._asked = report_api, at

    def _fold(self, home: str, at: datetime) -> bool:
        """Fold in what is news of a namespace; tell whether that is done: else somebody else has just written."""
        seen = self._pending[home]
        if self._report_api is None:
            self._log(home, seen, at)
            return True
        reports = path(self._report_api, home)
        there = self._api.get(f"{reports}/{NAME}")
        known, news = fold(read_report(there), seen, at)
        if news:
            try:
                self._write(reports, there, write_report(home, known, self._report_api))
            except ApiError as error:
                if error.status == CONFLICT:
                    return False
                raise
        for each in news:
            self._denials.count(each)
        return True

    def _write(self, reports: str, there: Manifest | None, report: Manifest) -> None:
        """Write it onto the version that was read, or where there was none."""
        if there is None:
            self._api.create(reports, report)
        else:
            version = {"resourceVersion": there["metadata"]["resourceVersion"]}
            self._api.apply(f"{reports}/{NAME}", {**report, "metadata": {**report["metadata"], **version}})

    def _log(self, home: str, seen: list[DenialEvent], at: datetime) -> None:
        """Tell of what happened since the start, or since there were reports: of what was before, somebody has told."""
        assert self._since  # noqa: S101 - set at the first look
        fresh = [each for each in seen if each.denial.last >= self._since]
        known, news = fold(self._logged.get(home, Known()), fresh, at)
        logged = {**self._logged, home: Known(marks=known.marks)}
        self._logged = {name: left for name, each in logged.items() if (left := fold(each, (), at)[0]).marks}
        for each in news:
            self._denials.log(each)
            self._denials.count(each)

"""Looks at all Jobs and CronJobs once, counts what is found, and has it written where there is a kind of reports."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from policies.census import Name
from policies.fields import NOTHING
from policies.objects import BatchPolicyException, Policy
from policies.selection import NAME_LABEL, Snapshot
from policies.workload import Workload
from webhook.audit.policy_reports.report import ReportApi
from webhook.audit.scan import Judge
from webhook.audit.standing import Standing
from webhook.audit.survey import Ask, survey
from webhook.audit.tally import Rank, Tally, Violations
from webhook.cluster.api import FORBIDDEN, NOT_FOUND, UNAVAILABLE, Api, ApiError
from webhook.cluster.kinds import WORKLOADS
from webhook.cluster.listing import read_page
from webhook.cluster.reports.discovery import choose, served
from webhook.cluster.reports.existing import ALL, SCANNED, Existing, read_existing
from webhook.cluster.reports.observe import ScanObserver
from webhook.cluster.reports.quotas import Quotas
from webhook.cluster.reports.reconciler import Reconciler
from webhook.cluster.reports.writer import ReportWriter
from webhook.cluster.settings import ControllerSettings
from webhook.cluster.survey import WARNINGS, read_lists

NO_REPORTS: Final = frozenset({FORBIDDEN, NOT_FOUND, UNAVAILABLE})  # answers about reports: the scan goes on without


class Found(NamedTuple):
    """What a whole scan comes to; ``is_settled`` unless it has made room for what it had deferred."""

    violations: Violations
    is_settled: bool


class Expected(NamedTuple):
    """How many objects of each rank there were, and by what they were judged."""

    ranks: Mapping[Rank, int]
    policies: tuple[Policy, ...]
    exceptions: tuple[BatchPolicyException, ...]


class Scanner:
    """Remembers how many objects of each rank there were, to be counted first by other policies, and what it wrote."""

    def __init__(
        self, api: Api, settings: ControllerSettings, observer: ScanObserver, wait: Callable[[float], object]
    ) -> None:
        """Take whom to ask, what for, whom to tell, and how to wait some seconds."""
        self._api, self._settings, self._observer, self._wait = api, settings, observer, wait
        self._expected, self._stored = Expected({}, (), ()), dict[Name, str]()
        self._broke = False

    def scan(self, snapshot: Snapshot, at: datetime) -> Found:
        """Scan at a moment; raises ApiError where the API server is away, or does not list what is judged."""
        judge, self._broke = Judge(snapshot, at), False
        reconciler = self._open(judge)
        tally = self._look(judge, reconciler)
        if reconciler is not None:
            reconciler.close(tally, keep=self._broke)
        self._observer.counted(tally, reconciler.reports if reconciler else 0, reconciler.left_out if reconciler else 0)
        return Found(tally.violations, reconciler is None or not reconciler.makes_room)

    def _look(self, judge: Judge, reconciler: Reconciler | None = None) -> Tally:
        """Go through all objects once, and remember how many there are of each rank."""
        tally, snapshot = Tally(judge.snapshot.policies), judge.snapshot
        for standing in self._survey(judge):
            try:
                rank = tally.add(standing)
                if reconciler is not None:
                    reconciler.take(standing, rank, judge.at)
            except ApiError:
                raise
            except Exception as error:  # noqa: BLE001 - our bug; the others are looked at
                self._fail("", error)
        self._expected = Expected(tally.ranks, snapshot.policies, snapshot.exceptions)
        return tally

    def _open(self, judge: Judge) -> Reconciler | None:
        """Find out what kind is to be written, and what there is of it; of other kinds nothing of ours stays."""
        there = served(self._api)
        chosen = choose(wanted := self._settings.reports.api, there)
        for other in there:
            if other is not chosen:
                self._clear(other)
        if chosen is None:
            why = "none are wanted" if wanted == "none" else f"the API server serves none ({wanted})"
            self._observer.fault("reports", f"what is found is in metrics and in the status of policies alone: {why}")
            return None
        existing = self._read(chosen, SCANNED)
        if existing is None:
            return None
        self._stored = {name: text for name, text in self._stored.items() if name in existing}
        quotas = Quotas(self._settings.reports.max_reports, self._expect(judge))
        return Reconciler(self._writer(chosen), existing, self._settings.reports, quotas)

    def _clear(self, other: ReportApi) -> None:
        writer = self._writer(other)
        for name, each in (self._read(other, ALL) or {}).items():
            writer.delete(name, each)

    def _read(self, report_api: ReportApi, selector: str) -> Mapping[Name, Existing] | None:
        """List reports; None where that is refused, or their own server is away."""
        try:
            return read_existing(self._api, report_api, selector, self._wait)
        except ApiError as error:
            if error.status not in NO_REPORTS:
                raise
            why = f"reports of {report_api.group} are neither written nor cleared away, since they cannot be listed"
            self._observer.fault(report_api.group, f"{why}: {error}")
            return None

    def _writer(self, report_api: ReportApi) -> ReportWriter:
        return ReportWriter(self._api, report_api, self._wait, self._observer, self._stored)

    def _expect(self, judge: Judge) -> Mapping[Rank, int]:
        """Say how many objects of each rank there are; all alike where there is surely a place for each."""
        by = judge.snapshot.policies, judge.snapshot.exceptions
        if self._expected[1:] != by and self._count() > self._settings.reports.max_reports:
            self._look(judge)
        return self._expected.ranks if self._expected[1:] == by else {}

    def _count(self) -> int:
        """Count Jobs and CronJobs, as the API server tells beside a page of one."""
        pages = [read_page(self._api, path, {"limit": "1"}, bare=True) for path in WORKLOADS.values()]
        return sum(len(page.items or ()) + page.metadata.remaining_item_count for page in pages)

    def _survey(self, judge: Judge) -> Iterator[Standing]:
        """Go through all that is judged, where admission judges it."""
        self._observer.begins()
        lists = read_lists(self._api, "", self._wait, self._fail)
        for found in survey(lists, Ask(judge, _exempt_by(self._settings, judge.snapshot), self._fail)):
            self._observer.looked()
            if isinstance(found, Standing):
                yield found

    def _fail(self, name: str, error: Exception) -> None:
        """Go on after our own bug and without Events, but not without a list of what is judged."""
        if isinstance(error, ApiError):
            if name != WARNINGS:
                raise error
            self._observer.fault(WARNINGS, f"what Events tell is missing, since they cannot be listed: {error}")
        else:
            self._broke = True
            self._observer.broke(error)


def _exempt_by(settings: ControllerSettings, snapshot: Snapshot) -> Callable[[Workload], str]:
    """Say why admission is not asked about an object; empty where it is."""
    admission, namespaces = settings.admission, snapshot.namespaces

    def why(job: Workload) -> str:
        home = job.namespace
        if admission.is_exempt(home):
            return f"in exempt namespace {home}"
        labels = {**namespaces.get(home, NOTHING), NAME_LABEL: home}
        selected = settings.namespace_selector.matches(labels) and settings.object_selector.matches(job.labels)
        return "" if selected else "not selected"

    return why

"""How scanning goes, and what it comes to, as metrics; a log line only where the state of it changes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from webhook.audit.tally import Tally
from webhook.cluster.observe import KeeperObserver

KEEPER: Final = "reports"


class ScanObserver:
    """Told by the one who scans; ``clock`` gives seconds."""

    def __init__(self, registry: CollectorRegistry, keepers: KeeperObserver, clock: Callable[[], float]) -> None:
        """Register the metrics."""
        self._keepers, self._clock, self._ended = keepers, clock, clock()
        self._faults: dict[str, str] = {}
        self.seconds = 0.0  # that the last whole scan took

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"batchwarden_{name}", text, labels, registry=registry)

        def counter(name: str, text: str) -> Counter:
            return Counter(f"batchwarden_{name}", text, ("outcome",), registry=registry)

        gauge("scan_age_seconds", "Since the last whole scan, or since the start.").set_function(
            lambda: self._clock() - self._ended
        )
        gauge("scan_seconds", "How long the last whole scan took.").set_function(lambda: self.seconds)
        self._objects = gauge("scan_objects", "Jobs and CronJobs that the scan under way, or the last, has looked at.")
        self._scans = counter("scans", "Scans: done or failed.")
        self._findings = gauge("findings", "Findings of the last whole scan.", "rule", "result")
        self._consequences = gauge("consequences", "Consequences that the last whole scan found.", "kind")
        self._kept = gauge("finished_jobs_without_ttl", "Finished Jobs that nothing will delete.")
        self._kept_bytes = gauge("finished_jobs_without_ttl_bytes", "Their size, as JSON.")
        self._reports = gauge("reports", "Objects that have a report, by the last whole scan.")
        self._left_out = gauge("reports_left_out", "Objects that have none, since maxReports are there.")
        self._writes = counter("report_writes", "Reports: written, deleted, stale (left to the next scan) or refused.")

    @contextmanager
    def scanning(self) -> Iterator[None]:
        """Time a scan, and count it by how it ends."""
        began, outcome = self._clock(), "failed"
        self._faults.clear()
        try:
            yield
            outcome, self._ended = "done", self._clock()
            self.seconds = self._ended - began
        finally:
            self._scans.labels(outcome).inc()

    def begins(self) -> None:
        """Record that all objects are looked at from the first on."""
        self._objects.set(0)

    def looked(self) -> None:
        """Record that one more object was looked at."""
        self._objects.inc()

    def wrote(self, outcome: str) -> None:
        """Record what became of a report that was to be written or deleted."""
        self._writes.labels(outcome).inc()

    def fault(self, about: str, text: str) -> None:
        """Record what this scan cannot do; of several of a kind one is told at its end."""
        self._faults[about] = text

    def broke(self, error: Exception) -> None:
        """Record that we broke on an object: our bug, and the others are looked at."""
        self._keepers.failed(f"{KEEPER}: objects", error)

    def counted(self, tally: Tally, reports: int, left_out: int) -> None:
        """Record what a whole scan has found, how many objects have a report, and how many more should."""
        for metric, counts in ((self._findings, tally.findings), (self._consequences, tally.consequences)):
            metric.clear()
            for labels, count in counts.items():
                metric.labels(*([labels] if isinstance(labels, str) else labels)).set(count)
        self._kept.set(tally.consequences["keptForEver"])
        self._kept_bytes.set(tally.kept_bytes)
        self._reports.set(reports)
        self._left_out.set(left_out)
        if left_out:
            self.fault("maxReports", "there are maxReports of them, so not every object has one; the worst come first")
        self._keepers.found(KEEPER, "; ".join(self._faults.values()) or "each report is as it should be")

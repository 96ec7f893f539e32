"""Says when to scan: at the start, every so often, and soon after that by which objects are judged has changed."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from policies.selection import Snapshot
from webhook.audit.tally import Violations
from webhook.cluster.reports.observe import KEEPER, ScanObserver
from webhook.cluster.reports.scanner import Scanner

LOOK_SECONDS: Final = 1.0  # whether something has changed in memory
MOST_REST: Final = 60.0  # seconds after a scan, or as long as it took: other keepers share the processor
SOON: Final = timedelta(seconds=5)  # from one scan to the next, after a change


class Scanned(NamedTuple):
    """When the last whole scan began, what it judged by, and until when it will do: at least, or if nothing changes."""

    at: datetime
    snapshot: Snapshot
    least: datetime
    until: datetime


class ReportKeeper:
    """Has a scanner scan; ``violations`` are those that the last whole scan has counted, None until there was one."""

    name: Final = KEEPER

    def __init__(
        self, scanner: Scanner, every: timedelta, snapshot: Callable[[], Snapshot | None], observer: ScanObserver
    ) -> None:
        """Take who scans, how often, by what is judged, and whom to tell."""
        self._scanner, self._every, self._snapshot, self._observer = scanner, every, snapshot, observer
        self._last: Scanned | None = None
        self.violations: Violations | None = None

    def keep(self, at: datetime) -> float:
        """Scan if it is time; raises ApiError where the API server is away, or what is judged cannot be listed."""
        snapshot = self._snapshot()
        if snapshot is not None and self._is_due(snapshot, at):
            with self._observer.scanning():
                found = self._scanner.scan(snapshot, at)
            self.violations = found.violations
            ends = (each.spec.expires_at for each in snapshot.exceptions if each.spec.expires_at > at)
            enough = self._every if found.is_settled else SOON
            took = self._observer.seconds
            least = at + timedelta(seconds=took + min(took, MOST_REST))
            self._last = Scanned(at, snapshot, max(least, at + SOON), max(least, min([at + enough, *ends])))
        return LOOK_SECONDS

    def _is_due(self, snapshot: Snapshot, at: datetime) -> bool:
        last = self._last
        if last is None or not last.at <= at < last.until:  # also where the clock is set back
            return True
        if _judges_alike(last.snapshot, snapshot):
            self._last = last._replace(snapshot=snapshot)  # is compared at a glance the next time
            return False
        return at >= last.least


def _judges_alike(one: Snapshot, other: Snapshot) -> bool:
    """Whether two snapshots judge the same objects alike, where no CronJob made them; new namespaces hold none yet."""
    if one is other:
        return True
    homes = one.namespaces.keys() & other.namespaces.keys()
    return (one.policies, one.exceptions) == (other.policies, other.exceptions) and all(
        (one.namespaces[home], one.facts(home)) == (other.namespaces[home], other.facts(home)) for home in homes
    )

"""Counts the workloads that policies select and exceptions cover, now and then, a page at a time."""

from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, NamedTuple

from policies.census import Census
from policies.selection import Snapshot
from policies.workload import Workload
from webhook.cluster.api import Api, ApiError
from webhook.cluster.glance import WORKLOADS, Cluster
from webhook.cluster.listing import PAGE
from webhook.cluster.settings import ControllerSettings

SOON: Final = timedelta(seconds=5)  # from one count to the next where policies have changed


class Count(NamedTuple):
    """A count, None where there was none that succeeded, of what and when, and why the last one failed."""

    census: Census | None
    of: Hashable
    at: datetime
    fault: str


class Headcount:
    """Remembers the last count until the next."""

    def __init__(self, api: Api, wait: Callable[[float], object]) -> None:
        """Take whom to ask, and how to wait some seconds."""
        self._cluster = Cluster(api, "", wait)
        self._last: Count | None = None

    def count(self, ours: Snapshot, of: Hashable, settings: ControllerSettings, at: datetime) -> Count:
        """Count anew if it is time: every so often, and soon where ``of`` is not what it was.

        A failure is told, and leaves the last count; raises nothing.
        """
        last = self._last
        if last is None or at - last.at >= (SOON if of != last.of else timedelta(seconds=settings.status_seconds)):
            try:
                self._last = Count(self._take(ours, settings), of, at, "")
            except ApiError as error:
                self._last = Count(last and last.census, of, at, f"workloads are not counted: {error}")
        assert self._last is not None  # noqa: S101 - for the type checker
        return self._last

    def _take(self, ours: Snapshot, settings: ControllerSettings) -> Census:
        census = Census(ours)
        for kind in WORKLOADS:
            jobs = map(Workload, self._cluster.heads(kind))
            concerned = (job for job in jobs if settings.object_selector.matches(job.labels))
            while page := [*islice(concerned, PAGE)]:
                census.take(page)
        return census

"""Counts the workloads that policies select and exceptions cover, now and then, a page at a time."""

from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, NamedTuple

from policies.census import Census
from policies.selection import Snapshot
from policies.workload import Workload
from webhook.cluster.api import Api, ApiError
from webhook.cluster.kinds import WORKLOADS
from webhook.cluster.listing import PAGE, read_heads
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

    def __init__(self, api: Api, settings: ControllerSettings, wait: Callable[[float], object]) -> None:
        """Take whom to ask, what for, and how to wait some seconds."""
        self._api, self._settings, self._wait = api, settings, wait
        self._last: Count | None = None

    def count(self, ours: Snapshot, of: Hashable, at: datetime) -> Count:
        """Count anew if it is time: every so often, and soon where ``of`` is not what it was.

        A failure is told, and leaves the last count; raises nothing.
        """
        last, enough = self._last, timedelta(seconds=self._settings.status_seconds)
        if last is None or not timedelta() <= at - last.at < (SOON if of != last.of else enough):
            try:
                self._last = Count(self._take(ours), of, at, "")
            except ApiError as error:
                self._last = Count(last and last.census, of, at, f"workloads are not counted: {error}")
        assert self._last is not None  # noqa: S101 - for the type checker
        return self._last

    def _take(self, ours: Snapshot) -> Census:
        census = Census(ours)
        for kind in WORKLOADS:
            jobs = map(Workload, read_heads(self._api, kind, self._wait))
            concerned = (job for job in jobs if self._settings.object_selector.matches(job.labels))
            while page := [*islice(concerned, PAGE)]:
                census.take(page)
        return census

"""Lists CronJobs, Jobs and their Events for a survey, with no more than a page of each in memory."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from webhook.audit.survey import Listed, Lists
from webhook.cluster.api import EMPTY, Api, ApiError, decode_json
from webhook.cluster.events import EVENTS
from webhook.cluster.kinds import WORKLOADS
from webhook.cluster.listing import read_items, within

WARNINGS: Final = "Events"
"""The name under which it is told that Events cannot be listed: what they would tell is then missing, and no more."""


class Reader:
    """Reads the lists of a namespace, the empty one being all of them; ``failed`` is told of a list that is refused.

    It takes what cannot be listed, e.g. ``CronJobs``, and the ApiError; where it raises nothing, the others go on.
    """

    def __init__(
        self, api: Api, namespace: str, wait: Callable[[float], object], failed: Callable[[str, ApiError], None]
    ) -> None:
        """Take whom to ask, about where, how to wait some seconds, and whom to tell."""
        self._api, self._namespace, self._wait, self._failed = api, namespace, wait, failed

    def lists(self) -> Lists:
        """Give the lists; nothing is asked yet."""
        cron_jobs, jobs = (self._workloads(kind) for kind in ("CronJob", "Job"))
        return Lists(cron_jobs, jobs, [self._warnings(kind) for kind in ("CronJob", "Job")])

    def _workloads(self, kind: str) -> Iterator[Listed]:
        for each in self._read(f"{kind}s", WORKLOADS[kind]):
            # which items of a list leave out
            yield each._replace(manifest={**each.manifest, "apiVersion": "batch/v1", "kind": kind})

    def _warnings(self, kind: str) -> Iterator[Listed]:
        chosen = {"fieldSelector": f"involvedObject.apiVersion=batch/v1,involvedObject.kind={kind},type=Warning"}
        return self._read(WARNINGS, EVENTS, chosen)

    def _read(self, name: str, path: str, chosen: Mapping[str, str] = EMPTY) -> Iterator[Listed]:
        try:
            for raw in read_items(self._api, within(path, self._namespace), self._wait, chosen=chosen):
                yield Listed(decode_json(raw, dict[str, Any]), len(memoryview(raw)))
        except ApiError as error:
            self._failed(name, error)

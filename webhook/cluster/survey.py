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


def read_lists(
    api: Api, namespace: str, wait: Callable[[float], object], failed: Callable[[str, ApiError], None]
) -> Lists:
    """Give the lists of a namespace, the empty one being all of them; each is asked for as it is gone through.

    ``wait`` waits some seconds. ``failed`` takes what cannot be listed, e.g. ``CronJobs``, and the ApiError; where it
    raises nothing, the others go on.
    """

    def read(name: str, path: str, chosen: Mapping[str, str] = EMPTY) -> Iterator[Listed]:
        try:
            for raw in read_items(api, within(path, namespace), wait, chosen=chosen):
                yield Listed(decode_json(raw, dict[str, Any]), len(memoryview(raw)))
        except ApiError as error:
            failed(name, error)

    def workloads(kind: str) -> Iterator[Listed]:
        for each in read(f"{kind}s", WORKLOADS[kind]):
            # which items of a list leave out
            yield each._replace(manifest={**each.manifest, "apiVersion": "batch/v1", "kind": kind})

    def warnings(kind: str) -> Iterator[Listed]:
        chosen = {"fieldSelector": f"involvedObject.apiVersion=batch/v1,involvedObject.kind={kind},type=Warning"}
        return read(WARNINGS, EVENTS, chosen)

    return Lists(workloads("CronJob"), workloads("Job"), [warnings("CronJob"), warnings("Job")])

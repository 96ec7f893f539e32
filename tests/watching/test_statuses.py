"""When statuses are worked out, and workloads counted, anew."""

from datetime import UTC, datetime, timedelta
from typing import Any

from policies.selection import Snapshot
from tests.policies.build import manifest
from tests.watching.apiserver import api_server, page
from tests.watching.cluster import cluster_server
from tests.watching.test_endpoints import settings
from tests.watching.watched import Watched
from webhook.cluster.statuses import Sources, StatusKeeper

AT = datetime(2030, 1, 1, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
NO_POLICY = Snapshot([], [], {})
GROUP = "/apis/batchwarden.io/v1alpha1"
LISTED = {
    *(f"{GROUP}/{kind}" for kind in ("clusterbatchpolicies", "batchpolicies", "batchpolicyexceptions")),
    *("/apis/batch/v1/jobs", "/apis/batch/v1/cronjobs"),
}


def test_it_is_done_now_and_then_also_where_the_clock_is_set_back() -> None:
    with api_server() as server:
        sources = Sources(lambda: NO_POLICY, lambda: None)
        keeper = StatusKeeper(server.api, settings(), sources, Watched().observer, lambda _: None)
        looks = (AT, AT + SECOND, AT - HOUR, AT - HOUR + SECOND, AT)
        for at, listed in zip(looks, (LISTED, set(), LISTED, set(), LISTED), strict=True):
            server.script, server.asked = [page([])] * len(LISTED), []
            keeper.keep(at)
            assert {path for path, _ in server.asked} == listed


def test_an_object_that_breaks_us_stops_no_other() -> None:
    watched = Watched()
    with cluster_server() as server:
        for plural in ("clusterbatchpolicies", "batchpolicies", "batchpolicyexceptions"):
            server.served.add((GROUP, plural))
        for name in ("broken", "fine"):
            metadata = {"name": name, "uid": name, "resourceVersion": "1", "generation": 1}
            policy = manifest("ClusterBatchPolicy", metadata, {"rules": {"backoffLimit": {"max": 3}}})
            server.objects[GROUP, "clusterbatchpolicies", "", name] = policy
        violations: Any = {("", "broken"): 0, ("", "fine"): {"backoffLimit": 2}}  # which is no count by rule
        sources = Sources(lambda: NO_POLICY, lambda: None, lambda: violations)
        StatusKeeper(server.api, settings(), sources, watched.observer, lambda _: None).keep(AT)
        written = [path for method, path in server.asked if method == "PATCH"]
    assert written == [f"{GROUP}/clusterbatchpolicies/fine/status"]
    assert watched.messages("statuses")[-1] == (
        "ClusterBatchPolicy broken and perhaps others: an error in Batchwarden: AttributeError"
    )

"""When statuses are worked out, and workloads counted, anew."""

from datetime import UTC, datetime, timedelta

from policies.selection import Snapshot
from tests.watching.apiserver import api_server, page
from tests.watching.test_endpoints import settings
from tests.watching.watched import Watched
from webhook.cluster.statuses import Sources, StatusKeeper

AT = datetime(2030, 1, 1, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
NO_POLICY = Snapshot([], [], {})
LISTED = {
    *(f"/apis/batchwarden.io/v1alpha1/{kind}" for kind in ("clusterbatchpolicies", "batchpolicies")),
    *("/apis/batchwarden.io/v1alpha1/batchpolicyexceptions", "/apis/batch/v1/jobs", "/apis/batch/v1/cronjobs"),
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

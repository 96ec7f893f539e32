"""The snapshot is there once all is known, is swapped whole, and some may wait for one that knows a namespace."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic, sleep

from prometheus_client import CollectorRegistry

from policies.selection import Snapshot
from tests.watching.apiserver import Answer, Handler, api_server, event, namespace, page, watch
from webhook.cluster.kinds import CLUSTER_POLICIES, KINDS, NAMESPACES
from webhook.cluster.mirror import WAITING, Mirror
from webhook.cluster.observe import WatchObserver
from webhook.cluster.watch import Pace

PATIENCE = 20.0  # seconds, which no sound run takes


@contextmanager
def mirrored(list_policies: Event, name_another: Event, tell: Callable[[Snapshot], None]) -> Iterator[Mirror]:
    """Run a mirror of a cluster that lists its policies, and names another namespace, when it is told to."""
    stop = Event()
    with api_server() as server:
        server.scripts = {kind.path: [page([]), watch(end="hang")] for kind in KINDS}
        server.scripts[CLUSTER_POLICIES.path][0] = after(list_policies, page([]))
        server.scripts[NAMESPACES.path] = [page([namespace("old")]), another(name_another)]
        observer = WatchObserver(CollectorRegistry(), lambda *_, **__: None, monotonic)
        mirror = Mirror(server.api, observer, tell)
        mirror.start(stop, Pace(stop.wait, monotonic, lambda: 0.0))
        try:
            yield mirror
        finally:
            stop.set()
            list_policies.set()
            name_another.set()


def after(moment: Event, answer: Answer) -> Answer:
    def wait(handler: Handler) -> None:
        moment.wait(PATIENCE)
        answer(handler)

    return wait


def another(moment: Event) -> Answer:
    def tell(handler: Handler) -> None:
        handler.begin(200, {"Transfer-Encoding": "chunked"})
        moment.wait(PATIENCE)
        handler.chunk(event("ADDED", namespace("young")))
        handler.server.ending.wait()
        handler.close_connection = True

    return tell


def ignore(snapshot: Snapshot) -> None:
    """Take no note."""


def eventually(ask: Callable[[], object]) -> None:
    end = monotonic() + PATIENCE
    while not ask():
        assert monotonic() < end
        sleep(0.01)


def test_nothing_is_known_before_all_is() -> None:
    listing, told = Event(), list[Snapshot]()
    with mirrored(listing, Event(), told.append) as mirror:
        eventually(lambda: mirror.missing == "waiting for the API server to list ClusterBatchPolicy")
        assert mirror.knowing("old", 0) is None
        assert mirror.knowing("old", 0.01) is None
        listing.set()
        assert mirror.knowing("old", PATIENCE) is not None
        assert mirror.missing == ""
        eventually(lambda: len(told) == 1)


def test_whoever_waits_is_given_the_snapshot_that_knows() -> None:
    listing, naming = Event(), Event()
    listing.set()
    with mirrored(listing, naming, ignore) as mirror:
        before = mirror.knowing("old", PATIENCE)
        assert before is not None
        assert mirror.knowing("young", 0.01) is None
        naming.set()
        found = mirror.knowing("young", PATIENCE)
        assert found is not None
        assert list(found.namespaces) == ["old", "young"]
        assert list(before.namespaces) == ["old"]
        assert mirror.knowing("young", 0) is found


def test_only_some_may_wait_so_that_others_are_answered() -> None:
    listing, naming, found = Event(), Event(), list[Snapshot | None]()
    listing.set()
    with mirrored(listing, naming, ignore) as mirror:
        assert mirror.knowing("old", PATIENCE) is not None
        waiting = [Thread(target=lambda: found.append(mirror.knowing("young", PATIENCE))) for _ in range(WAITING)]
        for thread in waiting:
            thread.start()
        eventually(lambda: mirror.waiting == WAITING)
        assert mirror.knowing("young", PATIENCE) is None
        assert mirror.knowing("old", 0) is not None
        naming.set()
        for thread in waiting:
            thread.join()
        assert None not in found
        assert mirror.waiting == 0


def test_our_own_error_leaves_it_going() -> None:
    listing, naming = Event(), Event()
    listing.set()

    def fail(snapshot: Snapshot) -> None:
        naming.set()
        raise ValueError(snapshot)

    with mirrored(listing, naming, fail) as mirror:
        assert mirror.knowing("young", PATIENCE) is not None


def test_exceptions_that_name_what_is_not_there_are_told_once_and_when_they_are_mended() -> None:
    told = list[tuple[object, ...]]()
    observer = WatchObserver(CollectorRegistry(), lambda *_, **fields: told.append(fields["remarks"]), monotonic)
    for remarks in ([], ["a"], ["a"], []):
        observer.remarked(remarks)
    assert told == [("a",), ()]

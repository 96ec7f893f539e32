"""Keepers go on whatever happens to one of them, wake when something changes, and stop when told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event
from typing import NamedTuple

from tests.cluster.kubectl import eventually
from tests.watching.watched import Watched
from webhook.cluster.api import ApiError
from webhook.cluster.manager import Manager
from webhook.cluster.observe import KeeperError

AT = datetime(2030, 1, 1, tzinfo=UTC)
PATIENCE = 20.0  # seconds, which no sound run takes
LONG = 3600.0


class Keeping(NamedTuple):
    """A keeper that does what it is given."""

    name: str
    work: Callable[[], float]

    def keep(self, at: datetime) -> float:
        assert at == AT
        return self.work()


@contextmanager
def controlled(watched: Watched, *keepers: Keeping) -> Iterator[Manager]:
    manager = Manager(watched.observer, lambda: AT, lambda: 0.0)
    for keeper in keepers:
        manager.add(keeper)
    manager.start()
    try:
        yield manager
    finally:
        manager.stop()


def test_one_that_fails_stops_no_other_and_works_again() -> None:
    watched, tries, recovered, looked = Watched(), list[int](), Event(), Event()
    errors: list[Exception] = [ApiError(503, "503", "busy"), KeeperError("no Secret"), KeyError("oops")]

    def fail() -> float:
        tries.append(0)
        if len(tries) <= len(errors):
            raise errors[len(tries) - 1]
        recovered.set()
        return 0.01

    def look() -> float:
        looked.set()
        return LONG

    with controlled(watched, Keeping("bad", fail), Keeping("good", look)) as manager:
        assert looked.wait(PATIENCE)
        assert recovered.wait(PATIENCE)
        eventually(lambda: not manager.missing and "works again" in watched.messages("bad"))
    assert watched.messages("good") == []
    assert watched.messages("bad") == [
        "tried again: busy",
        "tried again: no Secret",
        "an error in Batchwarden, tried again: KeyError('oops')",
        "works again",
    ]
    assert [bool(line.get("traceback")) for line in watched.lines] == [False, False, True, False]
    assert watched.metric("keeper_failures_total", keeper="bad", reason="503") == 1
    assert watched.metric("keeper_failures_total", keeper="bad", reason="KeyError") == 1
    assert watched.metric("keeper_last_success_timestamp_seconds", keeper="good") == AT.timestamp()


def test_one_that_waits_is_woken_by_its_name_or_with_all() -> None:
    looks = {name: [Event() for _ in range(3)] for name in ("first", "second")}
    count = dict.fromkeys(looks, 0)

    def look(name: str) -> float:
        looks[name][count[name]].set()
        count[name] += 1
        return LONG

    keepers = [Keeping("first", lambda: look("first")), Keeping("second", lambda: look("second"))]
    with controlled(Watched(), *keepers) as manager:
        assert all(events[0].wait(PATIENCE) for events in looks.values())
        manager.wake("second")
        assert looks["second"][1].wait(PATIENCE)
        manager.wake()
        assert looks["first"][1].wait(PATIENCE)
        assert looks["second"][2].wait(PATIENCE)
    assert count == {"first": 2, "second": 3}


def test_a_state_is_told_when_it_changes() -> None:
    watched = Watched()
    watched.observer.found("x", "waits")
    watched.observer.found("x", "waits")
    watched.observer.did("x", "made")
    watched.observer.found("x", "waits")
    assert watched.messages("x") == ["waits", "made", "waits"]
    assert watched.metric("keeper_writes_total", keeper="x") == 1

"""A list and then a watch, whatever the API server does: nothing is missed, and nobody is asked too often."""

from collections.abc import Iterator

import pytest
from msgspec import structs
from prometheus_client import CollectorRegistry

from tests.watching.apiserver import (
    Answer,
    ApiServer,
    api_server,
    bookmark,
    cut,
    event,
    expired,
    namespace,
    page,
    silence,
    status,
    watch,
    whole,
)
from webhook.cluster.kinds import NAMESPACES, Kind
from webhook.cluster.observe import WatchObserver
from webhook.cluster.store import Store
from webhook.cluster.watch import LOOK_SECONDS, MOST_UNANSWERED, MOST_WAIT, ListWatch, Pace

LINE = event("ADDED", namespace("b", version="11"))
ASKED_FOR_METADATA = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with api_server() as running:
        yield running


class Run:
    """One watch by a script, with a clock that goes on 30 s whenever it is looked at, and no chance."""

    def __init__(self, server: ApiServer, *script: Answer, tick: float = 30, kind: Kind = NAMESPACES) -> None:
        self.waits: list[float] = []
        self.told: list[dict[str, object]] = []
        self.registry = CollectorRegistry()
        self.server, self.now, self.tick = server, 0.0, tick
        server.script = list(script)
        observer = WatchObserver(self.registry, self.note, self.clock)
        self.store = Store(observer)
        pace = Pace(self.wait, self.clock, lambda: 0.0, silent_seconds=0.2)
        ListWatch(server.api, kind, self.store, observer, pace).run()

    def clock(self) -> float:
        self.now += self.tick
        return self.now

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return not self.server.script

    def note(self, event: str, /, **fields: object) -> None:
        self.told.append({"event": event, **fields})

    @property
    def known(self) -> dict[str, object]:
        return dict(self.store.build().namespaces)

    @property
    def messages(self) -> list[object]:
        return [line["message"] for line in self.told]

    def asked(self, *names: str) -> list[tuple[str | None, ...]]:
        return [tuple(query.get(name) for name in names) for _, query in self.server.asked]

    def sample(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, {"kind": "Namespace"} | labels)


def test_a_list_is_read_page_by_page_and_only_its_metadata(server: ApiServer) -> None:
    run = Run(
        server,
        page([namespace("a", {"x": "1"})], "9", "more=&"),
        page([namespace("b")], "9"),
        watch(bookmark("12")),
        watch(bookmark("13")),
    )
    assert run.known == {"a": {"x": "1"}, "b": {}}
    expected = [("100", None, None), ("100", "more=&", None), (None, None, "9"), (None, None, "12")]
    assert expected == run.asked("limit", "continue", "resourceVersion")
    accepted = [ASKED_FOR_METADATA.format(form) for form in ("List", "List", "", "")]
    assert accepted == [headers["Accept"] for headers in server.headers]
    assert all(headers["User-Agent"].startswith("batchwarden/") for headers in server.headers)
    assert run.asked("watch", "allowWatchBookmarks", "timeoutSeconds")[-1] == ("1", "true", "300")
    assert run.told == []


def test_what_is_watched_is_known(server: ApiServer) -> None:
    gone = event("DELETED", namespace("a", version="13"))
    changed = event("MODIFIED", namespace("b", {"x": "2"}, version="12"))
    run = Run(server, page([namespace("a")]), watch(LINE[:7], LINE[7:] + changed[:-1], b"\n" + gone), watch())
    assert run.known == {"b": {"x": "2"}}
    assert run.asked("resourceVersion")[-1] == ("13",)
    assert {0.0} == set(run.waits)


@pytest.mark.parametrize(
    ("broken", "goes_on_from", "reason"),
    [
        (watch(LINE, end="cut"), "11", "unreachable"),
        (silence, "10", "silent"),
        (cut, "10", "unreachable"),
        (status(503, "draining"), "10", "503"),
        (status(429, "slow down"), "10", "429"),
        (watch(LINE, expired()), None, "410"),
        (watch(LINE, expired(0)), None, "0"),
        (watch(LINE, b"garbage\n"), None, "garbage"),
        (watch(LINE, b'{"type": "NEWS", "object": {}}\n'), None, "garbage"),
        (watch(LINE, b'{"type": "ADDED", "object": {"metadata": 1}}\n'), None, "garbage"),
        (watch(LINE, b"\xff\xfe\n"), None, "garbage"),
        (status(410, "too old"), None, "410"),
        (status(504, "Too large resource version"), None, "504"),
        (status(403, "namespaces is forbidden"), None, "403"),
        (whole(502, b"<html>"), None, "502"),
    ],
    ids=range(15),
)
def test_a_watch_that_breaks_goes_on_where_it_was_or_is_listed_again(
    server: ApiServer, broken: Answer, goes_on_from: str | None, reason: str
) -> None:
    run = Run(server, page([namespace("a")]), broken, page([namespace("c")], "20") if goes_on_from is None else watch())
    assert (goes_on_from,) == run.asked("resourceVersion")[-1]
    assert 0.1 <= run.waits[2] <= 0.2
    assert run.sample("batchwarden_watch_failures_total", reason=reason) == 1
    assert list(run.known) == ["c"] if goes_on_from is None else "a" in run.known


def test_a_silent_watch_is_followed_by_another_and_is_no_failure(server: ApiServer) -> None:
    run = Run(server, page([namespace("a")]), watch(LINE, end="hang"), watch(end="hang"), watch())
    assert run.asked("resourceVersion")[-1] == ("11",)
    assert set(run.waits) == {0.0}
    assert run.told == []


def test_a_line_that_was_cut_short_is_no_event(server: ApiServer) -> None:
    run = Run(server, page([namespace("a")]), watch(LINE[:-9]), watch(LINE))
    assert list(run.known) == ["a", "b"]
    assert run.asked("resourceVersion")[2] == ("10",)


@pytest.mark.parametrize(
    ("broken", "most"),
    [
        (cut, MOST_UNANSWERED),
        (silence, MOST_UNANSWERED),
        (status(500, "no"), MOST_WAIT),
        (status(403, "no"), MOST_WAIT),
        (whole(200, b"no JSON"), MOST_WAIT),
        (whole(200, b"{}"), MOST_WAIT),
    ],
    ids=["cut", "silence", "500", "403", "garbage", "empty"],
)
def test_an_api_server_that_is_away_is_asked_ever_less_often(
    server: ApiServer, broken: Answer, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhook.cluster.listing.LIST_SECONDS", 0.05)
    run = Run(server, *[broken] * 9, tick=0.01)
    waits = run.waits[1:]
    assert waits[:7] == [min(wait, most / 2) for wait in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)]
    assert {most / 2} == set(waits[6:])
    assert len(run.messages) == 1
    assert [kind for kind in run.store.missing if kind == "Namespace"] == ["Namespace"]


def test_an_api_server_that_was_away_for_long_is_heard_of_soon_and_listed_at_once(server: ApiServer) -> None:
    back = status(429, "init"), watch(expired()), page([namespace("b")])
    run = Run(server, page([namespace("a")]), *[cut] * 9, *back, tick=0.01)
    assert max(run.waits) == MOST_UNANSWERED / 2
    assert run.waits[-4:-1] == [MOST_UNANSWERED / 2, 0.1, 0.2]
    assert list(run.known) == ["b"]


def test_nobody_is_asked_without_a_pause_whatever_ends_at_once(server: ApiServer) -> None:
    run = Run(server, page([]), *[watch(bookmark("10"))] * 4, *[watch(expired()), page([])] * 3, tick=0.01)
    assert run.waits[2:6] == [0.1, 0.2, 0.4, 0.8]
    assert 0 not in [wait for wait, (asked,) in zip(run.waits[2:], run.asked("watch")[1:], strict=True) if asked]


def test_of_a_list_so_many_of_each_namespace_are_kept(server: ApiServer) -> None:
    kind = structs.replace(NAMESPACES, most=2)  # which are in none
    run = Run(server, page([namespace("a"), namespace("b")], more="x"), page([namespace("c")]), kind=kind)
    assert list(run.known) == ["a", "b"]


def test_pages_that_went_stale_are_asked_for_in_one_piece(server: ApiServer) -> None:
    run = Run(server, page([namespace("a")], more="x"), status(410, "gone"), page([namespace("b")]), watch())
    assert list(run.known) == ["b"]
    assert [limit for (limit,) in run.asked("limit")] == ["100", "100", None, None]


@pytest.mark.parametrize(("after", "waited"), [("7", 7.1), ("100000", 60.1), ("soon", 0.1), ("-1", 0.1)])
def test_an_api_server_that_says_when_is_obeyed_for_a_minute_at_most(
    server: ApiServer, after: str, waited: float
) -> None:
    run = Run(server, status(429, "slow down", **{"Retry-After": after}), page([]))
    assert waited == run.waits[1]


def test_a_kind_that_is_not_installed_is_empty_and_looked_for(server: ApiServer) -> None:
    run = Run(server, whole(404, b"404 page not found\n"), status(404, "no"), page([namespace("a")]), watch())
    assert run.waits[1:3] == [LOOK_SECONDS / 2] * 2
    assert run.messages == ["not installed; looked for again", "installed"]
    assert list(run.known) == ["a"]
    assert run.sample("batchwarden_watch_installed") == 1


def test_a_kind_that_was_there_is_gone_only_when_it_stays_away(server: ApiServer) -> None:
    missing = status(404, "no")
    run = Run(server, page([namespace("a")]), missing, missing)
    assert list(run.known) == ["a"]
    assert run.sample("batchwarden_watch_failures_total", reason="404") == 2
    run = Run(server, page([namespace("a")]), missing, missing, missing)
    assert list(run.known) == []
    assert run.sample("batchwarden_watch_installed") == 0


def test_what_fails_and_recovers_is_told_once_each(server: ApiServer) -> None:
    forbidden = status(403, 'namespaces is forbidden: User "x" cannot list')
    run = Run(server, forbidden, forbidden, page([]), watch())
    assert run.messages == [
        'what is known stays in force: 403 namespaces is forbidden: User "x" cannot list',
        "heard of again",
    ]


def test_its_age_is_the_time_since_the_api_server_spoke(server: ApiServer) -> None:
    run = Run(server, page([]), watch(), tick=5)
    spoke = run.now
    run.now += 95
    age = run.sample("batchwarden_watch_age_seconds")
    assert age is not None
    assert 100 <= age <= run.now - spoke + 30


def test_a_line_without_an_end_is_not_kept(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhook.cluster.watch.MOST_BYTES", 1000)
    run = Run(server, page([]), watch(b"x" * 2000), page([namespace("c")]))
    assert run.sample("batchwarden_watch_failures_total", reason="garbage") == 1
    assert list(run.known) == ["c"]


def test_an_api_server_that_nobody_listens_for_is_away(server: ApiServer) -> None:
    run = Run(server, page([]))
    server.shutdown()
    server.server_close()
    attempts = iter([False, False, True])
    observer = WatchObserver(CollectorRegistry(), run.note, run.clock)
    pace = Pace(lambda _: next(attempts), run.clock, lambda: 0.5)
    ListWatch(server.api, NAMESPACES, Store(observer), observer, pace).run()
    assert "cannot be reached: " in str(run.messages[-1])


def test_our_own_error_ends_no_watch(server: ApiServer) -> None:
    keys = iter(["a", "b"])
    kind = structs.replace(NAMESPACES, key=lambda _: next(keys))
    script = [page([namespace("a")] * 3), page([namespace("c")]), page([]), watch()]
    run = Run(server, *script, kind=kind)
    assert "an error in Batchwarden: " in str(run.messages[0])
    assert run.sample("batchwarden_watch_failures_total", reason="error") == 2
    assert len(server.asked) == 4

"""What Events tell is in a report of their namespace, once, whatever dies or comes between."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from msgspec import Raw, json

from tests.audit.test_denials import AT, denial, event
from tests.watching.apiserver import Answer, api_server, cut, status, whole
from tests.watching.storage import Storage, storage
from tests.watching.watched import Watched
from webhook.audit.denials import Denial
from webhook.audit.policy_reports.denials import NAME, read_report
from webhook.audit.policy_reports.report import MOST_BYTES, WGPOLICY, ReportApi
from webhook.cluster.api import Api, ApiError
from webhook.cluster.denials import store as stores
from webhook.cluster.denials.keeper import DenialKeeper, DenialObserver, Sources
from webhook.cluster.denials.store import DENIALS, DenialStore
from webhook.cluster.kinds import Item, Meta

SECOND = timedelta(seconds=1)
REPORTS = "/apis/wgpolicyk8s.io/v1alpha2/namespaces/{}/policyreports"
PATH = f"{REPORTS.format('team-a')}/{NAME}"


class Controller:
    """One that is told of Events, and what it tells."""

    def __init__(self, api: Api, report_api: ReportApi | None = WGPOLICY) -> None:
        self.woken = 0
        self.store = DenialStore(self.wake)
        self.watched = Watched()
        denials = DenialObserver(self.watched.registry, self.watched.write)
        self.report_api = report_api
        self.asked = 0
        sources = Sources(self.store, self.find, lambda _: None)
        self.keeper = DenialKeeper(api, sources, self.watched.observer, denials)

    def wake(self) -> None:
        self.woken += 1

    def find(self) -> ReportApi | None:
        self.asked += 1
        return self.report_api

    def hear(self, told: Denial, name: str = "e1") -> None:
        self.store.put("Event", item(told, name))

    @property
    def logged(self) -> list[dict[str, Any]]:
        return [line for line in self.watched.lines if line["event"] == "denial"]


def item(told: Denial, name: str = "e1") -> Item:
    return DENIALS.read(Meta(name, told.namespace), Raw(json.encode(event(told, name))))


@pytest.fixture
def cluster() -> Iterator[Storage]:
    with storage() as running:
        yield running


def reported(cluster: Storage) -> dict[str, int]:
    """Return how often what happened, by the object's name."""
    return {each.name: each.count for each in read_report(cluster.objects.get(PATH)).denials}


def test_what_comes_is_folded_in_and_nothing_else_is_written(cluster: Storage) -> None:
    controller = Controller(cluster.api)
    assert controller.keeper.keep(AT) == 60
    controller.hear(denial())
    assert controller.woken == 1
    controller.keeper.keep(AT)
    assert reported(cluster) == {"import": 1}
    controller.hear(denial())
    controller.keeper.keep(AT + 5 * SECOND)
    controller.hear(denial(count=4))
    controller.hear(denial("other"), "e2")
    controller.keeper.keep(AT + 10 * SECOND)
    assert reported(cluster) == {"import": 4, "other": 1}
    assert cluster.written == [PATH] * 2
    assert controller.watched.metric("denials_total", what="denied") == 5
    assert controller.logged == []


def test_a_namespace_is_looked_at_so_often(cluster: Storage) -> None:
    controller = Controller(cluster.api)
    controller.hear(denial())
    assert controller.keeper.keep(AT) == 60
    controller.hear(denial(count=2))
    controller.hear(denial(namespace="team-b"), "e2")
    assert controller.keeper.keep(AT + SECOND) == 3
    assert reported(cluster) == {"import": 1}
    assert f"{REPORTS.format('team-b')}/{NAME}" in cluster.objects
    assert controller.keeper.keep(AT + 3 * SECOND) == 60
    assert reported(cluster) == {"import": 2}


def test_who_floods_a_namespace_with_events_makes_us_ask_no_more_often(cluster: Storage) -> None:
    controller = Controller(cluster.api)
    for number in range(30):
        controller.hear(denial(count=number + 1))
        controller.keeper.keep(AT + number * SECOND / 10)
    assert (controller.asked, len(cluster.written)) == (1, 1)


def test_who_begins_anew_counts_nothing_twice(cluster: Storage) -> None:
    for _ in range(3):
        controller = Controller(cluster.api)
        controller.store.replace("Event", [item(denial()), item(denial("other", count=3), "e2")])
        controller.keeper.keep(AT)
    assert reported(cluster) == {"import": 1, "other": 3}
    assert cluster.written == [PATH]


def test_two_at_one_time_count_nothing_twice(cluster: Storage) -> None:
    one, two = Controller(cluster.api), Controller(cluster.api)
    for number in range(5):
        for each in (one, two):
            each.hear(denial(count=number + 1))
            each.keeper.keep(AT + 5 * number * SECOND)
    assert reported(cluster) == {"import": 5}
    assert len(cluster.written) == 5


NONE, MADE = status(404, "none"), whole(201, b"{}")


def test_who_finds_that_another_was_first_looks_again() -> None:
    with api_server() as server:
        server.script = [NONE, status(409, "it is there"), NONE, MADE]
        controller = Controller(server.api)
        controller.hear(denial())
        assert controller.keeper.keep(AT) == 3
        assert controller.watched.metric("denials_total", what="denied") is None
        assert controller.keeper.keep(AT + 3 * SECOND) == 60
        assert controller.watched.metric("denials_total", what="denied") == 1


@pytest.mark.parametrize("answer", [status(503, "busy"), status(429, "busy"), cut], ids=["503", "429", "cut"])
def test_where_the_api_server_is_away_nothing_is_forgotten(answer: Answer) -> None:
    with api_server() as server:
        server.script = [answer, NONE, MADE]
        controller = Controller(server.api)
        controller.hear(denial())
        with pytest.raises(ApiError):
            controller.keeper.keep(AT)
        assert controller.keeper.keep(AT + SECOND) == 60
        assert controller.watched.metric("denials_total", what="denied") == 1


def test_what_is_refused_in_one_namespace_stops_no_other() -> None:
    with api_server() as server:
        server.script = [NONE, status(403, "it is being terminated"), NONE, MADE]
        controller = Controller(server.api)
        controller.hear(denial())
        controller.hear(denial(namespace="team-b"), "e2")
        assert controller.keeper.keep(AT) == 60
        assert controller.watched.metric("denials_total", what="denied") == 1
    (message,) = controller.watched.messages("denials")
    assert message == "of namespace team-a and perhaps others nothing is written: 403 it is being terminated"


def test_what_others_made_of_a_report_is_made_good(cluster: Storage) -> None:
    cluster.put(PATH, {"metadata": {"name": NAME, "namespace": "team-a", "annotations": None}, "results": "none"})
    controller = Controller(cluster.api)
    controller.hear(denial())
    controller.keeper.keep(AT)
    assert reported(cluster) == {"import": 1}


def test_without_an_api_of_reports_it_is_logged_and_counted(cluster: Storage) -> None:
    controller = Controller(cluster.api, None)
    controller.keeper.keep(AT)
    controller.hear(denial("before"))
    for seconds, count in ((10, 1), (20, 1), (30, 3)):
        controller.hear(denial(last=AT + 9 * SECOND, count=count), "e2")
        controller.keeper.keep(AT + seconds * SECOND)
    assert [(line["object"], line["user"], line["count"]) for line in controller.logged] == [
        ("Job team-a/import", "tenant", 1),
        ("Job team-a/import", "tenant", 2),
    ]
    assert controller.watched.metric("denials_total", what="denied") == 3
    assert cluster.written == []


def test_what_tells_of_no_denial_is_not_kept() -> None:
    store = DenialStore(lambda: None)
    store.replace("Event", [Item(("team-a", "x")), item(denial())])
    store.put("Event", Item(("team-a", "y")))
    assert {home: len(seen) for home, seen in store.take().items()} == {"team-a": 1}
    assert store.take() == {}


def test_what_is_gone_is_no_news() -> None:
    store = DenialStore(lambda: None)
    store.put("Event", item(denial()))
    store.put("Event", item(denial("other"), "e2"))
    store.remove("Event", ("team-a", "e1"))
    store.remove("Event", ("team-a", "none"))
    assert [seen.denial.name for seen in store.take()["team-a"]] == ["other"]
    store.remove("Event", ("team-a", "e2"))
    assert store.take() == {}


def names(store: DenialStore) -> dict[str, list[str]]:
    return {home: [seen.denial.name for seen in events] for home, events in store.take_all().items()}


def test_a_namespace_keeps_its_latest_and_takes_no_room_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "MOST_IN_NAMESPACE", 3)
    monkeypatch.setattr(stores, "MOST", 4)
    store = DenialStore(lambda: None)
    store.put("Event", item(denial("other", namespace="team-b"), "e0"))
    for number in range(9):
        store.put("Event", item(denial(f"n{number}"), f"e{number}"))
    assert names(store) == {"team-a": ["n6", "n7", "n8"], "team-b": ["other"]}
    store.put("Event", item(denial("n6", count=9), "e6"))
    store.put("Event", item(denial("another", namespace="team-b"), "e1"))
    assert names(store) == {"team-a": ["n8", "n6"], "team-b": ["other", "another"]}


def test_of_what_is_listed_the_latest_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "MOST_IN_NAMESPACE", 2)
    store = DenialStore(lambda: None)
    store.replace("Event", [item(denial(f"n{number}", last=AT - number * SECOND), f"e{number}") for number in range(5)])
    assert names(store) == {"team-a": ["n1", "n0"]}


def test_where_an_api_of_reports_is_installed_later_what_was_before_is_reported(cluster: Storage) -> None:
    controller = Controller(cluster.api, None)
    controller.hear(denial())
    controller.keeper.keep(AT)
    assert reported(cluster) == {}
    controller.report_api = WGPOLICY
    controller.keeper.keep(AT + 60 * SECOND)
    assert reported(cluster) == {"import": 1}
    controller.keeper.keep(AT + 120 * SECOND)
    assert cluster.written == [PATH]


def test_where_it_is_removed_only_what_happens_then_is_logged(cluster: Storage) -> None:
    controller = Controller(cluster.api)
    controller.hear(denial())
    controller.keeper.keep(AT)
    controller.report_api = None
    controller.hear(denial("other", last=AT + 9 * SECOND), "e2")
    controller.keeper.keep(AT + 10 * SECOND)
    assert [line["object"] for line in controller.logged] == ["Job team-a/other"]
    assert controller.watched.lines[-1]["message"] == "no API takes reports: the log tells of denials"


def test_a_report_that_somebody_deletes_is_made_again(cluster: Storage) -> None:
    controller = Controller(cluster.api)
    controller.hear(denial())
    controller.keeper.keep(AT)
    del cluster.objects[PATH]
    controller.hear(denial("other"), "e2")
    controller.keeper.keep(AT + 5 * SECOND)
    assert reported(cluster) == {"import": 1, "other": 1}


@pytest.mark.parametrize("text", ["9" * 5000, "0001-01-01T00:00:00+14:00", "x" * 20_000])
def test_what_others_write_into_a_report_neither_stops_us_nor_stays(cluster: Storage, text: str) -> None:
    controller = Controller(cluster.api)
    controller.hear(denial())
    controller.keeper.keep(AT)
    made = cluster.objects[PATH]
    (result,) = made["results"]
    made["metadata"]["annotations"] = dict.fromkeys(made["metadata"]["annotations"], text)
    made["results"] = [{**result, "properties": dict.fromkeys(result["properties"], text)}, {**result, "message": text}]
    controller.hear(denial("other"), "e2")
    controller.keeper.keep(AT + 5 * SECOND)
    assert reported(cluster)["other"] == 1
    assert len(json.encode({**cluster.objects[PATH], "metadata": {}})) <= MOST_BYTES

"""Denials become Events behind the answers: an API server that is away, slow or refuses keeps nobody waiting."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from tests.cluster.kubectl import eventually
from tests.watching.apiserver import Answer, api_server, silence, status, whole
from tests.watching.storage import Storage, storage
from tests.watching.test_denial_aggregator import occurrence
from webhook.admission.occurrences import Owner
from webhook.cluster.api import Api, Manifest
from webhook.cluster.denials import aggregator, recorder
from webhook.cluster.denials.recorder import EventObserver, EventRecorder, Replica
from webhook.cluster.watch import Pace

HOME = "/api/v1/namespaces/team-a/events/"


class Recorded:
    """A recorder at work, with its log and its metric; time is what the test says."""

    def __init__(self, api: Api, run: str = "1") -> None:
        self.lines: list[dict[str, Any]] = []
        self.registry = CollectorRegistry()
        self.clock = 0.0
        self.recorder = EventRecorder(
            api, Replica("replica-1", run), EventObserver(self.registry, self.write), lambda: self.clock
        )

    def write(self, event: str, **fields: Any) -> None:
        self.lines.append({"event": event, **fields})

    def count(self, outcome: str) -> float:
        return self.registry.get_sample_value("batchwarden_events_total", {"outcome": outcome}) or 0

    @contextmanager
    def working(self) -> Iterator[None]:
        """Have it work for the length of the context."""
        stop = Event()
        self.recorder.start(stop, Pace(lambda _: stop.wait(0), lambda: self.clock, lambda: 0.5))
        try:
            yield
        finally:
            stop.set()
            self.recorder.finish()


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often, and wait no second for who says nothing."""
    monkeypatch.setattr(recorder, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 0.1)


@pytest.fixture
def cluster() -> Iterator[Storage]:
    with storage() as running:
        yield running


def told_of(cluster: Storage) -> list[Manifest]:
    return [each for path, each in cluster.objects.items() if path.startswith(HOME)]


def test_a_denial_becomes_an_event_about_its_object(cluster: Storage) -> None:
    told = Recorded(cluster.api)
    with told.working():
        told.recorder.record(occurrence(uid="u7", rules=("backoffLimit",), policies=("house",)))
        (event,) = eventually(lambda: told_of(cluster))
    assert event["involvedObject"] == {
        "apiVersion": "batch/v1", "kind": "Job", "name": "import", "namespace": "team-a", "uid": "u7"}  # fmt: skip
    assert event["message"] == "tenant was not allowed to create Job import: backoffLimit (policy house)"
    assert (event["reportingInstance"], event["source"]["component"]) == ("replica-1", "batchwarden-webhook")
    assert event["metadata"]["name"].startswith("batchwarden-denied.")
    assert (told.count("written"), told.lines) == (1, [])


def test_what_others_control_is_told_of_at_its_owner(cluster: Storage) -> None:
    told = Recorded(cluster.api)
    with told.working():
        told.recorder.record(occurrence(owner=Owner("jobset.x-k8s.io/v1alpha2", "JobSet", "training", "")))
        (event,) = eventually(lambda: told_of(cluster))
    assert event["involvedObject"] == {
        "apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "name": "training", "namespace": "team-a",
    }  # fmt: skip


def test_what_happens_again_is_the_same_event_later_or_at_the_end(cluster: Storage) -> None:
    told = Recorded(cluster.api)
    with told.working():
        told.recorder.record(occurrence())
        eventually(lambda: told.count("written") == 1)
        for _ in range(4):
            told.recorder.record(occurrence())
        eventually(lambda: told.count("folded") == 4)
        assert told_of(cluster)[0]["count"] == 1
        told.clock = 31
        eventually(lambda: told.count("written") == 2)
        told.recorder.record(occurrence())
        eventually(lambda: told.count("folded") == 5)
    (event,) = told_of(cluster)
    assert (event["count"], told.count("written")) == (6, 3)


def test_no_two_runs_write_the_same_event(cluster: Storage) -> None:
    for run in ("1", "2"):
        told = Recorded(cluster.api, run)
        with told.working():
            told.recorder.record(occurrence())
            told.recorder.record(occurrence(user="me"))
            eventually(lambda: told.count("written") == 2)  # noqa: B023 - asked at once
    assert [each["count"] for each in told_of(cluster)] == [1] * 4


def test_what_is_refused_is_given_up_and_told_once(cluster: Storage) -> None:
    told = Recorded(cluster.api)
    cluster.refuse = lambda _path, _manifest: "no"
    with told.working():
        for name in ("a", "b"):
            told.recorder.record(occurrence(name))
        eventually(lambda: told.count("failed") == 2)
        assert [line["message"] for line in told.lines] == ["an Event is not written: 422 no"]
        cluster.refuse = lambda _path, _manifest: ""
        told.recorder.record(occurrence("a"))
        eventually(lambda: told.count("written") == 1)
    assert told.lines[-1]["message"] == "written again"
    assert [each["count"] for each in told_of(cluster)] == [1]


def test_an_api_server_that_is_away_is_waited_for_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    with storage() as cluster:
        api = cluster.api
    told = Recorded(api)
    with told.working():
        for name in ("a", "b", "c"):
            told.recorder.record(occurrence(name))
        eventually(lambda: told.count("failed") == 1)
        told.recorder.record(occurrence("a"))
        eventually(lambda: told.count("folded") == 1)
        assert told.count("failed") == 1
        with storage() as back:
            monkeypatch.setattr(api._client.configuration, "host", back.api.host)  # noqa: SLF001 - it is back elsewhere
            told.clock = 60
            eventually(lambda: told.count("written") == 3)
            assert {each["involvedObject"]["name"]: each["count"] for each in told_of(back)} == {"a": 2, "b": 1, "c": 1}
    assert [line["message"] for line in told.lines][-1] == "written again"


def test_where_the_api_server_says_nothing_nobody_waits_and_what_is_too_much_is_dropped() -> None:
    with api_server() as server:
        server.script = [silence]
        told = Recorded(server.api)
        stop = Event()
        told.recorder.start(stop, Pace(lambda _: stop.wait(0), lambda: 0.0, lambda: 0.5))
        told.recorder.record(occurrence())
        eventually(lambda: server.asked)
        for number in range(aggregator.MOST_IN_NAMESPACE + 5):
            told.recorder.record(occurrence(user=f"u{number}"))
        assert told.count("dropped") == 6
        told.recorder.record(occurrence(namespace="team-b"))
        assert told.count("dropped") == 6  # who floods takes no room of others
        stop.set()
        told.recorder.finish()  # though it is not answered


BUSY = status(429, "busy", **{"Retry-After": "7"})


@pytest.mark.parametrize(
    ("answer", "count"),
    [(BUSY, 2), (status(503, "busy"), 2), (status(403, "no"), 1), (status(500, "no"), 1)],
    ids=["429", "503", "403", "500"],
)
def test_who_is_asked_to_come_back_does_and_what_is_refused_is_another_series(answer: Answer, count: int) -> None:
    with api_server() as server:
        server.script = [answer, whole(200, b"{}")]
        told = Recorded(server.api)
        with told.working():
            told.recorder.record(occurrence())
            eventually(lambda: told.count("failed") == 1)
            told.recorder.record(occurrence())
            told.clock = 60
            eventually(lambda: told.count("written") == 1)
        assert told.count("folded") == count - 1


def test_an_error_of_ours_ends_nothing(cluster: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Recorded(cluster.api)
    with told.working():
        with monkeypatch.context() as broken:
            broken.setattr(recorder, "write_event", None)
            told.recorder.record(occurrence())
            eventually(lambda: told.count("failed") == 1)
        told.recorder.record(occurrence("next"))
        eventually(lambda: told.count("written") == 1)
    assert "not callable" in told.lines[0]["message"]


def test_who_never_began_ends_at_once(cluster: Storage) -> None:
    Recorded(cluster.api).recorder.finish()

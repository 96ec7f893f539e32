"""From when to when nobody answered is told beside each configuration, with what became of objects meanwhile."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.watching.peers import authority, leaf, peer
from tests.watching.storage import Storage, storage
from tests.watching.test_endpoints import SERVICE, SLICES, settings
from tests.watching.watched import Watched
from webhook.admission.configurations import ClientConfig, Registration, webhook_configurations
from webhook.admission.settings import Settings
from webhook.cluster.material import CONFIGURATIONS, MUTATING, VALIDATING
from webhook.cluster.windows import WindowKeeper

AT = datetime(2030, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
EVENTS = "/api/v1/namespaces/default/events/"


@pytest.fixture
def cluster() -> Iterator[Storage]:
    with storage() as running:
        yield running


def register(cluster: Storage, **changes: Any) -> None:
    """Have both configurations there, and the Service."""
    client_config = ClientConfig(ca=authority("a").certificate)
    for made in webhook_configurations(Registration(client_config=client_config, **changes), Settings()):
        metadata = {**made["metadata"], "uid": f"uid of {made['kind']}"}
        cluster.put(f"{CONFIGURATIONS[made['kind']]}/batchwarden", {**made, "metadata": metadata})
    cluster.lists.add(SLICES)
    cluster.put(SERVICE, {"metadata": {"name": "batchwarden"}, "spec": {"ports": [{"name": "https", "port": 443}]}})


def endpoint(cluster: Storage, port: int, *, ready: bool = True) -> None:
    """Have one endpoint there, at a port of loopback."""
    endpoints = [{"addresses": ["127.0.0.1"], "conditions": {"ready": ready}}]
    ports = [{"name": "https", "port": port}]
    cluster.put(f"{SLICES}/a", {"metadata": {}, "ports": ports, "endpoints": endpoints})


def keeper(cluster: Storage) -> tuple[WindowKeeper, Watched]:
    watched = Watched()
    return WindowKeeper(cluster.api, settings(), watched.observer, watched.registry), watched


def told(cluster: Storage) -> dict[tuple[str, str], str]:
    """Return what was told, by kind of configuration and reason."""
    events = [each for path, each in cluster.objects.items() if path.startswith(EVENTS)]
    return {(each["involvedObject"]["kind"], each["reason"]): each["message"] for each in events}


def test_a_window_is_told_when_it_begins_and_when_it_ends(cluster: Storage, tmp_path: Path) -> None:
    register(cluster)
    windows, watched = keeper(cluster)
    with peer(leaf("a"), tmp_path) as port:
        endpoint(cluster, port)
        assert windows.keep(AT) == 5
        assert (told(cluster), watched.metric("unanswered")) == ({}, 0)
    for seconds in (5, 6, 7, 8):
        assert windows.keep(AT + seconds * SECOND) == 1
    assert told(cluster) == {
        (MUTATING, "Unanswered"): "since 2030-01-01T00:00:05Z nobody answers: "
        "failed open, no defaults written (failurePolicy Ignore)",
        (VALIDATING, "Unanswered"): "since 2030-01-01T00:00:05Z nobody answers: "
        "failed closed, Jobs and CronJobs refused (failurePolicy Fail)",
    }
    assert watched.metric("unanswered") == 1
    with peer(leaf("a"), tmp_path) as port:
        endpoint(cluster, port)
        assert windows.keep(AT + 65 * SECOND) == 5
    span = "from 2030-01-01T00:00:05Z to 2030-01-01T00:01:05Z nobody answered: "
    assert told(cluster)[MUTATING, "Answered"] == f"{span}failed open, no defaults written (failurePolicy Ignore)"
    assert watched.metric("unanswered") == 0
    assert len(watched.messages(f"windows: {VALIDATING}")) == 2


def test_what_is_let_through_is_told(cluster: Storage) -> None:
    register(cluster, validating_failure_policy="Ignore")
    windows, _ = keeper(cluster)
    for seconds in (0, 1):
        windows.keep(AT + seconds * SECOND)
    said = "failed open, Jobs and CronJobs let through without being judged (failurePolicy Ignore)"
    assert told(cluster)[VALIDATING, "Unanswered"].endswith(said)


def test_one_look_that_fails_is_no_window(cluster: Storage, tmp_path: Path) -> None:
    register(cluster)
    windows, _ = keeper(cluster)
    assert windows.keep(AT) == 1
    with peer(leaf("a"), tmp_path) as port:
        endpoint(cluster, port)
        assert windows.keep(AT + SECOND) == 5
    assert told(cluster) == {}


@pytest.mark.parametrize(("name", "ready"), [("b", True), ("a", False)], ids=["not trusted", "not ready"])
def test_who_is_not_trusted_or_not_asked_answers_nobody(
    cluster: Storage, tmp_path: Path, name: str, ready: bool  # noqa: FBT001 - a row of the table
) -> None:  # fmt: skip
    register(cluster)
    windows, watched = keeper(cluster)
    with peer(leaf(name), tmp_path) as port:
        endpoint(cluster, port, ready=ready)
        for seconds in (0, 1):
            windows.keep(AT + seconds * SECOND)
    assert watched.metric("unanswered") == 1


def test_where_nobody_is_to_be_asked_nobody_is_missed(cluster: Storage) -> None:
    windows, watched = keeper(cluster)
    for seconds in range(3):
        assert windows.keep(AT + seconds * SECOND) == 5
    assert (told(cluster), watched.metric("unanswered")) == ({}, 0)

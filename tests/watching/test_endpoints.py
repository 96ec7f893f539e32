"""Who serves is found as the API server finds it, and asked by real handshakes."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.watching.peers import HOST, authority, closed_port, leaf, peer
from tests.watching.storage import storage
from webhook.cluster import endpoints
from webhook.cluster.endpoints import Answer, Endpoint, Handshake, find_endpoints, show_all, verify_all, why_not
from webhook.cluster.settings import ControllerSettings

SERVICE = "/api/v1/namespaces/own/services/batchwarden"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/own/endpointslices"
HERE = Endpoint("127.0.0.1", 1)
FAR = Endpoint("10.0.0.1", 8443, ready=False)


def settings(**changes: Any) -> ControllerSettings:
    return ControllerSettings(
        api_version="config.batchwarden.io/v1alpha1", kind="ControllerSettings", namespace="own", **changes
    )


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Endpoint]:
    with peer(leaf("a"), tmp_path) as port:
        yield Endpoint("127.0.0.1", port)


def test_a_url_is_its_own_endpoint() -> None:
    with storage() as cluster:
        assert find_endpoints(cluster.api, settings(url="https://127.0.0.1:8443")) == [Endpoint("127.0.0.1", 8443)]
        assert find_endpoints(cluster.api, settings(url="https://x.example.com")) == [Endpoint("x.example.com", 443)]


def test_the_endpoints_of_a_service_are_those_of_its_port() -> None:
    ports = [{"name": "https", "port": 443}, {"name": "metrics", "port": 8081}]
    ready, unready = ({"addresses": [f"10.0.0.{n}"], "conditions": {"ready": n == 1}} for n in (1, 2))
    with storage() as cluster:
        assert find_endpoints(cluster.api, settings()) == []
        cluster.lists.add(SLICES)
        cluster.put(SERVICE, {"metadata": {"name": "batchwarden"}, "spec": {"ports": ports}})
        assert find_endpoints(cluster.api, settings()) == []
        of_both = [{"name": "https", "port": 8443}, {"name": "metrics", "port": 8081}]
        cluster.put(f"{SLICES}/a", {"metadata": {}, "ports": of_both, "endpoints": [ready, unready, ready]})
        cluster.put(f"{SLICES}/b", {"metadata": {}, "ports": None, "endpoints": None})
        cluster.put(f"{SLICES}/c", {"metadata": {}, "ports": of_both[:1], "endpoints": [{"addresses": ["::1"]}]})
        assert find_endpoints(cluster.api, settings()) == [
            Endpoint("10.0.0.1", 8443),
            Endpoint("10.0.0.2", 8443, ready=False),
            Endpoint("::1", 8443),
        ]


def test_what_is_served_is_shown_and_who_refuses_serves_nothing(served: Endpoint) -> None:
    assert show_all([served, Endpoint("127.0.0.1", closed_port())], HOST) == [leaf("a").certificate]
    assert show_all([], HOST) == []


def test_one_that_cannot_be_asked_leaves_it_unknown(served: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "CALL_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert show_all([served, Endpoint("127.0.0.1", silent.getsockname()[1])], HOST) is None


@pytest.mark.parametrize(
    ("trusted", "host", "answer"),
    [
        (["a"], HOST, "trusted"),
        (["b", "a"], HOST, "trusted"),
        (["b"], HOST, "untrusted"),
        (["a"], "other.own.svc", "untrusted"),
        ([], HOST, "unknown"),
    ],
    ids=str,
)
def test_trust_is_tried_by_a_handshake(served: Endpoint, trusted: list[str], host: str, answer: Answer) -> None:
    bundle = b"".join(authority(name).certificate for name in trusted)
    (found,) = verify_all([served], host, bundle)
    assert found.answer == answer


def test_where_nothing_listens_the_connection_is_refused() -> None:
    (found,) = verify_all([Endpoint("127.0.0.1", closed_port())], HOST, authority("a").certificate)
    assert found.answer == "refused"


@pytest.mark.parametrize(
    ("handshakes", "said"),
    [
        ([], "no endpoint is ready"),
        ([Handshake(FAR, "trusted")], "no endpoint is ready"),
        ([Handshake(HERE, "trusted")], ""),
        ([Handshake(HERE, "trusted"), Handshake(FAR, "unknown")], ""),
        ([Handshake(HERE, "trusted"), Handshake(FAR, "untrusted", "it is old")], "10.0.0.1:8443 serves a cert"),
        ([Handshake(HERE, "unknown", "timed out")], "127.0.0.1:1 does not answer: timed out"),
        ([Handshake(HERE, "refused", "nothing listens there")], "127.0.0.1:1 does not answer: nothing listens there"),
    ],
    ids=str,
)
def test_api_servers_are_sent_where_all_that_is_ready_is_trusted(handshakes: list[Handshake], said: str) -> None:
    assert why_not(handshakes).startswith(said)
    assert bool(why_not(handshakes)) is bool(said)

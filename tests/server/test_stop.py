"""A server that is told to stop loses nothing that was sent to it, and one that cannot start says why."""

import http.client
import signal
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPSConnection

import pytest

from tests.server.conftest import Starter
from tests.server.running import PATIENCE, Running, read_all, until


def refuses(server: Running) -> bool:
    try:
        server.dial().close()
    except ConnectionRefusedError:
        return True
    return False


def is_draining(server: Running) -> bool:
    return server.status()[0] == 503


def test_under_load_every_request_is_answered(start: Starter) -> None:
    """Clients come and go until the server says that it is not ready, as those behind a Service do."""
    server = start(drain_seconds=2)

    def ask_until_draining(number: int) -> list[int]:
        kept, statuses = server.client(), []
        while not is_draining(server):
            kept.request("POST", "/echo", b"kept")
            response = kept.getresponse()
            response.read()
            statuses += [response.status, server.ask("/echo", b"fresh")[0]]
        kept.close()
        return statuses

    with ThreadPoolExecutor(8) as clients:
        asked = [clients.submit(ask_until_draining, number) for number in range(8)]
        until(lambda: server.fact("connections") >= 8)
        assert server.end() == 0
    statuses = [status for future in asked for status in future.result()]
    assert statuses
    assert set(statuses) == {200}


def test_while_it_drains_it_serves_each_connection_once_more(start: Starter) -> None:
    server = start(drain_seconds=1000)
    clients = [server.client(), server.client()]
    assert ask(clients[0]) == (200, None)
    server.process.terminate()
    until(lambda: is_draining(server))
    assert [ask(client) for client in clients] == [(200, "close"), (200, "close")]
    for client in clients:
        client.close()


def ask(client: HTTPSConnection) -> tuple[int, str | None]:
    client.request("POST", "/echo", b"in time")
    response = client.getresponse()
    assert response.read() == b"in time"
    return response.status, None if response.headers["Connection"] == "keep-alive" else response.headers["Connection"]


def test_what_is_in_flight_is_finished(start: Starter) -> None:
    server = start()
    with ThreadPoolExecutor(1) as client:
        held = client.submit(server.ask, "/hold", b"in flight")
        until(lambda: server.fact("held") == 1)
        server.process.terminate()
        until(lambda: refuses(server))
        server.status("/release")
        assert held.result() == (200, b"in flight")
    assert server.process.wait(PATIENCE) == 0


def test_a_request_that_was_under_way_to_an_idle_connection_is_served(start: Starter) -> None:
    server = start()
    client = server.client()
    assert ask(client) == (200, None)
    with server.connect() as idle:
        server.process.terminate()
        until(lambda: refuses(server))
        assert ask(client) == (200, "close")
        assert read_all(idle) == b""
    client.close()
    assert server.process.wait(PATIENCE) == 0


def test_what_waits_to_be_accepted_is_served(start: Starter) -> None:
    server = start()
    server.ports()
    server.process.send_signal(signal.SIGSTOP)
    waiting = [server.dial() for _ in range(20)]
    server.process.terminate()
    server.process.send_signal(signal.SIGCONT)
    for plain in waiting:
        with server.trust.wrap_socket(plain, server_hostname="localhost") as sock:
            sock.sendall(b"POST /echo HTTP/1.1\r\nContent-Length: 2\r\n\r\nme")
            assert read_all(sock).endswith(b"\r\n\r\nme")
    assert server.process.wait(PATIENCE) == 0


def test_what_never_ends_is_left(start: Starter) -> None:
    server = start(finish_seconds=0.2)
    with ThreadPoolExecutor(1) as client:
        held = client.submit(server.ask, "/hold")
        until(lambda: server.fact("held") == 1)
        assert server.end() == 0
        assert isinstance(held.exception(), ConnectionError | ssl.SSLError | http.client.HTTPException)
    assert "stopped with 1 connections unfinished" in server.read_log()


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        (signal.SIGTERM, signal.SIGTERM, 143),
        (signal.SIGTERM, signal.SIGINT, 130),
        (None, signal.SIGINT, 130),
    ],
)
def test_it_goes_at_once_when_told_so(
    start: Starter, first: signal.Signals | None, second: signal.Signals, code: int
) -> None:
    server = start(drain_seconds=1000)
    server.ports()
    if first:
        server.process.send_signal(first)
        until(lambda: is_draining(server))
    assert server.end(second) == code


def test_it_ends_rather_than_live_without_one_of_its_threads(start: Starter) -> None:
    server = start()
    with server.connect() as sock:
        sock.sendall(b"GET /exit HTTP/1.1\r\n\r\n")
        assert server.process.wait(PATIENCE) == 1
    assert "RuntimeError: a thread that answers has died" in server.read_log()


def test_a_shell_that_goes_away_is_no_reason_to_stop(start: Starter) -> None:
    server = start()
    server.ports()
    server.process.send_signal(signal.SIGHUP)
    assert server.ask("/echo", b"still here") == (200, b"still here")


def test_gunicorns_variables_have_no_say(start: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--bind=nowhere --threads=0 --no-such-option")
    assert start().ask("/echo", b"as set") == (200, b"as set")


def test_an_address_that_is_taken_stops_the_start(start: Starter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        host, port = taken.getsockname()
        server = start(status_listen=(host, port))
        assert server.process.wait(PATIENCE) == 1
    assert server.read_log() == (
        f"cannot listen on {host}:{port}: Address already in use; name an address of this machine and a free port\n"
    )


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_it_listens_to_both_versions_of_ip(start: Starter) -> None:
    port = start(status_listen=("::", 0)).ports()[1]
    for host in ("127.0.0.1", "::1"):
        with socket.create_connection((host, port), timeout=PATIENCE) as sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert read_all(sock).startswith(b"HTTP/1.0 200 OK\r\n")

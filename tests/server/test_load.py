"""Requests that wait for something do not keep others waiting, and too many are sent away instead of piling up."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.server.conftest import Starter
from tests.server.running import Running, read_all, request, until

Answer = tuple[int, bytes]


@contextmanager
def holding(server: Running, count: int) -> Iterator[list[Future[Answer]]]:
    """Have requests held by the application, and let go of them at the end."""
    with ThreadPoolExecutor(count) as clients:
        held = [clients.submit(server.ask, "/hold", str(number).encode()) for number in range(count)]
        try:
            until(lambda: server.fact("held") == count)
            yield held
        finally:
            server.status("/release")


@pytest.mark.parametrize("count", [1, 31])
def test_requests_that_wait_hold_up_no_other(start: Starter, count: int) -> None:
    server = start()
    with holding(server, count) as held:
        with ThreadPoolExecutor(16) as clients:
            answers = list(clients.map(lambda number: server.ask("/echo", str(number).encode()), range(16)))
        assert answers == [(200, str(number).encode()) for number in range(16)]
        assert not any(future.done() for future in held)
    assert [future.result() for future in held] == [(200, str(number).encode()) for number in range(count)]


def test_when_all_threads_are_busy_a_request_is_sent_away_and_the_status_is_told(start: Starter) -> None:
    server = start()
    with holding(server, 32):
        client = server.client()
        client.request("POST", "/echo", b"too many")
        response = client.getresponse()
        assert (response.status, response.headers["Retry-After"]) == (503, "1")
        assert response.read() == b"All threads are busy; send the request again.\n"
        client.close()
        assert server.status()[0] == 200
        assert server.fact("refusals") == [[503, "All threads are busy; send the request again."]]
    assert server.ask("/echo", b"afterwards") == (200, b"afterwards")


def test_new_peers_shake_hands_while_all_threads_are_busy(start: Starter) -> None:
    server = start(threads=1)
    with holding(server, 1), server.connect() as sock:
        assert sock.version() == "TLSv1.3"


def test_what_a_peer_sends_while_its_request_waits_is_answered_after_it(start: Starter) -> None:
    """And wakes nobody until then: another thread polls, and must leave the connection alone."""
    server = start(threads=2)
    with server.connect() as sock:
        sock.sendall(request("/hold", b"first"))
        until(lambda: server.fact("held") == 1)
        sock.sendall(request("/echo", b"second", "Connection: close"))
        assert server.ask("/echo", b"other") == (200, b"other")
        server.status("/release")
        first, _, second = read_all(sock).partition(b"first")
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")
    assert second.endswith(b"second")

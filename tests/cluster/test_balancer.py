"""The balancer forwards connections to what is ready, in turn, and to nothing else."""

from contextlib import closing
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.cluster.balancer import Backend, balance
from tests.cluster.kubectl import eventually
from tests.watching.jsonhttp import serving


class Server(ThreadingHTTPServer):
    """Answers with its name, and on the same port says whether it is ready."""

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.name = name
        self.ready = True
        self.backend = Backend(self.server_port, self.server_port)


class Handler(BaseHTTPRequestHandler):
    server: Server  # type: ignore[mutable-override]  # of what it is made by, always
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200 if self.server.ready or self.path != "/readyz" else 503)
        self.send_header("Content-Length", str(len(self.server.name)))
        self.end_headers()
        self.wfile.write(self.server.name.encode())

    def log_message(self, *_: object) -> None:
        """Keep the output of the tests to the tests."""


def connect(port: int) -> closing[HTTPConnection]:
    return closing(HTTPConnection("127.0.0.1", port, timeout=10))


def ask(connection: HTTPConnection) -> str:
    connection.request("GET", "/")
    return connection.getresponse().read().decode()


def who_answers(port: int, times: int = 4) -> str:
    """Return the names that answer on so many connections, one after the other."""
    names = ""
    for _ in range(times):
        with connect(port) as connection:
            names += ask(connection)
    return names


def test_connections_go_round() -> None:
    with serving(Server("a")) as a, serving(Server("b")) as b, balance([a.backend, b.backend]) as port:
        assert who_answers(port) == "abab"


def test_what_is_no_longer_ready_keeps_its_connections_and_gets_no_further_ones() -> None:
    with (
        serving(Server("a")) as a,
        serving(Server("b")) as b,
        balance([a.backend, b.backend]) as port,
        connect(port) as old,
    ):
        assert ask(old) == "a"
        a.ready = False
        eventually(lambda: who_answers(port) == "bbbb")
        assert ask(old) == "a"
        a.ready = True
        eventually(lambda: set(who_answers(port)) == {"a", "b"})


def test_what_does_not_run_gets_no_connection() -> None:
    with serving(Server("a")) as a, balance([a.backend, Backend(1, 1)]) as port:
        assert who_answers(port) == "aaaa"


def test_a_ready_backend_that_does_not_accept_is_a_closed_connection() -> None:
    with (
        serving(Server("a")) as a,
        balance([Backend(1, a.server_port)]) as port,
        connect(port) as connection,
        pytest.raises(ConnectionError),
    ):
        ask(connection)


def test_without_a_ready_backend_a_connection_is_closed() -> None:
    with serving(Server("a")) as a:
        a.ready = False
        with balance([a.backend]) as port, connect(port) as connection, pytest.raises(ConnectionError):
            ask(connection)


def test_it_ends_whatever_is_still_connected() -> None:
    with serving(Server("a")) as a:
        with balance([a.backend]) as port:
            old = HTTPConnection("127.0.0.1", port, timeout=10)
            assert ask(old) == "a"
        with closing(old), pytest.raises(ConnectionError):
            ask(old)

"""Peers that are silent, slow or too many take nothing from the others, and are cut off in the end."""

import signal
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from time import sleep

import pytest

from tests.server.conftest import Starter
from tests.server.running import Running, read_all, until

HEAD = b"POST /echo HTTP/1.1\r\nContent-Length: 100\r\n\r\n"


def test_a_burst_is_answered_beside_a_hundred_silent_connections(start: Starter) -> None:
    server = start(threads=4)
    with ExitStack() as held, ThreadPoolExecutor(50) as clients:
        for _ in range(50):
            held.enter_context(server.dial())
            held.enter_context(server.connect())
        for burst in (16, 50):
            answers = list(clients.map(lambda number: server.ask("/echo", str(number).encode()), range(burst)))
            assert answers == [(200, str(number).encode()) for number in range(burst)]
        assert server.fact("connections") >= 100


def test_a_burst_is_answered_on_connections_that_fell_silent(start: Starter) -> None:
    server = start(threads=4)
    clients = [server.client() for _ in range(50)]
    for _ in range(3):
        for client in clients:
            client.request("POST", "/echo", b"again")
        assert [client.getresponse().read() for client in clients] == [b"again"] * len(clients)
    for client in clients:
        client.close()


def never_begin(server: Running) -> socket.socket:
    return server.dial()


def never_begin_on_the_status_port(server: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.ports()[1]))


def never_ask(server: Running) -> socket.socket:
    return server.connect()


def never_ask_again(server: Running) -> socket.socket:
    sock = say(server, b"GET /echo HTTP/1.1\r\n\r\n")
    assert sock.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
    return sock


def never_end_the_head(server: Running) -> socket.socket:
    return say(server, HEAD[:20])


def never_end_the_body(server: Running) -> socket.socket:
    return say(server, HEAD + b"x")


def never_take_the_response(server: Running) -> socket.socket:
    return say(server, b"GET /large HTTP/1.1\r\n\r\n")


def never_hang_up(server: Running) -> socket.socket:
    return say(server, b"GET /echo HTTP/1.1\r\nConnection: close\r\n\r\n")


def say(server: Running, sent: bytes) -> socket.socket:
    sock = server.connect()
    sock.sendall(sent)
    return sock


@pytest.mark.parametrize(
    ("limit", "begin", "told"),
    [
        ("handshake_seconds", never_begin, b""),
        ("handshake_seconds", never_begin_on_the_status_port, b""),
        ("idle_seconds", never_ask, b""),
        ("idle_seconds", never_ask_again, b""),
        ("head_seconds", never_end_the_head, b"HTTP/1.1 408 Request Timeout\r\n"),
        ("body_seconds", never_end_the_body, b"HTTP/1.1 408 Request Timeout\r\n"),
    ],
)
def test_a_peer_that_stops_is_cut_off(
    start: Starter, limit: str, begin: Callable[[Running], socket.socket], told: bytes
) -> None:
    server = start(limits={limit: 0.1})
    with begin(server) as sock:
        answer = read_all(sock)
    assert answer.startswith(told) if told else not answer


def test_a_request_that_came_just_in_time_is_served(start: Starter) -> None:
    """A server that was stopped for a while finds the request and the end of the time at once."""
    server = start(limits={"idle_seconds": 0.5})
    with server.connect() as sock:
        server.process.send_signal(signal.SIGSTOP)
        sock.sendall(b"GET /echo HTTP/1.1\r\n\r\n")
        sleep(0.7)
        server.process.send_signal(signal.SIGCONT)
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("limit", "begin"), [("answer_seconds", never_take_the_response), ("linger_seconds", never_hang_up)]
)
def test_a_peer_that_does_not_listen_is_cut_off(
    start: Starter, limit: str, begin: Callable[[Running], socket.socket]
) -> None:
    server = start(limits={limit: 0.1})
    with begin(server):
        until(lambda: server.fact("connections") == 0)


@pytest.mark.parametrize(("limit", "sent"), [("head_seconds", HEAD[:-4] + b"\r\n"), ("body_seconds", HEAD)])
def test_dripping_a_request_does_not_prolong_its_time(start: Starter, limit: str, sent: bytes) -> None:
    server = start(limits={limit: 0.2})
    with say(server, sent) as sock:
        assert drip(sock, bytes(1000)).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


def test_dripping_a_request_sent_ahead_does_not_prolong_its_time(start: Starter) -> None:
    server = start(limits={"head_seconds": 0.2})
    with say(server, b"GET /echo HTTP/1.1\r\n\r\n" + HEAD[:20]) as sock:
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
        assert drip(sock, bytes(1000)).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


def test_dripping_a_handshake_does_not_prolong_its_time(start: Starter) -> None:
    server = start(limits={"handshake_seconds": 0.2})
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        server.trust.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    with server.dial() as sock:
        assert drip(sock, outgoing.read()) == b""


def test_dripping_a_record_does_not_prolong_the_time_between_requests(start: Starter) -> None:
    server = start(limits={"idle_seconds": 0.2})
    server.trust.maximum_version = ssl.TLSVersion.TLSv1_2  # whose handshake is followed by no tickets
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = server.trust.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with server.dial() as sock:
        while not shakes_hands(tls):
            sock.sendall(outgoing.read())
            incoming.write(sock.recv(65536))
        tls.write(HEAD)
        assert drip(sock, outgoing.read()) == b""


def shakes_hands(tls: ssl.SSLObject) -> bool:
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def drip(sock: socket.socket, sent: bytes) -> bytes:
    """Send a byte every 50 ms until the server says something or ends it; return what it said."""
    sock.settimeout(0.05)
    for number in range(len(sent)):
        try:
            sock.send(sent[number : number + 1])
            return sock.recv(65536)
        except TimeoutError:
            continue
        except ConnectionError:
            return b""
    pytest.fail("the server waited for all of it")


def test_who_has_waited_longest_makes_room(start: Starter) -> None:
    server = start(limits={"connections": 10})
    with ExitStack() as held:
        first = held.enter_context(server.connect())
        others = [held.enter_context(server.connect()) for _ in range(9)]
        assert server.ask("/echo", b"in spite of them") == (200, b"in spite of them")
        assert read_all(first) == b""
        others[-1].sendall(b"GET /echo HTTP/1.1\r\n\r\n")
        assert others[-1].recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_more_peers_than_files_may_be_open_do_no_harm(start: Starter) -> None:
    server = start(open_files=50)
    with ExitStack() as held:
        for _ in range(100):
            held.enter_context(server.dial())
        assert server.ask("/echo", b"in spite of them") == (200, b"in spite of them")

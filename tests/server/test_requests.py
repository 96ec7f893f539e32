"""What a connection carries: requests in turn, each answered, in the order in which they came."""

import re
import signal
import socket
from collections.abc import Iterator

import pytest

from certs.authority import KeyPair
from tests.server import running
from tests.server.conftest import DAY, Starter, issue
from tests.server.program import LARGE
from tests.server.running import Running, read_all, request

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, ca: KeyPair) -> Iterator[Running]:
    """Return one server for all: whatever a test does to it, it serves the next."""
    folder = tmp_path_factory.mktemp("server")
    issue(ca, folder, DAY)
    server = running.start(folder / "log", folder, {"limits": {"body_bytes": 2 * MIB, "bodies_bytes": 3 * MIB}})
    yield server
    assert server.end(signal.SIGINT) == 130


def test_a_connection_is_used_again_and_again(server: Running) -> None:
    client = server.client()
    client.connect()
    first = client.sock
    for number in range(200):
        client.request("POST", "/echo", str(number))
        response = client.getresponse()
        assert (response.status, response.read()) == (200, str(number).encode())
        assert client.sock is first
    client.close()


@pytest.mark.parametrize("size", [0, 1, 16384, 16385, 70_000, 2 * MIB])
def test_a_body_arrives_as_it_was_sent(server: Running, size: int) -> None:
    body = bytes(number % 251 for number in range(size))
    assert server.ask("/echo", body) == (200, body)


def test_requests_sent_ahead_are_answered_in_order(server: Running) -> None:
    with server.connect() as sock:
        sock.sendall(b"".join(request("/echo", f"<{number}>".encode()) for number in range(100)))
        sock.sendall(request("/echo", b"<last>", "Connection: close"))
        answer = read_all(sock)
    assert re.findall(rb"<(\w+)>", answer) == [*(str(number).encode() for number in range(100)), b"last"]


def test_a_request_in_single_bytes_is_one_request(server: Running) -> None:
    with server.connect() as sock:
        for byte in request("/echo", b"whole", "Connection: close"):
            sock.sendall(bytes([byte]))
        assert read_all(sock).endswith(b"\r\n\r\nwhole")


def test_head_and_body_leave_in_one_record(server: Running) -> None:
    with server.connect() as sock:
        sock.sendall(request("/echo", b"together"))
        assert sock.recv(65536).endswith(b"\r\n\r\ntogether")


def test_a_response_that_the_peer_takes_slowly_holds_no_thread(start: Starter) -> None:
    server = start(threads=1)
    slow = server.connect()
    slow.sendall(request("/large", b"", "Connection: close"))
    assert server.ask("/echo", b"beside") == (200, b"beside")
    assert len(read_all(slow)) > LARGE
    slow.close()


def test_plain_http_is_answered_on_the_status_port(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.ports()[1])) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert read_all(sock).startswith(b"HTTP/1.0 200 OK\r\n")


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(server: Running) -> None:
    with server.connect() as sock:
        sock.sendall(b"POST /echo HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        assert sock.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"body")
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nbody")


def test_a_client_that_asks_and_sends_at_once_is_not_told(server: Running) -> None:
    with server.connect() as sock:
        sock.sendall(request("/echo", b"body", "Expect: 100-continue", "Connection: close"))
        assert read_all(sock).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"hello\r\n\r\n", b"400"),
        (b"\r\n\r\n", b"400"),
        (b"POST / HTTP/9.9\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", b"411"),
        (b"GET /" + bytes(5000).replace(b"\0", b"x") + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nX: " + bytes(9000).replace(b"\0", b"x") + b"\r\n\r\n", b"431"),
        (b"x" * 40_000, b"431"),
        (b"POST / HTTP/1.1\r\nContent-Length: 2097153\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
    ],
)
def test_bad_bytes_get_one_sentence_and_the_end(server: Running, sent: bytes, status: bytes) -> None:
    with server.connect() as sock:
        sock.sendall(sent)
        head, _, body = read_all(sock).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert b"\r\nConnection: close" in head
    assert f"\r\nContent-Length: {len(body)}".encode() in head
    assert re.fullmatch(rb"[A-Z].+\.\n", body)
    assert server.fact("refusals")[-1] == [int(status), body.decode().strip()]
    assert server.ask("/echo", b"unharmed") == (200, b"unharmed")


@pytest.mark.parametrize(
    "rest", [b'", "value": "s3cret"}', b"s3cret", b"S3CRET / HTTP/s3cret", b"GET / HTTP/1.1\r\ns3cret"]
)
def test_a_body_that_is_longer_than_said_is_told_nowhere(server: Running, rest: bytes) -> None:
    """What is left of it is read as the next request, and holds what no log may hold."""
    with server.connect() as sock:
        sock.sendall(request("/echo", b"body") + rest + b"\r\n\r\n")
        answers = read_all(sock)
    assert b"400 Bad Request" in answers
    assert b"This is no HTTP request: " in answers
    assert b"s3cret" not in answers.lower()
    assert "s3cret" not in f"{server.fact('refusals')}{server.read_log()}".lower()


def test_a_client_that_sends_too_much_reads_why(server: Running) -> None:
    status, body = server.ask("/echo", bytes(3 * MIB))
    assert (status, body) == (413, b"The body may have 2097152 bytes.\n")


def test_large_bodies_are_taken_while_there_is_memory_for_them(server: Running) -> None:
    body = bytes(2 * MIB)
    with server.connect() as first:
        first.sendall(f"POST /length HTTP/1.1\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode())
        assert first.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        with server.connect() as second:
            second.sendall(b"POST /length HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n")
            refusal = read_all(second)
        assert refusal.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"\r\nRetry-After: 1\r\n" in refusal
        assert server.ask("/length", bytes(65536)) == (200, b"65536")
        first.sendall(body)
        assert first.recv(65536).endswith(b"\r\n\r\n2097152")
    assert server.ask("/length", body) == (200, b"2097152")


@pytest.mark.parametrize(
    "sent", [b"POST /validate HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 1000, b"\x16\x03\x01\xff\xff" * 99]
)
def test_bytes_that_are_no_tls_end_the_connection(server: Running, sent: bytes) -> None:
    with server.dial() as sock:
        sock.sendall(sent)
        assert not read_all(sock).startswith(b"HTTP")
    assert server.ask("/echo", b"unharmed") == (200, b"unharmed")
    assert "Traceback" not in server.read_log()


def test_a_crash_is_ours_and_is_logged(server: Running) -> None:
    assert server.ask("/crash") == (500, b"The server failed on this request; its log says why.\n")
    assert "RuntimeError: on purpose" in server.read_log()
    assert server.ask("/echo", b"unharmed") == (200, b"unharmed")


def test_an_error_in_what_is_told_of_a_refusal_ends_that_connection(server: Running) -> None:
    with server.connect() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nTransfer-Encoding: gold\r\n\r\n")
        assert read_all(sock) == b""
    assert "a connection was ended by an error" in server.read_log()
    assert server.ask("/echo", b"unharmed") == (200, b"unharmed")

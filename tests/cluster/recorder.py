"""A webhook that allows everything, and notes for which of its paths the API server asked about an object."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.cluster.serving import make_certificate

FIRST = "first"


@dataclass(frozen=True)
class Asked:
    """A review as it came, and the paths that were asked about its object; the first path is asked about each."""

    review: bytes
    paths: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Recorder:
    """A running webhook; it takes one object after the other."""

    port: int
    ca: bytes
    asked: list[Asked] = field(default_factory=list)

    def answer(self, path: str, body: bytes) -> bytes:
        """Note what is asked, and allow it."""
        if path == FIRST:
            self.asked.append(Asked(body))
        else:
            self.asked[-1].paths.add(path)
        response = {"uid": json.loads(body)["request"]["uid"], "allowed": True}
        return json.dumps(
            {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
        ).encode()


@contextmanager
def recording(folder: Path) -> Iterator[Recorder]:
    """Run a recorder on loopback for the length of the context; its certificate lies in the folder."""
    make_certificate(folder)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "tls" / "tls.crt", folder / "tls" / "tls.key")
    connections: list[socket.socket] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            connections.append(self.request)
            super().setup()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = recorder.answer(self.path.partition("?")[0].strip("/"), body)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = False  # each is waited for

    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        recorder = Recorder(server.server_address[1], (folder / "tls" / "ca.crt").read_bytes())
        thread = threading.Thread(target=server.serve_forever, name="recorder")
        thread.start()
        try:
            yield recorder
        finally:
            server.shutdown()
            thread.join()
            close(connections)


def close(connections: list[socket.socket]) -> None:
    """Close what the API server keeps open."""
    for connection in connections:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

"""A small real HTTP server that plays an API server by a script: each answer is given once, in order."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR, socket
from threading import Event, Thread
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from kubernetes.client import Configuration

from webhook.cluster.api import Api

Object: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Notes what is asked, and answers by the script."""

    protocol_version = "HTTP/1.1"
    server: "ApiServer"  # type: ignore[mutable-override]

    def setup(self) -> None:
        super().setup()
        self.server.connections.append(self.connection)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_PATCH(self) -> None:
        self.do_POST()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.server.asked.append((url.path, dict(parse_qsl(url.query))))
        self.server.headers.append(dict(self.headers))
        script = self.server.scripts.get(url.path, self.server.script)
        answer = script.pop(0) if script else status(500, "the script is over")
        answer(self)

    def log_message(self, *_: object) -> None:
        """Be quiet."""

    def begin(self, code: int, headers: Object, kind: str = "application/json") -> None:
        self.send_response(code)
        for name, value in {"Content-Type": kind, **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()


class ApiServer(ThreadingHTTPServer):
    """What it was asked, and what it will answer."""

    daemon_threads = False  # a test ends when they have ended

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[Answer] = []
        self.scripts: dict[str, list[Answer]] = {}  # of paths that have one of their own
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        self.ending = Event()
        self.connections: list[socket] = []

    @property
    def api(self) -> Api:
        """Make a client of it."""
        return Api(Configuration(host=f"http://127.0.0.1:{self.server_address[1]}"))

    def handle_error(self, *_: object) -> None:
        """Bear with clients that go away."""


@contextmanager
def api_server() -> Iterator[ApiServer]:
    """Run one for the length of the context."""
    server = ApiServer()
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.ending.set()
        server.shutdown()
        thread.join()
        for connection in server.connections:
            with suppress(OSError):  # it is closed already
                connection.shutdown(SHUT_RDWR)
        server.server_close()


def whole(code: int, body: bytes, **headers: object) -> Answer:
    """Answer with a body that ends the connection."""

    def answer(handler: Handler) -> None:
        handler.begin(code, {"Content-Length": len(body), "Connection": "close"} | headers)
        handler.wfile.write(body)
        handler.close_connection = True

    return answer


def page(items: Sequence[Object], version: str = "10", more: str = "") -> Answer:
    """Answer with a page of a list."""
    metadata = {"resourceVersion": version} | ({"continue": more} if more else {})
    return whole(200, json.dumps({"kind": "List", "metadata": metadata, "items": items}).encode())


def status(code: int, message: str, **headers: object) -> Answer:
    """Answer that something is wrong."""
    body = {"kind": "Status", "status": "Failure", "code": code, "message": message}
    return whole(code, json.dumps(body).encode(), **headers)


def event(kind: str, thing: Object) -> bytes:
    """Write an event of a watch."""
    return json.dumps({"type": kind, "object": thing}).encode() + b"\n"


def bookmark(version: str) -> bytes:
    """Write the event that only tells a version."""
    return event("BOOKMARK", {"metadata": {"resourceVersion": version}})


def expired(code: int = 410) -> bytes:
    """Write the event by which a watch says that it cannot go on."""
    return event("ERROR", {"kind": "Status", "code": code, "message": "too old resource version"})


def watch(*chunks: bytes, end: str = "end") -> Answer:
    """Answer with chunks; then end as is right, ``cut`` the connection, or ``hang`` until the test is over."""

    def answer(handler: Handler) -> None:
        handler.begin(200, {"Transfer-Encoding": "chunked"})
        for data in chunks:
            handler.chunk(data)
        if end == "hang":
            handler.server.ending.wait()
        if end == "end":
            handler.wfile.write(b"0\r\n\r\n")
        else:
            handler.close_connection = True

    return answer


def silence(handler: Handler) -> None:
    """Answer nothing at all."""
    handler.server.ending.wait()
    handler.close_connection = True


def cut(handler: Handler) -> None:
    """End the connection without a word."""
    handler.close_connection = True


def namespace(name: str, labels: Mapping[str, str] | None = None, version: str = "5") -> Object:
    """Return a Namespace as metadata."""
    return {"metadata": {"name": name, "resourceVersion": version, "labels": labels or {}}}


def kubeconfig(folder: Path, url: str, **more: Any) -> Path:
    """Write a kubeconfig with two contexts, of two users."""
    users = {"one": {"token": "first"}, "two": {"token": "second"}}
    config: Mapping[str, Any] = {
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": name, "user": user} for name, user in users.items()],
        "contexts": [{"name": name, "context": {"cluster": "c", "user": name}} for name in users],
        "current-context": "one",
    }
    path = folder / "config"
    path.write_text(json.dumps({**config, **more}))
    return path

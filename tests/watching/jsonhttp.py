"""Servers of JSON share how a request is read and answered, and that they run for the length of a context."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, TypeVar

ServerT = TypeVar("ServerT", bound=ThreadingHTTPServer)


class JsonHandler(BaseHTTPRequestHandler):
    """Reads and answers JSON."""

    def body(self) -> dict[str, Any]:
        manifest: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return manifest

    def answer(self, code: int, body: Any) -> None:
        text = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@contextmanager
def serving(server: ServerT) -> Iterator[ServerT]:
    """Run it for the length of the context."""
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

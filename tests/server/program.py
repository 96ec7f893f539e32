"""The server under test as a program: settings come in as JSON, and its applications do what the path says."""

import json
import logging
import resource
import sys
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from pathlib import Path
from threading import Event, Lock
from typing import Any

from webhook.admission.connection import Limits
from webhook.admission.server import Server, ServerSettings
from webhook.admission.tls import ServerError

Start = Callable[[str, list[tuple[str, str]]], object]
LARGE = 8 * 1024 * 1024


class Program:
    """What is asked for /hold waits until the status port is asked for /release."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.released, self.lock = Event(), Lock()
        self.held = 0
        self.refusals: list[tuple[int, str]] = []
        settings["limits"] = Limits(**settings.get("limits", {}))
        for name in {"tls_cert", "tls_key", "client_ca"} & settings.keys():
            settings[name] = Path(settings[name])
        for name in ("listen", "status_listen"):
            settings[name] = tuple(settings.get(name, ("127.0.0.1", 0)))
        self.server = Server(ServerSettings(**settings, refused=self.note))

    def note(self, status: int, sentence: str) -> None:
        self.refusals.append((status, sentence))
        if status == HTTPStatus.NOT_IMPLEMENTED:
            raise RuntimeError("on purpose")

    def answer(self, environ: dict[str, Any], start: Start) -> Iterator[bytes]:
        path, body = environ["PATH_INFO"], environ["wsgi.input"].read()
        if path == "/hold":
            with self.lock:
                self.held += 1
            self.released.wait()
        if path == "/crash":
            raise RuntimeError("on purpose")
        if path == "/exit":
            sys.exit("on purpose")
        if path == "/large":
            body = bytes(LARGE)
        if path == "/length":
            body = str(len(body)).encode()
        start("200 OK", [("Content-Length", str(len(body)))])
        yield body[:1]
        yield body[1:]

    def tell(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/release":
            self.released.set()
        facts = {
            "held": self.held,
            "refusals": self.refusals,
            "connections": self.server.connections,
            "not_after": self.server.certificate_not_after,
        }
        body = json.dumps(facts).encode()
        start("503 Service Unavailable" if self.server.draining else "200 OK", [("Content-Length", str(len(body)))])
        return [body]


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    settings = json.loads(sys.argv[1])
    if open_files := settings.pop("open_files", 0):
        resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))
    try:
        program = Program(settings)
    except ServerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return program.server.run(program.answer, program.tell)


if __name__ == "__main__":
    sys.exit(main())

"""A server that runs as a process of its own, and the ways in which peers behave towards it."""

import json
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from time import monotonic, sleep
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE = 20  # seconds after which what does not come is taken for never
SERVING = re.compile(r"serving on 127\.0\.0\.1:(\d+), status on .+:(\d+)\n")


def until(condition: Callable[[], Any]) -> Any:
    """Wait for something and return it."""
    end = monotonic() + PATIENCE
    while not (value := condition()):
        assert monotonic() < end, "what was waited for did not come"
        sleep(0.01)
    return value


@dataclass(slots=True)
class Running:
    process: subprocess.Popen[bytes]
    log: Path
    trust: ssl.SSLContext

    def read_log(self) -> str:
        return self.log.read_text()

    def ports(self) -> tuple[int, int]:
        match = until(lambda: SERVING.search(self.read_log()) or self.process.poll() is not None)
        assert isinstance(match, re.Match), f"the server did not start: {self.read_log()}"
        return int(match[1]), int(match[2])

    def dial(self) -> socket.socket:
        """Connect, and say nothing."""
        return socket.create_connection(("127.0.0.1", self.ports()[0]), timeout=PATIENCE)

    def connect(self) -> ssl.SSLSocket:
        """Connect and shake hands, and say nothing more."""
        return self.trust.wrap_socket(self.dial(), server_hostname="localhost")

    def client(self) -> HTTPSConnection:
        return HTTPSConnection("localhost", self.ports()[0], timeout=PATIENCE, context=self.trust)

    def ask(self, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send one request on a connection of its own."""
        client = self.client()
        try:
            client.request("POST", path, body)
            response = client.getresponse()
            return response.status, response.read()
        finally:
            client.close()

    def status(self, path: str = "/") -> tuple[int, dict[str, Any]]:
        """Ask the status port."""
        client = HTTPConnection("127.0.0.1", self.ports()[1], timeout=PATIENCE)
        try:
            client.request("GET", path)
            response = client.getresponse()
            return response.status, json.loads(response.read())
        finally:
            client.close()

    def fact(self, name: str) -> Any:
        return self.status()[1][name]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def start(log: Path, folder: Path, settings: dict[str, Any]) -> Running:
    """Start the server with the certificate of the folder, which holds ca.crt as well."""
    files = {"tls_cert": str(folder / "tls.crt"), "tls_key": str(folder / "tls.key")}
    command = [sys.executable, "-m", "tests.server.program", json.dumps({**files, **settings})]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
    return Running(process, log, ssl.create_default_context(cafile=folder / "ca.crt"))


def read_all(sock: socket.socket) -> bytes:
    """Read until the server ends the connection; a reset counts as an end."""
    data = bytearray()
    with suppress(ConnectionError, ssl.SSLError):
        while chunk := sock.recv(65536):
            data += chunk
    return bytes(data)


def request(path: str, body: bytes = b"", *lines: str) -> bytes:
    """Write a request, with further header lines."""
    head = "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *lines])
    return head.encode() + b"\r\n\r\n" + body

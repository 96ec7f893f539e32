"""HTTP as bytes in and bytes out: no socket is touched here, and gunicorn is known here alone.

gunicorn reads the head of a request, makes the WSGI environment of it and writes the response.
"""

import io
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from gunicorn.config import Config
from gunicorn.http import errors
from gunicorn.http.body import LengthReader
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader
from gunicorn.http.wsgi import create
from gunicorn.util import http_date

Address = tuple[Any, ...]  # as the socket module has them: host, port, and two more for IPv6
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]  # WSGI

END_OF_HEAD = b"\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_STATUS = {
    errors.LimitRequestLine: "414 URI Too Long",
    errors.LimitRequestHeaders: "431 Request Header Fields Too Large",
    errors.UnsupportedTransferCoding: "501 Not Implemented",
}
# gunicorn quotes what it could not read. After a wrong Content-Length that is an object, which no log may hold.
_FAULTS = {
    errors.InvalidRequestLine: "its first line is not METHOD PATH HTTP/1.1",
    errors.InvalidRequestMethod: "its first word is no method; is the Content-Length before it right?",
    errors.InvalidHTTPVersion: "its version is not HTTP/1.0 or HTTP/1.1",
    errors.InvalidHeader: "a header is not NAME: VALUE",
    errors.InvalidHeaderName: "a header's name is none",
    errors.LimitRequestLine: "its first line is too long",
    errors.LimitRequestHeaders: "its headers are too many or too long",
    errors.UnsupportedTransferCoding: "its Transfer-Encoding is not known; send its Content-Length",
}


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of ours
    """A request that gets an error of one sentence and ends its connection."""

    def __init__(self, status: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence

    def to_bytes(self) -> bytes:
        """Write the response; a client told 503 is told to come back in a second."""
        body = f"{self.sentence}\n".encode()
        retry = "Retry-After: 1\r\n" if self.status.startswith("503") else ""
        head = (
            f"HTTP/1.1 {self.status}\r\nDate: {http_date()}\r\nConnection: close\r\n{retry}"
            f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class _Output:
    """What gunicorn takes for a socket: keeps what is sent, so that head and body leave in one TLS record."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.sendall = self.parts.append

    def send(self, data: bytes) -> None:
        """Drop "100 Continue": the body has been read."""


class Service:
    """A WSGI application at an address, spoken to in HTTP/1.1 messages that are whole."""

    def __init__(self, app: Application, address: Address, *, tls: bool) -> None:
        self._app, self._address, self._settings = app, address, _settings(tls=tls)

    def read_head(self, head: bytes, peer: Address) -> tuple[Any, int]:
        """Return gunicorn's ``Request`` and how many bytes of body follow; raises Refusal."""
        try:
            request = Request(self._settings, IterUnreader([head]), peer)
        except errors.ParseException as error:
            fault = _FAULTS.get(type(error), "its head cannot be read")
            raise Refusal(_STATUS.get(type(error), "400 Bad Request"), f"This is no HTTP request: {fault}.") from error
        reader = request.body.reader
        if not isinstance(reader, LengthReader):
            raise Refusal("411 Length Required", "Send the body with its Content-Length instead of in chunks.")
        return request, reader.length

    def respond(self, request: Any, body: bytes, peer: Address, *, close: bool) -> tuple[bytes, bool]:  # noqa: ANN401 - gunicorn ships no types
        """Run the application; return the response, and whether the connection ends after it."""
        output = _Output()
        request.body = io.BytesIO(body)
        response, environ = create(request, output, peer, self._address, self._settings)
        environ["wsgi.multithread"] = True
        if close:
            response.force_close()
        parts = self._app(environ, response.start_response)
        try:
            for part in parts:
                response.write(part)
            response.close()
        finally:
            if hasattr(parts, "close"):
                parts.close()
        return b"".join(output.parts), response.should_close()


def expects_continue(request: Any) -> bool:  # noqa: ANN401 - gunicorn ships no types
    """Tell whether the client waits for leave to send the body (RFC 9110, 10.1.1)."""
    return request.version >= (1, 1) and any(name == "EXPECT" for name, _ in request.headers)


def _settings(*, tls: bool) -> SimpleNamespace:
    """Return gunicorn's settings as plain attributes.

    Its own object looks each up by name, which is 9 of the 23 microseconds of reading a head. What it would take from
    the environment and matters here is set.
    """
    config = Config()
    config.set("forwarded_allow_ips", "")  # API servers reach us without a proxy that could speak for them
    config.set("http_parser", "python")
    settings = {name: setting.get() for name, setting in config.settings.items()}
    networks = config.forwarded_allow_networks
    return SimpleNamespace(**settings, is_ssl=tls, forwarded_allow_networks=networks)

"""Never waits: each step does what can be done at once, and says what the connection needs to go on."""

import selectors
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from logging import Logger
from time import monotonic
from typing import Any, Protocol

from webhook.admission.exchange import CONTINUE, END_OF_HEAD, Address, Refusal, Service, expects_continue
from webhook.admission.tls import Certificate

_RECORD = 16384  # RFC 8446, 5.1: a TLS record holds no more, and a read returns one
_SMALL = 65536  # a body that any connection may send, whatever else is being received


class Wants(IntEnum):
    """What a connection needs to go on; input and output are numbered as in ``selectors``."""

    NOTHING = 0  # it is over
    INPUT = selectors.EVENT_READ
    OUTPUT = selectors.EVENT_WRITE
    ANSWER = 4  # a whole request is there


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a peer may take, in seconds for the whole of each part, and how much it may send, in bytes."""

    handshake_seconds: float = 5  # from the connection on; over plain HTTP, until the first byte
    head_seconds: float = 5  # from the first byte of a request
    body_seconds: float = 10  # from the end of the head
    answer_seconds: float = 10  # until the peer has taken the response
    idle_seconds: float = 120  # between requests; API servers close their side after 90
    linger_seconds: float = 2  # after the last response, until the peer has closed its side too
    head_bytes: int = 32 * 1024
    body_bytes: int = 8 * 1024 * 1024
    bodies_bytes: int = 32 * 1024 * 1024  # of all that are being received at one time
    connections: int = 800  # below the usual limit of 1024 open files


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every connection of a port; ``refused`` is told status and sentence of each error sent here."""

    limits: Limits
    certificate: Certificate | None  # none: plain HTTP
    log: Logger
    refused: Callable[[int, str], None]


class Host(Protocol):
    """What a connection asks of the port that it came in by."""

    service: Service
    terms: Terms
    idle_seconds: float

    def has_room(self, length: int) -> bool:
        """Tell whether a body of this many bytes may be received beside the others."""


class Connection:
    """One peer on a socket that does not block: handshake, requests and their responses in turn, and the end.

    ``fd`` names it to the poller, which keeps in ``watched`` what it looks out for. At ``deadline``, by
    ``time.monotonic``, it has to be told to ``expire``.
    """

    def __init__(self, sock: socket.socket, peer: Address, host: Host) -> None:
        self._sock, self.peer, self._host, self.fd = sock, peer, host, sock.fileno()
        self._limits, self._certificate = host.terms.limits, host.terms.certificate
        self._tls: ssl.SSLSocket | None = None
        self.watched = Wants.NOTHING  # what the poller tells of it
        self._incoming, self._outgoing = bytearray(), memoryview(b"")
        self._await_request()
        self.deadline, self._step = monotonic() + self._limits.handshake_seconds, Connection._shake_hands

    @property
    def idle(self) -> bool:
        """Whether the peer could send a request and has not begun to."""
        return self._step is Connection._receive and self._request is None and not self._incoming

    def advance(self) -> Wants:
        """Go as far as is possible at once."""
        try:
            wants = self._step(self)
        except ssl.SSLWantReadError:
            wants = Wants.INPUT
        except ssl.SSLWantWriteError:
            wants = Wants.OUTPUT
        except BlockingIOError:
            wants = Wants.OUTPUT if self._outgoing else Wants.INPUT
        except Refusal as refusal:
            self.refuse(refusal)
            wants = self.advance()
        except (ssl.SSLEOFError, ConnectionError):
            wants = Wants.NOTHING
        except OSError as error:
            self._host.terms.log.info("the connection of %s was ended by an error: %s", self.peer[0], error)
            wants = Wants.NOTHING
        return wants

    def expire(self) -> None:
        """Go on with the end, since the deadline has passed; a peer that was sending a request is told so."""
        receives = self._step is Connection._receive and not self.idle
        self._step = Connection._cut_off if receives else Connection._end

    def take_request(self) -> tuple[Any, bytes]:
        """Return the head, gunicorn's ``Request``, and the body of the request that is there."""
        body = bytes(self._incoming[: self.length])
        del self._incoming[: self.length]
        return self._request, body

    def answer(self, response: bytes, *, close: bool) -> None:
        """Send a response next, and end the connection after it if ``close``."""
        self._outgoing = memoryview(response)
        self._step = Connection._send_last if close else Connection._send
        self.deadline = monotonic() + self._limits.answer_seconds

    def refuse(self, refusal: Refusal) -> None:
        """Send an error next, and end the connection after it."""
        self._host.terms.refused(int(refusal.status[:3]), refusal.sentence)
        self.answer(refusal.to_bytes(), close=True)

    def close(self) -> None:
        """Free the socket."""
        self._sock.close()

    def _shake_hands(self) -> Wants:
        if self._certificate:
            if self._tls is None:
                context = self._certificate.context
                self._tls = context.wrap_socket(self._sock, server_side=True, do_handshake_on_connect=False)
                self._sock = self._tls
            self._tls.do_handshake()
        self._await_request()
        return self._receive()

    def _await_request(self) -> None:
        self._request: Any = None
        self.length = 0  # of the body that is being received
        seconds = self._limits.head_seconds if self._incoming else self._host.idle_seconds
        self.deadline, self._step = monotonic() + seconds, Connection._receive

    def _receive(self) -> Wants:
        while not self._is_whole():
            data = self._sock.recv(_RECORD)
            if not data:
                return Wants.NOTHING
            if self.idle:
                self.deadline = monotonic() + self._limits.head_seconds
            self._incoming += data
        return Wants.ANSWER

    def _is_whole(self) -> bool:
        if self._request is None and not self._read_head():
            return False
        return len(self._incoming) >= self.length

    def _read_head(self) -> bool:
        end = self._incoming.find(END_OF_HEAD) + len(END_OF_HEAD)
        if end < len(END_OF_HEAD):
            if len(self._incoming) > self._limits.head_bytes:
                raise Refusal("431 Request Header Fields Too Large", "The head of the request is too long.")
            return False
        self._request, length = self._host.service.read_head(bytes(self._incoming[:end]), self.peer)
        del self._incoming[:end]
        if length > self._limits.body_bytes:
            raise Refusal("413 Content Too Large", f"The body may have {self._limits.body_bytes} bytes.")
        if length > _SMALL and not self._host.has_room(length):
            raise Refusal("503 Service Unavailable", "Other large requests are being received; send it again.")
        self.length = length
        if length > len(self._incoming):
            self.deadline = monotonic() + self._limits.body_seconds
            if expects_continue(self._request):
                self._sock.send(CONTINUE)
        return True

    def _cut_off(self) -> Wants:
        raise Refusal("408 Request Timeout", "The request took too long to arrive.")

    def _end(self) -> Wants:
        return Wants.NOTHING

    def _send(self) -> Wants:
        self._flush()
        self._await_request()
        if self._incoming or (self._tls and self._tls.pending()):
            return self._receive()  # it is out of the kernel already: the poller would never tell
        return Wants.INPUT

    def _send_last(self) -> Wants:
        self._flush()
        with suppress(OSError):  # close_notify, to which nobody waits for an answer
            if self._tls:
                self._tls.unwrap()
        self._sock.shutdown(socket.SHUT_WR)
        self.deadline, self._step = monotonic() + self._limits.linger_seconds, Connection._discard
        return self._discard()

    def _flush(self) -> None:
        while self._outgoing:
            self._outgoing = self._outgoing[self._sock.send(self._outgoing) :]

    def _discard(self) -> Wants:
        """Let the peer finish: a close with bytes unread makes the kernel reset the connection, response and all."""
        return Wants.INPUT if self._sock.recv(_SMALL) else Wants.NOTHING

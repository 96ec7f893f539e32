"""The one process of a container: two ports, a certificate, and an end at which nothing that was sent is lost.

gunicorn reads and writes the HTTP. Its arbiter is left out, since the kubelet supervises as well and a second process
takes 25 MiB; so is its worker, for the reason that ``worker`` gives.
"""

import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from logging import Logger, getLogger
from pathlib import Path
from time import monotonic, sleep, time
from types import FrameType

from webhook.admission.connection import Limits, Terms
from webhook.admission.exchange import Application, Service
from webhook.admission.tls import Certificate, ServerError
from webhook.admission.worker import BACKLOG, STUCK_SECONDS, Port

STATUS_THREADS = 2

_LOOK_SECONDS = 1.0  # at the certificate files


def ignore(status: int, sentence: str) -> None:
    """Take no note of a refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """All there is to set; addresses are host and port, where port 0 is any that is free.

    ``refused`` is told status and sentence of each error that the server sends instead of asking the application.
    """

    listen: tuple[str, int]
    status_listen: tuple[str, int]
    tls_cert: Path
    tls_key: Path
    tls_delay_seconds: float = 0  # after which files that changed are served
    client_ca: Path | None = None  # whose certificates are demanded of clients
    threads: int = 32  # requests that may wait for something at one time
    drain_seconds: float = 5  # after SIGTERM, while clients learn that it goes and are served as before
    finish_seconds: float = 10  # after that, for requests in flight
    limits: Limits = field(default_factory=Limits)
    log: Logger = field(default_factory=lambda: getLogger("batchwarden.server"))
    refused: Callable[[int, str], None] = ignore


class Server:
    """HTTPS for the API server and plain HTTP for the kubelet and Prometheus.

    Both listen from the start, so what cannot work raises ServerError here. ``run`` serves.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._settings, self._log = settings, settings.log
        self._certificate = Certificate(
            settings.tls_cert, settings.tls_key, settings.log, settings.client_ca, settings.tls_delay_seconds
        )
        self._listener, self._status_listener = listen(settings.listen), listen(settings.status_listen)
        self._ports: tuple[Port, ...] = ()
        self._exit_code = 0
        self._next_look = 0.0
        self.draining = False  # from the first SIGTERM on: not ready, and served to the end

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the HTTPS listener."""
        return address_of(self._listener)

    @property
    def status_address(self) -> tuple[str, int]:
        """Host and port of the plain listener."""
        return address_of(self._status_listener)

    @property
    def certificate_not_after(self) -> float:
        """When the certificate that is served ends, in seconds since 1970."""
        return self._certificate.not_after

    @property
    def connections(self) -> int:
        """How many HTTPS connections are open."""
        return self._ports[0].connections if self._ports else 0

    def run(self, app: Application, status_app: Application) -> int:
        """Serve until SIGTERM and through the drain; return the exit code. Only the main thread may call it.

        Who is told to go at once, by SIGINT or by a second SIGTERM, returns 128 and the number of the signal.
        """
        settings = self._settings
        terms = Terms(settings.limits, self._certificate, settings.log, settings.refused)
        main = Port(self._listener, Service(app, self.address, tls=True), terms)
        plain = Service(status_app, self.status_address, tls=False)
        status = Port(self._status_listener, plain, replace(terms, certificate=None))
        self._ports = main, status
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._take_signal)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a shell that goes away; there is nothing to load again by hand
        main.start(settings.threads)
        status.start(STATUS_THREADS)
        self._log.info("serving on %s:%s, status on %s:%s", *self.address, *self.status_address)
        self._tend(lambda: self.draining)
        if not self._exit_code:
            self._drain(main)
        return self._exit_code

    def _drain(self, port: Port) -> None:
        """Go on for a while, each response the last of its connection; then take no more and finish what is there."""
        self._log.info("draining for %s seconds", self._settings.drain_seconds)
        end = monotonic() + self._settings.drain_seconds
        self._tend(lambda: monotonic() >= end)
        port.stop()
        end = monotonic() + self._settings.finish_seconds
        self._tend(lambda: not port.connections or monotonic() >= end)
        if port.connections:
            self._log.warning("stopped with %s connections unfinished", port.connections)

    def _tend(self, done: Callable[[], bool]) -> None:
        """Look after the ports and the certificate until ``done``, or until told to go at once."""
        while not (done() or self._exit_code):
            now = monotonic()
            for port in self._ports:
                port.tick(now)
            if now >= self._next_look:
                self._next_look = now + _LOOK_SECONDS
                self._certificate.refresh(time())
            sleep(STUCK_SECONDS)

    def _take_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.draining or number == signal.SIGINT:
            self._exit_code = 128 + number
        self.draining = True
        for port in self._ports:
            port.draining = True


def listen(address: tuple[str, int]) -> socket.socket:
    """Listen on a host and a port; raises ServerError."""
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    try:
        listener = socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        reason, _, _ = str(error.strerror).partition(" (while attempting")  # which says the address again
        raise ServerError(
            f"cannot listen on {host}:{port}: {reason}; name an address of this machine and a free port"
        ) from error
    listener.settimeout(0)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is accepted inherits it
    return listener


def address_of(listener: socket.socket) -> tuple[str, int]:
    """Tell host and port of a listener."""
    host, port, *_ = listener.getsockname()
    return host, port

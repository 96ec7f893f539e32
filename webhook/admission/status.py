"""The status port of a process that answers no API server: plain HTTP until SIGTERM."""

import signal
from logging import Logger
from time import monotonic, sleep
from types import FrameType

from webhook.admission.connection import Limits, Terms
from webhook.admission.exchange import Application, Service
from webhook.admission.server import STATUS_THREADS, address_of, ignore, listen
from webhook.admission.worker import STUCK_SECONDS, Port


class StatusServer:
    """Plain HTTP for the kubelet and Prometheus; it listens from the start, or raises ServerError."""

    def __init__(self, address: tuple[str, int], log: Logger) -> None:
        self._listener, self._log = listen(address), log
        self._signal = 0

    def run(self, app: Application) -> int:
        """Serve until SIGTERM or SIGINT; return the exit code. Only the main thread may call it."""
        address = address_of(self._listener)
        port = Port(self._listener, Service(app, address, tls=False), Terms(Limits(), None, self._log, ignore))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._take_signal)
        port.start(STATUS_THREADS)
        self._log.info("status on %s:%s", *address)
        while not self._signal:
            port.tick(monotonic())
            sleep(STUCK_SECONDS)
        return 0 if self._signal == signal.SIGTERM else 128 + self._signal

    def _take_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signal = number

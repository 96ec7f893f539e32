"""One thread at a time polls and answers, and is replaced while it is stuck; a peer that is silent holds none.

To answer takes little but the processor, which Python's threads share anyway: to hand each request to a thread of its
own would only add switches between threads, which cost as much again as all else that is done for a request here.
"""

import errno
import selectors
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock, Thread
from time import monotonic

from webhook.admission.connection import Connection, Terms, Wants
from webhook.admission.exchange import Refusal, Service

BACKLOG = 512  # connections that the kernel accepts before we do
STUCK_SECONDS = 0.01  # with one peer; then another thread goes on

_SWEEP_SECONDS = 0.25  # how late a time limit may be enforced
_PARTING_SECONDS = 1.0  # for a request that is under way on a connection about to be closed
_OUT_OF_FILES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

_BROKEN = Refusal("500 Internal Server Error", "The server failed on this request; its log says why.")
_OVERLOADED = Refusal("503 Service Unavailable", "All threads are busy; send the request again.")


@dataclass(slots=True)
class Turn:
    """The time of one thread as the one that polls; ``busy_since`` is when it turned to a peer, 0 while it polls."""

    busy_since: float = 0


class Port:
    """A listening socket, the connections that came in by it, and the threads that answer them.

    Some other thread has to call ``tick`` every STUCK_SECONDS.
    """

    def __init__(self, listener: socket.socket, service: Service, terms: Terms) -> None:
        self.service, self.terms, self._log = service, terms, terms.log
        self.idle_seconds = terms.limits.idle_seconds
        self.draining = False  # while it is, every response ends its connection
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._connections: set[Connection] = set()
        self._parked: dict[Connection, bool] = {}  # that wait for their peer, the longest first; all are True
        self._watching = Lock()  # held to change what the selector watches for a connection, or to park one
        self._ready: deque[Connection] = deque()  # whose peer has done something
        self._turn: Turn | None = None
        self._turning = Lock()  # held to end a turn
        self._baton = Lock()  # held by the thread whose turn it is
        self._free: set[int] = set()  # the threads that wait for the baton
        self._threads: list[Thread] = []
        self._next_sweep = 0.0

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._connections)

    def start(self, threads: int) -> None:
        """Accept and answer from here on."""
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._free.update(range(threads))
        self._threads = [Thread(target=self._work, args=(number,), daemon=True) for number in range(threads)]
        for thread in self._threads:
            thread.start()

    def tick(self, now: float) -> None:
        """Replace the thread that is stuck, refuse what none is left for, and enforce the time limits."""
        if self._turn:
            self._replace_if_stuck(self._turn, now)
        elif not self._free:  # pragma: no branch - else one is about to take its turn
            self._poll(0)
            while connection := self._next():
                self._serve(connection, self._turn_away)
        if now >= self._next_sweep:
            self._next_sweep = now + _SWEEP_SECONDS
            self._sweep(now)
            if not all(thread.is_alive() for thread in self._threads):
                raise RuntimeError("a thread that answers has died; without it the server might seem to live")

    def stop(self) -> None:
        """Accept what has come, then no more; what is idle may still send a request that is under way."""
        self._selector.unregister(self._listener)
        self._accept()
        self._listener.close()
        self.idle_seconds, latest = _PARTING_SECONDS, monotonic() + _PARTING_SECONDS
        for connection in list(self._parked):
            if connection.idle:
                connection.deadline = min(connection.deadline, latest)

    def has_room(self, length: int) -> bool:
        """Tell whether a body of this many bytes may be received beside the others."""
        others = sum(connection.length for connection in list(self._connections))
        return length + others <= self.terms.limits.bodies_bytes

    def _work(self, number: int) -> None:
        while True:
            self._baton.acquire()
            turn = self._turn = Turn()
            self._free.discard(number)
            while self._may_go_on(turn):
                if connection := self._next():
                    turn.busy_since = monotonic()
                    self._serve(connection, self._answer)
                else:
                    self._poll(None)
            self._free.add(number)

    def _may_go_on(self, turn: Turn) -> bool:
        """End the busy time of a turn; tell whether nobody was put in its place meanwhile."""
        with self._turning:
            turn.busy_since = 0
            return self._turn is turn

    def _replace_if_stuck(self, turn: Turn, now: float) -> None:
        with self._turning:
            if not turn.busy_since or now - turn.busy_since < STUCK_SECONDS:
                return
            self._turn = None
        self._baton.release()

    def _next(self) -> Connection | None:
        try:
            return self._ready.popleft()
        except IndexError:
            return None

    def _serve(self, connection: Connection, reply: Callable[[Connection], None]) -> None:
        try:
            wants = connection.advance()
            while wants is Wants.ANSWER:
                reply(connection)
                wants = connection.advance()
            self._settle(connection, wants)
        except Exception:  # noqa: BLE001 - our bug ends one connection, not the thread
            self._log.exception("a connection was ended by an error")
            self._settle(connection, Wants.NOTHING)

    def _answer(self, connection: Connection) -> None:
        request, body = connection.take_request()
        try:
            response, close = self.service.respond(request, body, connection.peer, close=self.draining)
        except Exception:  # noqa: BLE001 - whatever the application raises
            self._log.exception("%s %s could not be answered", request.method, request.path)
            connection.refuse(_BROKEN)
        else:
            connection.answer(response, close=close)

    def _turn_away(self, connection: Connection) -> None:
        connection.refuse(_OVERLOADED)

    def _poll(self, timeout: float | None) -> None:
        events = [key.data for key, _ in self._selector.select(timeout)]
        for connection in filter(None, events):
            if self._claim(connection):
                self._ready.append(connection)
            else:
                self._overlook(connection)
        if None in events:  # the listener
            self._accept()

    def _accept(self) -> None:
        for _ in range(BACKLOG):  # pragma: no branch - more at once than the kernel keeps for us
            try:
                sock, peer = self._listener.accept()
            except OSError as error:  # none is left, or it is gone already
                if error.errno in _OUT_OF_FILES:
                    self._close_oldest()
                return
            if self.connections >= self.terms.limits.connections:
                self._close_oldest()
            sock.settimeout(0)
            connection = Connection(sock, peer, self)
            self._connections.add(connection)
            self._settle(connection, Wants.INPUT)

    def _close_oldest(self) -> None:
        """Make room: the connection that has waited longest for its peer is the least missed."""
        for connection in filter(self._claim, list(self._parked)[:1]):
            self._settle(connection, Wants.NOTHING)

    def _sweep(self, now: float) -> None:
        late = [connection for connection in list(self._parked) if connection.deadline <= now]
        heard = {key.data for key, _ in self._selector.select(0)} if late else set()
        over = [
            connection for connection in late if not (connection.idle and connection in heard)
        ]  # spoke just in time
        for connection in filter(self._claim, over):
            connection.expire()
            self._serve(connection, self._turn_away)

    def _claim(self, connection: Connection) -> bool:
        """Take a connection from the poller; of several threads that try, one is told that it has it."""
        return self._parked.pop(connection, False)

    def _overlook(self, connection: Connection) -> None:
        """Stop watching what a thread that is stuck still serves: else it would wake us again and again."""
        with self._watching:
            if connection.watched and connection not in self._parked:  # pragma: no branch - else it was just parked
                self._selector.unregister(connection.fd)
                connection.watched = Wants.NOTHING

    def _settle(self, connection: Connection, wants: Wants) -> None:
        """Park a connection, or end it; it stays watched while it is served, which saves two system calls each time."""
        with self._watching:
            if wants is not connection.watched:
                if connection.watched:
                    self._selector.unregister(connection.fd)
                if wants:
                    self._selector.register(connection.fd, wants, connection)
                connection.watched = wants
            if wants:
                self._parked[connection] = True
                return
        self._connections.discard(connection)
        connection.close()

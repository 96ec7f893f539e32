"""A Service in small: connections go to the ready backends in turn; one thread, ended with the context."""

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

# Seconds: how often a backend is asked whether it is ready, and how long it may take to answer or to accept.
PERIOD = 0.1
PATIENCE = 1.0
CHUNK = 65536

Opened = Future[tuple[int, Callable[[], object]]]


@dataclass(frozen=True)
class Backend:
    """The loopback ports where a server serves, and where it says whether it is ready."""

    port: int
    status_port: int


@contextmanager
def balance(backends: Sequence[Backend]) -> Iterator[int]:
    """Yield the loopback port to connect to; where no backend is ready, a connection is closed at once.

    As with a Service, a backend that is ready no more keeps its connections and gets no further ones.
    """
    opened: Opened = Future()
    thread = threading.Thread(target=lambda: asyncio.run(serve(backends, opened)), name="balancer")
    thread.start()
    port, stop = opened.result(timeout=10)
    try:
        yield port
    finally:
        stop()
        thread.join()


async def serve(backends: Sequence[Backend], opened: Opened) -> None:
    """Forward connections until told to stop; once the backends were asked, tell the port and how to stop."""
    ready = await ask_all(backends)
    turns = itertools.count()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(asyncio.CancelledError):  # of which Python 3.11 would complain in the log
            if ready:
                await forward(ready[next(turns) % len(ready)], reader, writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    opened.set_result((server.sockets[0].getsockname()[1], lambda: loop.call_soon_threadsafe(stop.set)))
    while not stop.is_set():
        ready[:] = await ask_all(backends)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), PERIOD)
    server.close()  # asyncio.run cancels the connections that are still open


async def ask_all(backends: Sequence[Backend]) -> list[Backend]:
    """Return the backends that say they are ready."""
    answers = await asyncio.gather(*map(is_ready, backends))
    return list(itertools.compress(backends, answers))


async def is_ready(backend: Backend) -> bool:
    """Ask a backend as the kubelet would."""
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", backend.status_port)
            with closing(writer):
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                status = await reader.readline()
    except OSError:  # TimeoutError is one
        return False
    return status.split()[1:2] == [b"200"]


async def forward(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy both ways until one side closes; a backend that does not accept is as good as closed."""
    try:
        async with asyncio.timeout(PATIENCE):
            backend_reader, backend_writer = await asyncio.open_connection("127.0.0.1", backend.port)
    except OSError:
        return
    with closing(backend_writer):
        await asyncio.gather(copy(reader, backend_writer), copy(backend_reader, writer))


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one way until its end, and pass the end on."""
    with suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
    writer.close()

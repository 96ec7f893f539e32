"""Real TLS servers on loopback, each with a certificate of its own, ended with the context."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Thread

from certs.authority import KeyPair, create_authority, create_serving

HOST = "batchwarden.own.svc"
DAY = timedelta(days=1)
NOW = datetime.now(UTC)


@cache
def authority(name: str) -> KeyPair:
    """Return the CA of a name."""
    return create_authority(NOW, 9 * DAY)


@cache
def leaf(name: str, host: str = HOST) -> KeyPair:
    """Return a serving certificate of the CA of a name."""
    return create_serving(authority(name), [host], NOW, DAY)


@contextmanager
def peer(pair: KeyPair, folder: Path) -> Iterator[int]:
    """Serve a certificate to whoever shakes hands, on the port that is yielded."""
    (folder / "pair.pem").write_bytes(pair.certificate + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pair.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=_serve, args=(listener, context))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listener: socket.socket, context: ssl.SSLContext) -> None:
    with suppress(OSError):  # the listener is shut down
        while True:
            plain, _ = listener.accept()
            plain.settimeout(5)
            with suppress(OSError), context.wrap_socket(plain, server_side=True) as tls:
                tls.recv(1)


def closed_port() -> int:
    """Return a port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port

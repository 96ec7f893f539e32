"""Real TLS between a server and a client on loopback: either they shake hands or the client says why not."""

import socket
import ssl
from contextlib import suppress
from pathlib import Path
from threading import Thread


def shake_hands(folder: Path, name: str) -> None:
    """Serve tls.crt of the folder to a client that trusts its ca.crt alone and calls for the name."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    client = ssl.create_default_context(cafile=folder / "ca.crt")
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        answering = Thread(target=answer, args=(listener, server))
        answering.start()
        try:
            with (
                socket.create_connection(listener.getsockname(), timeout=10) as plain,
                client.wrap_socket(plain, server_hostname=name) as tls,
            ):
                assert tls.recv(5) == b"hello"
        finally:
            answering.join()


def answer(listener: socket.socket, context: ssl.SSLContext) -> None:
    with suppress(OSError):  # a client that refuses the certificate hangs up
        plain, _ = listener.accept()
        with context.wrap_socket(plain, server_side=True) as tls:
            tls.sendall(b"hello")

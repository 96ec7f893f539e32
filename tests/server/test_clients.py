"""Where certificates are demanded of clients, who has none is not served."""

import logging
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from certs import authority
from certs.authority import KeyPair
from tests.certs.clients import issue_client
from tests.server.conftest import DAY, Starter
from tests.server.running import Running, read_all, request, until
from webhook.admission.tls import Certificate, ServerError

OTHER = authority.create_authority(datetime.now(UTC), DAY)


@pytest.fixture
def demanding(start: Starter, folder: Path, ca: KeyPair) -> Running:
    """Return a server that demands certificates by the CA of ``clients.crt``."""
    (folder / "clients.crt").write_bytes(ca.certificate)
    return start(client_ca=str(folder / "clients.crt"))


def is_served(server: Running, certificate: tuple[Path, Path] | None = None) -> bool:
    """Tell whether a client gets an answer, with this certificate and key."""
    server.trust = ssl.create_default_context(cafile=server.log.parent / "ca.crt")
    if certificate:
        server.trust.load_cert_chain(*certificate)
    with suppress(ssl.SSLError, ConnectionError):
        return server.ask("/echo", b"me") == (200, b"me")
    return False


def test_only_a_client_of_that_ca_is_served(demanding: Running, folder: Path, ca: KeyPair) -> None:
    assert is_served(demanding, issue_client(ca, folder, "kube-apiserver"))
    assert not is_served(demanding)
    assert not is_served(demanding, issue_client(OTHER, folder, "stranger"))
    assert "Traceback" not in demanding.read_log()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_who_shows_none_can_send_nothing(demanding: Running, version: ssl.TLSVersion) -> None:
    demanding.trust.maximum_version = version
    with suppress(ssl.SSLError, ConnectionError), demanding.connect() as sock:
        sock.sendall(request("/echo", b"me"))
        assert read_all(sock) == b""


def test_another_ca_counts_without_a_restart(demanding: Running, folder: Path, ca: KeyPair) -> None:
    stranger = issue_client(OTHER, folder, "stranger")
    both = ca.certificate + OTHER.certificate
    (folder / "clients.tmp").write_bytes(both)
    (folder / "clients.tmp").replace(folder / "clients.crt")
    until(lambda: is_served(demanding, stranger))
    assert is_served(demanding, issue_client(ca, folder, "kube-apiserver"))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "{}: No such file or directory"),
        (b"junk", "{} holds no PEM certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "{} is damaged"),
        (b"-----BEGIN CERTIFICATE-----\n\xff\n-----END CERTIFICATE-----\n", "{} is damaged"),
    ],
    ids=range(4),
)
def test_a_ca_that_cannot_be_used_is_refused_in_words(folder: Path, content: bytes | None, why: str) -> None:
    path = folder / "clients.crt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ServerError) as raised:
        Certificate(folder / "tls.crt", folder / "tls.key", logging.getLogger("batchwarden.test"), path)
    assert f"cannot be served: {why.format(path)}; give " in str(raised.value)
    assert str(raised.value).endswith(", and the PEM certificates of the CAs that sign those of clients")

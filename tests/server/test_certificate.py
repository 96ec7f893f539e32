"""The certificate on disk is the one that is served, for as long as it can be."""

import logging
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import PrivateFormat

from certs import authority
from certs.authority import KeyPair
from tests.server.conftest import DAY, Starter, issue
from tests.server.running import PATIENCE, Running, until
from webhook.admission.tls import Certificate, ServerError

LOG = logging.getLogger("batchwarden.test")
AT = datetime(2026, 1, 1, tzinfo=UTC)


def mount(folder: Path, ca: KeyPair, version: str, life: timedelta = DAY) -> None:
    """Issue a certificate as Kubernetes mounts it: both files are links through ..data, itself a link."""
    (folder / version).mkdir()
    issue(ca, folder / version, life)
    swap(folder / "..data", Path(version))
    for name in ("tls.crt", "tls.key"):
        swap(folder / name, Path("..data", name))


def swap(link: Path, target: Path) -> None:
    temporary = link.with_name("..tmp")
    temporary.symlink_to(target)
    temporary.replace(link)


def read_serial(server: Running) -> object:
    with server.connect() as sock:
        certificate = sock.getpeercert()
    assert certificate
    return certificate["serialNumber"]


def test_it_is_replaced_while_requests_flow(start: Starter, folder: Path, ca: KeyPair) -> None:
    mount(folder, ca, "first")
    server = start()
    first, enough = read_serial(server), Event()

    def ask_until_enough(number: int) -> set[tuple[int, bytes]]:
        client, answers = server.client(), set()
        while not enough.is_set():
            client.request("POST", "/echo", b"kept")
            response = client.getresponse()
            answers |= {(response.status, response.read()), server.ask("/echo", b"fresh")}
        client.close()
        return answers

    with ThreadPoolExecutor(4) as clients:
        asked = [clients.submit(ask_until_enough, number) for number in range(4)]
        mount(folder, ca, "second", 2 * DAY)
        until(lambda: read_serial(server) != first)
        enough.set()
    assert [future.result() for future in asked] == [{(200, b"kept"), (200, b"fresh")}] * 4
    assert server.fact("not_after") == authority.describe((folder / "tls.crt").read_bytes()).ends.timestamp()
    assert "ERROR" not in server.read_log()


def test_one_that_cannot_be_served_leaves_the_old_one_in_use(start: Starter, folder: Path, ca: KeyPair) -> None:
    mount(folder, ca, "first")
    server = start()
    first = read_serial(server)
    swap(folder / "..data", Path("nowhere"))
    until(lambda: "the certificate loaded before stays in use" in server.read_log())
    assert read_serial(server) == first
    mount(folder, ca, "second")
    until(lambda: read_serial(server) != first)
    assert "Traceback" not in server.read_log()


@pytest.mark.parametrize("content", ["junk", "", None])
def test_a_change_for_the_worse_is_told_once(
    folder: Path, caplog: pytest.LogCaptureFixture, content: str | None
) -> None:
    certificate = Certificate(folder / "tls.crt", folder / "tls.key", LOG)
    context = certificate.context
    (folder / "tls.crt").unlink()
    if content is not None:
        (folder / "tls.crt").write_text(content)
    for _ in range(3):
        certificate.refresh(0)
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.getMessage().endswith("; the certificate loaded before stays in use")
    assert certificate.context is context


def test_a_change_is_served_after_its_delay(folder: Path, ca: KeyPair) -> None:
    certificate = Certificate(folder / "tls.crt", folder / "tls.key", LOG, delay=10)
    first, now = certificate.context, datetime.now(UTC).timestamp()
    certificate.refresh(now)
    issue(ca, folder, DAY)
    for seconds in (1, 10.9):
        certificate.refresh(now + seconds)
        assert certificate.context is first
    certificate.refresh(now + 11)
    assert certificate.context is not first


def test_the_last_of_many_changes_is_waited_for(folder: Path, ca: KeyPair) -> None:
    certificate = Certificate(folder / "tls.crt", folder / "tls.key", LOG, delay=10)
    first, now = certificate.context, datetime.now(UTC).timestamp()
    for seconds in (1, 9, 17):
        issue(ca, folder, DAY)
        certificate.refresh(now + seconds)
    certificate.refresh(now + 26.9)
    assert certificate.context is first
    certificate.refresh(now + 27)
    assert certificate.context is not first


def test_one_that_has_ended_is_replaced_at_once(folder: Path, ca: KeyPair) -> None:
    certificate = Certificate(folder / "tls.crt", folder / "tls.key", LOG, delay=10)
    first = certificate.context
    issue(ca, folder, 2 * DAY)
    certificate.refresh(certificate.not_after)
    assert certificate.context is not first


@pytest.mark.parametrize("days", [1, 365, 60 * 365])
@pytest.mark.parametrize("before", ["", "subject=CN = localhost\n"])
def test_its_end_is_known(tmp_path: Path, days: int, before: str) -> None:
    pair = authority.create_serving(authority.create_authority(AT, 100 * 365 * DAY), ["localhost"], AT, days * DAY)
    (tmp_path / "tls.key").write_bytes(pair.key)
    (tmp_path / "tls.crt").write_text(before + pair.certificate.decode())
    certificate = Certificate(tmp_path / "tls.crt", tmp_path / "tls.key", LOG)
    assert certificate.not_after == (AT + days * DAY).timestamp()


@pytest.mark.parametrize(
    ("name", "make", "why"),
    [
        ("tls.crt", lambda _: b"junk", "the certificate file holds no PEM certificate"),
        ("tls.crt", lambda _: b"\x30\x82\xff", "the certificate file holds no PEM certificate"),
        ("tls.key", lambda _: b"junk", "the key file holds no PEM private key"),
        ("tls.key", lambda pair: pair.certificate, "the key file holds no PEM private key"),
        ("tls.key", lambda pair: encrypt(pair.key), "the key is encrypted"),
        ("tls.key", lambda pair: encrypt(pair.key, PrivateFormat.TraditionalOpenSSL), "the key is encrypted"),
        ("tls.key", lambda _: authority.create_authority(AT, DAY).key, "the key does not belong to the certificate"),
        (
            "tls.crt",
            lambda pair: pair.certificate.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"),
            "the certificate file holds no PEM certificate",
        ),
        (
            "tls.crt",
            lambda pair: pair.certificate.replace(b"M", b"A", 3),
            "the certificate or the key is damaged",
        ),
        ("tls.crt", None, "{}: No such file or directory"),
        ("tls.key", None, "{}: No such file or directory"),
    ],
    ids=range(11),
)
def test_one_that_cannot_be_served_is_refused_in_words(
    folder: Path, name: str, make: Callable[[KeyPair], bytes] | None, why: str
) -> None:
    pair = KeyPair((folder / "tls.crt").read_bytes(), (folder / "tls.key").read_bytes())
    (folder / name).unlink()
    if make:
        (folder / name).write_bytes(make(pair))
    with pytest.raises(ServerError) as raised:
        Certificate(folder / "tls.crt", folder / "tls.key", LOG)
    assert str(raised.value) == (
        f"TLS certificate {folder}/tls.crt with key {folder}/tls.key cannot be served: {why.format(folder / name)}; "
        "give a PEM certificate chain, the server's own certificate first, and its unencrypted PEM key"
    )


def test_without_one_no_server_starts(start: Starter, folder: Path) -> None:
    (folder / "tls.crt").unlink()
    server = start()
    assert server.process.wait(PATIENCE) == 1
    (sentence,) = server.read_log().splitlines()
    assert sentence.startswith("TLS certificate ")


def encrypt(key: bytes, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    encryption = serialization.BestAvailableEncryption(b"secret")
    read = serialization.load_pem_private_key(key, None)
    return read.private_bytes(serialization.Encoding.PEM, form, encryption)


def test_only_http_1_1_over_tls_1_2_and_later_is_spoken(start: Starter) -> None:
    server = start()
    server.trust.set_alpn_protocols(["h2", "http/1.1"])
    with server.connect() as sock:
        assert (sock.version(), sock.selected_alpn_protocol()) == ("TLSv1.3", "http/1.1")
    server.trust.maximum_version = ssl.TLSVersion.TLSv1_2
    with server.connect() as sock:
        assert sock.version() == "TLSv1.2"

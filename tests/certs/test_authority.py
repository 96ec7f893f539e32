"""The certificates as TLS clients see them, and the question when to renew them."""

import base64
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from certs.authority import (
    CertificateError,
    KeyPair,
    create_authority,
    create_serving,
    describe,
    parse_host,
    reason_to_renew,
    reason_to_renew_authority,
)
from tests.certs.handshake import shake_hands

AT = datetime(2030, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
HOSTS = ("webhook.batchwarden.svc", "*.example.com", "127.0.0.1", "::1")
LONG = f"{'a' * 60}.{'b' * 60}.example.com"
CA = create_authority(AT, 3650 * DAY)
LEAF = create_serving(CA, HOSTS, AT, 90 * DAY)
STRANGER = create_authority(AT, 3650 * DAY)


def parse(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def extensions(pair: KeyPair) -> dict[type[x509.ExtensionType], tuple[bool, x509.ExtensionType]]:
    certificate = parse(pair.certificate)
    return {type(found.value): (found.critical, found.value) for found in certificate.extensions}


def usages(*allowed: str) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
    )
    every = (*names, "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: name in allowed for name in every})


def identifier(pair: KeyPair) -> x509.SubjectKeyIdentifier:
    certificate = parse(pair.certificate)
    return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())


def verify(trusted: bytes, leaf: KeyPair, host: str, at: datetime = AT) -> None:
    policy = PolicyBuilder().store(Store(x509.load_pem_x509_certificates(trusted))).time(at)
    certificate = parse(leaf.certificate)
    policy.build_server_verifier(parse_host(host)).verify(certificate, [])


def save(folder: Path, ca_pem: bytes, leaf: KeyPair) -> Path:
    for name, content in {"ca.crt": ca_pem, "tls.crt": leaf.certificate, "tls.key": leaf.key}.items():
        (folder / name).write_bytes(content)
    return folder


def test_the_ca_may_sign_certificates_and_nothing_else() -> None:
    expected = {
        x509.BasicConstraints: (True, x509.BasicConstraints(ca=True, path_length=0)),
        x509.KeyUsage: (True, usages("key_cert_sign", "crl_sign")),
        x509.SubjectKeyIdentifier: (False, identifier(CA)),
    }

    assert expected == extensions(CA)


def test_the_serving_certificate_may_serve_its_hosts_and_nothing_else() -> None:
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier(CA))
    expected = {
        x509.BasicConstraints: (True, x509.BasicConstraints(ca=False, path_length=None)),
        x509.KeyUsage: (True, usages("digital_signature")),
        x509.ExtendedKeyUsage: (False, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])),
        x509.SubjectAlternativeName: (
            False,
            x509.SubjectAlternativeName([parse_host(host) for host in HOSTS]),
        ),
        x509.SubjectKeyIdentifier: (False, identifier(LEAF)),
        x509.AuthorityKeyIdentifier: (False, issued_by),
    }

    assert expected == extensions(LEAF)


@pytest.mark.parametrize("pair", [CA, LEAF], ids=["ca", "leaf"])
def test_keys_are_p256(pair: KeyPair) -> None:
    key = serialization.load_pem_private_key(pair.key, password=None)

    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert isinstance(key.curve, ec.SECP256R1)


@pytest.mark.parametrize("host", ["webhook.batchwarden.svc", "a.example.com", "127.0.0.1", "::1"])
@pytest.mark.parametrize("at", [AT - 4 * MINUTE, AT, AT + 90 * DAY])
def test_a_verifier_accepts_every_host_all_life_long(host: str, at: datetime) -> None:
    verify(CA.certificate, LEAF, host, at)


@pytest.mark.parametrize(
    ("trusted", "host", "at"),
    [
        (CA.certificate, "example.com", AT),
        (CA.certificate, "a.b.example.com", AT),
        (CA.certificate, "127.0.0.2", AT),
        (CA.certificate, "::1", AT - 6 * MINUTE),
        (CA.certificate, "::1", AT + 90 * DAY + MINUTE),
        (STRANGER.certificate, "::1", AT),
    ],
)
def test_a_verifier_refuses_all_else(trusted: bytes, host: str, at: datetime) -> None:
    with pytest.raises(VerificationError):
        verify(trusted, LEAF, host, at)


@pytest.mark.parametrize("host", ["localhost", "webhook.batchwarden.svc", "a.example.com", "127.0.0.1", "::1", LONG])
def test_a_tls_client_that_trusts_only_the_ca_accepts_every_host(tmp_path: Path, host: str) -> None:
    ca = create_authority(datetime.now(UTC), DAY)
    leaf = create_serving(ca, (LONG, "localhost", *HOSTS), datetime.now(UTC), DAY)

    shake_hands(save(tmp_path, ca.certificate, leaf), host)


@pytest.mark.parametrize(
    ("host", "complaint"),
    [
        ("evil.test", "Hostname mismatch"),
        ("a.b.example.com", "Hostname mismatch"),
        ("127.0.0.2", "IP address mismatch"),
    ],
)
def test_a_tls_client_refuses_another_host(tmp_path: Path, host: str, complaint: str) -> None:
    ca = create_authority(datetime.now(UTC), DAY)
    leaf = create_serving(ca, HOSTS, datetime.now(UTC), DAY)

    with pytest.raises(ssl.SSLCertVerificationError, match=complaint):
        shake_hands(save(tmp_path, ca.certificate, leaf), host)


def test_a_tls_client_refuses_another_ca_of_the_same_name(tmp_path: Path) -> None:
    ca, other = (create_authority(datetime.now(UTC), DAY) for _ in range(2))
    leaf = create_serving(ca, HOSTS, datetime.now(UTC), DAY)

    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer certificate"):
        shake_hands(save(tmp_path, other.certificate, leaf), "::1")


def test_a_bundle_of_two_cas_trusts_the_certificates_of_both(tmp_path: Path) -> None:
    old, fresh = (create_authority(datetime.now(UTC), DAY) for _ in range(2))
    bundle = old.certificate + fresh.certificate

    for ca in (old, fresh):
        shake_hands(save(tmp_path, bundle, create_serving(ca, HOSTS, datetime.now(UTC), DAY)), "::1")


def test_a_ca_renewed_with_its_key_and_the_old_one_trust_each_others_certificates(tmp_path: Path) -> None:
    old = create_authority(datetime.now(UTC), DAY)
    renewed = create_authority(datetime.now(UTC), 2 * DAY, old.key)

    for signer, trusted in ((old, renewed), (renewed, old)):
        leaf = create_serving(signer, HOSTS, datetime.now(UTC), DAY)
        shake_hands(save(tmp_path, trusted.certificate, leaf), "::1")


def test_a_serving_certificate_does_not_outlive_its_ca() -> None:
    ca = create_authority(AT, 30 * DAY)

    assert describe(create_serving(ca, HOSTS, AT, 90 * DAY).certificate).ends == AT + 30 * DAY


def test_names_are_told_once_and_in_order() -> None:
    leaf = create_serving(CA, ("B.example", "::0001", "b.example", "::1"), AT, DAY)

    assert describe(leaf.certificate).hosts == ("b.example", "::1")


@pytest.mark.parametrize(("host", "common_name"), [("::1", "::1"), (LONG, LONG[:64])])
def test_the_common_name_is_the_first_host_cut_to_what_x509_allows(host: str, common_name: str) -> None:
    leaf = create_serving(CA, (host, "localhost"), AT, DAY)
    subject = parse(leaf.certificate).subject

    assert [common_name] == [name.value for name in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def test_serial_numbers_and_keys_differ() -> None:
    again = create_serving(CA, HOSTS, AT, 90 * DAY)
    serials = {parse(pair.certificate).serial_number for pair in (CA, LEAF, again)}

    assert len(serials) == len((CA, LEAF, again))
    assert LEAF.key != again.key


def test_a_key_never_shows() -> None:
    assert "PRIVATE KEY" not in repr(LEAF)


@pytest.mark.parametrize("text", ["localhost", "a-b.c1", "1.example", "*.a.b", "a" * 63, "10.0.0.1", "fd00::1"])
def test_hosts(text: str) -> None:
    assert text == str(parse_host(text).value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "a_b",
        "-a",
        "a-",
        "a..b",
        "a.",
        "a\n",
        "*",
        "*.local",
        "a.*.b",
        "10.0.0.300",
        "10.0.0",
        "localhost:8443",
        "[::1]",
        "fe80::1%eth0",
        "https://a.example",
        "é.example",
        "a" * 64,
        f"{'a.' * 126}aa",
    ],
)
def test_what_is_no_host_is_refused_by_name(text: str) -> None:
    with pytest.raises(CertificateError) as refusal:
        parse_host(text)

    assert f'host "{text}" is neither a DNS name' in str(refusal.value)


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (AT - 6 * MINUTE, "it is valid only from 2029-12-31 23:55 UTC"),
        (AT - 5 * MINUTE, None),
        (AT, None),
        (AT + 60 * DAY - timedelta(seconds=101), None),
        (AT + 60 * DAY - timedelta(seconds=100), "two thirds of its life were over on 2030-03-01 23:58 UTC"),
        (AT + 90 * DAY, "two thirds of its life were over on 2030-03-01 23:58 UTC"),
        (AT + 90 * DAY + MINUTE, "it ended on 2030-04-01 00:00 UTC"),
    ],
)
def test_when_to_renew(at: datetime, reason: str | None) -> None:
    ca = create_authority(AT, 90 * DAY)

    assert reason == reason_to_renew(CA.certificate, LEAF.certificate, LEAF.key, HOSTS, at)
    assert reason == reason_to_renew_authority(ca, at)


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (AT + 9 * DAY, None),
        (AT + 10 * DAY, None),
        (AT + 10 * DAY + MINUTE, "it ended on 2030-01-11 00:00 UTC"),
        (AT, "it is valid only from 2030-01-09 23:55 UTC"),
    ],
)
def test_what_lives_as_long_as_its_ca_is_not_made_again_and_again(at: datetime, reason: str | None) -> None:
    ca = create_authority(AT, 10 * DAY)
    leaf = create_serving(ca, HOSTS, AT + 9 * DAY, 90 * DAY)
    assert reason == reason_to_renew(ca.certificate, leaf.certificate, leaf.key, HOSTS, at)


@pytest.mark.parametrize(
    ("ca_pem", "leaf", "hosts", "reason"),
    [
        (CA.certificate, LEAF, HOSTS[2:], None),
        (CA.certificate, LEAF, ("Webhook.batchwarden.SVC", "0::1"), None),
        (CA.certificate, LEAF, ("::1", "a.example", "::2"), "it does not name a.example, ::2"),
        (CA.certificate, KeyPair(LEAF.certificate, STRANGER.key), HOSTS, "it does not belong to its key"),
        (STRANGER.certificate, LEAF, HOSTS, "the CA did not sign it"),
        (CA.certificate, KeyPair(b"", LEAF.key), HOSTS, "the certificate does not parse as PEM"),
        (
            CA.certificate,
            KeyPair(LEAF.certificate, b""),
            HOSTS,
            "the key does not parse as an unencrypted PEM private key",
        ),
        (b"", LEAF, HOSTS, "the CA's certificate does not parse as PEM"),
        (
            LEAF.certificate,
            LEAF,
            HOSTS,
            "the CA's certificate lacks CA:TRUE, keyCertSign or a subject key identifier",
        ),
    ],
)
def test_why_to_renew(ca_pem: bytes, leaf: KeyPair, hosts: tuple[str, ...], reason: str | None) -> None:
    assert reason == reason_to_renew(ca_pem, leaf.certificate, leaf.key, hosts, AT)


def to_der(pem: bytes) -> bytes:
    return base64.b64decode(b"".join(pem.splitlines()[1:-1]))


def to_pem(der: bytes, like: bytes) -> bytes:
    first, *_, last = like.splitlines(keepends=True)
    return first + base64.encodebytes(der) + last


@pytest.mark.parametrize(
    ("found", "planted", "reason"),
    [
        ("82 17 77", "a5 17 77", "the certificate does not parse as PEM"),  # a kind of name nobody uses
        ("55 04 03 0c 17", "55 04 03 03 17", "the certificate does not parse as PEM"),  # bits for a name
        ("2a 86 48 ce 3d 04 03 02", "2a 86 48 ce 3d 04 03 09", "the CA did not sign it"),  # unknown algorithm
    ],
)
def test_a_certificate_of_a_strange_kind_is_a_reason(found: str, planted: str, reason: str) -> None:
    good = to_der(LEAF.certificate)
    strange = good.replace(bytes.fromhex(found), bytes.fromhex(planted))

    assert strange != good
    assert reason_to_renew(CA.certificate, to_pem(strange, LEAF.certificate), LEAF.key, HOSTS, AT) == reason


def test_a_ca_whose_key_signs_nothing_signed_nothing() -> None:
    public_key = x25519.X25519PrivateKey.generate().public_key()
    good = parse(CA.certificate)
    builder = x509.CertificateBuilder(good.subject, good.subject, public_key, 1, AT, AT + DAY)
    for found in good.extensions:
        builder = builder.add_extension(found.value, found.critical)
    signer = ec.generate_private_key(ec.SECP256R1())
    strange = builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    assert reason_to_renew(strange, LEAF.certificate, LEAF.key, HOSTS, AT) == "the CA did not sign it"


@pytest.mark.filterwarnings("ignore::UserWarning")  # cryptography's, of odd serial numbers and countries
@pytest.mark.parametrize("name", ["ca_pem", "cert_pem", "key_pem"])
def test_no_flipped_bit_raises_and_none_that_was_signed_goes_unseen(name: str) -> None:
    parts = {"ca_pem": CA.certificate, "cert_pem": LEAF.certificate, "key_pem": LEAF.key}
    good = to_der(parts[name])
    for bit in range(len(good) * 8):
        flipped = int.from_bytes(good) ^ 1 << bit
        parts[name] = to_pem(flipped.to_bytes(len(good)), parts[name])
        reason = reason_to_renew(**parts, hosts=HOSTS, at=AT)

        assert reason or signed_part(parts["cert_pem"]) == signed_part(LEAF.certificate)


def signed_part(pem: bytes) -> bytes:
    return parse(pem).tbs_certificate_bytes


def encrypted(pair: KeyPair) -> bytes:
    key = serialization.load_pem_private_key(pair.key, password=None)
    cipher = serialization.BestAvailableEncryption(b"secret")
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, cipher)


def edwards() -> bytes:
    key = ed25519.Ed25519PrivateKey.generate()
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)


@pytest.mark.parametrize(
    ("ca", "complaint"),
    [
        (KeyPair(b"", CA.key), "the CA's certificate does not parse as PEM"),
        (KeyPair(LEAF.certificate, LEAF.key), "the CA's certificate lacks CA:TRUE"),
        (KeyPair(CA.certificate, b""), "the CA's key does not parse as an unencrypted PEM private key"),
        (
            KeyPair(CA.certificate, encrypted(CA)),
            "the CA's key does not parse as an unencrypted PEM private key",
        ),
        (KeyPair(CA.certificate, edwards()), "the CA's key is neither ECDSA nor RSA"),
        (KeyPair(CA.certificate, STRANGER.key), "the CA's certificate does not belong to its key"),
    ],
)
def test_what_cannot_sign_is_no_ca(ca: KeyPair, complaint: str) -> None:
    with pytest.raises(CertificateError, match=complaint):
        reason_to_renew_authority(ca, AT)


def test_a_serving_certificate_names_something() -> None:
    with pytest.raises(CertificateError, match="at least one host"):
        create_serving(CA, (), AT, DAY)

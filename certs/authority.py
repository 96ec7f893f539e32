"""Pure but for the randomness of keys and serial numbers: no I/O, no clock.

X.509 for a webhook: a CA, the serving certificate that it signs, and the question when to renew them.
"""

import ipaddress
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# As Kubernetes' own signer does: pkg/controller/certificates/signer/signer.go, `Backdate: 5 * time.Minute`.
BACKDATE = timedelta(minutes=5)
CA_NAME = "Batchwarden CA"
PEM = serialization.Encoding.PEM

# A DNS-1123 subdomain, or a wildcard over two labels or more (OpenSSL matches no shorter one). A last label
# of digits alone is a mistyped IP address.
_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z)(?:\*\.(?={_LABEL}\.))?(?:{_LABEL}\.)*(?![0-9]+\Z){_LABEL}")

Host = x509.DNSName | x509.IPAddress
SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
ExtensionT = TypeVar("ExtensionT", bound=x509.ExtensionType)

# What cryptography raises for wrong bytes, seen by changing each byte of a certificate to each value.
UNPARSEABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


class CertificateError(Exception):
    """What an operator has to put right, in one sentence."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key, both PEM; the key is unencrypted and never in a repr."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Description:
    """What people ask of a certificate: which hosts it names (a CA: none) and when it ends (UTC)."""

    hosts: tuple[str, ...]
    ends: datetime


def parse_host(text: str) -> Host:
    """Read a DNS name or an IP address as certificates name it; raises CertificateError for anything else."""
    with suppress(ValueError):
        if "%" not in text:  # a zone is local to one machine: RFC 4007, section 6
            return x509.IPAddress(ipaddress.ip_address(text))
    name = text.lower()
    if not _HOST.fullmatch(name):
        raise CertificateError(
            f'host "{text}" is neither a DNS name (webhook.example.com, *.example.com) nor an IP address '
            "(127.0.0.1, ::1); write it without scheme, port and brackets"
        )
    return x509.DNSName(name)


def create_authority(at: datetime, life: timedelta, key: bytes | None = None) -> KeyPair:
    """Make a self-signed CA that lives from ``at`` for ``life``, with a key of its own or with ``key`` (PEM).

    With the key of an earlier CA it is that CA, renewed: each of the two certificates vouches for what either
    signed. Raises CertificateError where ``key`` cannot sign.
    """
    signer = ec.generate_private_key(ec.SECP256R1()) if key is None else _load_signing_key(key)
    name = _name(CA_NAME)
    certificate = (
        _builder(name, name, signer, ca=True)
        .not_valid_before(at - BACKDATE)
        .not_valid_after(at + life)
        .sign(signer, hashes.SHA256())
    )
    return KeyPair(certificate.public_bytes(PEM), key or _to_pem(signer))


def create_serving(authority: KeyPair, hosts: Sequence[str], at: datetime, life: timedelta) -> KeyPair:
    """Make a serving certificate for ``hosts``, signed by ``authority``, which it does not outlive.

    Raises CertificateError for a host that is none, for no host, and for an authority that cannot sign.
    """
    names = list(dict.fromkeys(parse_host(host) for host in hosts))
    if not names:
        raise CertificateError("a serving certificate needs at least one host")
    ca, identifier = load_ca(authority.certificate)
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(ca.subject, _name(str(names[0].value)), key, ca=False)
        .not_valid_before(at - BACKDATE)
        .not_valid_after(min(at + life, ca.not_valid_after_utc))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(issued_by, critical=False)
        .sign(_load_signing_key(authority.key), hashes.SHA256())
    )
    return KeyPair(certificate.public_bytes(PEM), _to_pem(key))


def reason_to_renew(ca_pem: bytes, cert_pem: bytes, key_pem: bytes, hosts: Sequence[str], at: datetime) -> str | None:
    """Why the serving certificate must be made again at ``at``, in words; None while it is good.

    It is good while it parses, belongs to its key, is signed by the CA, names all ``hosts``, and two thirds of its
    life are not over, or it ends with the CA. Raises CertificateError only for a host that is none.
    """
    wanted = [parse_host(host) for host in hosts]
    try:
        ca, _ = load_ca(ca_pem)
        certificate, key = load_certificate(cert_pem), _load_key(key_pem)
    except CertificateError as error:
        return str(error)
    missing = ", ".join(str(host.value) for host in wanted if host not in _hosts(certificate))
    if key.public_key() != certificate.public_key():
        return "it does not belong to its key"
    if not is_signed_by(certificate, ca):
        return "the CA did not sign it"
    return f"it does not name {missing}" if missing else _reason_of_age(certificate, at, ca.not_valid_after_utc)


def reason_to_renew_authority(authority: KeyPair, at: datetime) -> str | None:
    """Why the CA must be renewed at ``at``, in words; None before two thirds of its life are over.

    Raises CertificateError where it is no CA that can sign: clients trust it, so people decide what follows.
    """
    certificate, _ = load_ca(authority.certificate)
    if _load_signing_key(authority.key).public_key() != certificate.public_key():
        raise CertificateError("the CA's certificate does not belong to its key")
    return _reason_of_age(certificate, at)


def describe(cert_pem: bytes) -> Description:
    """Tell hosts and end of a certificate; raises CertificateError where it does not parse."""
    certificate = load_certificate(cert_pem)
    hosts = tuple(str(host.value) for host in _hosts(certificate))
    return Description(hosts, certificate.not_valid_after_utc)


def _reason_of_age(certificate: x509.Certificate, at: datetime, last: datetime | None = None) -> str | None:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    renewal = begins + (ends - begins) * 2 / 3
    if at < begins:
        return f"it is valid only from {begins:%Y-%m-%d %H:%M} UTC"
    if at > ends:
        return f"it ended on {ends:%Y-%m-%d %H:%M} UTC"
    is_due = at >= renewal and (last is None or ends < last)  # at the last moment another would end no later
    return f"two thirds of its life were over on {renewal:%Y-%m-%d %H:%M} UTC" if is_due else None


def is_signed_by(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    """Tell whether the key of ``ca`` signed the certificate, and under its name."""
    try:
        certificate.verify_directly_issued_by(ca)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def load_certificate(pem: bytes, name: str = "the certificate") -> x509.Certificate:
    """Load the first certificate of ``pem``, with the parts parsed only when asked; raises CertificateError."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        certificate.public_key()
        _ = certificate.extensions, certificate.subject, certificate.not_valid_after_utc
    except UNPARSEABLE as error:
        raise CertificateError(f"{name} does not parse as PEM") from error
    return certificate


def load_ca(pem: bytes) -> tuple[x509.Certificate, x509.SubjectKeyIdentifier]:
    """Load a certificate that may sign others, and the name of its key; raises CertificateError."""
    certificate = load_certificate(pem, "the CA's certificate")
    constraints, usage = _extension(certificate, x509.BasicConstraints), _extension(certificate, x509.KeyUsage)
    identifier = _extension(certificate, x509.SubjectKeyIdentifier)
    if not (constraints and constraints.ca and identifier and (usage is None or usage.key_cert_sign)):
        raise CertificateError("the CA's certificate lacks CA:TRUE, keyCertSign or a subject key identifier")
    return certificate, identifier


def _load_key(pem: bytes, name: str = "the key") -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"{name} does not parse as an unencrypted PEM private key") from error


def _load_signing_key(pem: bytes) -> SigningKey:
    key = _load_key(pem, "the CA's key")
    if not isinstance(key, SigningKey):
        raise CertificateError("the CA's key is neither ECDSA nor RSA")
    return key


def _to_pem(key: SigningKey) -> bytes:
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _hosts(certificate: x509.Certificate) -> list[Host]:
    names = _extension(certificate, x509.SubjectAlternativeName)
    return [name for name in names or () if isinstance(name, Host)]


def _extension(certificate: x509.Certificate, kind: type[ExtensionT]) -> ExtensionT | None:
    with suppress(x509.ExtensionNotFound):
        return certificate.extensions.get_extension_for_class(kind).value
    return None


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])  # RFC 5280: ub-common-name


def _builder(issuer: x509.Name, subject: x509.Name, key: SigningKey, *, ca: bool) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    public_key = key.public_key()
    return (
        x509.CertificateBuilder(issuer, subject, public_key, x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )

"""Pure: no I/O, no clock.

What clients trust: bundles of CA certificates, and for which serving certificates these vouch.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from certs.authority import BACKDATE, PEM, CertificateError, is_signed_by, load_ca, load_certificate

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def read_bundle(pem: bytes) -> tuple[bytes, ...]:
    """Give each CA of a bundle once, as PEM in one spelling; what may not sign others is left out."""
    found: list[bytes] = []
    for block in _BLOCK.findall(pem):
        with suppress(CertificateError):
            found.append(load_ca(block)[0].public_bytes(PEM))
    return tuple(dict.fromkeys(found))


def vouches(ca: bytes, certificate: bytes) -> bool:
    """Tell whether the CA signed the certificate (both PEM), whatever the time is."""
    try:
        return is_signed_by(load_certificate(certificate), load_ca(ca)[0])
    except CertificateError:
        return False


def accepts(bundle: Iterable[bytes], certificate: bytes) -> bool:
    """Tell whether one of the CAs, each PEM, signed the certificate."""
    return any(vouches(ca, certificate) for ca in bundle)


def is_valid(certificate: bytes, at: datetime) -> bool:
    """Tell whether ``at`` is within the certificate's life; never, where it does not parse."""
    with suppress(CertificateError):
        parsed = load_certificate(certificate)
        return parsed.not_valid_before_utc <= at <= parsed.not_valid_after_utc
    return False


def issue_time(certificate: bytes) -> datetime:
    """Tell when a certificate of ours was made; raises CertificateError where it does not parse."""
    return load_certificate(certificate).not_valid_before_utc + BACKDATE

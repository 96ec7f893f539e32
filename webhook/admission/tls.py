"""The last certificate on disk that could be loaded is the one that is served; a bad one never displaces it."""

import re
import ssl
from datetime import UTC, datetime
from logging import Logger
from pathlib import Path

# RFC 5280, 4.1.2.5: a Validity is a SEQUENCE of two times, each a UTCTime (YYMMDD…) or a GeneralizedTime (YYYYMMDD…).
_TIME = rb"(?:\x17\x0d\d{12}|\x18\x0f\d{14})Z"
_VALIDITY = re.compile(rb"\x30[\x1e-\x22]" + _TIME + rb"(" + _TIME + rb")")
_UTC_TIME = 0x17
_PEM = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_KEY = re.compile(r"-----BEGIN ([A-Z]+ )*PRIVATE KEY-----")
_ENCRYPTED = re.compile(r"-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED", re.MULTILINE)  # PKCS #8; RFC 1421
_WORDS = {  # OpenSSL's, see include/openssl/sslerr.h and x509err.h in https://github.com/openssl/openssl
    "KEY_VALUES_MISMATCH": "the key does not belong to the certificate",
    "KEY_TYPE_MISMATCH": "the key does not belong to the certificate",
    "EE_KEY_TOO_SMALL": "its key is too short to be safe",
    "CA_MD_TOO_WEAK": "its signature is too weak to be safe",
}

Stamp = tuple[tuple[int, int, int], ...]


class ServerError(Exception):
    """What an operator has to put right before the server can start, in one sentence."""


class Certificate:
    """The serving certificate as two PEM files: its chain, and its unencrypted key.

    Where ``client_ca`` is given, only a peer with a certificate signed by one of the CAs in that PEM file is served.
    Files that change are served ``delay`` seconds later: by then those who call may have learned of another CA.
    ``context`` serves it over TLS 1.2 and 1.3; ``not_after`` is when it ends, in seconds since 1970. Raises ServerError
    where the files cannot be served at the start.
    """

    def __init__(self, chain: Path, key: Path, log: Logger, client_ca: Path | None = None, delay: float = 0) -> None:
        self._chain, self._key, self._client_ca, self._log, self._delay = chain, key, client_ca, log, delay
        self._stamp = self._seen = self._look()
        self._since = 0.0
        try:
            self.context, self.not_after = self._load()
        except (OSError, ValueError) as error:
            raise ServerError(self._complaint(error)) from error

    def refresh(self, now: float) -> None:
        """Load the files again if they changed; where that fails, log it once and go on with the old certificate.

        ``now`` is in seconds since 1970; what has ended is replaced without a delay.
        """
        stamp = self._look()
        if stamp != self._seen:
            self._seen, self._since = stamp, now
        waits = 0 <= now - self._since < self._delay and now < self.not_after
        if stamp == self._stamp or waits:
            return
        self._stamp = stamp  # of before loading: what changes meanwhile is seen the next time
        try:
            self.context, self.not_after = self._load()
        except (OSError, ValueError) as error:
            self._log.error("%s; the certificate loaded before stays in use", self._complaint(error))
        else:
            ends = datetime.fromtimestamp(self.not_after, UTC)
            self._log.info("the certificate %s was loaded, valid until %s", self._chain, ends.isoformat())

    def _look(self) -> Stamp:
        """Tell one state of the files from another, also where Kubernetes swaps a symbolic link above them."""
        try:
            states = [path.stat() for path in (self._chain, self._key, self._client_ca) if path]
        except OSError:
            return ()
        return tuple((state.st_ino, state.st_mtime_ns, state.st_size) for state in states)

    def _load(self) -> tuple[ssl.SSLContext, float]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        chain = self._chain.read_text("utf-8", errors="replace")
        _check(chain, self._key.read_text("utf-8", errors="replace"))
        try:
            context.load_cert_chain(self._chain, self._key, password="")  # an encrypted key would ask the terminal
        except ssl.SSLError as error:
            raise ValueError(_WORDS.get(error.reason or "", "the certificate or the key is damaged")) from error
        if self._client_ca:
            _demand(context, self._client_ca)
        return context, _end(chain)

    def _complaint(self, error: OSError | ValueError) -> str:
        why = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else error
        clients = ", and the PEM certificates of the CAs that sign those of clients" if self._client_ca else ""
        return (
            f"TLS certificate {self._chain} with key {self._key} cannot be served: {why}; "
            f"give a PEM certificate chain, the server's own certificate first, and its unencrypted PEM key{clients}"
        )


def _check(chain: str, key: str) -> None:
    """Raise ValueError, in words, for what OpenSSL would only give a number."""
    if not _PEM.search(chain):
        raise ValueError("the certificate file holds no PEM certificate")
    if not _KEY.search(key):
        raise ValueError("the key file holds no PEM private key")
    if _ENCRYPTED.search(key):
        raise ValueError("the key is encrypted")


def _demand(context: ssl.SSLContext, client_ca: Path) -> None:
    """Serve only peers whose certificate one of these CAs signed; raises ValueError in words."""
    if not _PEM.search(client_ca.read_text("utf-8", errors="replace")):
        raise ValueError(f"{client_ca} holds no PEM certificate")
    try:
        context.load_verify_locations(client_ca)
    except ssl.SSLError as error:
        raise ValueError(f"{client_ca} is damaged") from error
    context.verify_mode = ssl.CERT_REQUIRED


def _end(chain: str) -> float:
    """Return when the first certificate of ``chain`` (PEM) ends; the standard library tells it only of a peer's."""
    pem = _PEM.search(chain)
    validity = _VALIDITY.search(ssl.PEM_cert_to_DER_cert(pem[0])) if pem else None
    if validity is None:  # pragma: no cover - OpenSSL has read one
        raise ValueError("its end of validity cannot be read")
    tag, digits = validity[1][0], validity[1][2:].decode()
    written = "%y%m%d%H%M%SZ" if tag == _UTC_TIME else "%Y%m%d%H%M%SZ"
    return datetime.strptime(digits, written).replace(tzinfo=UTC).timestamp()

"""A key written here is never readable by others, and a run that is cut short is healed by the next one.

Certificates kept as files of one folder. They are written in an order that loses nothing: a CA's key comes
first and is never replaced, and a serving certificate beside a key that is not its own is made again.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from certs import authority
from certs.authority import CertificateError, Description, KeyPair

NAMES = ("ca.key", "ca.crt", "tls.key", "tls.crt")
REMEDY = (
    "put the right ca.key and ca.crt back, or move all files away to start with another CA, which clients "
    "must then be given"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Hosts of the serving certificate, and how long it and its CA shall live where they are made."""

    hosts: Sequence[str]
    life: timedelta
    ca_life: timedelta


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file and why; ``description`` where it is a certificate."""

    name: str
    action: Literal["made", "renewed", "kept"]
    reason: str
    description: Description | None = None


@dataclass(frozen=True, slots=True)
class Folder:
    """Named files that are read whole and replaced whole."""

    path: Path
    descriptor: int

    def read(self, name: str) -> bytes | None:
        """Content of the file, None where it does not exist."""
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Replace the file by ``content``; after a crash it holds all of the old or all of ``content``."""
        mode = 0o600 if name.endswith(".key") else 0o644
        temporary = self.path / f".{name}.tmp"
        temporary.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path / name)
        finally:
            temporary.unlink(missing_ok=True)
        os.fsync(self.descriptor)


def renew(path: Path, wanted: Wanted, at: datetime) -> list[Outcome]:
    """Make what is missing in the folder ``path``, renew what must be, keep the rest, and tell which and why.

    Raises CertificateError for a bad host, a folder that cannot be used, and a CA that cannot sign: clients
    trust it, so it is left as it is.
    """
    for host in wanted.hosts:
        authority.parse_host(host)
    with _open_folder(path) as folder:
        ca, of_ca = _keep_authority(folder, at, wanted.ca_life)
        return [*of_ca, *_keep_serving(folder, ca, wanted, at)]


@contextmanager
def _open_folder(path: Path) -> Iterator[Folder]:
    """Open the folder, made where there is none, for one process at a time; errors become one sentence."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield Folder(path, descriptor)
        finally:
            os.close(descriptor)
    except CertificateError as error:
        raise CertificateError(f"{path}: {error}; {REMEDY}") from error
    except (FileExistsError, NotADirectoryError) as error:
        raise CertificateError(
            f"{error.filename} is not a folder; name a folder, or a path at which one can be made"
        ) from error
    except OSError as error:
        raise CertificateError(
            f"{error.filename or path}: {error.strerror}; name a folder that you may read and write"
        ) from error


def _keep_authority(folder: Folder, at: datetime, life: timedelta) -> tuple[KeyPair, list[Outcome]]:
    """Renew a CA with its own key, so that clients which have the old ``ca.crt`` go on."""
    key, certificate = folder.read("ca.key"), folder.read("ca.crt")
    reason = None
    if key is None:
        _refuse_without_ca_key(folder.path)
    elif certificate is not None:
        ca = KeyPair(certificate, key)
        reason = authority.reason_to_renew_authority(ca, at)
        if reason is None:
            return ca, [_kept("ca.key"), _kept("ca.crt", certificate)]
    ca = authority.create_authority(at, life, key)
    if key is None:
        folder.write("ca.key", ca.key)
    folder.write("ca.crt", ca.certificate)
    return ca, [_made("ca.key") if key is None else _kept("ca.key"), _made("ca.crt", ca.certificate, reason)]


def _refuse_without_ca_key(path: Path) -> None:
    """Files without a ``ca.key`` beside them were not left by a run of ours and are not ours to replace."""
    found = [name for name in NAMES if (path / name).exists()]
    if found:
        raise CertificateError(f"there is {', '.join(found)} but no ca.key to sign with")


def _keep_serving(folder: Folder, ca: KeyPair, wanted: Wanted, at: datetime) -> list[Outcome]:
    key, certificate = folder.read("tls.key"), folder.read("tls.crt")
    reason: str | None = "there was no tls.key"
    if key is not None and certificate is not None:
        reason = authority.reason_to_renew(ca.certificate, certificate, key, wanted.hosts, at)
        if reason is None:
            return [_kept("tls.key"), _kept("tls.crt", certificate)]
    pair = authority.create_serving(ca, wanted.hosts, at, wanted.life)
    folder.write("tls.key", pair.key)
    folder.write("tls.crt", pair.certificate)
    return [
        _made("tls.key", reason=None if key is None else "to go with tls.crt"),
        _made("tls.crt", pair.certificate, None if certificate is None else reason),
    ]


def _kept(name: str, certificate: bytes | None = None) -> Outcome:
    return Outcome(name, "kept", "still good", authority.describe(certificate) if certificate else None)


def _made(name: str, certificate: bytes | None = None, reason: str | None = None) -> Outcome:
    description = authority.describe(certificate) if certificate else None
    return Outcome(name, "renewed" if reason else "made", reason or "there was none", description)

"""Every server that a test starts has been ended when the test is over."""

import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from certs import authority
from certs.authority import KeyPair
from tests.server import running
from tests.server.running import Running

DAY = timedelta(days=1)
Starter = Callable[..., Running]


@pytest.fixture(scope="session")
def ca() -> KeyPair:
    return authority.create_authority(datetime.now(UTC), 30 * DAY)


@pytest.fixture
def folder(tmp_path: Path, ca: KeyPair) -> Path:
    """Return a folder with a certificate."""
    issue(ca, tmp_path, DAY)
    return tmp_path


@pytest.fixture
def start(folder: Path, tmp_path: Path) -> Iterator[Starter]:
    """Return what starts servers: each takes its settings, and a drain of no length unless it is told one."""
    started: list[Running] = []

    def start_one(**settings: Any) -> Running:
        server = running.start(tmp_path / f"{len(started)}.log", folder, {"drain_seconds": 0, **settings})
        started.append(server)
        return server

    yield start_one
    for server in started:
        if server.process.poll() is None:
            server.end(signal.SIGINT)


def issue(ca: KeyPair, folder: Path, life: timedelta) -> None:
    """Write tls.crt, which lives this long, tls.key, and the ca.crt that vouches for it."""
    (folder / "ca.crt").write_bytes(ca.certificate)
    pair = authority.create_serving(ca, ["localhost", "127.0.0.1"], datetime.now(UTC), life)
    (folder / "tls.key").write_bytes(pair.key)
    (folder / "tls.crt").write_bytes(pair.certificate)

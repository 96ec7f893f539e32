"""Measures what a webhook adds to a request through a real API server, and whether it answers at all times."""

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.load import Figures, Target
from tests.bench.objects import KINDS, NAMESPACE, bodies
from tests.bench.processes import cpu_seconds, resident_mib
from tests.bench.rows import Row, Site, Started
from tests.cluster.controlplane import start_control_plane

PATH = f"/apis/batch/v1/namespaces/{NAMESPACE}/cronjobs?dryRun=All"
WARM_UP = 100
IN_FLIGHT = 16
QUIET = "-quiet=500ms"


@dataclass(frozen=True)
class Programs:
    """The folders of what was built: the control plane, and the programs of this folder."""

    plane: Path
    tools: Path


@dataclass(frozen=True)
class Sizes:
    """How much is sent: requests one at a time, requests in a crowd, bursts, and connections that say nothing."""

    alone: int = 500
    crowd: int = 4000
    bursts: int = 100
    silent: int = 100


@dataclass(frozen=True)
class Measured:
    """What became of one object: CPU seconds for 1,000 requests, MiB, and seconds until the row was ready."""

    alone: Figures
    crowd: Figures
    cpu: float = 0
    resident: float = 0
    ready: float = 0


@contextmanager
def site(programs: Programs) -> Iterator[tuple[Site, Target]]:
    """Run a control plane; yield where a row runs, and where the load generator posts."""
    with TemporaryDirectory(prefix="bench-") as name:
        row, plane = Path(name) / "row", Path(name) / "plane"
        row.mkdir()
        plane.mkdir()
        with start_control_plane(programs.plane, plane) as running:
            admin = running.kubectl("admin", row)
            server = json.loads(admin.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
            target = Target(programs.tools / "load", f"{server}{PATH}", plane / "server.crt", admin.user)
            yield Site(row, admin, programs.tools, bodies(row)), target


def measure(programs: Programs, row: Row, sizes: Sizes) -> dict[str, Measured]:
    """Run one row once; return what became of each object."""
    with site(programs) as (where, target), row.start(where) as answering:
        for kind in KINDS:
            target.post(where.bodies[kind].file, row.wants[kind], WARM_UP, 1)
        return {
            kind: measure_object(target, where.bodies[kind].file, row.wants[kind], sizes, answering) for kind in KINDS
        }


def measure_object(target: Target, file: Path, want: int, sizes: Sizes, answering: Started | None) -> Measured:
    """Send one object, one at a time and then many."""
    before = cpu_seconds(answering.pid) if answering else 0
    alone = target.post(file, want, sizes.alone, 1)
    crowd = target.post(file, want, sizes.crowd, IN_FLIGHT)
    if answering is None:
        return Measured(alone, crowd)
    cpu = (cpu_seconds(answering.pid) - before) * 1000 / (sizes.alone + sizes.crowd)
    return Measured(alone, crowd, cpu, resident_mib(answering.pid), answering.ready)


def bursts(programs: Programs, row: Row, sizes: Sizes) -> tuple[Figures, Figures]:
    """Send bursts after quiet times: with no other connections, and with many on which nothing is said."""
    with site(programs) as (where, target), row.start(where) as answering, ExitStack() as stack:
        assert answering
        file, want = where.bodies["fill"].file, row.wants["fill"]
        lonely = target.post(file, want, sizes.bursts, IN_FLIGHT, QUIET)
        trust = ssl.create_default_context(cafile=where.folder / "tls" / "ca.crt")
        for _ in range(sizes.silent):
            plain = stack.enter_context(socket.create_connection(("127.0.0.1", answering.port), timeout=10))
            stack.enter_context(trust.wrap_socket(plain, server_hostname="127.0.0.1"))
        return lonely, target.post(file, want, sizes.bursts, IN_FLIGHT, QUIET)

"""Each way to answer the API server runs on a control plane of its own, registered by the same configurations."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import TypeAlias

from tests.bench.objects import Body, library
from tests.bench.processes import now, started
from tests.cluster.balancer import Backend
from tests.cluster.controlplane import free_ports, running
from tests.cluster.kubectl import Kubectl
from tests.cluster.registration import register
from tests.cluster.serving import make_certificate, serving
from tests.cluster.traffic import connect
from webhook.admission.configurations import ClientConfig, Registration, webhook_configurations
from webhook.admission.needs import mutation_condition
from webhook.admission.settings import Settings
from webhook.snapshots import load

ALLOWED, DENIED = 201, 403
VERDICTS = {"ok": ALLOWED, "fill": ALLOWED, "bad": DENIED}
PATIENCE = 60  # seconds


@dataclass(frozen=True)
class Site:
    """Where a row runs: its folder, the API server's admin, the programs of this folder, and what is sent."""

    folder: Path
    admin: Kubectl
    tools: Path
    bodies: dict[str, Body]


@dataclass(frozen=True)
class Started:
    """A process that answers on a port, and the seconds from its start to the first answer through the API server."""

    pid: int
    port: int
    ready: float


Start: TypeAlias = Callable[[Site], AbstractContextManager[Started | None]]


@dataclass(frozen=True)
class Row:
    """A way to answer, by name, and the HTTP status that each object gets."""

    name: str
    start: Start
    wants: dict[str, int]


@contextmanager
def nothing(_site: Site) -> Iterator[None]:
    """Register no webhook."""
    yield


@contextmanager
def floor(site: Site, flags: tuple[str, ...] = ()) -> Iterator[Started]:
    """Run the Go server that allows everything: the API server's own part of the time, and with -patch of a patch."""
    backend = announce(site)
    command = [str(site.tools / "floor"), f"-listen=127.0.0.1:{backend.port}", "-cert=tls/tls.crt", "-key=tls/tls.key"]
    with first_answer(site, "ok", ALLOWED) as at, running([*command, *flags], site.folder) as program:
        pid = program.process.pid
        yield Started(pid, backend.port, at() - started(pid))


@contextmanager
def batchwarden(site: Site, *, always: bool = False) -> Iterator[Started]:
    """Run our server with the ready policies; mutation is asked as the controller has it, or ``always``."""
    backend = announce(site, "" if always else condition(library()))
    with first_answer(site, "bad", DENIED) as at, serving(site.folder, library(), backend=backend) as server:
        pid = server.program.process.pid
        yield Started(pid, backend.port, at() - started(pid))


ROWS = (
    Row("no webhook", nothing, dict.fromkeys(("ok", "fill", "bad"), ALLOWED)),
    Row("Go floor", floor, dict.fromkeys(("ok", "fill", "bad"), ALLOWED)),
    Row("Go floor that patches", partial(floor, flags=("-patch",)), dict.fromkeys(("ok", "fill", "bad"), ALLOWED)),
    Row("Batchwarden", batchwarden, VERDICTS),
    Row("Batchwarden, both always called", partial(batchwarden, always=True), VERDICTS),
)


def condition(policies: str) -> str:
    """Give the condition that a controller would generate from policies."""
    with TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder) / "policies.yaml"
        path.write_text(policies)
        return mutation_condition(load([path]).policies)


def announce(site: Site, mutation: str = "") -> Backend:
    """Make a certificate, choose ports, and register both webhooks where nothing listens yet.

    The mutating one is called where the expression holds; an empty one always does.
    """
    make_certificate(site.folder, "127.0.0.1")
    backend = Backend(*free_ports(2))
    ca = (site.folder / "tls" / "ca.crt").read_bytes()
    client = ClientConfig(ca=ca, url=f"https://127.0.0.1:{backend.port}")
    registration = Registration(client_config=client, mutating_failure_policy="Fail", mutation_condition=mutation)
    register(site.admin, webhook_configurations(registration, Settings()))
    return backend


@contextmanager
def first_answer(site: Site, kind: str, want: int) -> Iterator[Callable[[], float]]:
    """Ask the API server again and again from here on; yield what waits for the right status and says when it came."""

    def ask() -> float:
        end = now() + PATIENCE
        with connect(site.admin) as client:
            while (answer := client.create(kind, site.bodies[kind].manifest)).status != want:
                if now() > end:
                    raise RuntimeError(f"{kind} should get {want} and still gets {answer}")
                sleep(0.005)
        return now()

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(ask).result

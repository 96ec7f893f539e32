"""Measures the server alone: real reviews straight over TLS on one core, and what of that is the engine's."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from tests.bench.admission import WARM_UP, Programs, site
from tests.bench.load import Target
from tests.bench.objects import KINDS
from tests.bench.processes import children_on
from tests.bench.rows import ALLOWED, floor
from tests.cluster.balancer import Backend
from tests.cluster.controlplane import free_ports, running
from tests.cluster.serving import ENVIRONMENT, Server, make_certificate, serving
from webhook.admission import decide, review
from webhook.admission.settings import Settings
from webhook.snapshots import load

REVIEWS = (*(f"mutate-{kind}" for kind in KINDS), "validate-ok", "validate-bad")
IN_FLIGHT = 8
LOOPS = 500


def record(programs: Programs, folder: Path) -> dict[str, Path]:
    """Have the API server send reviews of the objects, and keep them in the folder."""
    with site(programs) as (where, target), floor(where, (f"-save={folder}",)):
        for kind in KINDS:
            target.post(where.bodies[kind].file, ALLOWED, 1, 1)
    return {name: folder / f"{name}.json" for name in REVIEWS}


@contextmanager
def bare(folder: Path) -> Iterator[Server]:
    """Run the bare handler in the place of our server."""
    make_certificate(folder, "127.0.0.1")
    backend = Backend(*free_ports(2))
    command = [sys.executable, "-m", "tests.bench.bare", str(backend.port), str(backend.status_port)]
    with running(command, folder, environment=ENVIRONMENT) as program:
        server = Server(program, folder, backend)
        program.wait_until(server.is_ready)
        yield server


def reviews_per_second(
    programs: Programs, reviews: dict[str, Path], policies: str | None, count: int
) -> dict[str, float]:
    """Post each review so many times to a server on one core, from the other cores; policies None: the bare one."""
    core, *others = sorted(os.sched_getaffinity(0))
    with TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        folder = Path(name)
        with children_on({core}):
            server = stack.enter_context(bare(folder) if policies is None else serving(folder, policies))
        stack.enter_context(children_on({*others} or {core}))
        return {name: rate(programs, server, name, body, count) for name, body in reviews.items()}


def rate(programs: Programs, server: Server, name: str, body: Path, count: int) -> float:
    """Post a review so many times; return how many were answered a second."""
    door, _, _ = name.partition("-")
    target = Target(programs.tools / "load", f"{server.url}/{door}?timeout=5s", server.folder / "tls" / "ca.crt")
    target.post(body, 200, WARM_UP, 1)
    return target.post(body, 200, count, IN_FLIGHT).per_second


def engine_microseconds(reviews: dict[str, Path], policies: str) -> dict[str, float]:
    """Return the processor time that selection and engine take for each review, in microseconds, the least of ten."""
    with TemporaryDirectory(prefix="bench-") as name:
        (Path(name) / "policies.yaml").write_text(policies)
        snapshot = load([Path(name)])
    context = decide.Context(snapshot, Settings(), datetime.now(UTC))
    return {name: min(seconds(name, body, context) for _ in range(10)) * 1e6 for name, body in reviews.items()}


def seconds(name: str, body: Path, context: decide.Context) -> float:
    """Judge a review again and again, each time from the decoded request on; return the seconds for one."""
    asked = review.read(body.read_bytes(), "application/json")
    start = process_time()
    for _ in range(LOOPS):
        case = decide.open_case(asked, context)
        if name.startswith("mutate"):
            case.defaults()
        else:
            case.evaluate()
    return (process_time() - start) / LOOPS

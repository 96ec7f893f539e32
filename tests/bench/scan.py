"""What a scan of a large cluster takes, and ``batchwarden report`` of it: processes of their own, in two sizes."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_connection

from msgspec import Struct, json

from tests.bench.check import Run, run
from tests.bench.population import RUNS
from tests.cluster.controlplane import free_ports, running
from tests.cluster.serving import ENVIRONMENT, ROOT
from tests.watching.apiserver import kubeconfig


class Scanned(Struct):
    """What one scan took, and what it has done: how many reports it wrote, and how long they have it wait."""

    wall: float
    cpu: float
    peak: float
    paced: float
    written: float
    refused: float
    objects: float
    errors: list[str]


def measure(cron_jobs: int, folder: Path, *, whole: bool) -> dict[str, Run | Scanned]:
    """Measure scans, and reports, of so many CronJobs and three times as many Jobs; all ways of them if ``whole``."""
    with lists(cron_jobs, folder) as config:
        bare = {"a scan, no reports": scans(config, "none", 1)[0]} if whole else {}
        first, following = scans(config, "auto", 2)
        scanned = {**bare, "the first scan": first, "the next scan": following}
        reach = ["report", "--all-namespaces", f"--kubeconfig={config}", "--context=one"]
        forms = ("json", "csv") if whole else ("json",)
        reports = {f"report --format {form}": run([*reach, f"--format={form}"]) for form in forms}
    for name, each in scanned.items():
        if each.objects != (1 + RUNS) * cron_jobs or each.refused or each.errors:
            raise RuntimeError(f"{name} of {cron_jobs:,} CronJobs went wrong: {each}")
    return {**scanned, **reports}


@contextmanager
def lists(cron_jobs: int, folder: Path) -> Iterator[Path]:
    """Run a cluster with so many CronJobs; yield the kubeconfig that leads to it."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "tests.bench.lists", str(port), str(cron_jobs)]
    with running(command, folder, environment=ENVIRONMENT) as program:
        program.wait_until(lambda: _listens(port))
        yield kubeconfig(folder, f"http://127.0.0.1:{port}")


def scans(config: Path, reports: str, count: int) -> list[Scanned]:
    """Scan so many times with one scanner, which writes these reports."""
    command = [sys.executable, "-m", "tests.bench.scanning", str(config), reports, str(count)]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, check=True)
    return [json.decode(line, type=Scanned) for line in done.stdout.splitlines()]


def _listens(port: int) -> bool:
    try:
        create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True

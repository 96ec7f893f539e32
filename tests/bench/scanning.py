"""Scans a cluster as the controller does, and prints what each scan takes, as JSON: a process for it alone.

Run with a kubeconfig, a setting of ``reports.api`` and how many scans as arguments. A scanner pauses between writes;
nobody wants to wait for that here, so how long the pauses would be is told beside.
"""

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import json, structs
from prometheus_client import CollectorRegistry

from webhook.cluster.api import connect
from webhook.cluster.glance import Cluster
from webhook.cluster.observe import KeeperObserver
from webhook.cluster.reports.observe import ScanObserver
from webhook.cluster.reports.scanner import Scanner
from webhook.cluster.settings import ControllerSettings, Reports

SELF = Path("/proc/self")
PEAK_OF_NOW = "5"  # written to clear_refs, it makes the peak what is held at this moment: proc_pid_clear_refs(5)


@contextmanager
def measured() -> Iterator[dict[str, Any]]:
    """Fill in, at the end, seconds, seconds of CPU, and the most MiB held meanwhile."""
    found: dict[str, Any] = {}
    (SELF / "clear_refs").write_text(PEAK_OF_NOW)
    wall, cpu = time.perf_counter(), time.process_time()
    yield found
    found |= {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    found["peak"] = int(re.findall(r"VmHWM:\s+(\d+)", (SELF / "status").read_text())[0]) / 1024


class Bench:
    """A scanner of a cluster, and what it has told."""

    def __init__(self, kubeconfig: Path, reports: str) -> None:
        api = connect(kubeconfig, "one")
        self.waits, self.errors = list[float](), list[str]()
        self.registry = CollectorRegistry()
        self.snapshot = Cluster(api, "", time.sleep).look().snapshot()
        settings = ControllerSettings(
            api_version="config.batchwarden.io/v1alpha1",
            kind="ControllerSettings",
            namespace="batchwarden",
            reports=structs.replace(Reports(), api=reports),
        )
        told = ScanObserver(self.registry, KeeperObserver(self.registry, self.tell), time.monotonic)
        self.scanner = Scanner(api, settings, told, self.waits.append)

    def tell(self, _event: str, level: str = "", message: str = "", **_: Any) -> None:
        """Take a log line."""
        if level == "error":
            self.errors.append(message)

    def count(self, name: str, **labels: str) -> float:
        """Give the value of a metric."""
        return self.registry.get_sample_value(f"batchwarden_{name}", labels) or 0

    def scan(self) -> dict[str, Any]:
        """Scan, and give what it took and what it has done."""
        self.waits.clear()
        before = self.count("report_writes_total", outcome="written")
        with measured() as found:
            self.scanner.scan(self.snapshot, datetime.now(UTC))
        return found | {
            "paced": sum(self.waits),
            "written": self.count("report_writes_total", outcome="written") - before,
            "refused": sum(self.count("report_writes_total", outcome=each) for each in ("stale", "refused")),
            "objects": self.count("scan_objects"),
            "errors": self.errors,
        }


def main() -> int:
    """Scan so many times, with one scanner."""
    kubeconfig, reports, count = sys.argv[1:]
    bench = Bench(Path(kubeconfig), reports)
    for _ in range(int(count)):
        print(json.encode(bench.scan()).decode(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

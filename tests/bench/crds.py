"""Measures how much more memory an API server holds for our CRDs, when its garbage is collected."""

import os
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import sleep

from tests.bench.processes import PROC, resident_mib, tree
from tests.cluster.controlplane import start_core
from tests.cluster.kubectl import Kubectl
from tests.cluster.serving import ROOT

CRDS = ROOT / "deploy" / "crds"
PATHS = ("/openapi/v2", "/openapi/v3", "/openapi/v3/apis/batchwarden.io/v1alpha1")
QUIET = 12  # seconds, in which what was asked for is built and the runtime gives memory back


def measure(programs: Path, rounds: int) -> float:
    """Return the MiB more of resident memory: once kubectl has asked for its schemas, as it does, in the median."""
    return median(_measure_once(programs) for _ in range(rounds))


def _measure_once(programs: Path) -> float:
    with TemporaryDirectory(prefix="bench-") as folder, start_core(programs, Path(folder)) as core:
        admin = core.plane.kubectl("admin", Path(folder))
        (pid,) = (each for each in tree(os.getpid()) if (PROC / str(each) / "comm").read_text() == "kube-apiserver\n")
        before = _settled(admin, pid)
        done = admin.run("create", f"--filename={CRDS}")
        if done.code:
            raise RuntimeError(f"the CRDs are not taken: {done.stderr}")
        return _settled(admin, pid) - before


def _settled(admin: Kubectl, pid: int) -> float:
    """Return the resident MiB after garbage collections."""
    for path in PATHS:
        admin.run("get", f"--raw={path}")
    sleep(QUIET)
    for _ in range(3):
        admin.run("get", "--raw=/debug/pprof/heap?gc=1&debug=1")
        sleep(1)
    return resident_mib(pid)

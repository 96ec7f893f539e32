"""Reads what Linux knows of processes and of the machine; changes nothing but where children may run."""

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")  # a second, in /proc/PID/stat
PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process and its descendants have used, in seconds."""
    return sum(int(field) for each in tree(pid) for field in stat(each)[11:13]) / TICKS  # utime, stime


def resident_mib(pid: int) -> float:
    """Return the memory that a process and its descendants hold (RSS), in MiB; what they share counts for each."""
    return sum(int((PROC / str(each) / "statm").read_text().split()[1]) for each in tree(pid)) * PAGE / 2**20


def started(pid: int) -> float:
    """Return when a process began, in seconds of ``now``."""
    return int(stat(pid)[19]) / TICKS


def now() -> float:
    """Return the time since the machine began, in seconds."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def tree(pid: int) -> list[int]:
    """Return a process and its descendants."""
    children = [int(each) for task in PROC.glob(f"{pid}/task/*/children") for each in task.read_text().split()]
    return [pid, *(descendant for child in children for descendant in tree(child))]


def stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat that follow the name, which may hold anything: proc_pid_stat(5) less 3."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def machine() -> str:
    """Name the machine as far as it matters to figures."""
    lines = (PROC / "cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores of {model}, Linux {platform.release()}, Python {platform.python_version()}"


@contextmanager
def children_on(cores: set[int]) -> Iterator[None]:
    """Let children that are started within the context run on these cores alone, as far as there are others."""
    before = os.sched_getaffinity(0)
    if len(before) > 1:
        os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)

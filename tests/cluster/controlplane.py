"""Real: etcd, kube-apiserver and kube-controller-manager as pinned, on loopback, ended with the context."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster import settings
from tests.cluster.kubectl import Kubectl


class ControlPlaneError(Exception):
    """A program does not do as it should: which one, and the last lines of its log."""


@dataclass(frozen=True)
class Program:
    """One running program and its log."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait_until(self, ready: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until it is ready; raise ControlPlaneError if it ends before, or the seconds do."""
        end = time.monotonic() + seconds
        while not ready():
            if self.process.poll() is not None or time.monotonic() > end:
                state = "still runs" if self.process.returncode is None else f"ended: {self.process.returncode}"
                tail = "\n".join(self.log.read_text().splitlines()[-20:])
                raise ControlPlaneError(f"{self.log.stem} is not ready ({state}), see {self.log}:\n{tail}")
            time.sleep(0.05)


@contextmanager
def running(
    command: list[str], folder: Path, patience: float = 10, environment: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """Run a program in the folder, where it logs too; then ask it to end, and kill it after the patience."""
    log = folder / f"{Path(command[0]).name}.log"
    with log.open("wb") as output:
        # In a group of its own: a Ctrl-C reaches the tests alone, and they end the programs in order.
        # Without the variables of the tests: etcd takes settings from them.
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment or {},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            process_group=0,
        )
    try:
        yield Program(process, log)
    finally:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """Let SIGTERM interrupt as Ctrl-C does, so that contexts end in order and leave no program behind."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@dataclass(frozen=True)
class ControlPlane:
    """A running Kubernetes API, with the controllers of Jobs; there is no node, so Pods stay pending."""

    programs: Path
    folder: Path

    def kubectl(self, user: str, folder: Path) -> Kubectl:
        """Return the kubectl of a user of `settings.USERS`, to be run in the folder."""
        return Kubectl(self.programs / "kubectl", self.folder / "kubeconfig", folder, user)

    def audit(self) -> list[dict[str, Any]]:
        """Return the audit events of Jobs and CronJobs so far, which may come a moment after the response."""
        written, _, _ = (self.folder / "audit.log").read_text().rpartition("\n")
        return [json.loads(line) for line in written.splitlines()]


@contextmanager
def start_control_plane(programs: Path, folder: Path) -> Iterator[ControlPlane]:
    """Run what `build` made, in an empty folder; raises ControlPlaneError if a program does not start."""
    plane = ControlPlane(programs, folder)
    admin = plane.kubectl("admin", folder)
    etcd_port, peer_port, port = free_ports(3)
    settings.write_files(folder, port)
    with (
        running(settings.etcd(programs, etcd_port, peer_port), folder),
        running(settings.apiserver(programs, etcd_port, port), folder) as server,
    ):
        server.wait_until(lambda: admin.run("get", "--raw=/readyz").code == 0)
        with running(settings.controller_manager(programs), folder) as controllers:
            controllers.wait_until(lambda: admin.run("get", "serviceaccount", "default").code == 0)
            yield plane


def free_ports(count: int) -> list[int]:
    """Return free loopback ports, below those of outgoing connections, which might take one meanwhile."""
    found: list[int] = []
    candidates = iter(range(20000 + os.getpid() % 10000, 32768))  # runs side by side look in different places
    while len(found) < count:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", next(candidates)))
            except OSError:
                continue
            found.append(probe.getsockname()[1])
    return found

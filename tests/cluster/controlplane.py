"""Real: etcd, kube-apiserver and kube-controller-manager as pinned, on loopback, ended with the context."""

import json
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
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
    """Let SIGTERM interrupt as Ctrl-C does, so that contexts end in order and leave no program behind.

    SIGINT does so too where a shell has had it ignored, as shells do for what they start in the background.
    """
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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


@dataclass(frozen=True)
class Part:
    """A program of a control plane, which may be stopped and started again where it was."""

    command: list[str]
    folder: Path
    is_ready: Callable[[], bool]
    _running: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        """Start it and wait until it is ready; raises ControlPlaneError."""
        self._running.enter_context(running(self.command, self.folder, patience=1)).wait_until(self.is_ready)

    def stop(self) -> None:
        """Stop it if it runs: what is not done within a second is cut off."""
        self._running.close()


@dataclass(frozen=True)
class Core:
    """A Kubernetes API without controllers, of which each part may be stopped and started again."""

    plane: ControlPlane
    etcd: Part
    etcd_port: int
    apiserver: Part


@contextmanager
def start_core(programs: Path, folder: Path, *flags: str) -> Iterator[Core]:
    """Run etcd and kube-apiserver in an empty folder; raises ControlPlaneError if one does not start.

    The API server is given further flags, with paths as seen from that folder.
    """
    plane = ControlPlane(programs, folder)
    admin = plane.kubectl("admin", folder)
    etcd_port, peer_port, port = free_ports(3)
    settings.write_files(folder, port)
    etcd = Part(settings.etcd(programs, etcd_port, peer_port), folder, lambda: True)  # kube-apiserver waits for it
    command = [*settings.apiserver(programs, etcd_port, port), *flags]
    server = Part(command, folder, lambda: admin.run("get", "--raw=/readyz").code == 0)
    with ExitStack() as stack:
        for part in (etcd, server):
            stack.callback(part.stop)
            part.start()
        yield Core(plane, etcd, etcd_port, server)


@contextmanager
def start_control_plane(programs: Path, folder: Path, *flags: str) -> Iterator[ControlPlane]:
    """Run what `build` made, in an empty folder, with flags as `start_core` takes; raises ControlPlaneError."""
    with (
        start_core(programs, folder, *flags) as core,
        running(settings.controller_manager(programs), folder) as controllers,
    ):
        admin = core.plane.kubectl("admin", folder)
        controllers.wait_until(lambda: admin.run("get", "serviceaccount", "default").code == 0)
        yield core.plane


def free_ports(count: int) -> list[int]:
    """Return free loopback ports, below those of outgoing connections, which might take one meanwhile."""
    found: list[int] = []
    candidates = iter(random.sample(range(20000, 32768), 1000))  # who looks at the same time looks elsewhere
    while len(found) < count:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", next(candidates)))
            except OSError:
                continue
            found.append(probe.getsockname()[1])
    return found

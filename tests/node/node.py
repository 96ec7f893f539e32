"""Real: one node that runs Pods, with its control plane, in the namespaces that `run` makes; ended with the context."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.controlplane import ControlPlane, running, start_core
from tests.cluster.kubectl import Kubectl
from tests.cluster.settings import controller_manager
from tests.node import settings

# Without the variables of the tests, which some programs would take settings from.
ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": "/run"}


@dataclass(frozen=True)
class Pins:
    """The folders of the programs, one for each go.mod beside tests/cluster/build."""

    controlplane: Path
    node: Path
    containerd: Path


@dataclass(frozen=True)
class Node:
    """A running cluster of one node."""

    plane: ControlPlane
    pins: Pins

    def kubectl(self, user: str, folder: Path) -> Kubectl:
        """Return the kubectl of a user of `tests.cluster.settings.USERS`, to be run in the folder."""
        return self.plane.kubectl(user, folder)

    def ctr(self, *args: str) -> str:
        """Run containerd's client and return what it prints."""
        return run([*settings.ctr(self.pins.containerd), *args])

    def process_of(self, container: str) -> int:
        """Return the id of the first process of a container, which is named by its own id."""
        rows = [line.split() for line in self.ctr("tasks", "list").splitlines()]
        return next(int(row[1]) for row in rows if row[0] == container)


@contextmanager
def start_node(pins: Pins, folder: Path, cgroup: str, images: list[Path]) -> Iterator[Node]:
    """Run a cluster in an empty folder and network namespace; raises ControlPlaneError if a program does not start."""
    assert [name for _, name in socket.if_nameindex()] == ["lo"], "this takes an empty network: make e2e-node"
    for command in settings.network():
        run(command)
    settings.write_files(folder, cgroup)
    with (
        start_core(pins.controlplane, folder, *settings.API_FLAGS) as core,
        running(settings.controller_manager(controller_manager(pins.controlplane)), folder),
        running(settings.scheduler(pins.node), folder),
        running(settings.containerd(pins.containerd), folder, environment=with_path(pins)) as containerd,
    ):
        node = Node(core.plane, pins)
        containerd.wait_until(lambda: answers([*settings.ctr(pins.containerd), "version"]))
        for archive in images:
            # Pinned, since under disk pressure the kubelet deletes the others.
            node.ctr("images", "import", "--label=io.cri-containerd.pinned=pinned", str(archive))
        with (
            running(settings.kubelet(pins.node), folder, environment=ENVIRONMENT) as kubelet,
            running(settings.proxy(pins.node), folder, environment=ENVIRONMENT) as proxy,
        ):
            admin = node.kubectl("admin", folder)
            is_ready = ("wait", f"node/{settings.NAME}", "--for=condition=Ready", "--timeout=1s")
            kubelet.wait_until(lambda: admin.run(*is_ready).code == 0)
            proxy.wait_until(lambda: "KUBE-SERVICES" in run(["iptables", "-t", "nat", "-S"]))
            yield node


def with_path(pins: Pins) -> dict[str, str]:
    """Return the environment in which containerd finds its shim."""
    return {**ENVIRONMENT, "PATH": f"{pins.containerd}:{ENVIRONMENT['PATH']}"}


def run(command: list[str]) -> str:
    """Run a program of this machine, a minute at most, and return what it prints."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


def answers(command: list[str]) -> bool:
    """Tell whether a program ends well."""
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0

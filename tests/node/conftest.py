"""One cluster for the whole run, with Batchwarden installed in it; each test has a namespace of its own."""

import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.chart import NAMESPACE, Helm
from tests.cluster.controlplane import sigterm_interrupts
from tests.cluster.kubectl import Kubectl, eventually
from tests.node.node import Node, Pins, start_node
from tests.node.release import Release
from tests.node.workloads import POLICY

BUILD = Path(__file__).parents[1] / "cluster" / "build"

# As `run` says, read before any test hides it: the cgroup of the Pods, and the folder with the archives of the images.
CGROUP = os.environ.get("BATCHWARDEN_NODE")
IMAGES = Path(os.environ.get("BATCHWARDEN_IMAGES", ""))


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Return a running cluster of one node."""
    assert CGROUP, "a node takes namespaces of its own: make e2e-node"
    pins = Pins(*(built(pin) for pin in Pins.__annotations__))
    folder = tmp_path_factory.mktemp("node")
    with sigterm_interrupts(), start_node(pins, folder, CGROUP, list(IMAGES.glob("*.tar"))) as started:
        yield started


@pytest.fixture(scope="session")
def chart(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Return the release, whether it is installed or not."""
    admin = node.kubectl("admin", tmp_path_factory.mktemp("release")).within(NAMESPACE)
    return Release(Helm(admin.folder, admin.kubeconfig), admin)


@pytest.fixture
def release(chart: Release) -> Release:
    """Return the release, installed, with the policy of these tests."""
    chart.install()
    assert chart.kubectl.apply(POLICY).code == 0
    return chart


@pytest.fixture
def admin(node: Node, tmp_path: Path) -> Kubectl:
    """Return the cluster admin's kubectl in a namespace that the policy of these tests selects, run in tmp_path."""
    name = f"test-{secrets.token_hex(4)}"
    kubectl = node.kubectl("admin", tmp_path).within(name)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"tests": "node"}}}
    assert kubectl.create(namespace).code == 0
    # Without it the first Pod of a Job is refused, and tried again only seconds later.
    eventually(lambda: kubectl.run("get", "serviceaccount/default").code == 0)
    return kubectl


def built(pin: str) -> Path:
    """Return the folder of the programs of a pin, which `run` has built."""
    return Path(subprocess.run([BUILD, pin], capture_output=True, text=True, check=True).stdout.strip())

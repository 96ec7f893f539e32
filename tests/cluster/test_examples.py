"""What the demo shows is what happens: each example through kubectl, to its last letter and its last field."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy import demo
from policies.fields import DEFAULTED_ANNOTATION
from tests.cluster.conftest import tenants_namespace
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubectl import Kubectl, Object
from tests.cluster.serving import Server

EXAMPLES = sorted(demo.EXAMPLES.glob("*.yaml"))
NAMESPACES = ("sandbox", "team-a")


@pytest.fixture(scope="module", autouse=True)
def policies(server: Server) -> None:
    server.use(demo.policies())


@pytest.fixture(scope="module")
def tenant(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """Return the tenant's kubectl, run where the examples are."""
    folder = tmp_path_factory.mktemp("namespaces")
    for name in NAMESPACES:
        made = control_plane.kubectl("admin", folder).within(name).create(tenants_namespace(name, {}))
        assert made.code == 0, made.stderr
    return control_plane.kubectl("tenant", demo.EXAMPLES)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_kubectl_prints_and_the_cluster_stores_what_the_demo_shows(file: Path, server: Server, tenant: Kubectl) -> None:
    shown = demo.apply(demo.Server(server.url, server.trust), file)
    metadata = shown.sent["metadata"]
    kubectl = tenant.within(metadata["namespace"])
    applied = kubectl.run("apply", f"--filename={file.name}")
    assert applied.stderr + applied.stdout == expected(file) == shown.printed
    target = f"{shown.sent['kind'].lower()}/{metadata['name']}"
    if applied.code:
        assert "NotFound" in kubectl.run("get", target).stderr
    else:
        stored = kubectl.get_json(target)
        assert lost(shown.stored["spec"], stored["spec"]) == []
        assert note(shown.stored) == note(stored)
        assert kubectl.run("apply", f"--filename={file.name}").stdout.endswith(" unchanged\n")


def expected(file: Path) -> str:
    return (demo.EXPECTED / f"{file.stem}.txt").read_text()


def note(manifest: Object) -> object:
    return manifest["metadata"].get("annotations", {}).get(DEFAULTED_ANNOTATION)


def lost(shown: Any, stored: Any, path: str = "spec") -> list[str]:
    """Return the paths at which the cluster has not what was shown; it may have more, as Kubernetes fills it in."""
    if isinstance(shown, Mapping) and isinstance(stored, Mapping):
        return [each for key, value in shown.items() for each in lost(value, stored.get(key), f"{path}.{key}")]
    if isinstance(shown, list) and isinstance(stored, list) and len(shown) == len(stored):
        pairs = enumerate(zip(shown, stored, strict=True))
        return [each for index, (one, other) in pairs for each in lost(one, other, f"{path}[{index}]")]
    return [] if shown == stored else [f"{path}: {shown!r} was shown, {stored!r} is stored"]

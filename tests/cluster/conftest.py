"""One control plane for the whole run; each test has namespaces of its own in it."""

import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.cluster.controlplane import ControlPlane, sigterm_interrupts, start_control_plane
from tests.cluster.kubectl import Kubectl, Object, eventually
from tests.cluster.serving import Server, registered, serving

BUILD = Path(__file__).with_name("build")

MakeNamespace = Callable[[Mapping[str, str]], str]


@pytest.fixture(scope="session")
def programs() -> Path:
    """Return the folder of the programs, which are built where they are not there."""
    built = subprocess.run([BUILD], capture_output=True, text=True, check=False)
    if built.returncode:
        pytest.exit(built.stderr, returncode=built.returncode)
    return Path(built.stdout.strip())


@pytest.fixture(scope="session")
def control_plane(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Return a running control plane."""
    with (
        sigterm_interrupts(),
        start_control_plane(programs, tmp_path_factory.mktemp("control-plane")) as plane,
    ):
        yield plane


@pytest.fixture(scope="module")
def root(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """Return the kubectl of the admin, for what is set up once for a whole module."""
    return control_plane.kubectl("admin", tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def server(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server that the API server calls, without policies at first; it is one for the whole module."""
    folder = tmp_path_factory.mktemp("server")
    with (
        serving(folder, "") as running,
        registered(control_plane.kubectl("admin", folder), running.configurations()),
    ):
        yield running


@pytest.fixture
def make_namespace(control_plane: ControlPlane, tmp_path: Path) -> MakeNamespace:
    """Return what makes a namespace with the labels it is given, and returns its name."""

    def make(labels: Mapping[str, str]) -> str:
        name = f"test-{secrets.token_hex(4)}"
        admin = control_plane.kubectl("admin", tmp_path).within(name)
        result = admin.create(tenants_namespace(name, labels))
        assert result.code == 0, result.stderr
        # Without it the first Pod of a Job is refused, and tried again only seconds later.
        eventually(lambda: admin.run("get", "serviceaccount/default").code == 0)
        return name

    return make


@pytest.fixture
def namespace(make_namespace: MakeNamespace) -> str:
    """Return the name of a namespace without labels."""
    return make_namespace({})


@pytest.fixture
def admin(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> Kubectl:
    """Return the cluster admin's kubectl in the namespace, run in tmp_path."""
    return control_plane.kubectl("admin", tmp_path).within(namespace)


@pytest.fixture
def tenant(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> Kubectl:
    """Return the tenant's kubectl in the namespace, run in tmp_path."""
    return control_plane.kubectl("tenant", tmp_path).within(namespace)


def tenants_namespace(name: str, labels: Mapping[str, str]) -> list[Object]:
    """Return a namespace in which the tenants may do anything to Jobs and CronJobs, and nothing else."""
    rbac = "rbac.authorization.k8s.io"
    named = {"name": "tenants", "namespace": name}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "Role",
            "metadata": named,
            "rules": [{"apiGroups": ["batch"], "resources": ["jobs", "cronjobs"], "verbs": ["*"]}],
        },
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": named,
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "tenants"},
            "subjects": [{"apiGroup": rbac, "kind": "Group", "name": "tenants"}],
        },
    ]

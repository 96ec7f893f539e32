"""A server that lives by what the real API server tells it: in force within a second, and never without policies."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.admission.reviews import JOB, body, request, tweaked
from tests.cluster import settings
from tests.cluster.controlplane import ControlPlane, free_ports, running
from tests.cluster.kubectl import Kubectl, Object, eventually
from tests.cluster.serving import Server, registered, serving
from tests.cluster.workloads import cron_job, job
from tests.policies.cases import API_VERSION

CRDS = Path(__file__).parents[2] / "deploy" / "crds"
WITHIN = 1.0  # second, from kubectl's return to the effect
LABEL = "watched"


def ours(kind: str, name: str, **spec: Any) -> Object:
    """Return one of our objects."""
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


def retries(most: int, name: str = "house", **spec: Any) -> Object:
    """Return a policy that denies more retries than these."""
    return ours("ClusterBatchPolicy", name, action="Deny", rules={"backoffLimit": {"max": most}}, **spec)


@pytest.fixture(scope="module")
def root(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    return control_plane.kubectl("admin", tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def watching(control_plane: ControlPlane, root: Kubectl) -> Iterator[Server]:
    """Return a server that watches the cluster, and that the API server calls."""
    applied = root.run("apply", f"--filename={CRDS}")
    assert applied.code == 0, applied.stderr
    established = root.run("wait", "--for=condition=Established", f"--filename={CRDS}")
    assert established.code == 0, established.stderr
    kubeconfig = f"--kubeconfig={control_plane.folder / 'kubeconfig'}"
    with (
        serving(root.folder, None, kubeconfig) as server,
        registered(root, server.configurations()),
    ):
        yield server
    root.run("delete", f"--filename={CRDS}")


@pytest.fixture(autouse=True)
def clean(watching: Server, root: Kubectl) -> Iterator[None]:
    """Begin and end each test without policies."""
    yield
    assert root.run("delete", "clusterbatchpolicies", "--all").code == 0
    eventually(lambda: watching.metrics()["batchwarden_policies"] == 0)


def refused(kubectl: Kubectl, manifest: Object) -> bool:
    return "denied the request" in kubectl.create(manifest, "--dry-run=server").stderr


def takes(ask: Callable[[], bool]) -> float:
    """Return after how many seconds it was so."""
    start = time.monotonic()
    eventually(ask, 5)
    return time.monotonic() - start


def test_a_policy_counts_within_a_second_of_its_writing_and_of_its_end(root: Kubectl, tenant: Kubectl) -> None:
    many, few = job("once", backoffLimit=9), job("once", backoffLimit=5)
    assert root.apply(retries(6)).code == 0
    assert takes(lambda: refused(tenant, many)) < WITHIN
    assert root.apply(retries(4)).code == 0
    assert takes(lambda: refused(tenant, few)) < WITHIN
    assert root.delete("clusterbatchpolicy/house").code == 0
    assert takes(lambda: not refused(tenant, many)) < WITHIN


def test_labels_of_a_namespace_limits_exceptions_and_its_own_policies_count(
    admin: Kubectl, root: Kubectl, tenant: Kubectl
) -> None:
    many = job("once", backoffLimit=9)
    selector = {"matchLabels": {LABEL: "yes"}}
    assert root.apply(retries(6, namespaceSelector=selector, exceptions={})).code == 0
    assert not refused(tenant, many)
    assert root.run("label", f"namespace/{admin.namespace}", f"{LABEL}=yes").code == 0
    eventually(lambda: refused(tenant, many))
    let_off = {"policies": ["house"], "rules": ["backoffLimit"], "selector": {}, "reason": "x", "owner": "y"}
    end = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() + 10 * 86400))
    assert admin.apply(ours("BatchPolicyException", "off", **let_off, expiresAt=end)).code == 0
    eventually(lambda: not refused(tenant, many))
    needs = {"resourceLimits": {"require": ["memory"]}}
    assert admin.apply(ours("BatchPolicy", "own", action="Deny", rules=needs)).code == 0
    eventually(lambda: refused(tenant, many))
    limits = {"limits": [{"type": "Container", "default": {"memory": "64Mi"}}]}
    assert admin.apply({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": limits}).code == 0
    eventually(lambda: not refused(tenant, many))
    assert admin.delete("batchpolicy/own").code == 0


def test_a_run_by_hand_is_matched_by_the_labels_of_its_cronjob(admin: Kubectl, root: Kubectl, tenant: Kubectl) -> None:
    nightly = cron_job("nightly", suspend=True) | {"metadata": {"name": "nightly", "labels": {LABEL: "owner"}}}
    assert tenant.apply(nightly).code == 0
    assert root.apply(retries(3, objectSelector={"matchLabels": {LABEL: "owner"}})).code == 0
    asked = ("by-hand", "--dry-run=server")
    eventually(lambda: "denied the request" in tenant.create_job_from("nightly", *asked).stderr)
    assert tenant.create(job("by-hand")).code == 0


def test_a_namespace_and_its_job_created_in_one_go_never_slip_by(root: Kubectl, watching: Server) -> None:
    selector = {"matchLabels": {LABEL: "at-once"}}
    assert root.apply(retries(3, namespaceSelector=selector)).code == 0
    eventually(lambda: watching.metrics()["batchwarden_policies"] == 1)

    def create(part: int) -> None:
        names = [f"at-once-{part}-{index}" for index in range(25)]
        both: list[Object] = []
        for name in names:
            metadata = {"name": name, "labels": {LABEL: "at-once"}}
            both.append({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
            both.append(job("once", backoffLimit=9) | {"metadata": {"name": "once", "namespace": name}})
        result = root.within("").apply(both)
        assert result.stdout.count("created") == len(names), result.stdout
        assert result.stderr.count("denied the request") == len(names), result.stderr
        assert root.run("delete", "--wait=false", *(f"namespace/{name}" for name in names)).code == 0

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(create, range(8)))


def test_without_its_api_server_it_goes_on_by_what_it_knew(programs: Path, tmp_path: Path) -> None:
    etcd_port, peer_port, port = free_ports(3)
    settings.write_files(tmp_path, port)
    admin = Kubectl(programs / "kubectl", tmp_path / "kubeconfig", tmp_path, "admin")
    api_server = settings.apiserver(programs, etcd_port, port)
    with ExitStack() as stack:
        stack.enter_context(running(settings.etcd(programs, etcd_port, peer_port), tmp_path))
        with running(api_server, tmp_path) as first:
            first.wait_until(lambda: admin.run("get", "--raw=/readyz").code == 0)
            named: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-a"}}
            assert admin.apply(named).code == 0
            assert admin.run("apply", f"--filename={CRDS}").code == 0
            assert admin.run("wait", "--for=condition=Established", f"--filename={CRDS}").code == 0
            assert admin.apply(retries(6)).code == 0
            kubeconfig = f"--kubeconfig={tmp_path / 'kubeconfig'}"
            server = stack.enter_context(serving(tmp_path, None, kubeconfig))
            assert denies(server, 9)
            first.process.kill()
        eventually(lambda: server.lines(event="watch"))
        assert denies(server, 9)
        assert not denies(server, 5)
        assert server.is_ready()
        second = stack.enter_context(running(api_server, tmp_path))
        second.wait_until(lambda: admin.run("get", "--raw=/readyz").code == 0)
        assert admin.apply(retries(4)).code == 0
        eventually(lambda: denies(server, 5), 30)


def denies(server: Server, most: int) -> bool:
    """Ask a server itself whether it denies so many retries."""
    review = body(request(tweaked(JOB, "spec.backoffLimit", most)))
    asked = Request(f"{server.url}/validate", review, {"Content-Type": "application/json"})  # noqa: S310 - loopback
    with urlopen(asked, context=server.trust) as answer:  # noqa: S310 - loopback
        allowed: bool = json.load(answer)["response"]["allowed"]
    return not allowed

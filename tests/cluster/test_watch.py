"""A server that lives by what the real API server tells it: in force within a second, and never without policies."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubectl import Kubectl, Object, eventually
from tests.cluster.registration import install, uninstall
from tests.cluster.serving import Server, registered, serving
from tests.cluster.workloads import cron_job, job, ours

WITHIN = 1.0  # second, from kubectl's return to the effect
LABEL = "watched"


def retries(most: int, name: str = "house", **spec: Any) -> Object:
    """Return a policy that denies more retries than these."""
    return ours("ClusterBatchPolicy", name, action="Deny", rules={"backoffLimit": {"max": most}}, **spec)


@pytest.fixture(scope="module")
def watching(control_plane: ControlPlane, root: Kubectl) -> Iterator[Server]:
    """Return a server that watches the cluster, and that the API server calls."""
    install(root)
    kubeconfig = f"--kubeconfig={control_plane.folder / 'kubeconfig'}"
    with (
        serving(root.folder, None, kubeconfig) as server,
        registered(root, server.configurations()),
    ):
        yield server
    uninstall(root)


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
    assert admin.delete("limitrange/l").code == 0
    eventually(lambda: refused(tenant, many))
    assert admin.delete("batchpolicy/own").code == 0
    eventually(lambda: not refused(tenant, many))
    assert admin.delete("batchpolicyexception/off").code == 0
    eventually(lambda: refused(tenant, many))
    assert root.run("label", f"namespace/{admin.namespace}", f"{LABEL}-").code == 0
    eventually(lambda: not refused(tenant, many))


def test_a_run_by_hand_is_matched_by_the_labels_of_its_cronjob(admin: Kubectl, root: Kubectl, tenant: Kubectl) -> None:
    nightly = cron_job("nightly", suspend=True) | {"metadata": {"name": "nightly", "labels": {LABEL: "owner"}}}
    assert tenant.apply(nightly).code == 0
    assert root.apply(retries(3, objectSelector={"matchLabels": {LABEL: "owner"}})).code == 0
    asked = ("by-hand", "--dry-run=server")
    eventually(lambda: "denied the request" in tenant.create_job_from("nightly", *asked).stderr)
    assert tenant.create(job("by-hand")).code == 0

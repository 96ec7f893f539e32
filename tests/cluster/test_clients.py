"""A server that demands certificates is called by an API server that was given one, and by nobody else."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certs import authority
from tests.certs.clients import issue_client
from tests.cluster.controlplane import ControlPlane, start_control_plane
from tests.cluster.kubectl import eventually
from tests.cluster.serving import Server, registered, serving
from tests.cluster.workloads import job

POLICIES = """
apiVersion: batchwarden.io/v1alpha1
kind: ClusterBatchPolicy
metadata: {name: tidy}
spec: {action: Deny, rules: {backoffLimit: {max: 3}, ttlAfterFinished: {defaultSeconds: 600}}}
"""


@pytest.fixture(scope="module")
def demanding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server that demands certificates, with one of an API server in its folder."""
    folder = tmp_path_factory.mktemp("server")
    ca = authority.create_authority(datetime.now(UTC), timedelta(days=1))
    (folder / "clients.crt").write_bytes(ca.certificate)
    issue_client(ca, folder, "kube-apiserver")
    with serving(folder, POLICIES, "--client-ca=clients.crt") as server:
        yield server


@pytest.fixture(scope="module")
def plane(demanding: Server, programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Return a control plane whose API server shows that certificate, set up as the README says."""
    folder = tmp_path_factory.mktemp("control-plane")
    user = {"client-certificate": "kube-apiserver.crt", "client-key": "kube-apiserver.key"}
    users = [{"name": demanding.url.removeprefix("https://"), "user": user}]
    (demanding.folder / "webhooks.kubeconfig").write_text(
        json.dumps({"apiVersion": "v1", "kind": "Config", "users": users})
    )
    configuration = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "WebhookAdmissionConfiguration",
        "kubeConfigFile": str(demanding.folder / "webhooks.kubeconfig"),
    }
    plugins = [
        {"name": f"{kind}AdmissionWebhook", "configuration": configuration} for kind in ("Mutating", "Validating")
    ]
    (folder / "admission.yaml").write_text(
        json.dumps({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AdmissionConfiguration", "plugins": plugins})
    )
    with start_control_plane(programs, folder, "--admission-control-config-file=admission.yaml") as plane:
        yield plane


def test_the_api_server_shows_its_certificate(plane: ControlPlane, demanding: Server, tmp_path: Path) -> None:
    admin = plane.kubectl("admin", tmp_path).within("default")
    with registered(admin, demanding.configurations(mutating_failure_policy="Fail")):
        done = admin.create(job("good", backoffLimit=3))
        assert done.code == 0, done.stderr
        assert admin.get_json("job/good")["spec"]["ttlSecondsAfterFinished"] == 600
        assert "backoffLimit is 4" in admin.create(job("bad", backoffLimit=4)).stderr


def test_an_api_server_that_shows_none_is_refused_and_the_log_says_why(
    control_plane: ControlPlane, demanding: Server, tmp_path: Path
) -> None:
    """What kubectl shows is no proof: Go's client tells of our alert, or of the connection that it closed for it."""
    admin = control_plane.kubectl("admin", tmp_path).within("default")
    with registered(admin, demanding.configurations()):
        done = admin.create(job("good", backoffLimit=3))
    assert "failed calling webhook" in done.stderr
    said = "peer did not return a certificate"
    assert eventually(lambda: [line for line in demanding.lines(event="server") if said in line["message"]])

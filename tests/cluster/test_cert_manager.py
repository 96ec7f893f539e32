"""Certificates that others make, with the chart as Helm installs it: cert-manager's own controller, or a person.

Our processes run under the chart's accounts. Under ``Fail`` Jobs are sent all the time, while certificates change and
the CA with them, at one blow: no call may fail.
"""

import json
import ssl
import subprocess
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import PIPE

import pytest
import yaml

from certs.authority import create_authority, create_serving
from tests.cluster.chart import CHART, NAMESPACE, Helm, account_kubeconfig, installed
from tests.cluster.conftest import BUILD
from tests.cluster.controlling import Site, make_site
from tests.cluster.controlplane import ControlPlane, running
from tests.cluster.kubectl import Kubectl, Object, eventually
from tests.cluster.traffic import Traffic, flowing
from tests.cluster.workloads import job
from webhook.cluster.material import bundles_of

MODULE = "github.com/cert-manager/cert-manager"
SERVING, CA = "batchwarden-serving", "batchwarden-ca"
DAY = timedelta(days=1)
PATIENCE = 30


@pytest.fixture(scope="module")
def helm(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helm]:
    """Return the helm that has installed the chart."""
    with installed(control_plane, tmp_path_factory.mktemp("helm")) as made:
        yield made


@pytest.fixture
def site(control_plane: ControlPlane, tmp_path: Path) -> Iterator[Site]:
    """Return the installation of the chart, of which nothing runs and no Secret is there."""
    made = replace(make_site(control_plane, tmp_path), own=NAMESPACE)
    yield made
    made.clear()
    made.admin.delete(f"secret/{SERVING}")


@pytest.fixture(scope="module")
def cert_manager(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Return the command of cert-manager's controller, which is built where it is not there; its CRDs are served."""
    built = subprocess.run([BUILD, "certmanager"], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    download = ["go", "mod", "download", "-json", MODULE]
    module = json.loads(subprocess.run(download, cwd=BUILD.with_name("certmanager"), stdout=PIPE, check=True).stdout)
    crds = [f"--filename={file}" for file in Path(module["Dir"], "deploy", "crds").glob("cert-manager.io_*.yaml")]
    admin = control_plane.kubectl("admin", tmp_path_factory.mktemp("crds"))
    for verb in (("apply", "--server-side"), ("wait", "--for=condition=Established")):
        done = admin.run(*verb, *crds)
        assert done.code == 0, done.stderr
    yield [f"{built.stdout.strip()}/certmanager", f"--kubeconfig={control_plane.folder / 'kubeconfig'}"]
    admin.run("delete", *crds)


@contextmanager
def issuing(site: Site, cert_manager: list[str]) -> Iterator[None]:
    """Run cert-manager's controller, with a certificate to begin with."""
    # The kubeconfig names a file beside itself, which cert-manager looks for where it runs.
    with running(cert_manager, site.plane.folder) as program:
        program.wait_until(lambda: bool(files(site)))
        yield


@contextmanager
def whole(site: Site) -> Iterator[Traffic]:
    """Run what the chart would run, and send Jobs, of which none may be refused."""
    accounts = {
        name: account_kubeconfig(site.plane, NAMESPACE, f"batchwarden-{name}", site.folder)
        for name in ("webhook", "controller")
    }
    options = (f"--kubeconfig={accounts['webhook']}", "--tls-delay-seconds=3")
    settings = yaml.safe_load(site.admin.get_json("configmap/batchwarden-settings")["data"]["settings.yaml"])
    site.set(**{key: value for key, value in settings.items() if key not in {"service", "namespaceSelector"}})
    with (
        site.controlling(kubeconfig=accounts["controller"]),
        site.mounted(),
        site.serving(*options),
    ):
        site.await_registered()
        with flowing(site.tenant, {"job": job("good")}, 2) as traffic:
            yield traffic
        assert [answer for answer in traffic.answers if answer.status != 201] == []


def files(site: Site, name: str = SERVING) -> Mapping[str, bytes]:
    """Return the files of a Secret; none where it is not there."""
    return {key: b64decode(content) for key, content in ((site.secret(name) or {}).get("data") or {}).items()}


def trusted(site: Site) -> set[bytes]:
    """Return the bundles of both webhooks."""
    return {bundle for found in site.registered().values() for bundle in bundles_of(found)}


def served(site: Site) -> bytes:
    """Return the certificate that is served."""
    return ssl.get_server_certificate(("127.0.0.1", site.backend.port)).encode()


def settled(site: Site, before: bytes) -> bytes:
    """Wait until what the Secret holds is served, that is another one than before, and its CA alone is trusted."""

    def is_settled() -> bool:
        wanted = files(site)
        return before != served(site) == wanted.get("tls.crt") and trusted(site) == {wanted["ca.crt"]}

    eventually(is_settled, PATIENCE)
    return served(site)


def test_a_certificate_may_not_outlive_its_ca(tmp_path: Path) -> None:
    values = {"certificates": {"mode": "cert-manager", "lifeSeconds": 5000, "caLifeSeconds": 14999}}
    assert "less than three times" in Helm(tmp_path).run("template", CHART, values=values).stderr
    values["certificates"]["caLifeSeconds"] = 15000
    assert Helm(tmp_path).run("template", CHART, values=values).code == 0


def test_what_cert_manager_renews_is_served_and_trusted_in_turn(
    cert_manager: list[str], helm: Helm, site: Site
) -> None:
    helm.install(values={"certificates": {"mode": "cert-manager"}})
    # Without a Service that can be reached, the API server calls an address.
    assert site.admin.patch(f"certificate/{SERVING}", {"spec": {"ipAddresses": ["127.0.0.1"]}}).code == 0
    with issuing(site, cert_manager), whole(site) as traffic:
        first = settled(site, b"")
        renew(site.admin, SERVING)
        second = settled(site, first)
        old = files(site)["ca.crt"]
        renew(site.admin, CA)
        eventually(lambda: files(site, CA).get("tls.crt", old) != old, PATIENCE)
        # By the CA of before it is good, and cert-manager leaves it as it is.
        assert served(site) == second
        assert site.admin.delete(f"secret/{SERVING}").code == 0
        eventually(lambda: trusted(site) == {files(site, CA)["tls.crt"] + old}, PATIENCE)
        third = settled(site, second)
        assert trusted(site) == {files(site, CA)["tls.crt"]}
        issuer = make_issuer(site)
        helm.install(values={"certificates": {"mode": "cert-manager", "issuerRef": issuer}})
        settled(site, third)
        assert trusted(site) == {files(site, issuer["name"])["tls.crt"]}
        traffic.wait(20)
    assert "failed calling webhook" in site.tenant.create(job("unjudged")).stderr


def make_issuer(site: Site) -> Mapping[str, str]:
    """Make an issuer as an admin may have one already, and return how it is referred to."""
    ca = create_authority(datetime.now(UTC), 9 * DAY)
    issuer = {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Issuer",
        "metadata": {"name": "internal"},
        "spec": {"ca": {"secretName": "internal"}},
    }
    done = site.admin.create([secret("internal", {"tls.crt": ca.certificate, "tls.key": ca.key}), issuer])
    assert done.code == 0, done.stderr
    return {"kind": "Issuer", "name": "internal"}


def renew(admin: Kubectl, name: str) -> None:
    """Have a certificate issued again, as ``cmctl renew`` does."""
    target = f"certificate/{name}"
    eventually(lambda: all(each["type"] != "Issuing" for each in conditions(admin, target)), PATIENCE)
    issuing = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "message": "by a test"}
    change = {"status": {"conditions": [*conditions(admin, target), issuing]}}
    done = admin.patch(target, change, "--subresource=status")
    assert done.code == 0, done.stderr


def conditions(admin: Kubectl, target: str) -> list[Object]:
    found: list[Object] = admin.get_json(target).get("status", {}).get("conditions", [])
    return found


def test_a_secret_that_is_kept_by_hand_may_change_its_ca(helm: Helm, site: Site) -> None:
    helm.install(values={"certificates": {"mode": "provided"}})
    put(site, "create")
    with whole(site) as traffic:
        first, old = settled(site, b""), files(site)["ca.crt"]
        put(site, "replace")
        eventually(lambda: trusted(site) == {files(site)["ca.crt"] + old}, PATIENCE)
        settled(site, first)
        traffic.wait(20)


def put(site: Site, verb: str) -> None:
    """Create or replace the Secret, with a certificate of another CA."""
    now = datetime.now(UTC)
    ca = create_authority(now, 9 * DAY)
    pair = create_serving(ca, ["127.0.0.1"], now, DAY)
    made = {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": ca.certificate}
    done = site.admin.send(verb, secret(SERVING, made))
    assert done.code == 0, done.stderr


def secret(name: str, contents: Mapping[str, bytes]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": name},
        "stringData": {key: content.decode() for key, content in contents.items()},
    }

"""The real helm and our chart: what it renders, a release of it in the cluster, and the accounts that it makes.

A test that runs our programs as the chart's Pods would, with their rights and no others::

    with installed(control_plane, tmp_path):
        kubeconfig = account_kubeconfig(control_plane, NAMESPACE, "batchwarden-webhook", tmp_path)
        with serving(tmp_path, None, f"--kubeconfig={kubeconfig}") as server:
            ...

No controller of the test's control plane makes Pods of Deployments: there are none.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubectl import Result

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "batchwarden"
BUILD = Path(__file__).parent / "tools" / "build"
NAMESPACE = RELEASE = "batchwarden"
NOTHING: Mapping[str, Any] = {}


@cache
def tools() -> Path:
    """Return the folder of helm, which is built where it is not there."""
    built = subprocess.run([BUILD], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return Path(built.stdout.strip())


@dataclass(frozen=True)
class Helm:
    """The helm of the cluster's admin, with its files in the folder; without a kubeconfig it reaches no cluster."""

    folder: Path
    kubeconfig: Path = Path("/dev/null")

    def run(self, *args: str | Path, values: Mapping[str, Any] = NOTHING) -> Result:
        """Run helm with these arguments, a minute at most; of values it is told those that are not the chart's own."""
        environment = {"HOME": str(self.folder), "KUBECONFIG": str(self.kubeconfig)}
        told = ["--values=-"] if values else []
        done = subprocess.run(
            [tools() / "helm", *args, *told],
            input=json.dumps(values),
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def install(self, chart: Path = CHART, values: Mapping[str, Any] = NOTHING) -> str:
        """Install a chart, or upgrade what is installed, without waiting for Pods; return what helm says."""
        done = self.run(
            "upgrade", "--install", RELEASE, chart, f"--namespace={NAMESPACE}", "--create-namespace", values=values
        )
        assert done.code == 0, done.stderr
        return done.stdout

    def uninstall(self) -> str:
        """Uninstall it, and return what helm says once all objects of the release are gone."""
        done = self.run("uninstall", RELEASE, f"--namespace={NAMESPACE}", "--ignore-not-found", "--wait")
        assert done.code == 0, done.stderr
        return done.stdout


def rendered(
    folder: Path, values: Mapping[str, Any] = NOTHING, *flags: str, chart: Path = CHART
) -> list[dict[str, Any]]:
    """Return the manifests that the chart makes of values; flags are those of ``helm template``."""
    done = Helm(folder).run("template", RELEASE, chart, f"--namespace={NAMESPACE}", *flags, values=values)
    assert done.code == 0, done.stderr
    return [manifest for manifest in yaml.load_all(done.stdout, yaml.CSafeLoader) if manifest]


@contextmanager
def installed(control_plane: ControlPlane, folder: Path, values: Mapping[str, Any] = NOTHING) -> Iterator[Helm]:
    """Install the chart for the length of the context; at its end CRDs and namespace go as well."""
    helm = Helm(folder, control_plane.folder / "kubeconfig")
    admin = control_plane.kubectl("admin", folder)
    try:
        helm.install(values=values)
        crds = [
            f"crd/{kind}.batchwarden.io" for kind in ("clusterbatchpolicies", "batchpolicies", "batchpolicyexceptions")
        ]
        waited = admin.run("wait", "--for=condition=Established", "--timeout=30s", *crds)
        assert waited.code == 0, waited.stderr
        yield helm
    finally:
        helm.uninstall()
        admin.run("delete", "--ignore-not-found", "crd", "--selector=app.kubernetes.io/name=batchwarden")
        admin.run("delete", "--ignore-not-found", f"namespace/{NAMESPACE}")


def account_kubeconfig(control_plane: ControlPlane, namespace: str, account: str, folder: Path) -> Path:
    """Write a kubeconfig with a token of a service account, good for an hour."""
    admin = control_plane.kubectl("admin", folder)
    made = admin.within(namespace).run("create", "token", account, "--duration=1h")
    assert made.code == 0, made.stderr
    admins = json.loads((control_plane.folder / "kubeconfig").read_text())
    cluster = {**admins["clusters"][0]["cluster"], "certificate-authority": str(control_plane.folder / "server.crt")}
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tests", "cluster": cluster}],
        "users": [{"name": account, "user": {"token": made.stdout.strip()}}],
        "contexts": [{"name": account, "context": {"cluster": "tests", "user": account, "namespace": namespace}}],
        "current-context": account,
    }
    file = folder / f"{account}.kubeconfig"
    file.write_text(json.dumps(kubeconfig))
    file.chmod(0o600)
    return file

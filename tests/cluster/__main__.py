"""``make cluster``: a throw-away Kubernetes with Batchwarden in it, to play with by kubectl; Ctrl-C removes it.

etcd, kube-apiserver and kube-controller-manager run on loopback, and beside them ``batchwarden serve`` and
``batchwarden controller`` as in Pods, but that no kubelet is there.
"""

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy import demo
from tests.cluster.balancer import Backend
from tests.cluster.controlling import Site
from tests.cluster.controlplane import ControlPlaneError, free_ports, sigterm_interrupts, start_control_plane
from tests.cluster.foreign import foreign_kinds
from tests.cluster.kubectl import eventually
from tests.cluster.registration import install
from webhook.cluster.api import connect

NAMESPACE = "batchwarden"
INVITATION = """\
Batchwarden guards a Kubernetes of its own until Ctrl-C. In another terminal, in this folder:

  export KUBECONFIG={kubeconfig} PATH=$PATH:{programs}:{commands}

  kubectl get clusterbatchpolicies,batchpolicies,batchpolicyexceptions --all-namespaces
  kubectl apply --filename deploy/examples/job-without-deadline.yaml
  kubectl apply --filename deploy/examples/cronjob-singleton-that-overlaps.yaml
  kubectl get policyreports --all-namespaces
  kubectl batchwarden denials -A
  kubectl batchwarden report -A --format html --output report.html

The first shows which policies there are, the second has a deadline filled in, the third is denied, and the last three
are for auditors. There is no node: Jobs are judged and stored, and their Pods stay pending. kubectl explain
clusterbatchpolicy.spec.rules tells of every rule; an edited policy counts at once.
"""


def main() -> int:
    """Run until interrupted."""
    with sigterm_interrupts(), suppress(KeyboardInterrupt):
        build = subprocess.run([Path(__file__).with_name("build")], stdout=subprocess.PIPE, text=True, check=False)
        if build.returncode:
            return build.returncode
        with TemporaryDirectory(prefix="batchwarden-") as folder:
            try:
                run(Path(build.stdout.strip()), Path(folder))
            except ControlPlaneError as error:
                sys.exit(str(error))
    return 0


def run(programs: Path, folder: Path) -> None:
    """Bring everything up in a folder, invite to it, and wait to be interrupted."""
    (folder / "control-plane").mkdir()
    with start_control_plane(programs, folder / "control-plane") as plane:
        api = connect(plane.folder / "kubeconfig", "admin")
        site = Site(plane, api, NAMESPACE, "team-a", folder, Backend(*free_ports(2)))
        install(site.admin)
        site.set(namespaceSelector={}, certificates={}, reports={"scanSeconds": 30})
        begun = site.admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        assert begun.code == 0, begun.stderr
        with foreign_kinds(site.admin, "wgpolicyk8s.io"), site.controlling(), site.mounted(), site.serving() as server:
            policies = demo.policies()
            for manifests in (*(file.read_text() for file in demo.EXAMPLES.glob("policies/namespace-*")), policies):
                applied = site.admin.within("").apply(manifests)
                assert applied.code == 0, applied.stderr
            eventually(lambda: server.metrics()["batchwarden_policies"] == policies.count("BatchPolicy\n"))
            active = site.admin.run(
                "wait", "clusterbatchpolicies/defaults", "--for=condition=DefaultsActive", "--timeout=55s"
            )
            assert active.code == 0, active.stderr
            invitation = INVITATION.format(
                kubeconfig=site.kubeconfig, programs=programs, commands=Path(sys.executable).parent
            )
            sys.stdout.write(invitation)
            sys.stdout.flush()
            signal.pause()


if __name__ == "__main__":
    sys.exit(main())

"""The command line on the real API server, for a tenant who may view one namespace and no more."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubectl import Kubectl, Object
from tests.cluster.serving import COMMAND, ENVIRONMENT, ROOT
from tests.cluster.workloads import await_job_of, cron_job, job, ours

SCHEMA = ROOT / "deploy" / "schema" / "report.json"
CRDS = ROOT / "deploy" / "crds"
RBAC = "rbac.authorization.k8s.io"
MANY = 250  # over two pages


def labelled(thing: dict[str, Any], **labels: str) -> Object:
    """Return an object with labels."""
    return {**thing, "metadata": {**thing["metadata"], "labels": labels}}


def role(name: str, *resources: str) -> Object:
    """Return a role to read kinds of ours."""
    rule = {"apiGroups": ["batchwarden.io"], "resources": resources, "verbs": ["get", "list", "watch"]}
    return {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": [rule]}


def bound(kind: str, name: str, group: str) -> Object:
    """Return the binding of a ClusterRole to a group, in a namespace or everywhere."""
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": kind,
        "metadata": {"name": name.replace(":", "-")},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": RBAC, "kind": "Group", "name": group}],
    }


@pytest.fixture(scope="module")
def root(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """Return the admin of a cluster that has our kinds, a policy, and the roles to read them."""
    kubectl = control_plane.kubectl("admin", tmp_path_factory.mktemp("root"))
    assert kubectl.run("apply", f"--filename={CRDS}").code == 0
    assert kubectl.run("wait", "--for=condition=Established", f"--filename={CRDS}").code == 0
    rules = {"backoffLimit": {"max": 3}, "activeDeadline": {"maxSeconds": 60, "action": "Warn"}}
    selector = {"matchLabels": {"level": "high"}}
    policy = ours("ClusterBatchPolicy", "house", action="Deny", exceptions={}, namespaceSelector=selector, rules=rules)
    everybody = bound("ClusterRoleBinding", "read-policies", "system:authenticated")
    roles = [role("read-policies", "clusterbatchpolicies"), role("view-ours", "batchpolicies", "batchpolicyexceptions")]
    assert kubectl.apply([policy, *roles, everybody]).code == 0
    yield kubectl
    for gone in (f"--filename={CRDS}", "clusterrolebinding/read-policies", "clusterrole/read-policies",
                 "clusterrole/view-ours"):  # fmt: skip
        assert kubectl.run("delete", gone).code == 0


@pytest.fixture(scope="module")
def team(root: Kubectl) -> Iterator[Kubectl]:
    """Return the admin in a namespace that tenants may view; there are a CronJob, its Job, and a Job made by hand."""
    admin = root.within("commands-team")
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": admin.namespace, "labels": {"level": "high"}},
    }
    assert admin.create(namespace).code == 0
    # what ``view`` comes to: the controller that gathers it does not run here
    for name in ("system:aggregate-to-view", "view-ours"):
        assert admin.create(bound("RoleBinding", name, "tenants")).code == 0
    limits = {"limits": [{"type": "Container", "default": {"memory": "64Mi"}}]}
    limit_range = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": limits}
    once = labelled(job("once", backoffLimit=9, activeDeadlineSeconds=10, suspend=True), app="once")
    nightly = labelled(cron_job("nightly", schedule="@every 1s"), app="nightly")
    assert admin.apply([limit_range, once, nightly]).code == 0
    await_job_of(admin, "nightly")
    assert admin.patch("cronjob/nightly", {"spec": {"suspend": True}}).code == 0
    yield admin
    assert root.run("delete", f"namespace/{admin.namespace}", "--wait=false").code == 0


def run(kubectl: Kubectl, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the program as a user of the cluster."""
    command = [*COMMAND, *arguments, f"--kubeconfig={kubectl.kubeconfig}", f"--context={kubectl.user}"]
    return subprocess.run(
        command, cwd=kubectl.folder, env=ENVIRONMENT, input=stdin, capture_output=True, text=True, check=False
    )


@pytest.fixture
def viewer(control_plane: ControlPlane, team: Kubectl, tmp_path: Path) -> Kubectl:
    """Return who may view the one namespace."""
    return control_plane.kubectl("tenant", tmp_path).within(team.namespace)


def test_who_may_view_a_namespace_may_have_it_judged(viewer: Kubectl) -> None:
    done = run(viewer, "check", "-n", viewer.namespace)
    assert (done.returncode, done.stderr) == (1, "")
    assert "CronJob commands-team/nightly\n" in done.stdout
    assert "Deny spec.jobTemplate.spec.backoffLimit is 6 (filled in by Kubernetes); allowed: at most 3\n" in done.stdout
    assert "Warn spec.jobTemplate.spec.activeDeadlineSeconds is missing" in done.stdout
    assert "Job commands-team/once\n  Deny spec.backoffLimit is 9; allowed: at most 3\n" in done.stdout
    assert "2 objects checked; 3 findings (2 Deny, 1 Warn); left out: " in done.stdout
    assert "made by a CronJob.\n" in done.stdout
    told = json.loads(run(viewer, "check", "-n", viewer.namespace, "--policy=baseline", "--format=json").stdout)
    found = {finding["rule"] for each in told["objects"] for finding in each["findings"]}
    assert "resourceLimits" not in found  # the LimitRange gives one
    assert {"resourceRequests", "ttlAfterFinished"} & found


def test_who_may_view_a_namespace_may_have_it_reported(viewer: Kubectl) -> None:
    done = run(viewer, "report", "-n", viewer.namespace, "--since=1h", "--format=json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(told)
    once, nightly = told["objects"]
    assert (once["name"], nightly["name"], nightly["timing"]["suspended"]) == ("once", "nightly", True)
    assert {each["rule"] for each in nightly["findings"]} == {"backoffLimit", "activeDeadline"}
    assert nightly["timing"]["runs"]["active"] > 0
    since, reports = told["missing"]
    assert since.endswith("as --since asks.")
    assert reports.startswith("What was refused more than an hour ago")
    assert run(viewer, "report", "-n", viewer.namespace, "--fail-on=deny", "--format=csv").returncode == 1


def test_what_a_tenant_may_not_see_is_told_in_a_sentence(viewer: Kubectl, root: Kubectl) -> None:
    for where, said in ((("-n", "default"), "in namespace default"), (("-A",), "in the whole cluster")):
        for command in (("check",), ("preview", "-f", "-")):
            policy = json.dumps(ours("ClusterBatchPolicy", "house", rules={"restartPolicy": {}}))
            done = run(viewer, *command, *where, stdin=policy)
            assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
            assert done.stderr.startswith('Error: user "tenant" may not list batchpolicies.batchwarden.io ' + said)
    whole = run(root, "check", "-A")
    assert "Job commands-team/once\n" in whole.stdout
    assert whole.returncode == 1


def test_as_a_plugin_of_kubectl_it_says_what_binds(viewer: Kubectl, tmp_path: Path) -> None:
    program = f"#!/bin/sh\nexec {sys.executable} -c 'from webhook.cli import kubectl; kubectl()' \"$@\"\n"
    plugin = tmp_path / "kubectl-batchwarden"
    plugin.write_text(program)
    plugin.chmod(0o755)
    command = [str(viewer.program), "batchwarden", "policies", "-n", viewer.namespace, "--context=tenant"]
    environment: Mapping[str, str] = {
        **ENVIRONMENT, "PATH": f"{tmp_path}{os.pathsep}/usr/bin:/bin", "HOME": str(tmp_path),
        "KUBECONFIG": str(viewer.kubeconfig),
    }  # fmt: skip
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("1 policy binds in namespace commands-team.\n\nhouse  (ClusterBatchPolicy)\n")
    assert "  Deny: backoffLimit\n  Warn: activeDeadline\n" in done.stdout
    assert "LimitRange, of each container\n  limits: {memory: 64Mi}\n" in done.stdout


def test_a_policy_is_previewed_as_it_would_be_applied(viewer: Kubectl, team: Kubectl) -> None:
    rules = {"backoffLimit": {"max": 9}, "concurrencyPolicy": {"allowed": ["Forbid"], "default": "Forbid"},
             "requiredLabels": {"keys": ["team"]}}  # fmt: skip
    policy = ours("ClusterBatchPolicy", "house", action="Deny", rules=rules)
    done = run(viewer, "preview", "-f", "-", "-n", viewer.namespace, stdin=json.dumps(policy))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Deny metadata.labels[team] is missing (requiredLabels, policy house)\n" in done.stdout
    # applied on the client's side, whose document says nothing of it: so Kubernetes filled it in
    assert "default spec.concurrencyPolicy would be set to Forbid (concurrencyPolicy, policy house)\n" in done.stdout
    assert "no longer Deny spec.backoffLimit is 9; allowed: at most 3 (backoffLimit, policy house)\n" in done.stdout
    assert done.stdout.endswith("; 2 newly denied; 1 newly defaulted; 2 judged more mildly.\n")
    assert team.get_json("clusterbatchpolicy/house")["metadata"]["generation"] == 1


def test_an_exception_is_filled_in_applied_by_an_admin_and_in_force(viewer: Kubectl, team: Kubectl) -> None:
    asked = ("--rule=backoffLimit", "--reason=OPS-1", "--owner=me@example.com")
    done = run(viewer, "exception", "job/once", *asked, "-n", viewer.namespace)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Forbidden" in viewer.apply(done.stdout).stderr
    assert team.apply(done.stdout).code == 0
    judged = run(viewer, "check", "-n", viewer.namespace)
    assert "skip spec.backoffLimit is 9; let off by exception job-once-backofflimit of me@example.com" in judged.stdout
    preview = run(viewer, "preview", "--delete", "-f", "-", "-n", viewer.namespace, stdin=done.stdout)
    assert preview.stdout.endswith("; 1 would change; 1 newly denied.\n")
    assert "(BatchPolicyException, until " in run(viewer, "policies", "-n", viewer.namespace).stdout
    assert team.delete("batchpolicyexception/job-once-backofflimit").code == 0
    empty = run(viewer, "exception", "cronjob/nightly", "--rule=backoffLimit", "-n", viewer.namespace).stdout
    refused = team.apply(empty).stderr
    assert "spec.reason" in refused
    assert "spec.owner" in refused


def test_more_than_a_page_is_read_whole(root: Kubectl) -> None:
    crowd = root.within("commands-crowd")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": crowd.namespace}}
    jobs = [job(f"job-{number}", suspend=True) for number in range(MANY)]
    assert crowd.create([namespace, *jobs]).code == 0
    done = run(crowd, "check", "-n", crowd.namespace)
    assert done.stdout == f"{MANY} objects checked; 0 findings.\n"
    assert done.stderr == "No policy binds namespace commands-crowd.\n"
    assert crowd.run("delete", f"namespace/{crowd.namespace}", "--wait=false").code == 0

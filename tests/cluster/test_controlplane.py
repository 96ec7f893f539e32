"""The tests of the tests: a real Kubernetes answers, and each thing the other tests lean on is true of it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cluster.controlplane import ControlPlane, ControlPlaneError, running
from tests.cluster.kubectl import DRY_RUN, Kubectl, Object, Result, eventually
from tests.cluster.registration import KINDS, register, unregister
from tests.cluster.workloads import await_job_of, cron_job, finish, job

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def test_the_versions_are_the_pinned_ones(admin: Kubectl) -> None:
    folder = "-".join(filter(None, ("controlplane", os.environ.get("KUBERNETES"))))
    pinned = re.search(r"k8s\.io/kubernetes (\S+)", Path(__file__).with_name(folder).joinpath("go.mod").read_text())
    versions = json.loads(admin.run("version", "--output=json").stdout)
    assert pinned
    assert pinned[1] == versions["serverVersion"]["gitVersion"] == versions["clientVersion"]["gitVersion"]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("create jobs.batch", "yes"),
        ("delete cronjobs.batch", "yes"),
        ("list jobs.batch --all-namespaces", "no"),
        ("create jobs.batch --namespace=default", "no"),
        ("create pods", "no"),
        ("create validatingwebhookconfigurations", "no"),
    ],
)
def test_a_tenant_may_do_anything_to_the_jobs_of_the_namespace_alone(
    tenant: Kubectl, question: str, answer: str
) -> None:
    assert tenant.run("auth", "can-i", *question.split()).stdout == f"{answer}\n"


def test_client_side_apply_leaves_the_manifest_and_owns_the_defaults_too(tenant: Kubectl) -> None:
    nightly = cron_job("nightly")
    assert tenant.apply(nightly).stdout == "cronjob.batch/nightly created\n"
    stored = tenant.get_json("cronjob/nightly")
    assert json.loads(stored["metadata"]["annotations"][LAST_APPLIED])["spec"] == nightly["spec"]
    (entry,) = stored["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("kubectl-client-side-apply", "Update")
    assert {"f:schedule", "f:concurrencyPolicy", "f:successfulJobsHistoryLimit"} < set(entry["fieldsV1"]["f:spec"])
    assert tenant.apply(nightly).stdout == "cronjob.batch/nightly unchanged\n"


def test_server_side_apply_owns_what_the_manifest_says(tenant: Kubectl) -> None:
    assert tenant.apply_server_side(cron_job("nightly", suspend=True)).code == 0
    stored = tenant.get_json("cronjob/nightly")
    (entry,) = stored["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("kubectl", "Apply")
    assert set(entry["fieldsV1"]["f:spec"]) == {"f:schedule", "f:suspend", "f:jobTemplate"}
    assert stored["spec"]["concurrencyPolicy"] == "Allow"
    assert "annotations" not in stored["metadata"]


def test_create_replace_and_patch_each_write_under_their_own_name(tenant: Kubectl) -> None:
    assert tenant.create(cron_job("nightly")).code == 0
    assert tenant.replace(cron_job("nightly", suspend=True)).code == 0
    assert tenant.patch("cronjob/nightly", {"spec": {"timeZone": "Etc/UTC"}}).code == 0
    schedule = [{"op": "replace", "path": "/spec/schedule", "value": "0 4 * * *"}]
    assert tenant.patch("cronjob/nightly", schedule).code == 0
    stored = tenant.get_json("cronjob/nightly")
    assert (stored["spec"]["suspend"], stored["spec"]["timeZone"]) == (True, "Etc/UTC")
    assert stored["spec"]["schedule"] == "0 4 * * *"
    assert {entry["manager"] for entry in stored["metadata"]["managedFields"]} == {
        "kubectl-create",
        "kubectl-replace",
        "kubectl-patch",
    }


DRY_RUNS: dict[str, Callable[[Kubectl], Result]] = {
    "apply": lambda tenant: tenant.apply(cron_job("nightly", suspend=True), DRY_RUN),
    "apply --server-side": lambda tenant: tenant.apply_server_side(
        cron_job("nightly", suspend=True), DRY_RUN, "--force-conflicts"
    ),
    "replace": lambda tenant: tenant.replace(cron_job("nightly", suspend=True), DRY_RUN),
    "patch": lambda tenant: tenant.patch("cronjob/nightly", {"spec": {"suspend": True}}, DRY_RUN),
    "create": lambda tenant: tenant.create(cron_job("weekly"), DRY_RUN),
    "create job": lambda tenant: tenant.create_job_from("nightly", "by-hand", DRY_RUN),
    "delete": lambda tenant: tenant.delete("cronjob/nightly", DRY_RUN),
}


@pytest.mark.parametrize("verb", DRY_RUNS)
def test_a_dry_run_is_answered_and_changes_nothing(tenant: Kubectl, verb: str) -> None:
    tenant.create(cron_job("nightly"))
    before = tenant.get_json("cronjobs,jobs")["items"]
    result = DRY_RUNS[verb](tenant)
    assert result.code == 0, result.stderr
    assert tenant.get_json("cronjobs,jobs")["items"] == before


def test_an_error_names_the_file_that_the_manifest_came_from(tenant: Kubectl) -> None:
    result = tenant.within("default").apply(cron_job("nightly"), name="nightly.yaml")
    assert result.code == 1
    assert (
        'error when creating "nightly.yaml"'
        in tenant.within("default").create(cron_job("nightly"), name="nightly.yaml").stderr
    )


def test_warnings_are_read_from_what_is_printed(tenant: Kubectl) -> None:
    misspelt = tenant.apply(cron_job("nightly", suspended=True), DRY_RUN, "--validate=warn")
    assert misspelt.warnings == ['unknown field "spec.suspended"']


def test_the_real_controller_makes_the_jobs_of_a_cronjob(tenant: Kubectl, control_plane: ControlPlane) -> None:
    tenant.apply(cron_job("tick", schedule="@every 1s"))
    made = await_job_of(tenant, "tick")
    tenant.patch("cronjob/tick", {"spec": {"suspend": True}})
    (reference,) = made["metadata"]["ownerReferences"]
    assert (reference["kind"], reference["controller"]) == ("CronJob", True)
    (event,) = eventually(lambda: events(control_plane, made))
    assert event["user"]["username"] == "system:serviceaccount:kube-system:cronjob-controller"


def test_a_job_by_hand_bears_the_tenants_name(tenant: Kubectl, control_plane: ControlPlane) -> None:
    tenant.apply(cron_job("nightly"))
    assert tenant.create_job_from("nightly", "by-hand").code == 0
    made = tenant.get_json("job/by-hand")
    assert made["metadata"]["annotations"] == {"cronjob.kubernetes.io/instantiate": "manual"}
    (event,) = eventually(lambda: events(control_plane, made))
    assert event["user"]["username"] == "tenant"
    assert event["user"]["groups"] == ["tenants", "system:authenticated"]


def events(control_plane: ControlPlane, created: Object) -> list[Object]:
    """Return the audit events of the creation of an object."""
    name = (created["metadata"]["namespace"], created["metadata"]["name"])
    return [
        event
        for event in control_plane.audit()
        if (event["objectRef"].get("namespace"), event["objectRef"].get("name")) == name and event["verb"] == "create"
    ]


def test_a_job_finishes_and_is_deleted_by_its_ttl(admin: Kubectl, tenant: Kubectl) -> None:
    tenant.create(job("once"))
    finish(admin, "once")
    assert tenant.get_json("job/once")["status"]["succeeded"] == 1
    tenant.patch("job/once", {"spec": {"ttlSecondsAfterFinished": 0}})
    eventually(lambda: "NotFound" in tenant.run("get", "job/once").stderr)


def test_foreground_deletion_takes_the_pods_first(tenant: Kubectl, admin: Kubectl) -> None:
    tenant.create(job("once"))
    eventually(lambda: admin.get_json("pods")["items"])
    assert tenant.delete("job/once", "--cascade=foreground", "--timeout=20s").code == 0
    assert admin.get_json("pods")["items"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_webhook_is_asked_from_its_registration_to_its_end(admin: Kubectl, tenant: Kubectl, kind: str) -> None:
    webhook = {
        "name": "silent.example.com",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": [{"apiGroups": ["batch"], "apiVersions": ["v1"], "resources": ["jobs"], "operations": ["CREATE"]}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": tenant.namespace}},
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    configuration = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "silent"},
        "webhooks": [webhook],
    }
    for name in ("first", "second"):  # it is heeded at once, never by luck
        register(admin, [configuration])
        assert 'failed calling webhook "silent.example.com"' in tenant.create(job(name)).stderr
        unregister(admin, [configuration])
        assert tenant.create(job(name)).stdout == f"job.batch/{name} created\n"


def test_a_program_that_ends_at_once_is_reported_with_its_log(tmp_path: Path) -> None:
    command = ["/bin/sh", "-c", "echo no such flag; exit 3"]
    reported = r"(?s)sh is not ready \(ended: 3\).*no such flag"
    with pytest.raises(ControlPlaneError, match=reported), running(command, tmp_path) as program:
        program.wait_until(lambda: False)


def test_a_program_that_does_not_heed_the_request_to_end_is_killed(tmp_path: Path) -> None:
    command = ["/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"]
    with running(command, tmp_path, patience=0.2) as program:
        program.wait_until(lambda: program.log.read_text() == "deaf\n")
    assert program.process.returncode == -signal.SIGKILL


INTERRUPTED = """
import sys, time
from pathlib import Path
from tests.cluster.controlplane import sigterm_interrupts, start_control_plane

with sigterm_interrupts(), start_control_plane(Path(sys.argv[1]), Path(sys.argv[2])):
    print("up", flush=True)
    time.sleep(60)
"""


def test_an_interrupted_run_leaves_no_program_behind(programs: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", INTERRUPTED, str(programs), str(tmp_path)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout
        assert run.stdout.readline() == "up\n"
        assert {"etcd", "kube-apiserver", "kube-controller"} == working_in(tmp_path)
        run.terminate()
        _, error = run.communicate(timeout=60)
    assert error.endswith("KeyboardInterrupt\n")
    assert working_in(tmp_path) == set()


def working_in(folder: Path) -> set[str]:
    """Return the names, of 15 letters at most, of the processes that work in the folder."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # of somebody else, or ended in between
            if (process / "cwd").readlink() == folder:
                found.add((process / "comm").read_text().strip())
    return found

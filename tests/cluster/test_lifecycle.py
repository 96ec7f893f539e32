"""What exists goes on and ends undisturbed, whatever the policies would say of it, and whether or not we answer.

Most tests run three times: where everything would be denied; where we are asked about everything, because somebody
edited the matchConditions away; and where nobody answers, under ``failurePolicy: Fail``.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubectl import Kubectl, Object, eventually
from tests.cluster.serving import Server, registered, serving
from tests.cluster.workloads import await_job_of, cron_job, finish, job

STRICT = """
apiVersion: batchwarden.io/v1alpha1
kind: ClusterBatchPolicy
metadata: {name: strict}
spec:
  action: Deny
  rules:
    activeDeadline: {}
    backoffLimit: {max: 0, default: 0}
    resourceLimits: {defaults: {memory: 64Mi}}
    ttlAfterFinished: {}
"""

# Whoever may impersonate this group is not judged, so it brings in what the policies would deny.
BREAK_GLASS = ("--as=me", "--as-group=system:masters", "--as-group=batchwarden.io:break-glass")

ANSWERED = ("answered", "asked about everything")
UNANSWERED = ("unanswered",)
DENIED = 'admission webhook "validate.batchwarden.io" denied the request'
FAILED = 'failed calling webhook "{}.batchwarden.io"'

BringIn = Callable[[Object], None]


@dataclass(frozen=True)
class Guard:
    """The server, and what a tenant reads who creates anything."""

    server: Server
    refusal: str

    def judged(self, what: str) -> list[Object]:
        """Return its decisions about an object, ``Job namespace/name``, but those that it is exempt."""
        return [line for line in self.server.decisions(object=what) if "exempt" not in line]


@pytest.fixture(scope="module", params=[*ANSWERED, *UNANSWERED])
def guard(
    request: pytest.FixtureRequest, control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guard]:
    folder = tmp_path_factory.mktemp("server")
    admin = control_plane.kubectl("admin", folder)
    with serving(folder, STRICT) as server:
        configurations: Sequence[Object] = server.configurations(mutating_failure_policy="Fail")
        if request.param == "asked about everything":
            configurations = [without_conditions(each) for each in configurations]
        if request.param in UNANSWERED:
            server.stop()
        with registered(admin, configurations):
            yield Guard(server, FAILED.format("mutate") if request.param in UNANSWERED else DENIED)


def without_conditions(configuration: Object) -> Object:
    webhooks = [{key: each[key] for key in each if key != "matchConditions"} for each in configuration["webhooks"]]
    return {**configuration, "webhooks": webhooks}


def only(modes: Sequence[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("guard", modes, indirect=True, scope="module")


@pytest.fixture
def bring_in(guard: Guard, admin: Kubectl, tenant: Kubectl) -> BringIn:
    """Return what creates an object that everybody else is refused, as is tried first."""

    def create(manifest: Object) -> None:
        assert guard.refusal in tenant.create(manifest).stderr
        result = admin.create(manifest, *BREAK_GLASS)
        assert (result.code, result.stderr) == (0, "")

    return create


def test_the_jobs_of_a_cronjob_are_neither_judged_nor_touched(guard: Guard, bring_in: BringIn, tenant: Kubectl) -> None:
    bring_in(cron_job("tick", schedule="@every 1s"))
    made = await_job_of(tenant, "tick")
    assert guard.judged(f"Job {tenant.namespace}/{made['metadata']['name']}") == []
    assert set(made["metadata"]["annotations"]) == {"batch.kubernetes.io/cronjob-scheduled-timestamp"}
    assert made["spec"]["backoffLimit"] == 6
    assert made["spec"]["template"]["spec"]["containers"][0]["resources"] == {}


def test_a_job_with_a_forged_owner_is_judged(guard: Guard, bring_in: BringIn, tenant: Kubectl) -> None:
    bring_in(cron_job("nightly"))
    uid = tenant.get_json("cronjob/nightly")["metadata"]["uid"]
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": uid, "controller": True}
    forged = job("nightly-29000000")
    forged["metadata"]["ownerReferences"] = [{**owner, "blockOwnerDeletion": True}]
    assert guard.refusal in tenant.create(forged).stderr
    assert guard.refusal in tenant.create_job_from("nightly", "by-hand").stderr


@only(ANSWERED)
def test_a_job_that_is_given_an_owner_later_is_judged(guard: Guard, bring_in: BringIn, tenant: Kubectl) -> None:
    bring_in(job("once"))
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": "8a9b"}
    assert tenant.patch("job/once", {"metadata": {"ownerReferences": [owner]}}).warnings
    decisions = guard.judged(f"Job {tenant.namespace}/once")
    assert [line["operation"] for line in decisions] == ["CREATE", "CREATE", "UPDATE", "UPDATE"]


def test_a_job_finishes(bring_in: BringIn, admin: Kubectl) -> None:
    bring_in(job("once"))
    finish(admin, "once")
    assert admin.get_json("job/once")["status"]["succeeded"] == 1


def test_a_finished_job_is_deleted_by_its_ttl(bring_in: BringIn, admin: Kubectl) -> None:
    bring_in(job("once"))
    finish(admin, "once")
    assert admin.patch("job/once", {"spec": {"ttlSecondsAfterFinished": 0}}, *BREAK_GLASS).code == 0
    eventually(lambda: "NotFound" in admin.run("get", "job/once").stderr)


def test_a_finalizer_is_taken_off_a_job(bring_in: BringIn, tenant: Kubectl) -> None:
    held = job("once")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    bring_in(held)
    result = tenant.patch("job/once", {"metadata": {"finalizers": None}})
    assert (result.code, result.warnings) == (0, [])
    assert "finalizers" not in tenant.get_json("job/once")["metadata"]


@pytest.mark.parametrize("kind", ["job", "cronjob"])
def test_what_is_being_deleted_may_be_changed_and_goes_with_its_last_finalizer(
    bring_in: BringIn, tenant: Kubectl, kind: str
) -> None:
    held = job("held") if kind == "job" else cron_job("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    bring_in(held)
    assert tenant.delete(f"{kind}/held", "--wait=false").code == 0
    result = tenant.patch(f"{kind}/held", {"metadata": {"labels": {"a": "b"}}, "spec": {"suspend": True}})
    assert (result.code, result.warnings) == (0, [])
    assert tenant.patch(f"{kind}/held", {"metadata": {"finalizers": None}}).code == 0
    assert "NotFound" in tenant.run("get", f"{kind}/held").stderr


@pytest.mark.parametrize(("cascade", "remains"), [("foreground", 0), ("background", 0), ("orphan", 1)])
def test_a_job_is_deleted(bring_in: BringIn, admin: Kubectl, tenant: Kubectl, cascade: str, remains: int) -> None:
    bring_in(job("once"))
    eventually(lambda: admin.get_json("pods")["items"])
    result = tenant.delete("job/once", f"--cascade={cascade}", "--timeout=20s")
    assert (result.code, result.stderr) == (0, "")
    eventually(lambda: len(free(admin.get_json("pods"))) == len(admin.get_json("pods")["items"]) == remains)


@pytest.mark.parametrize(("cascade", "remains"), [("foreground", 0), ("background", 0), ("orphan", 1)])
def test_a_cronjob_is_deleted(bring_in: BringIn, tenant: Kubectl, cascade: str, remains: int) -> None:
    bring_in(cron_job("tick", schedule="@every 1s"))
    await_job_of(tenant, "tick")
    result = tenant.delete("cronjob/tick", f"--cascade={cascade}", "--timeout=20s")
    assert (result.code, result.stderr) == (0, "")
    eventually(lambda: len(free(tenant.get_json("jobs"))) == len(tenant.get_json("jobs")["items"]) == remains)


def free(found: Object) -> list[Any]:
    """Return the items of a List that nobody owns."""
    return [item for item in found["items"] if not item["metadata"].get("ownerReferences")]


@only(UNANSWERED)
def test_a_namespace_is_deleted_with_all_its_jobs(bring_in: BringIn, admin: Kubectl, tenant: Kubectl) -> None:
    bring_in(cron_job("tick", schedule="@every 1s"))
    bring_in(job("once"))
    await_job_of(tenant, "tick")
    assert admin.delete(f"namespace/{admin.namespace}", "--timeout=30s").code == 0


@pytest.mark.parametrize("kind", ["job", "cronjob"])
def test_what_stands_is_suspended_without_a_word(bring_in: BringIn, tenant: Kubectl, kind: str) -> None:
    bring_in(job("held") if kind == "job" else cron_job("held"))
    suspended = tenant.patch(f"{kind}/held", {"spec": {"suspend": True}})
    assert (suspended.code, suspended.warnings) == (0, [])
    assert tenant.get_json(f"{kind}/held")["spec"]["suspend"] is True


@only(ANSWERED)
def test_a_suspended_job_is_resumed_with_warnings(bring_in: BringIn, tenant: Kubectl) -> None:
    bring_in(job("once"))
    assert tenant.patch("job/once", {"spec": {"suspend": True}}).code == 0
    resumed = tenant.patch("job/once", {"spec": {"suspend": False}})
    assert resumed.code == 0
    assert all("not denied: no worse than before" in warning for warning in resumed.warnings)
    assert len(resumed.warnings) == 4
    assert tenant.get_json("job/once")["spec"]["suspend"] is False


@only(UNANSWERED)
def test_a_change_that_is_judged_waits_until_somebody_answers(bring_in: BringIn, tenant: Kubectl) -> None:
    bring_in(job("once", suspend=True))
    result = tenant.patch("job/once", {"spec": {"suspend": False}})
    assert FAILED.format("mutate") in result.stderr
    assert tenant.get_json("job/once")["spec"]["suspend"] is True

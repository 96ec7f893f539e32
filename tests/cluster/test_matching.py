"""What is not judged at all costs no call: the API server itself holds to our matchConditions and selectors."""

from collections.abc import Callable, Iterator

import pytest

from tests.cluster.conftest import tenants_namespace
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubectl import BREAK_GLASS, Kubectl, Object, Result, eventually
from tests.cluster.serving import Server, registered, serving
from tests.cluster.workloads import await_job_of, cron_job, job
from webhook.admission.configurations import ClientConfig, Registration, webhook_configurations
from webhook.admission.settings import Settings

POLICIES = """
apiVersion: batchwarden.io/v1alpha1
kind: ClusterBatchPolicy
metadata: {name: house}
spec:
  action: Deny
  rules:
    backoffLimit: {max: 3, default: 2}
"""
OWN, EXEMPT = "wardens", "machinery"
SETTINGS = Settings(own_namespace=OWN, exempt_namespaces=(EXEMPT,))


@pytest.fixture(scope="module")
def server(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server that knows an own and an exempt namespace, and is registered so."""
    folder = tmp_path_factory.mktemp("server")
    admin = control_plane.kubectl("admin", folder)
    for name in (OWN, EXEMPT):
        made = admin.within(name).create(tenants_namespace(name, {}))
        assert made.code == 0, made.stderr
    with serving(folder, POLICIES, f"--own-namespace={OWN}", f"--exempt-namespace={EXEMPT}") as running:
        client_config = ClientConfig(ca=running.ca, url=running.url)
        with registered(admin, webhook_configurations(Registration(client_config=client_config), SETTINGS)):
            yield running


def test_break_glass_passes_unasked_and_stands_in_the_audit_log(
    server: Server, admin: Kubectl, control_plane: ControlPlane
) -> None:
    worse = job("worse", backoffLimit=9)
    assert admin.create(worse, "--as=me", "--as-group=system:masters").code == 1
    asked = calls(server, admin)
    broken = admin.create(worse, *BREAK_GLASS)
    assert (broken.code, broken.stderr) == (0, "")
    assert calls(server, admin) == asked
    wanted = {"namespace": admin.namespace, "name": "worse"}.items()

    def seen() -> list[object]:
        events = [event for event in control_plane.audit() if wanted <= event["objectRef"].items()]
        return [event["impersonatedUser"] for event in events if event["responseStatus"]["code"] == 201]

    groups = ["system:masters", "batchwarden.io:break-glass", "system:authenticated"]
    assert eventually(seen) == [{"username": "me", "groups": groups}]


def test_a_tenant_may_not_break_the_glass(tenant: Kubectl) -> None:
    assert 'User "tenant" cannot impersonate' in tenant.run("get", "jobs", *BREAK_GLASS).stderr


@pytest.mark.parametrize("namespace", [OWN, EXEMPT])
def test_our_own_and_exempt_namespaces_are_not_asked_about(namespace: str, server: Server, tenant: Kubectl) -> None:
    kubectl = tenant.within(namespace)
    created = kubectl.create(job("worse", backoffLimit=9))
    assert (created.code, created.warnings, calls(server, kubectl)) == (0, [], [])


UNJUDGED: dict[str, Callable[[Kubectl], Result]] = {
    "the same by client-side apply": lambda admin: admin.apply(cron_job("nightly")),
    "the same by server-side apply": lambda admin: admin.apply_server_side(cron_job("nightly")),
    "the same by replace": lambda admin: admin.replace(admin.get_json("cronjob/nightly")),
    "a suspension": lambda admin: admin.patch("cronjob/nightly", {"spec": {"suspend": True}}),
    "an annotation": lambda admin: admin.run("annotate", "cronjob/nightly", "why=because"),
    "a status": lambda admin: admin.patch(
        "cronjob/nightly", {"status": {"lastScheduleTime": "2026-01-01T00:00:00Z"}}, "--subresource=status"
    ),
    "a deletion": lambda admin: admin.delete("cronjob/nightly", "--cascade=foreground"),
    "a read": lambda admin: admin.run("get", "cronjob/nightly"),
}


@pytest.mark.parametrize("what", UNJUDGED)
def test_what_changes_nothing_that_is_judged_is_not_asked_about(what: str, server: Server, admin: Kubectl) -> None:
    admin.apply(cron_job("nightly"))
    asked = calls(server, admin)
    result = UNJUDGED[what](admin)
    assert result.code == 0, result.stderr
    assert calls(server, admin) == asked


JUDGED: dict[str, Callable[[Kubectl], Result]] = {
    "a spec": lambda tenant: tenant.patch("cronjob/nightly", {"spec": {"schedule": "@daily"}}),
    "a label": lambda tenant: tenant.run("label", "cronjob/nightly", "team=a"),
    "a suspension with a label": lambda tenant: tenant.patch(
        "cronjob/nightly", {"metadata": {"labels": {"team": "a"}}, "spec": {"suspend": True}}
    ),
    "a suspension with more": lambda tenant: tenant.patch(
        "cronjob/nightly", {"spec": {"suspend": True, "startingDeadlineSeconds": 300}}
    ),
    "a suspension with less": lambda tenant: tenant.patch(
        "cronjob/nightly", {"spec": {"suspend": True, "timeZone": None}}
    ),
    "a creation": lambda tenant: tenant.create_job_from("nightly", "by-hand"),
    "a job's label": lambda tenant: tenant.run("label", "job/once", "team=a"),
}


@pytest.mark.parametrize("what", JUDGED)
def test_what_is_judged_is_asked_about(what: str, server: Server, tenant: Kubectl) -> None:
    tenant.apply(cron_job("nightly", timeZone="Etc/UTC"))
    tenant.apply(job("once"))
    asked = calls(server, tenant)
    assert JUDGED[what](tenant).code == 0
    assert {call["webhook"] for call in calls(server, tenant)[len(asked) :]} == {"mutate", "validate"}


def test_the_jobs_of_a_cronjob_are_not_asked_about(server: Server, tenant: Kubectl) -> None:
    tenant.apply(cron_job("tick", schedule="@every 1s"))
    asked = calls(server, tenant)
    await_job_of(tenant, "tick")
    assert calls(server, tenant) == asked


def calls(server: Server, kubectl: Kubectl) -> list[Object]:
    """Return what the server was asked about objects in the namespace."""
    return [line for line in server.decisions() if f" {kubectl.namespace}/" in line["object"]]

"""What a policy means to those who apply: audited, joined to others, for some namespaces, lifted, changed or broken."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cluster.conftest import MakeNamespace
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubectl import DRY_RUN, Kubectl, Object, eventually
from tests.cluster.serving import Server, labelled
from tests.cluster.workloads import cron_job, job

RETRIES = {"backoffLimit": {"max": 3}}


def policy(name: str, rules: Object, **spec: Any) -> str:
    """Write a policy of the cluster, to be joined to others as it is; it denies unless it is told otherwise."""
    return document("ClusterBatchPolicy", {"name": name}, {"action": "Deny", "rules": rules, **spec})


def own_policy(namespace: str, rules: Object, **spec: Any) -> str:
    """Write a namespace's own policy, which is called ``own``."""
    return document("BatchPolicy", {"name": "own", "namespace": namespace}, {"action": "Deny", "rules": rules, **spec})


def exception(namespace: str, *, ends: timedelta, **spec: Any) -> str:
    """Write an exception from ``backoffLimit`` of the policy ``house``, for objects labelled ``app: legacy``."""
    end = (datetime.now(UTC) + ends).isoformat()
    lifted = {"policies": ["house"], "rules": ["backoffLimit"], "selector": {"matchLabels": {"app": "legacy"}}}
    why = {"reason": "vendor tool, OPS-1234", "owner": "data@example.com", "expiresAt": end}
    return document("BatchPolicyException", {"name": "legacy", "namespace": namespace}, {**lifted, **why, **spec})


def document(kind: str, metadata: Object, spec: Object) -> str:
    manifest = {"apiVersion": "batchwarden.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
    return f"---\n{json.dumps(manifest)}\n"


def audited(plane: ControlPlane, tenant: Kubectl, name: str) -> dict[str, str]:
    """Return what we had written beside the creation of an object into the API server's audit log."""

    def found() -> list[dict[str, Any]]:
        wanted = {"namespace": tenant.namespace, "name": name}.items()
        return [event for event in plane.audit() if event["verb"] == "create" and wanted <= event["objectRef"].items()]

    annotations = eventually(found)[-1]["annotations"]
    return {key: text for key, text in annotations.items() if ".batchwarden.io/" in key and "mutation." not in key}


def test_a_policy_in_audit_changes_nothing_and_reports_what_it_would_do(
    server: Server, tenant: Kubectl, control_plane: ControlPlane
) -> None:
    wanted = {"concurrencyPolicy": {"allowed": ["Forbid"], "default": "Forbid"}, "activeDeadline": {"maxSeconds": 60}}
    server.use(policy("preview", wanted, action="Audit"))
    created = tenant.apply(cron_job("nightly"))
    assert (created.code, created.warnings) == (0, [])
    stored = tenant.get_json("cronjob/nightly")
    assert stored["spec"]["concurrencyPolicy"] == "Allow"
    assert set(stored["metadata"]["annotations"]) == {"kubectl.kubernetes.io/last-applied-configuration"}
    overlap, deadline = "(concurrencyPolicy, policy preview)", "(activeDeadline, policy preview)"
    assert audited(control_plane, tenant, "nightly") == {
        "mutate.batchwarden.io/would-default": f"spec.concurrencyPolicy would be set to Forbid {overlap}",
        "validate.batchwarden.io/audited": (
            f"spec.concurrencyPolicy is Allow (filled in by Kubernetes); allowed: Forbid {overlap}; "
            f"spec.jobTemplate.spec.activeDeadlineSeconds is missing; allowed: at most 60 {deadline}"
        ),
    }


def test_two_policies_that_find_the_same_are_both_named(server: Server, tenant: Kubectl) -> None:
    long, short = ({"activeDeadline": {"maxSeconds": seconds}} for seconds in (7200, 3600))
    server.use(policy("long", long, contact="#storage") + policy("short", short, contact="#batch"))
    denied = tenant.create(job("once", activeDeadlineSeconds=10000))
    assert "  spec.activeDeadlineSeconds is 10000; allowed: at most 3600, and at most 7200\n" in denied.stderr
    assert "   activeDeadline, policies short, long\n" in denied.stderr
    assert "    Help: #batch, #storage\n" in denied.stderr


def test_what_one_policy_allows_another_denies_alone(server: Server, tenant: Kubectl) -> None:
    either, one = (
        {"concurrencyPolicy": {"allowed": allowed}} for allowed in (["Forbid", "Replace"], ["Forbid", "Allow"])
    )
    server.use(policy("either", either) + policy("one", one))
    denied = tenant.create(cron_job("nightly", concurrencyPolicy="Replace"))
    assert "  spec.concurrencyPolicy is Replace; allowed: Forbid or Allow\n" in denied.stderr
    assert "   concurrencyPolicy, policy one\n" in denied.stderr
    assert tenant.create(cron_job("nightly", concurrencyPolicy="Forbid")).code == 0


def test_a_warning_beside_a_denial_of_the_same_is_a_denial(server: Server, tenant: Kubectl) -> None:
    server.use(policy("gentle", RETRIES, action="Warn") + policy("harsh", RETRIES))
    denied = tenant.create(job("once", backoffLimit=5))
    assert (denied.code, denied.warnings) == (1, [])
    assert "breaks 1 rule\n\n  spec.backoffLimit is 5; allowed: at most 3\n" in denied.stderr
    assert "   backoffLimit, policy harsh\n" in denied.stderr


def test_one_namespace_is_warned_while_another_is_denied(
    server: Server, tenant: Kubectl, make_namespace: MakeNamespace
) -> None:
    gentle, harsh, free = (tenant.within(make_namespace({})) for _ in range(3))
    names = zip((gentle, harsh, free), ("gentle", "harsh", "free"), strict=True)
    namespaces = "".join(labelled(kubectl.namespace, {"level": level}) for kubectl, level in names)
    policies = (
        policy(level, RETRIES, action=action, namespaceSelector={"matchLabels": {"level": level}})
        for level, action in (("gentle", "Warn"), ("harsh", "Deny"))
    )
    server.use(namespaces + "".join(policies))
    results = [kubectl.create(job("once", backoffLimit=5)) for kubectl in (gentle, harsh, free)]
    assert [result.code for result in results] == [0, 1, 0]
    finding = "spec.backoffLimit is 5; allowed: at most 3"
    assert [result.warnings for result in results] == [[f"{finding} (backoffLimit, policy gentle)"], [], []]
    assert f"  {finding}\n" in results[1].stderr


def test_a_namespaces_own_policy_tightens(server: Server, tenant: Kubectl, make_namespace: MakeNamespace) -> None:
    neighbour = tenant.within(make_namespace({}))
    server.use(policy("house", RETRIES) + own_policy(tenant.namespace, {"backoffLimit": {"max": 1}}))
    denied = tenant.create(job("once", backoffLimit=2))
    assert "  spec.backoffLimit is 2; allowed: at most 1\n" in denied.stderr
    assert "   backoffLimit, policy own\n" in denied.stderr
    assert neighbour.create(job("once", backoffLimit=2)).code == 0


def test_a_namespaces_own_policy_loosens_nothing(server: Server, tenant: Kubectl) -> None:
    house = policy("house", {"backoffLimit": {"max": 3, "default": 2}})
    server.use(house + own_policy(tenant.namespace, {"backoffLimit": {"max": 10, "default": 9}}, action="Warn"))
    denied = tenant.create(job("once", backoffLimit=5))
    assert "  spec.backoffLimit is 5; allowed: at most 3\n" in denied.stderr
    applied = tenant.apply(job("once"))
    assert applied.warnings == ["spec.backoffLimit set to 2 (backoffLimit, policy house)"]


LEGACY = {**job("legacy", backoffLimit=5), "metadata": {"name": "legacy", "labels": {"app": "legacy"}}}
EXCEPTABLE = policy("house", RETRIES | {"activeDeadline": {"maxSeconds": 60}}, exceptions={"maxDays": 10})


def test_an_exception_lifts_what_it_names_off_what_it_selects(
    server: Server, tenant: Kubectl, make_namespace: MakeNamespace, control_plane: ControlPlane
) -> None:
    server.use(EXCEPTABLE + exception(tenant.namespace, ends=timedelta(days=9)))
    deadline, retries = "  spec.activeDeadlineSeconds is missing; allowed: at most 60\n", "  spec.backoffLimit is 5"
    lifted = tenant.create(LEGACY)
    assert (deadline in lifted.stderr, retries in lifted.stderr) == (True, False)
    assert audited(control_plane, tenant, "legacy")["validate.batchwarden.io/excepted"] == (
        "spec.backoffLimit is 5; let off by exception legacy of data@example.com (backoffLimit, policy house)"
    )
    elsewhere = tenant.within(make_namespace({}))
    for refused in (tenant.create(job("once", backoffLimit=5)), elsewhere.create(LEGACY)):
        assert (deadline in refused.stderr, retries in refused.stderr) == (True, True)


@pytest.mark.parametrize(
    ("terms", "ends"),
    [
        ({"exceptions": {"maxDays": 10}}, timedelta(days=-1)),
        ({"exceptions": {"maxDays": 10}}, timedelta(days=11)),
        ({}, timedelta(days=1)),
    ],
    ids=["expired", "too long", "not permitted"],
)
def test_an_exception_that_does_not_hold_lifts_nothing(
    terms: Object, ends: timedelta, server: Server, tenant: Kubectl
) -> None:
    server.use(policy("house", RETRIES, **terms) + exception(tenant.namespace, ends=ends))
    assert "  spec.backoffLimit is 5; allowed: at most 3\n" in tenant.create(LEGACY).stderr


def test_an_exception_ends_at_its_time_while_the_server_runs(server: Server, tenant: Kubectl) -> None:
    house = policy("house", RETRIES, exceptions={"maxDays": 10})
    server.use(house + exception(tenant.namespace, ends=timedelta(seconds=5)))
    assert tenant.create(LEGACY, DRY_RUN).code == 0
    eventually(lambda: "  spec.backoffLimit is 5; allowed: at most 3\n" in tenant.create(LEGACY, DRY_RUN).stderr)
    assert server.lines(event="policies")[-1]["policies"] == ["house"]


def test_changed_policies_are_taken_over_and_broken_ones_leave_the_last_good(server: Server, tenant: Kubectl) -> None:
    taken = server.use(policy("house", RETRIES))
    assert taken["policies"] == ["house"]
    slip = policy("house", {"backofLimit": {"max": 9}})
    for broken, fault in ((slip, 'unknown rule "backofLimit" (did you mean backoffLimit?)'), ("kind: [", "bracket")):
        failures = server.metrics()["batchwarden_policy_reload_failures_total"]
        said = server.use(broken)
        assert said["message"] == "changed files are broken; the last good ones stay in force"
        assert "policies/policies.yaml:" in said["faults"]
        assert fault in said["faults"]
        assert server.metrics()["batchwarden_policy_reload_failures_total"] == failures + 1
        assert "  spec.backoffLimit is 5; allowed: at most 3\n" in tenant.create(job("once", backoffLimit=5)).stderr
    server.use(policy("house", {"backoffLimit": {"max": 5}}))
    assert tenant.create(job("once", backoffLimit=5)).code == 0


def test_a_job_made_by_hand_from_a_cronjob_is_judged_for_itself(server: Server, tenant: Kubectl) -> None:
    server.use("")
    assert tenant.apply(cron_job("nightly")).code == 0
    server.use(policy("house", RETRIES | {"startingDeadline": {"required": True}}))
    denied = tenant.create_job_from("nightly", "by-hand")
    assert (denied.stdout, denied.stderr) == ("", f"""\
error: failed to create job: admission webhook "validate.batchwarden.io" denied the request: \
Job {tenant.namespace}/by-hand, made from CronJob nightly, breaks 1 rule

  spec.backoffLimit is 6 (yours or Kubernetes'); allowed: at most 3
    Work that fails again and again costs as much as work that succeeds.   backoffLimit, policy house
    backoffLimit: 3

Why: batchwarden explain backoffLimit
""")  # fmt: skip
    server.use(policy("house", RETRIES, action="Warn"))
    warned = tenant.create_job_from("nightly", "by-hand")
    finding = "spec.backoffLimit is 6 (yours or Kubernetes'); allowed: at most 3 (backoffLimit, policy house)"
    assert (warned.stdout, warned.warnings) == ("job.batch/by-hand created\n", [finding])


def test_a_job_made_by_hand_has_the_defaults_that_its_cronjob_was_given(server: Server, tenant: Kubectl) -> None:
    server.use(policy("house", {"backoffLimit": {"max": 3, "default": 2}}))
    assert tenant.apply(cron_job("nightly")).code == 0
    made = tenant.create_job_from("nightly", "by-hand")
    assert (made.stdout, made.warnings) == ("job.batch/by-hand created\n", [])
    assert tenant.get_json("job/by-hand")["spec"]["backoffLimit"] == 2

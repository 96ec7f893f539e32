"""What the user wrote is never changed, and what he did not write is filled in, by whichever verb it comes."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from policies.fields import DEFAULTED_ANNOTATION
from tests.cluster.kubectl import DRY_RUN, Kubectl, Object, Result
from tests.cluster.serving import Server, registered
from tests.cluster.workloads import cron_job, job

Apply = Callable[..., Result]
Make = Callable[..., dict[str, Any]]

RULES = """
    concurrencyPolicy: {allowed: [Forbid], default: Forbid}
    historyLimits: {maxSuccessful: 1, defaultSuccessful: 1, defaultFailed: 2}
    backoffLimit: {max: 3, default: 2}
    startingDeadline: {required: true, defaultSeconds: 300}
    resourceLimits: {defaults: {memory: 64Mi}}
"""
POLICIES = f"""
apiVersion: batchwarden.io/v1alpha1
kind: ClusterBatchPolicy
metadata: {{name: house}}
spec:
  action: Warn
  rules: {RULES}
---
apiVersion: batchwarden.io/v1alpha1
kind: ClusterBatchPolicy
metadata: {{name: strict}}
spec:
  action: Deny
  objectSelector: {{matchLabels: {{strict: "true"}}}}
  rules: {RULES}
"""

SCHEDULED = "spec.jobTemplate.spec"
WRITTEN = {
    f"{SCHEDULED}.template.spec.containers[main].resources.limits.memory": "64Mi",
    f"{SCHEDULED}.backoffLimit": 2,
    "spec.concurrencyPolicy": "Forbid",
    "spec.successfulJobsHistoryLimit": 1,
    "spec.failedJobsHistoryLimit": 2,
    "spec.startingDeadlineSeconds": 300,
}
TOLD = [
    f"{SCHEDULED}.template.spec.containers[0].resources.limits.memory set to 64Mi (resourceLimits, policy house)",
    f"{SCHEDULED}.backoffLimit set to 2 (backoffLimit, policy house)",
    "spec.concurrencyPolicy set to Forbid (concurrencyPolicy, policy house)",
    "spec.successfulJobsHistoryLimit set to 1 (historyLimits, policy house)",
    "spec.failedJobsHistoryLimit set to 2 (historyLimits, policy house)",
    "spec.startingDeadlineSeconds set to 300 (startingDeadline, policy house)",
]


class Filled(NamedTuple):
    """A field that the API server fills in: with what, what our policies want there, and how they find the other."""

    kind: Make
    field: str
    by_kubernetes: object
    by_us: object
    allowed: str = ""

    def finding(self, whose: str = "") -> str:
        return f"spec.{self.field} is {self.by_kubernetes}{whose}; allowed: {self.allowed}"


FILLED = [
    Filled(cron_job, "concurrencyPolicy", "Allow", "Forbid", "Forbid"),
    Filled(cron_job, "successfulJobsHistoryLimit", 3, 1, "at most 1"),
    Filled(cron_job, "failedJobsHistoryLimit", 1, 2),  # not found fault with
    Filled(job, "backoffLimit", 6, 2, "at most 3"),
]
of_each_field = pytest.mark.parametrize("filled", FILLED, ids=lambda filled: filled.field)
of_each_fault = pytest.mark.parametrize(
    "filled", [each for each in FILLED if each.allowed], ids=lambda each: each.field
)
by_either_apply = pytest.mark.parametrize("apply", [Kubectl.apply, Kubectl.apply_server_side], ids=["client", "server"])


@pytest.fixture(scope="module", autouse=True)
def policies(server: Server) -> None:
    server.use(POLICIES)


def strict(manifest: Object) -> Object:
    """Return the manifest with the label that the denying policy selects."""
    return {**manifest, "metadata": {**manifest["metadata"], "labels": {"strict": "true"}}}


def target(manifest: Object) -> str:
    return f"{manifest['kind'].lower()}/{manifest['metadata']['name']}"


def nightly(tenant: Kubectl) -> tuple[Object, dict[str, Any]]:
    """Return the spec of the CronJob of that name, and our note about it."""
    stored = tenant.get_json("cronjob/nightly")
    return stored["spec"], json.loads(stored["metadata"]["annotations"][DEFAULTED_ANNOTATION])


def wanted(spec: Object) -> dict[str, Any]:
    """Return what stands where our defaults are written, in the form of our note."""
    template = spec["jobTemplate"]["spec"]
    memory = template["template"]["spec"]["containers"][0]["resources"].get("limits", {}).get("memory")
    found = {place: spec.get(place.removeprefix("spec.")) for place in WRITTEN if not place.startswith(SCHEDULED)}
    found |= {place: memory for place in WRITTEN if place.endswith(".memory")}
    return found | {f"{SCHEDULED}.backoffLimit": template.get("backoffLimit")}


@by_either_apply
def test_what_is_absent_is_written_told_and_noted(apply: Apply, tenant: Kubectl) -> None:
    result = apply(tenant, cron_job("nightly"))
    assert (result.code, result.warnings) == (0, TOLD)
    spec, note = nightly(tenant)
    assert WRITTEN == wanted(spec) == note


@by_either_apply
def test_a_second_call_within_one_request_writes_nothing_more(
    apply: Apply, server: Server, admin: Kubectl, tenant: Kubectl
) -> None:
    mutating, _ = server.configurations()
    with registered(admin, [{**mutating, "metadata": {"name": "batchwarden-again"}}]):
        result = apply(tenant, cron_job("nightly"))
    assert (result.code, result.warnings) == (0, TOLD)
    calls = server.decisions(webhook="mutate", object=f"CronJob {tenant.namespace}/nightly")
    assert [call["decision"] for call in calls] == ["defaulted", "allowed"]
    assert wanted(nightly(tenant)[0]) == WRITTEN


@of_each_field
@by_either_apply
def test_what_kubernetes_filled_in_becomes_the_default(apply: Apply, filled: Filled, tenant: Kubectl) -> None:
    manifest = strict(filled.kind("one"))
    assert apply(tenant, manifest).code == 0
    assert filled.by_us == tenant.get_json(target(manifest))["spec"][filled.field]


@of_each_field
@by_either_apply
def test_what_the_user_wrote_stays_be_it_what_kubernetes_fills_in(
    apply: Apply, filled: Filled, tenant: Kubectl
) -> None:
    manifest = filled.kind("one", **{filled.field: filled.by_kubernetes})
    applied = apply(tenant, manifest)
    assert tenant.get_json(target(manifest))["spec"][filled.field] == filled.by_kubernetes
    assert not [line for line in applied.warnings if f"spec.{filled.field} set to" in line]


@of_each_fault
@by_either_apply
def test_what_the_user_wrote_is_found_fault_with_as_his(apply: Apply, filled: Filled, tenant: Kubectl) -> None:
    written = {filled.field: filled.by_kubernetes}
    assert any(line.startswith(filled.finding()) for line in apply(tenant, filled.kind("one", **written)).warnings)
    assert f"  {filled.finding()}\n" in apply(tenant, strict(filled.kind("two", **written))).stderr


@of_each_field
def test_what_the_user_may_have_written_stays(filled: Filled, tenant: Kubectl) -> None:
    manifest = filled.kind("one")
    assert tenant.create(manifest).code == 0
    assert tenant.get_json(target(manifest))["spec"][filled.field] == filled.by_kubernetes


@of_each_fault
def test_what_the_user_may_have_written_is_found_fault_with_as_perhaps_his(filled: Filled, tenant: Kubectl) -> None:
    finding = filled.finding(" (yours or Kubernetes')")
    assert any(line.startswith(finding) for line in tenant.create(filled.kind("one")).warnings)
    assert f"  {finding}\n" in tenant.create(strict(filled.kind("two"))).stderr


@by_either_apply
def test_an_unchanged_apply_writes_nothing_and_asks_nobody(apply: Apply, tenant: Kubectl, server: Server) -> None:
    apply(tenant, cron_job("nightly"))
    before, asked = tenant.get_json("cronjob/nightly"), server.decisions()
    again = apply(tenant, cron_job("nightly"))
    assert (again.code, again.warnings) == (0, [])
    assert before == tenant.get_json("cronjob/nightly")
    assert asked == server.decisions()


@by_either_apply
def test_a_change_elsewhere_leaves_what_was_written(apply: Apply, tenant: Kubectl) -> None:
    apply(tenant, cron_job("nightly"))
    changed = apply(tenant, cron_job("nightly", timeZone="Etc/UTC"))
    assert (changed.code, changed.warnings) == (0, [])
    spec, note = nightly(tenant)
    assert (spec["timeZone"], wanted(spec)) == ("Etc/UTC", WRITTEN)
    assert note == WRITTEN


@pytest.mark.parametrize("change", [{}, {"timeZone": "Etc/UTC"}], ids=["the same", "more"])
def test_what_a_move_to_server_side_apply_undoes_is_written_again(
    change: dict[str, str], tenant: Kubectl, server: Server
) -> None:
    tenant.apply(strict(cron_job("nightly")))
    moved = tenant.apply_server_side(strict(cron_job("nightly", **change)))
    # The API server lets go of what client-side apply owned: what Kubernetes had filled in, and the memory limit.
    undone = [line for line in TOLD if any(word in line for word in ("memory", "concurrency", "History"))]
    assert (0, undone) == (moved.code, moved.warnings)
    spec, note = nightly(tenant)
    assert WRITTEN == wanted(spec) == note
    asked = server.decisions()
    assert tenant.apply_server_side(strict(cron_job("nightly", **change))).warnings == []
    assert asked == server.decisions()


def test_a_job_whose_template_was_filled_in_can_be_moved_to_server_side_apply(tenant: Kubectl) -> None:
    manifest = strict(job("once"))
    assert "memory set to 64Mi" in tenant.apply(manifest).stderr
    before = tenant.get_json("job/once")["spec"]["template"]
    moved = tenant.apply_server_side(manifest)
    assert "immutable" not in moved.stderr
    assert moved.code == 0
    assert before == tenant.get_json("job/once")["spec"]["template"]
    assert tenant.apply_server_side(manifest).code == 0


def test_a_move_back_to_client_side_apply_leaves_what_was_written(tenant: Kubectl) -> None:
    tenant.apply_server_side(strict(cron_job("nightly")))
    moved = tenant.apply(strict(cron_job("nightly", suspend=True)))
    (kubectls_own,) = moved.warnings
    assert "is missing the kubectl.kubernetes.io/last-applied-configuration annotation" in kubectls_own
    spec, note = nightly(tenant)
    assert WRITTEN == wanted(spec) == note


@by_either_apply
def test_an_explicit_value_that_is_taken_away_becomes_the_default(apply: Apply, tenant: Kubectl) -> None:
    explicit = {"concurrencyPolicy": "Forbid", "startingDeadlineSeconds": 60}
    apply(tenant, strict(cron_job("nightly", **explicit)))
    spec, note = nightly(tenant)
    assert explicit.items() <= spec.items()
    assert not {f"spec.{field}" for field in explicit} & note.keys()
    removed = apply(tenant, strict(cron_job("nightly")))
    assert (0, [TOLD[2], TOLD[5]]) == (removed.code, removed.warnings)
    spec, note = nightly(tenant)
    assert WRITTEN == wanted(spec) == note


@by_either_apply
def test_a_default_that_the_user_takes_for_his_own_is_his(apply: Apply, tenant: Kubectl) -> None:
    apply(tenant, strict(cron_job("nightly")))
    assert apply(tenant, strict(cron_job("nightly", concurrencyPolicy="Forbid"))).warnings == []
    refused = apply(tenant, strict(cron_job("nightly", concurrencyPolicy="Allow")))
    assert "spec.concurrencyPolicy is Allow; allowed: Forbid\n" in refused.stderr
    assert [TOLD[2]] == apply(tenant, strict(cron_job("nightly"))).warnings
    assert wanted(nightly(tenant)[0]) == WRITTEN


def test_replace_loses_what_was_written_and_is_given_only_what_is_absent(tenant: Kubectl) -> None:
    tenant.apply(cron_job("nightly"))
    replaced = tenant.replace(cron_job("nightly", timeZone="Etc/UTC"))
    unclear = {
        "spec.concurrencyPolicy": "Allow",
        "spec.successfulJobsHistoryLimit": 3,
        "spec.failedJobsHistoryLimit": 1,
    }
    spec, note = nightly(tenant)
    assert WRITTEN | unclear == wanted(spec)
    assert note | {place: WRITTEN[place] for place in unclear} == WRITTEN
    assert [TOLD[0], TOLD[1], TOLD[5]] == replaced.warnings[:3]
    assert ["(yours or Kubernetes')" in line for line in replaced.warnings[3:]] == [True] * 2
    refused = tenant.replace(strict(cron_job("nightly")))
    assert f"CronJob {tenant.namespace}/nightly breaks 2 rules\n" in refused.stderr


def test_replace_by_what_get_returned_keeps_what_was_written(tenant: Kubectl) -> None:
    tenant.apply(strict(cron_job("nightly")))
    stored = tenant.get_json("cronjob/nightly")
    stored["spec"]["suspend"] = True
    replaced = tenant.replace(stored)
    assert (replaced.code, replaced.warnings) == (0, [])
    applied = tenant.apply(strict(cron_job("nightly")))
    assert applied.code == 0, applied.stderr
    spec, note = nightly(tenant)
    assert WRITTEN == wanted(spec) == note


def test_patch_changes_what_it_names_and_nothing_else(tenant: Kubectl) -> None:
    tenant.apply(cron_job("nightly"))
    patched = tenant.patch("cronjob/nightly", {"spec": {"timeZone": "Etc/UTC"}})
    assert (patched.code, patched.warnings) == (0, [])
    spec, note = nightly(tenant)
    assert WRITTEN == wanted(spec) == note
    removed = tenant.patch("cronjob/nightly", [{"op": "remove", "path": "/spec/startingDeadlineSeconds"}])
    assert [TOLD[5]] == removed.warnings
    own = tenant.patch("cronjob/nightly", {"spec": {"successfulJobsHistoryLimit": 5}})
    assert own.warnings == ["spec.successfulJobsHistoryLimit is 5; allowed: at most 1 (historyLimits, policy house)"]
    spec, _ = nightly(tenant)
    assert wanted(spec) == WRITTEN | {"spec.successfulJobsHistoryLimit": 5}


@by_either_apply
def test_a_dry_run_says_what_would_be_set_and_stores_nothing(apply: Apply, tenant: Kubectl) -> None:
    result = apply(tenant, cron_job("nightly"), DRY_RUN)
    assert [line.replace(" set to ", " would be set to ") for line in TOLD] == result.warnings
    assert "NotFound" in tenant.run("get", "cronjob/nightly").stderr


def test_a_denied_creation_says_what_would_have_been_set(tenant: Kubectl) -> None:
    result = tenant.apply(strict(cron_job("nightly", concurrencyPolicy="Allow")))
    told = [line.replace(" set to ", " would be set to ") for line in TOLD if "concurrencyPolicy" not in line]
    assert (1, told) == (result.code, result.warnings)
    assert "NotFound" in tenant.run("get", "cronjob/nightly").stderr

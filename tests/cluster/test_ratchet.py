"""An update is denied for what it makes wrong and warned of what was wrong before, and it is never mended unasked."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.kubectl import BREAK_GLASS, Kubectl, Object, Result
from tests.cluster.serving import Server
from tests.cluster.workloads import cron_job, job

POLICIES = """
apiVersion: batchwarden.io/v1alpha1
kind: ClusterBatchPolicy
metadata: {name: house}
spec:
  action: Deny
  rules:
    backoffLimit: {max: 3}
    concurrencyPolicy: {allowed: [Forbid], default: Forbid}
    historyLimits: {maxSuccessful: 10}
    resourceLimits: {max: {memory: 1Gi}}
    startingDeadline: {required: true, defaultSeconds: 300}
---
apiVersion: batchwarden.io/v1alpha1
kind: ClusterBatchPolicy
metadata: {name: singleton}
spec:
  action: Deny
  objectSelector: {matchLabels: {singleton: "true"}}
  rules:
    activeDeadline: {maxSeconds: 3600}
"""

NIGHTLY = "cronjob/nightly"
RESUME = {"spec": {"suspend": False}}


@pytest.fixture(scope="module", autouse=True)
def policies(server: Server) -> None:
    server.use(POLICIES)


def nightly(*containers: Object, retries: int = 3, **spec: Any) -> dict[str, Any]:
    """Return a CronJob that keeps the rules, but for what it is given."""
    pods = {"restartPolicy": "Never", "containers": containers or [container("main")]}
    template = {"spec": {"backoffLimit": retries, "template": {"spec": pods}}}
    good = {"concurrencyPolicy": "Forbid", "startingDeadlineSeconds": 300, "jobTemplate": template}
    return cron_job("nightly", **{**good, **spec})


def container(name: str, memory: str | None = "64Mi") -> dict[str, Any]:
    limits = {"limits": {"memory": memory}} if memory else {}
    return {"name": name, "image": "registry.example.com/main:1", "resources": limits}


def stands(admin: Kubectl, manifest: Object) -> None:
    """Make it stand there, whatever the policies say."""
    applied = admin.apply(manifest, *BREAK_GLASS)
    assert applied.code == 0, applied.stderr


def known(finding: str, rule: str) -> str:
    return f"{finding}; not denied: no worse than before ({rule}, policy house)"


def wrong(**spec: Any) -> dict[str, Any]:
    """Return a CronJob that breaks three rules, with these fields in its spec."""
    return nightly(retries=5, **{"concurrencyPolicy": "Replace", "startingDeadlineSeconds": None, **spec})


WARNED = [
    known("spec.concurrencyPolicy is Replace; allowed: Forbid", "concurrencyPolicy"),
    known("spec.jobTemplate.spec.backoffLimit is 5", "backoffLimit"),
    known("spec.startingDeadlineSeconds is missing", "startingDeadline"),
]
UPDATES: dict[str, Callable[[Kubectl], Result]] = {
    "apply": lambda tenant: tenant.apply(wrong(schedule="0 4 * * *")),
    "apply --server-side": lambda tenant: tenant.apply_server_side(wrong(timeZone="Etc/UTC")),
    "replace": lambda tenant: tenant.replace(wrong(schedule="0 4 * * *")),
    "patch": lambda tenant: tenant.patch(NIGHTLY, {"spec": {"schedule": "0 4 * * *"}}),
    "label": lambda tenant: tenant.run("label", NIGHTLY, "team=a"),
    "unlabel": lambda tenant: tenant.run("label", NIGHTLY, "app-"),
}


@pytest.mark.parametrize("verb", UPDATES)
def test_what_was_wrong_before_warns(verb: str, admin: Kubectl, tenant: Kubectl) -> None:
    stands(admin, {**wrong(), "metadata": {"name": "nightly", "labels": {"app": "x"}}})
    updated = UPDATES[verb](tenant)
    assert (updated.code, updated.warnings) == (0, WARNED)


@pytest.mark.parametrize("apply", [Kubectl.apply, Kubectl.apply_server_side])
def test_a_default_that_cures_nothing_new_is_not_written(
    apply: Callable[..., Result], admin: Kubectl, tenant: Kubectl
) -> None:
    apply(admin, cron_job("nightly"), *BREAK_GLASS)
    updated = apply(tenant, cron_job("nightly", timeZone="Etc/UTC"))
    assert len([line for line in updated.warnings if "; not denied: no worse than before (" in line]) == 4
    spec = tenant.get_json(NIGHTLY)["spec"]
    assert (spec["concurrencyPolicy"], spec.get("startingDeadlineSeconds")) == ("Allow", None)


RETRIES = "spec.jobTemplate.spec.backoffLimit"
MEMORY = "spec.jobTemplate.spec.template.spec.containers[0].resources.limits.memory"


@pytest.mark.parametrize(
    ("before", "after", "finding"),
    [
        (nightly(retries=10), nightly(retries=12), f"{RETRIES} is 12; allowed: at most 3"),
        (nightly(retries=3), nightly(retries=4), f"{RETRIES} is 4; allowed: at most 3"),
        (
            nightly(container("main", "4Gi")),
            nightly(container("main", "8Gi")),
            f'{MEMORY} is 8Gi; allowed: at most 1Gi (container "main")',
        ),
        (
            nightly(container("main", "4Gi")),
            nightly(container("main", None)),
            f'{MEMORY} is missing (container "main")',
        ),
        (
            nightly(container("old", None)),
            nightly(container("other", None)),
            f'{MEMORY} is missing (container "other")',
        ),
        (
            nightly(concurrencyPolicy="Allow"),
            nightly(concurrencyPolicy="Replace"),
            "spec.concurrencyPolicy is Replace; allowed: Forbid",
        ),
    ],
)
def test_what_is_new_or_worse_is_denied(
    before: Object, after: Object, finding: str, admin: Kubectl, tenant: Kubectl
) -> None:
    stands(admin, before)
    stored = tenant.get_json(NIGHTLY)
    denied = tenant.apply(after)
    assert (denied.code, denied.warnings) == (1, [])
    assert f"CronJob {tenant.namespace}/nightly breaks 1 rule\n\n  {finding}\n" in denied.stderr
    assert stored == tenant.get_json(NIGHTLY)


@pytest.mark.parametrize(
    ("before", "after", "warnings"),
    [
        (nightly(retries=10), nightly(retries=4), [known(f"{RETRIES} is 4", "backoffLimit")]),
        (nightly(retries=10), nightly(retries=3), []),
        (
            nightly(container("main", "4Gi")),
            nightly(container("main", "2Gi")),
            [known(f"{MEMORY} is 2Gi; allowed: at most 1Gi", "resourceLimits")],
        ),
        (
            nightly(container("main", None)),
            nightly(container("main", "2Gi")),
            [known(f"{MEMORY} is 2Gi; allowed: at most 1Gi", "resourceLimits")],
        ),
        (nightly(container("main", "4Gi")), nightly(container("main", "1Gi")), []),
        (nightly(concurrencyPolicy="Allow"), nightly(concurrencyPolicy="Forbid"), []),
    ],
)
def test_an_improvement_passes(
    before: Object, after: Object, warnings: list[str], admin: Kubectl, tenant: Kubectl
) -> None:
    stands(admin, before)
    updated = tenant.apply(after)
    assert (0, warnings) == (updated.code, updated.warnings)


def test_what_is_new_is_denied_alone_beside_a_warning_of_the_old(admin: Kubectl, tenant: Kubectl) -> None:
    stands(admin, nightly(retries=5))
    denied = tenant.apply(nightly(retries=5, successfulJobsHistoryLimit=11))
    assert [known(f"{RETRIES} is 5", "backoffLimit")] == denied.warnings
    assert "breaks 1 rule\n\n  spec.successfulJobsHistoryLimit is 11; allowed: at most 10\n" in denied.stderr


def test_a_container_put_before_an_old_one_does_not_take_its_blame(admin: Kubectl, tenant: Kubectl) -> None:
    stands(admin, nightly(container("old", None)))
    blame = "spec.jobTemplate.spec.template.spec.containers[{}].resources.limits.memory is missing"
    good = tenant.apply(nightly(container("new"), container("old", None)))
    assert (0, [known(blame.format(1), "resourceLimits")]) == (good.code, good.warnings)
    bad = tenant.apply(nightly(container("newer", None), container("new"), container("old", None)))
    assert [known(blame.format(2), "resourceLimits")] == bad.warnings
    assert f'breaks 1 rule\n\n  {blame.format(0)} (container "newer")\n' in bad.stderr


def test_an_old_violator_may_be_suspended_unseen_and_resumed_with_a_warning(admin: Kubectl, tenant: Kubectl) -> None:
    stands(admin, nightly(retries=5))
    suspended = tenant.patch(NIGHTLY, {"spec": {"suspend": True}})
    assert (suspended.code, suspended.warnings) == (0, [])
    resumed = tenant.patch(NIGHTLY, RESUME)
    assert (0, [known(f"{RETRIES} is 5", "backoffLimit")]) == (resumed.code, resumed.warnings)
    assert not tenant.get_json(NIGHTLY)["spec"]["suspend"]


def test_a_suspended_job_may_be_resumed_with_a_warning_and_not_be_made_worse(admin: Kubectl, tenant: Kubectl) -> None:
    pods = {"spec": {"restartPolicy": "Never", "containers": [container("main")]}}
    stands(admin, job("once", suspend=True, backoffLimit=5, template=pods))
    worse = tenant.patch("job/once", {"spec": {"suspend": False, "backoffLimit": 6}})
    assert "breaks 1 rule\n\n  spec.backoffLimit is 6" in worse.stderr
    resumed = tenant.patch("job/once", RESUME)
    assert (0, [known("spec.backoffLimit is 5; allowed: at most 3", "backoffLimit")]) == (
        resumed.code,
        resumed.warnings,
    )


def test_a_label_that_brings_a_policy_is_a_change_for_which_one_is_denied(admin: Kubectl, tenant: Kubectl) -> None:
    stands(admin, nightly())
    labelled = tenant.run("label", NIGHTLY, "singleton=true")
    assert "  spec.jobTemplate.spec.activeDeadlineSeconds is missing; allowed: at most 3600\n" in labelled.stderr
    assert "labels" not in tenant.get_json(NIGHTLY)["metadata"]


def test_a_label_that_takes_a_policy_away_may_go(admin: Kubectl, tenant: Kubectl) -> None:
    stands(admin, {**nightly(), "metadata": {"name": "nightly", "labels": {"singleton": "true"}}})
    unlabelled = tenant.run("label", NIGHTLY, "singleton-")
    assert (unlabelled.code, unlabelled.warnings) == (0, [])


def test_an_annotation_is_nobodys_business(admin: Kubectl, tenant: Kubectl, server: Server) -> None:
    stands(admin, nightly(retries=5))
    asked = server.decisions()
    assert tenant.run("annotate", NIGHTLY, "why=because").warnings == []
    assert asked == server.decisions()


def test_what_was_there_before_its_policy_warns_once_there_is_one(tenant: Kubectl, server: Server) -> None:
    server.use("")
    assert tenant.apply(nightly(retries=5)).warnings == []
    server.use(POLICIES)
    updated = tenant.apply(nightly(retries=5, timeZone="Etc/UTC"))
    assert (0, [known(f"{RETRIES} is 5", "backoffLimit")]) == (updated.code, updated.warnings)

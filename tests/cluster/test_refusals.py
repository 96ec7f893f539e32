"""What the API server refuses anyway is repaired, or denied by us first with all else that is wrong beside it."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.kubectl import Kubectl, Result
from tests.cluster.serving import Server
from tests.cluster.workloads import cron_job, job

POLICIES = """
apiVersion: batchwarden.io/v1alpha1
kind: ClusterBatchPolicy
metadata: {name: house}
spec:
  action: Deny
  objectSelector: {matchExpressions: [{key: gentle, operator: DoesNotExist}]}
  rules:
    restartPolicy: {}
    backoffLimit: {max: 3, default: 2}
    imageTag: {}
    resourceLimits: {action: Warn}
---
apiVersion: batchwarden.io/v1alpha1
kind: ClusterBatchPolicy
metadata: {name: repair}
spec:
  action: Deny
  objectSelector: {matchLabels: {repair: "true"}}
  rules:
    restartPolicy: {default: OnFailure}
---
apiVersion: batchwarden.io/v1alpha1
kind: ClusterBatchPolicy
metadata: {name: gentle}
spec:
  action: Warn
  objectSelector: {matchLabels: {gentle: "true"}}
  rules:
    restartPolicy: {}
    backoffLimit: {default: 2}
"""
ALWAYS = "spec.template.spec.restartPolicy is Always{}; allowed: Never or OnFailure"
REFUSED = 'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'


@pytest.fixture(scope="module", autouse=True)
def policies(server: Server) -> None:
    server.use(POLICIES)


def endless(label: str = "", image: str = "busybox:1.36", **pod: Any) -> dict[str, Any]:
    """Return a Job whose Pods restart for ever, for nothing else is said."""
    template = {"spec": {"containers": [{"name": "main", "image": image}], **pod}}
    manifest = job("endless", template=template)
    return {**manifest, "metadata": {"name": "endless", "labels": {label: "true"} if label else {}}}


def test_it_is_denied_at_once_with_all_else_that_is_wrong(tenant: Kubectl, server: Server) -> None:
    denied = tenant.apply(endless(image="busybox"), name="endless.yaml")
    assert denied.stdout == ""
    assert (
        denied.stderr
        == f"""\
Warning: spec.template.spec.containers[0].resources.limits.memory is missing (resourceLimits, policy house)
Warning: spec.backoffLimit would be set to 2 (backoffLimit, policy house)
Error from server (Forbidden): error when creating "endless.yaml": \
admission webhook "mutate.batchwarden.io" denied the request: Job {tenant.namespace}/endless breaks 2 rules

  spec.template.spec.containers[0].image is busybox, which means busybox:latest; \
allowed: a tag that stays or a digest (container "main")
    The tag latest is another image tomorrow.   imageTag, policy house
    image: "busybox:VERSION"  # for example

  {ALWAYS.format(" (filled in by Kubernetes)")}
    A Job's Pods must end; the API server refuses this.   restartPolicy, policy house
    restartPolicy: Never  # for example

Why: batchwarden explain imageTag restartPolicy
"""
    )
    what = f"Job {tenant.namespace}/endless"
    assert [(line["webhook"], line["decision"]) for line in server.decisions(object=what)] == [("mutate", "denied")]


@pytest.mark.parametrize(
    ("send", "whose"),
    [
        (lambda tenant: tenant.apply(endless(restartPolicy="Always")), ""),
        (lambda tenant: tenant.apply(endless("repair", restartPolicy="Always")), ""),
        (lambda tenant: tenant.apply_server_side(endless()), " (filled in by Kubernetes)"),
        (lambda tenant: tenant.create(endless()), " (yours or Kubernetes')"),
        (lambda tenant: tenant.create(endless("repair")), " (yours or Kubernetes')"),
    ],
    ids=["written", "written despite a default", "filled in", "either", "either despite a default"],
)
def test_it_is_denied_where_nobody_repairs_it(send: Callable[[Kubectl], Result], whose: str, tenant: Kubectl) -> None:
    denied = send(tenant)
    assert 'admission webhook "mutate.batchwarden.io" denied the request' in denied.stderr
    assert f"  {ALWAYS.format(whose)}\n" in denied.stderr


@pytest.mark.parametrize("apply", [Kubectl.apply, Kubectl.apply_server_side])
def test_it_is_repaired_where_a_policy_has_a_default(apply: Callable[..., Result], tenant: Kubectl) -> None:
    repaired = apply(tenant, endless("repair"))
    assert repaired.code == 0, repaired.stderr
    assert "spec.template.spec.restartPolicy set to OnFailure (restartPolicy, policy repair)" in repaired.warnings
    assert tenant.get_json("job/endless")["spec"]["template"]["spec"]["restartPolicy"] == "OnFailure"


def test_a_template_of_a_cronjob_is_denied_and_repaired_alike(tenant: Kubectl) -> None:
    for label, code in (("", 1), ("repair", 0)):
        one = endless(label)
        nightly = {**cron_job("nightly", jobTemplate={"spec": one["spec"]}), "metadata": one["metadata"]}
        applied = tenant.apply(nightly)
        assert (applied.code, "mutate.batchwarden.io" in applied.stderr) == (code, bool(code))
    template = tenant.get_json("cronjob/endless")["spec"]["jobTemplate"]["spec"]["template"]
    assert template["spec"]["restartPolicy"] == "OnFailure"


def test_a_warning_stands_beside_what_the_api_server_says(tenant: Kubectl) -> None:
    refused = tenant.apply(endless("gentle"))
    assert refused.warnings == [
        "spec.template.spec.restartPolicy is Always (filled in by Kubernetes) (restartPolicy, policy gentle)",
        "spec.backoffLimit would be set to 2 (backoffLimit, policy gentle)",
    ]
    assert refused.stderr.endswith(f'The Job "endless" is invalid: {REFUSED}\n')


def test_an_update_that_the_api_server_refuses_is_left_to_it(tenant: Kubectl) -> None:
    assert tenant.apply(cron_job("nightly")).code == 0
    refused = tenant.apply(cron_job("nightly", jobTemplate={"spec": endless()["spec"]}))
    always = "spec.jobTemplate.spec.template.spec.restartPolicy is Always (filled in by Kubernetes)"
    assert any(line.startswith(always) for line in refused.warnings)
    assert 'The CronJob "nightly" is invalid' in refused.stderr
    assert "batchwarden.io" not in refused.stderr


def test_a_name_yet_to_be_generated_is_called_so(tenant: Kubectl) -> None:
    early = tenant.create({**endless(), "metadata": {"generateName": "import-"}})
    assert f"Job {tenant.namespace}/import-(generated) breaks 2 rules" in early.stderr
    late = tenant.create({**job("any", backoffLimit=5), "metadata": {"generateName": "import-"}})
    assert re.search(rf"Job {tenant.namespace}/import-[a-z0-9]{{5}} breaks 1 rule\n", late.stderr)
    made = tenant.create({**job("any", backoffLimit=2), "metadata": {"generateName": "import-"}})
    assert re.fullmatch(r"job\.batch/import-[a-z0-9]{5} created\n", made.stdout)

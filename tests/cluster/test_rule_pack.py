"""The real API server tells of what each rule's page flags, takes what it allows, and takes what the rules write."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from policies.catalog import example, rules
from tests.cluster.kubectl import DRY_RUN, Kubectl, Object, Result
from tests.cluster.serving import Server
from tests.cluster.workloads import cron_job, job
from tests.policies.cases import API_VERSION, base, overlay

LABEL = "under"
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "activeDeadline": {"defaultSeconds": 3600},
    "backoffLimit": {"default": 2},
    "concurrencyPolicy": {"allowed": ["Forbid"], "default": "Forbid"},
    "historyLimits": {"defaultSuccessful": 1, "defaultFailed": 2},
    "placement": {
        "nodeSelector": {"pool": "batch"},
        "tolerations": [{"key": "pool", "value": "batch"}, {"key": "spot", "operator": "Exists"}],
        "defaults": True,
    },
    "podFailurePolicy": {"defaultIgnoreDisruptions": True},
    "priorityClass": {"allowed": ["batch-low"], "default": "batch-low"},
    "requiredLabels": {"keys": ["team"], "defaults": {"team": "payments"}, "templates": True},
    "resourceLimits": {"defaults": {"memory": "64Mi"}},
    "resourceRequests": {"defaults": {"cpu": "10m", "memory": "16Mi"}},
    "restartPolicy": {"default": "Never"},
    "startingDeadline": {"required": True, "defaultSeconds": 300},
    "timeZone": {"required": True, "default": "Europe/Berlin"},
    "ttlAfterFinished": {"defaultSeconds": 600},
}


@pytest.fixture(scope="module", autouse=True)
def policies(server: Server) -> None:
    params = {rule: yaml.safe_load(example(known, "Flagged").params) for rule, known in rules().items()}
    each = [policy(rule.lower(), {rule: params[rule]}) for rule in rules()]
    server.use("---\n".join(json.dumps(one) + "\n" for one in [*each, policy("defaults", DEFAULTS)]))


def policy(name: str, asked: Mapping[str, Any]) -> Object:
    """Return a policy that denies, of these rules, for what carries its name as a label."""
    selector = {"matchLabels": {LABEL: name}}
    spec = {"action": "Deny", "objectSelector": selector, "rules": asked}
    return {"apiVersion": API_VERSION, "kind": "ClusterBatchPolicy", "metadata": {"name": name}, "spec": spec}


def under(name: str, manifest: Object) -> dict[str, Any]:
    """Return the manifest with the label that puts it under a policy, in whatever namespace kubectl is."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "namespace"}
    return {**manifest, "metadata": overlay(metadata, {"labels": {**metadata.get("labels", {}), LABEL: name}})}


def shown(rule: str, title: str) -> dict[str, Any]:
    sketch = yaml.safe_load(example(rules()[rule], title).manifest)
    return under(rule.lower(), overlay(base(sketch["kind"]), sketch))


@pytest.mark.parametrize("rule", rules())
def test_what_a_page_flags_is_told_and_what_it_allows_is_taken(rule: str, tenant: Kubectl) -> None:
    flagged = tenant.create(shown(rule, "Flagged"), DRY_RUN)
    assert f"{rule}, policy {rule.lower()}" in flagged.stderr
    allowed = tenant.create(shown(rule, "Allowed"), DRY_RUN)
    assert allowed.code == 0, allowed.stderr
    assert allowed.warnings == []


@pytest.mark.parametrize("make", [job, cron_job])
@pytest.mark.parametrize("apply", [Kubectl.apply, Kubectl.apply_server_side], ids=["client", "server"])
def test_what_the_rules_write_is_taken_and_written_once(
    apply: Callable[..., Result], make: Callable[..., dict[str, Any]], tenant: Kubectl
) -> None:
    manifest = defaulted(make)
    applied = apply(tenant, manifest)
    assert applied.code == 0, applied.stderr
    writing = {rule for rule, known in rules().items() if known.defaults and manifest["kind"] in known.kinds}
    skipped = {"ttlAfterFinished"} if make is cron_job else set()  # history limits see to that
    told = " ".join(applied.warnings)
    assert {rule for rule in rules() if f" ({rule}, policy defaults)" in told} == writing - skipped
    target = f"{manifest['kind'].lower()}/work"
    stored = tenant.get_json(target)
    again = apply(tenant, manifest)
    assert again.code == 0, again.stderr
    assert again.warnings == []
    assert tenant.get_json(target) == stored


def test_a_run_of_a_cronjob_keeps_what_was_written(tenant: Kubectl) -> None:
    assert tenant.apply(defaulted(cron_job)).code == 0
    made = tenant.create_job_from("work", "by-hand")
    assert made.code == 0, made.stderr
    template, run = (tenant.get_json(target)["spec"] for target in ("cronjob/work", "job/by-hand"))
    written = template["jobTemplate"]["spec"]
    assert run["podFailurePolicy"] == written["podFailurePolicy"]
    assert run["template"]["spec"] == written["template"]["spec"]


def defaulted(make: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Return a Job or CronJob that says as little as may be, under the policy that writes the rest."""
    template = {"template": {"spec": {"containers": [{"name": "main", "image": "registry.example.com/main:1"}]}}}
    return under("defaults", make("work", **(template if make is job else {"jobTemplate": {"spec": template}})))

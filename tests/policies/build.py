"""What to judge and what to judge it by, as plain values: objects as writers leave them, policies and exceptions."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from policies.engine import evaluate
from policies.fields import LAST_APPLIED_ANNOTATION, Path, Request, render
from policies.objects import (
    BatchPolicy,
    BatchPolicyException,
    ClusterBatchPolicy,
    Exclude,
    Policy,
    decode_object,
    policy,
)
from policies.rule import Action, Default, Facts, Finding, Rule, RuleParams
from policies.selection import Selection, Snapshot
from policies.selector import LabelSelector
from policies.server_defaults import CRON_JOB_SPEC_DEFAULTS, JOB_SPEC_DEFAULTS, POD_SPEC_DEFAULTS
from policies.verdict import Before, Verdict
from policies.workload import Workload
from tests.policies.cases import API_VERSION, base, merge

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
POD: Path = ("spec", "jobTemplate", "spec", "template", "spec")
MEMORY: Path = (*POD, "containers", 0, "resources", "limits", "memory")

LET_OFF: Mapping[str, Any] = {
    "policies": ["p"],
    "rules": ["activeDeadline"],
    "selector": {},
    "reason": "OPS-1",
    "owner": "data@example.com",
    "expiresAt": "2026-12-31T00:00:00Z",
}
FILLED: Mapping[str, Any] = {
    "Job": {"spec": {**JOB_SPEC_DEFAULTS, "template": {"spec": POD_SPEC_DEFAULTS}}},
    "CronJob": {"spec": {**CRON_JOB_SPEC_DEFAULTS, "jobTemplate": {"spec": {"template": {"spec": POD_SPEC_DEFAULTS}}}}},
}


def cron_job(*, metadata: Any = None, job: Any = None, pod: Any = None, **spec: Any) -> dict[str, Any]:
    """Tweak the minimal CronJob by merge patches: its spec, its metadata, its Job's spec, its Pod's spec."""
    outer = merge(base("CronJob"), {"metadata": metadata or {}, "spec": {**spec, "jobTemplate": {"spec": job or {}}}})
    raw: dict[str, Any] = merge(outer, {"spec": {"jobTemplate": {"spec": {"template": {"spec": pod or {}}}}}})
    return raw


def one_off(*, metadata: Any = None, pod: Any = None, **spec: Any) -> dict[str, Any]:
    """Tweak the minimal Job by merge patches: its spec, its metadata, its Pod's spec."""
    raw: dict[str, Any] = merge(
        base("Job"), {"metadata": metadata or {}, "spec": {**spec, "template": {"spec": pod or {}}}}
    )
    return raw


def containers(**resources: Any) -> list[dict[str, Any]]:
    """List containers by name, each with its resources."""
    return [{"name": name, "image": "busybox:1.36", "resources": given} for name, given in resources.items()]


def fields_v1(value: Any) -> dict[str, Any]:
    """Say whose fields these are, as managedFields does."""
    if isinstance(value, list) and all(isinstance(item, dict) and "name" in item for item in value):
        return {f"k:{json.dumps({'name': item['name']})}": {".": {}, **fields_v1(item)} for item in value}
    return {f"f:{key}": fields_v1(inner) for key, inner in value.items()} if isinstance(value, dict) else {}


def entry(manager: str, operation: str, value: Any) -> dict[str, Any]:
    """Make a manager own all that a value holds."""
    return {"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields_v1(value)}


def sent(document: dict[str, Any], by: str = "kubectl apply", old: Workload | None = None) -> Workload:
    """Give an object as the API server passes it on: defaults filled in, and its writers noted.

    ``by`` is ``kubectl apply``, ``kubectl apply --server-side`` or ``kubectl create``.
    """
    before = None if old is None else old.raw
    filled: dict[str, Any] = merge(FILLED[document["kind"]], document)
    if by == "kubectl apply --server-side":
        written = {"managedFields": [entry("kubectl", "Apply", {"spec": document["spec"]})]}
        return Workload(merge(filled, {"metadata": written}), request=Request("kubectl", before))
    manager = "kubectl-client-side-apply" if by == "kubectl apply" else "kubectl-create"
    note = {"annotations": {LAST_APPLIED_ANNOTATION: json.dumps(document)}} if by == "kubectl apply" else {}
    owned = [entry(manager, "Update", {"spec": filled["spec"]})]
    return Workload(merge(filled, {"metadata": {"managedFields": owned, **note}}), request=Request(manager, before))


def cluster(name: str, rules: Mapping[str, Any], **spec: Any) -> Policy:
    """Decode a ClusterBatchPolicy, which denies if it does not say otherwise."""
    source = decode_object(manifest("ClusterBatchPolicy", {"name": name}, {"action": "Deny", "rules": rules, **spec}))
    assert isinstance(source, ClusterBatchPolicy)
    return policy(source)


def local(name: str, rules: Mapping[str, Any], namespace: str = "team-a", **spec: Any) -> Policy:
    """Decode a BatchPolicy, which denies if it does not say otherwise."""
    metadata = {"name": name, "namespace": namespace}
    source = decode_object(manifest("BatchPolicy", metadata, {"action": "Deny", "rules": rules, **spec}))
    assert isinstance(source, BatchPolicy)
    return policy(source)


def exception(*, created: str | None = None, **spec: Any) -> BatchPolicyException:
    """Decode an exception from activeDeadline of policy p, for everything in team-a, to the end of 2026."""
    metadata = {"name": "let-off", "namespace": spec.pop("namespace", "team-a"), "creationTimestamp": created}
    source = decode_object(manifest("BatchPolicyException", metadata, {**LET_OFF, **spec}))
    assert isinstance(source, BatchPolicyException)
    return source


def manifest(kind: str, metadata: Mapping[str, Any], spec: Any) -> dict[str, Any]:
    """Write one of our objects."""
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": dict(metadata), "spec": spec}


def made_of(*rules: Rule[Any], name: str = "p", action: Action = Action.DENY, namespace: str = "") -> Policy:
    """Make a policy of rules that no catalog holds."""
    return Policy(
        name=name,
        namespace=namespace,
        namespace_selector=LabelSelector(),
        object_selector=LabelSelector(),
        exclude=Exclude(),
        contact=None,
        max_days=90,
        rules=tuple((rule, RuleParams(), action) for rule in rules),
    )


def asks(path: Path, allowed: Collection[object], *, write: object = None, **options: Any) -> Rule[RuleParams]:
    """Make a rule that wants one of these values at a path, and writes one if it is told to; ``name`` names it."""

    def check(job: Workload, _params: RuleParams, _facts: Facts) -> Iterator[Finding]:
        value = job.value(path)
        if value not in allowed:
            yield Finding(path=path, found=f"is {value}", allowed=str(allowed), why="", judged=value)

    def defaults(_job: Workload, _params: RuleParams, _facts: Facts) -> Iterator[Default]:
        if write is not None:
            yield Default(path, write)

    module = f"rules.{options.pop('name', 'asks')}"
    return Rule(module, "A rule.", RuleParams, check, defaults, **options)


def selecting(
    *policies: Policy, exceptions: Iterable[BatchPolicyException] = (), **known: Any
) -> Callable[[Workload], Selection]:
    """Select by these policies, at a fixed moment."""
    snapshot = Snapshot(policies, exceptions, **known)
    return lambda job: snapshot.select(job, at=NOW)


def judged(raw: dict[str, Any], *policies: Policy, old: dict[str, Any] | None = None, **known: Any) -> Verdict:
    """Judge an object by these policies, as an update if there is an old one."""
    select, job = selecting(*policies, **known), Workload(raw)
    was = None if old is None else Workload(old)
    return evaluate(job, select(job), None if was is None else Before(was, select(was)))


def told(verdict: Verdict) -> list[tuple[str, str]]:
    """Give the paths found, each with what is done about it."""
    return [(render(violation.finding.path), violation.action.value) for violation in verdict.violations]

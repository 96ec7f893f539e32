"""A Pod that its node takes away is replaced, and does not count as a failure.

Evictions, drained nodes and preemption use up ``backoffLimit``, so that a Job fails though its program did nothing
wrong. A ``podFailurePolicy`` that ignores ``DisruptionTarget`` counts only true failures; Kubernetes demands
``podReplacementPolicy: Failed`` and ``restartPolicy: Never`` beside it. Passed over: ``backoffLimit: 0``, which means
"run at most once", a policy that decides on ``DisruptionTarget`` otherwise, and Jobs that a controller owns.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy

Flagged::

    kind: Job
    spec: {backoffLimit: 3, template: {spec: {restartPolicy: Never}}}

Allowed::

    kind: Job
    spec:
      podReplacementPolicy: Failed
      podFailurePolicy: {rules: [{action: Ignore, onPodConditions: [{type: DisruptionTarget, status: "True"}]}]}
"""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, structs

from policies.fields import mapping, sequence
from policies.rule import Default, Facts, Finding, Gap, Phase, Rule, RuleParams, missing
from policies.workload import Workload

FIELD, BESIDE, DISRUPTED = "podFailurePolicy", "podReplacementPolicy", "DisruptionTarget"
MOST_RULES = 20  # of which the API server refuses more
WHY = "A drained node or an eviction uses up the retries, and the Job fails though its program did not."


class Params(RuleParams, frozen=True):
    """Whether disruptions are ignored."""

    default_ignore_disruptions: Annotated[
        bool, Meta(description="Write a policy that ignores disruptions where the Job has none.")
    ] = False


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find Jobs whose retries are used up by disruptions."""
    rules = sequence(mapping(job.job_spec.raw.get(FIELD)).get("rules"))
    patterns = (mapping(pattern) for rule in rules for pattern in sequence(mapping(rule).get("onPodConditions")))
    decided = len(rules) >= MOST_RULES or any(pattern.get("type") == DISRUPTED for pattern in patterns)
    if decided or not _retries(job):
        return
    fix = _ignoring(job, *rules)
    if job.job_spec.raw.get(FIELD) is None:
        yield structs.replace(missing(fix.path, 0, why=WHY, example=not params.default_ignore_disruptions), fix=fix)
    else:
        yield Finding(path=fix.path, found=f"says nothing of {DISRUPTED}", allowed=f"a rule on {DISRUPTED}", why=WHY,
                      excess=("over", 1), fix=fix, example=True)  # fmt: skip


def defaults(job: Workload, params: Params, _facts: Facts) -> Iterator[Default]:
    """Write a policy, and what Kubernetes demands beside it."""
    if params.default_ignore_disruptions and _retries(job):
        yield _ignoring(job)


def _retries(job: Workload) -> bool:
    spec = job.job_spec.raw
    once = spec.get("backoffLimit") == 0 or spec.get("backoffLimitPerIndex") == 0
    return not once and job.pod_spec.raw.get("restartPolicy") == "Never" and job.controller is None


def _ignoring(job: Workload, *rules: object) -> Default:
    # with the status that the API server would fill in: what stands there later is then known to be ours
    ignore = {"action": "Ignore", "onPodConditions": [{"type": DISRUPTED, "status": "True"}]}
    also = () if job.job_spec.raw.get(BESIDE) == "Failed" else (((*job.job_spec.path, BESIDE), "Failed"),)
    return Default((*job.job_spec.path, FIELD), {"rules": [ignore, *rules]}, also)


RULE = Rule(__name__, __doc__, Params, check, defaults, category="Reliability", phase=Phase.FAILURES,
    gaps=lambda _: [Gap(("job", FIELD), {}, "pod.?restartPolicy.orValue('') == 'Never' && !owned")])  # fmt: skip

"""A Job that keeps failing stops trying.

Kubernetes waits longer before each retry, but no longer than ten minutes: a high ``backoffLimit`` without
``activeDeadlineSeconds`` goes on for days. In a Pod of ``restartPolicy: Never``, what a container restarts by a policy
of its own counts against no limit. Under ``OnFailure``, restarts never count against ``backoffLimitPerIndex``.

Sources: https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-backoff-failure-policy, KEP-5307, and
``pastBackoffLimitOnFailure`` in kubernetes pkg/controller/job/job_controller.go

Flagged::

    kind: Job
    spec: {backoffLimit: 100}

Allowed::

    kind: Job
    spec: {backoffLimit: 100, activeDeadlineSeconds: 3600}
"""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from policies.rule import Count, Default, Facts, Finding, Rule, RuleParams, not_allowed
from policies.workload import Container, Workload

DEADLINE, RULES = "activeDeadlineSeconds", "restartPolicyRules"
DELAYS = (10, 20, 40, 80, 160, 320, 600)  # seconds: DefaultJobPodFailureBackOff to MaxJobPodFailureBackOff
UNITS = (("years", 525600), ("days", 1440), ("hours", 60), ("minutes", 1))  # in minutes
FOR_EVER = "A container that keeps failing restarts for ever: backoffLimit counts failed Pods alone."
AGAIN = "The container runs again after it has succeeded: the Job never completes."


class Params(RuleParams, frozen=True):
    """How many retries need a deadline."""

    max_retries: Annotated[Count, Meta(description="The most retries that need no deadline.")] = 20


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find retries that nothing stops, or not for days."""
    if job.job_spec.integer(DEADLINE).value is None:
        yield from _retries(job, params.max_retries)
    for container in job.all_containers:
        if "restartPolicy" in container.section.raw and not container.sidecar:
            yield from _restarts(job, container)


def _retries(job: Workload, most: int) -> Iterator[Finding]:
    total, each = (job.job_spec.integer(key) for key in ("backoffLimit", "backoffLimitPerIndex"))
    in_place = job.pod_spec.raw.get("restartPolicy") == "OnFailure"
    limit = total if each.value is None or in_place else min(total, each, key=lambda field: field.value or 0)
    tries = limit.value or 0
    if tries > most:
        yield Finding(path=limit.path, found=f"needs {DEADLINE}, as it is {tries}", excess=("over", tries - most),
                      allowed=f"at most {most}, or any with {DEADLINE}", fix=Default(limit.path, most), example=True,
                      why=f"Work that keeps failing is tried for {_span(tries)}, and nothing stops it.")  # fmt: skip


def _restarts(job: Workload, container: Container) -> Iterator[Finding]:
    deadlines = (spec.integer(DEADLINE).value for spec in (job.job_spec, job.pod_spec))
    uncounted = not any(deadlines) and job.pod_spec.raw.get("restartPolicy") == "Never"
    policy, rules = container.section.text("restartPolicy"), container.section.raw.get(RULES)
    if policy.value == "Always":
        yield from not_allowed(policy, ("OnFailure", "Never"), None, why=AGAIN)
    elif uncounted and (rules or policy.value == "OnFailure"):
        path, what = ((*container.path, RULES), "are there") if rules else (policy.path, "is OnFailure")
        yield Finding(path=path, found=f"{what}, and {DEADLINE} is missing", allowed=f"with {DEADLINE}", judged=rules,
                      why=FOR_EVER, fix=Default((*job.job_spec.path, DEADLINE), 3600), example=True)  # fmt: skip


def _span(tries: int) -> str:
    """Say how long the delays before so many retries take."""
    minutes = min(sum(DELAYS[:tries]) + max(0, tries - len(DELAYS)) * DELAYS[-1], 1e13) / 60  # a file holds any number
    return next((f"about {minutes / size:.0f} {unit}" for unit, size in UNITS if minutes >= 2 * size), "a minute")


RULE = Rule(__name__, __doc__, Params, check, category="Reliability")

"""A Job's Pods end: their ``restartPolicy`` is ``Never`` or ``OnFailure``.

Kubernetes fills in ``Always`` where nothing is written, and then refuses it: a Pod that restarts for ever never
completes. ``Never`` keeps each failed Pod with its logs; ``OnFailure`` restarts the container in place.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-template

Flagged::

    kind: Job
    spec: {template: {spec: {restartPolicy: Always}}}

Allowed::

    kind: Job
    spec: {template: {spec: {restartPolicy: Never}}}
"""

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from msgspec import Meta, structs

from policies.demands import among
from policies.rule import Default, Facts, Finding, Gap, Rule, RuleParams, not_allowed
from policies.workload import Workload

Value = Literal["Never", "OnFailure"]
LEGAL: Final[tuple[Value, ...]] = ("Never", "OnFailure")


class Params(RuleParams, frozen=True):
    """Which values of ``restartPolicy`` are allowed."""

    demands = among("default", of="allowed")

    allowed: Annotated[
        Annotated[tuple[Value, ...], Meta(min_length=1, max_length=2)],
        Meta(description="The values that a Job's Pods may have."),
    ] = LEGAL
    default: Annotated[Value | None, Meta(description="Written where the Job says nothing.")] = None


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find ``Always``, and what the policy does not allow."""
    policy = job.pod_spec.text("restartPolicy")
    refused = policy.value not in LEGAL
    why = (
        "A Job's Pods must end; the API server refuses this."
        if refused
        else "The policy asks for another way to retry."
    )
    default = "Never" if _takes_never_alone(job) else params.default
    for finding in not_allowed(policy, params.allowed, default, why=why, refused=refused):
        yield finding if default is None or default in params.allowed else structs.replace(finding, fix=None)


def defaults(job: Workload, params: Params, _facts: Facts) -> Iterator[Default]:
    """Write the default."""
    if params.default == "Never" or (params.default and not _takes_never_alone(job)):
        yield Default((*job.pod_spec.path, "restartPolicy"), params.default)


def _takes_never_alone(job: Workload) -> bool:
    """Whether the API server refuses OnFailure: ``validatePodFailurePolicy`` in pkg/apis/batch/validation."""
    return job.job_spec.raw.get("podFailurePolicy") is not None


RULE = Rule(__name__, __doc__, Params, check, defaults, category="Correctness", severity="high",
            gaps=lambda params: [Gap(("pod", "restartPolicy"), params.default)],
            refusable=f"!(pod.?restartPolicy.orValue('') in {[*LEGAL]})")  # fmt: skip

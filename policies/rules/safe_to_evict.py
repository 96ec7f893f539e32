"""A Job that is dear to run says whether the cluster autoscaler may stop it to save a node.

To give a node back, the cluster autoscaler evicts the Pods on it, as it counts on their Job to start them again: hours
of work are lost to save minutes of a machine. The annotation ``cluster-autoscaler.kubernetes.io/safe-to-evict`` on the
Pod template says ``"false"`` where that must not be, or ``"true"`` where the work goes on from where it was. What is at
stake is reckoned as the CPUs that one Pod asks for times the deadline of its Job; without either nobody can know. The
reverse can be found as well: a Pod that forbids eviction keeps its node for as long as it runs (``maxHoldSeconds``).

Source: https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md

Flagged, with ``{minCpuHours: 8}``::

    kind: Job
    spec:
      activeDeadlineSeconds: 43200
      template: {spec: {containers: [{name: work, resources: {requests: {cpu: 4}}}]}}

Allowed::

    kind: Job
    spec:
      activeDeadlineSeconds: 43200
      template:
        metadata: {annotations: {cluster-autoscaler.kubernetes.io/safe-to-evict: "false"}}
        spec: {containers: [{name: work, resources: {requests: {cpu: 4}}}]}
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Final

from msgspec import Meta

from policies import timing
from policies.fields import Path
from policies.resources import pod_request
from policies.rule import Default, Facts, Finding, Range, Rule, RuleParams, Seconds, missing
from policies.workload import Workload

ANNOTATION: Final = "cluster-autoscaler.kubernetes.io/safe-to-evict"
Hours = Annotated[float, Meta(gt=0, le=1_000_000)]


class Params(RuleParams, frozen=True):
    """How much work one eviction may cost, and how long a Job may hold a node."""

    min_cpu_hours: Annotated[Hours | None, Meta(description="CPU hours of one Pod from which a Job must say.")] = None
    max_hold_seconds: Annotated[
        Seconds | None, Meta(description="The longest deadline of a Job that forbids eviction.")
    ] = None


def check(job: Workload, params: Params, facts: Facts) -> Iterator[Finding]:
    """Find dear Jobs that say nothing, and Jobs that hold their node for too long."""
    if params.min_cpu_hours is None and params.max_hold_seconds is None:
        return
    annotations = job.job_spec.section("template").section("metadata").section("annotations")
    said, deadline = annotations.raw.get(ANNOTATION), timing.deadline(job)
    if said == "false" and params.max_hold_seconds is not None:
        limits, why = Range(None, params.max_hold_seconds), "A Pod that forbids eviction keeps its node as it runs."
        if deadline.value is None:
            yield missing(deadline.path, params.max_hold_seconds, limits=limits, why=why, example=False)
        yield from limits.check(deadline, why)
    if said not in ("false", "true") and params.min_cpu_hours is not None and deadline.value is not None:
        hours = pod_request(job, "cpu", facts.limit_range) * deadline.value / 3600
        if hours >= params.min_cpu_hours:
            yield _unsaid((*annotations.path, ANNOTATION), said, hours, params.min_cpu_hours)


def _unsaid(path: Path, said: object, hours: Decimal, least: float) -> Finding:
    spent = f"{hours:.1f}".removesuffix(".0")
    why = f"The cluster autoscaler may throw {spent} h of CPU time away to save a node."
    found = "is missing" if said is None else f"is {said}"
    return Finding(path=path, found=found, allowed='"false", or "true" if the work can be taken up again', why=why,
                   excess=("over", hours - Decimal(least)), fix=Default(path, "false"), example=True)  # fmt: skip


RULE = Rule(__name__, __doc__, Params, check, category="Resources", severity="low")

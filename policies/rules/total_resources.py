"""A Job asks, with all its Pods that run at once, for no more than its budget.

Limits on each container hold nobody back from ``parallelism: 500``. What counts is what the scheduler must find room
for: the Pods that run at once, times what one of them asks for, which is its own request or the most that its
containers ask for at the same time: the work with its sidecars, or an init container with the sidecars before it.
When Kueue or another manager (``managedBy``) resizes a Job, its update is not judged.

Sources: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers,
https://kubernetes.io/docs/concepts/workloads/controllers/job/#parallel-jobs

Flagged, with ``{max: {cpu: 64}}``::

    kind: Job
    spec: {parallelism: 40, template: {spec: {containers: [{name: work, resources: {requests: {cpu: 2}}}]}}}

Allowed::

    kind: Job
    spec: {parallelism: 3, template: {spec: {containers: [{name: work, resources: {requests: {cpu: 1}}}]}}}
"""

from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from typing import Annotated

from msgspec import Meta

from policies.pods import at_once, is_resized
from policies.quantity import amounts
from policies.resource_demands import quantities
from policies.resources import pod_request, show
from policies.rule import Amounts, Default, Facts, Finding, Rule, RuleParams
from policies.workload import Workload


class Params(RuleParams, frozen=True, dict=True):
    """What all Pods of a Job together may ask for."""

    demands = quantities("max")

    max: Annotated[Amounts | None, Meta(description="The budget of one Job, per resource.")] = None

    budgets = cached_property(lambda self: amounts(self.max))


def check(job: Workload, params: Params, facts: Facts) -> Iterator[Finding]:
    """Find Jobs over a budget."""
    if not params.max or is_resized(job):
        return
    pods = at_once(job)
    fits = pods
    over = []
    for resource, budget in params.budgets.items():
        each = pod_request(job, resource, facts.limit_range)
        if each > 0 and each * pods > budget.value:
            over.append((resource, each, budget.value))
            fits = min(fits, int(budget.value / each))
    for found in over:
        yield _finding(job, pods, fits, found)


def _finding(job: Workload, pods: int, fits: int, over: tuple[str, Decimal, Decimal]) -> Finding:
    parallelism, (resource, each, budget) = job.job_spec.integer("parallelism"), over
    many = f"{pods} Pods of {show(each)} {resource} ask for {show(each * pods)}"
    what = many if pods > 1 else f"a Pod ask for {show(each)} {resource}"
    cure = "lower parallelism, or what each Pod requests" if fits > 0 else "lower what each Pod requests"
    return Finding(
        path=parallelism.path,
        found=f"lets {what}, as it is {parallelism.value}",
        allowed=f"at most {show(budget)} {resource} at once",
        why=f"One Job must not take what the others need: {cure}.",
        excess=(resource, each * pods - budget),
        fix=Default(parallelism.path, fits) if fits > 0 else None,
        example=True,
    )


RULE = Rule(__name__, __doc__, Params, check, category="Resources")

"""A Job names the priority class that batch work is to have.

A Pod of a higher class pushes others off their nodes when there is no room: batch work in the class of the cluster's
own services stops what people wait for. A Pod that names no class gets the cluster's default one, or priority 0; one
that names a class that does not exist is refused, and its Job waits without a word.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/

Flagged, with ``{allowed: [batch-low, batch-high]}``::

    kind: Job
    spec: {template: {spec: {priorityClassName: system-cluster-critical}}}

Allowed::

    kind: Job
    spec: {template: {spec: {priorityClassName: batch-low}}}
"""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from policies.demands import among
from policies.rule import Default, Facts, Finding, Gap, Rule, RuleParams, Texts, not_allowed
from policies.workload import Workload

Name = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\Z", max_length=253, extra={"allowed": "the name of a PriorityClass"}
    ),
]


class Params(RuleParams, frozen=True):
    """Which priority classes a Job may have."""

    demands = among("default", of="allowed")

    allowed: Annotated[Texts | None, Meta(description="The priority classes that a Job's Pods may have.")] = None
    required: Annotated[bool, Meta(description="Find Jobs that name none, too, where some are allowed.")] = True
    default: Annotated[Name | None, Meta(description="Written where the Job names none; it must exist.")] = None


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find a class that is not allowed, or none."""
    if params.allowed is None:
        return
    name = job.pod_spec.text("priorityClassName")
    if params.required or name.value is not None:
        why = "Batch work must not push off its node what people wait for."
        yield from not_allowed(name, params.allowed, params.default, why=why)


def defaults(job: Workload, params: Params, _facts: Facts) -> Iterator[Default]:
    """Write the default."""
    if params.default is not None:
        yield Default((*job.pod_spec.path, "priorityClassName"), params.default)


RULE = Rule(__name__, __doc__, Params, check, defaults, category="Resources",
            gaps=lambda params: [Gap(("pod", "priorityClassName"), params.default)])  # fmt: skip

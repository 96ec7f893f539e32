"""A container says the most it may use.

Without a memory limit one leak takes the node down, and its neighbours with it. A limit counts wherever Kubernetes
would find it: on the container, on the Pod, or in the namespace's LimitRange.

Sources: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/,
https://kubernetes.io/docs/concepts/policy/limit-range/

Flagged::

    kind: Job
    spec: {template: {spec: {containers: [{name: work, image: "busybox:1.36"}]}}}

Allowed::

    kind: Job
    spec: {template: {spec: {containers: [{name: work, resources: {limits: {memory: 64Mi}}}]}}}
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import product
from typing import Annotated, Any

from msgspec import Meta

from policies import quantity
from policies.quantity import Amount
from policies.resource_demands import quantities, resources
from policies.resources import EXAMPLES, ceilings, fits, gaps, lacking, limit, over, with_request
from policies.rule import Amounts, Default, Facts, Finding, Phase, Rule, RuleParams, Text
from policies.workload import Container, Workload

WHY = "Without a limit one leak takes the node down."
Required = Annotated[tuple[Text, ...], Meta(max_length=16)]


class Params(RuleParams, frozen=True, dict=True):
    """Which limits a container must have, and how high they may be."""

    demands = resources("require") + quantities("max", low="defaults")

    require: Annotated[Required, Meta(description="Resources that need a limit.")] = ("memory",)
    defaults: Annotated[Amounts | None, Meta(description="Written where there is no limit, per resource.")] = None
    max: Annotated[Amounts | None, Meta(description="The highest limit allowed, per resource.")] = None

    asked = cached_property(lambda self: ceilings(self.require, self.max))


def check(job: Workload, params: Params, facts: Facts) -> Iterator[Finding]:
    """Find containers without a limit, and limits over the ceiling."""
    for container, (resource, most) in product(job.all_containers, params.asked):
        if fits(container.limits.get(resource), most):
            continue
        share = limit(job, container, resource, facts.limit_range)
        if share.amount is not None:
            yield from (with_request(finding, container) for finding in over(share, most))
        elif resource in params.require:
            yield with_request(lacking(share, _wanted(container, resource, most, params), why=WHY), container)


def _wanted(container: Container, resource: str, most: Amount | None, params: Params) -> Mapping[str, Any] | None:
    asked = container.requests.get(resource)
    if asked is None or asked.value <= quantity.parse((params.defaults or EXAMPLES).get(resource, 0)):
        return params.defaults
    return {resource: (asked if most is None or asked.value <= most.value else most).written}


def defaults(job: Workload, params: Params, facts: Facts) -> Iterator[Default]:
    """Write limits where none counts, if the LimitRange admits them and the request is no higher."""
    for container, (resource, amount) in product(job.all_containers, (params.defaults or {}).items()):
        share = limit(job, container, resource, facts.limit_range)
        asked, wanted = container.requests.get(resource), quantity.parse(amount)
        within = asked is None or asked.value <= wanted
        if share.amount is None and within and facts.limit_range.admits(resource, wanted):
            yield Default(share.path, amount)


RULE = Rule(__name__, __doc__, Params, check, defaults, category="Resources", severity="high", phase=Phase.LIMITS,
            gaps=lambda params: gaps("limits", params.defaults))  # fmt: skip

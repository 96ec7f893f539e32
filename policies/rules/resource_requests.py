"""A container says what it needs, so that the scheduler can find room for it.

A Pod without requests lands on any node, full or not, and is the first to be evicted from it. A limit counts as a
request, because Kubernetes copies it; so do requests of the Pod and of the namespace's LimitRange.

Sources: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/,
https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/

Flagged::

    kind: Job
    spec: {template: {spec: {containers: [{name: work, image: "busybox:1.36"}]}}}

Allowed::

    kind: Job
    spec: {template: {spec: {containers: [{name: work, resources: {requests: {cpu: 10m, memory: 16Mi}}}]}}}
"""

from collections.abc import Iterator
from functools import cached_property
from itertools import product
from typing import Annotated

from msgspec import Meta

from policies import quantity
from policies.fields import NOTHING, Origin
from policies.resource_demands import quantities, resources
from policies.resources import ceilings, far_below, fits, gaps, lacking, limit, over, request
from policies.rule import Amounts, Default, Facts, Finding, Phase, Rule, RuleParams, Text
from policies.workload import Workload

WHY = "Without a request the Pod lands on a full node and is the first to be evicted."
Required = Annotated[tuple[Text, ...], Meta(max_length=16)]
Ratios = Annotated[dict[Text, Annotated[float, Meta(ge=1, le=10_000)]], Meta(min_length=1, max_length=16)]


class Params(RuleParams, frozen=True, dict=True):
    """Which requests a container must have, how high they may be, and how far below the limit."""

    demands = resources("require", "max_limit_to_request_ratio") + quantities("max", low="defaults", alone=True)

    require: Annotated[Required, Meta(description="Resources that need a request.")] = ("cpu", "memory")
    defaults: Annotated[Amounts | None, Meta(description="Written where there is no request, per resource.")] = None
    max: Annotated[Amounts | None, Meta(description="The highest request allowed, per resource.")] = None
    max_limit_to_request_ratio: Annotated[Ratios | None, Meta(description="Limit divided by request, at most.")] = None

    asked = cached_property(lambda self: ceilings(self.require, self.max, self.max_limit_to_request_ratio))


def check(job: Workload, params: Params, facts: Facts) -> Iterator[Finding]:
    """Find containers without a request, requests over the ceiling, and requests too far below the limit."""
    ratios = params.max_limit_to_request_ratio or NOTHING
    for container, (resource, most) in product(job.all_containers, params.asked):
        if resource not in ratios and fits(container.requests.get(resource), most):
            continue
        share = request(job, container, resource, facts.limit_range)
        if share.amount is None and resource in params.require:
            yield lacking(share, params.defaults, why=WHY)
        yield from over(share, most)
        if resource in ratios:
            yield from far_below(share, limit(job, container, resource, facts.limit_range), ratios[resource])


def defaults(job: Workload, params: Params, facts: Facts) -> Iterator[Default]:
    """Write requests where none counts, or only a limit of our own, if the LimitRange and the limit admit them."""
    for container, (resource, amount) in product(job.all_containers, (params.defaults or {}).items()):
        if resource in container.requests:
            continue
        share, own = request(job, container, resource, facts.limit_range), container.limits.get(resource)
        wanted, written = quantity.parse(amount), (*container.path, "resources", "limits", resource)
        free = share.amount is None or (own is not None and job.origin(written) is Origin.BATCHWARDEN)
        within = own is None or wanted <= own.value
        if free and within and facts.limit_range.admits(resource, wanted):
            yield Default(share.path, amount)


RULE = Rule(__name__, __doc__, Params, check, defaults, category="Resources", phase=Phase.REQUESTS,
            gaps=lambda params: gaps("requests", params.defaults))  # fmt: skip

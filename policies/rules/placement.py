"""A Job runs on the nodes that are kept for batch work.

A pool of its own keeps batch work from crowding out what people wait for, and lets it run on cheaper machines. Its
nodes carry a label, which the Pod must select, by ``nodeSelector`` or by required node affinity, and a taint, which
the Pod must tolerate. Tolerations are compared as Kubernetes matches them: ``operator: Exists`` tolerates every value.

Sources: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/,
https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/

Flagged, with ``{nodeSelector: {pool: batch}}``::

    kind: Job
    spec: {template: {spec: {nodeSelector: {pool: web}}}}

Allowed::

    kind: Job
    spec: {template: {spec: {nodeSelector: {pool: batch}}}}
"""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from policies.demands import readable
from policies.fields import NOTHING, mapping
from policies.nodes import TOLERATION, Toleration, misfits, selects
from policies.rule import Default, Facts, Finding, Gap, Rule, RuleParams, Text
from policies.selector import KEYS, Value, check_label
from policies.workload import Workload

Labels = Annotated[dict[Text, Value], Meta(min_length=1, max_length=16, extra_json_schema=KEYS)]
Tolerations = Annotated[
    tuple[Annotated[Toleration, Meta(extra_json_schema=TOLERATION)], ...], Meta(min_length=1, max_length=16)
]


class Params(RuleParams, frozen=True):
    """Where a Job's Pods may run."""

    demands = readable(check_label, "node_selector")

    node_selector: Annotated[Labels | None, Meta(description="Labels of the nodes that Pods must select.")] = None
    tolerations: Annotated[Tolerations | None, Meta(description="Taints of these nodes, to be tolerated.")] = None
    exclusive: Annotated[bool, Meta(description="Find tolerations beyond these, too.")] = False
    defaults: Annotated[bool, Meta(description="Write both where a Pod says nothing of nodes or taints.")] = False


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find Pods that may run elsewhere, that the nodes do not let in, or that other nodes let in, too."""
    for key, value in (params.node_selector or NOTHING).items():
        if not selects(job.pod_spec.raw, key, value):
            path = (*job.pod_spec.path, "nodeSelector", key)
            chosen = mapping(job.pod_spec.raw.get("nodeSelector")).get(key)
            found, why = "is missing" if chosen is None else f"is {chosen}", "Batch work has nodes of its own."
            yield Finding(path=path, found=found, allowed=value, why=why, judged=found, fix=Default(path, value))
    if params.tolerations or params.exclusive:
        wanted = [toleration.written for toleration in params.tolerations or ()]
        yield from misfits(job.pod_spec, wanted, exclusive=params.exclusive)


def defaults(job: Workload, params: Params, _facts: Facts) -> Iterator[Default]:
    """Write what is wanted where a Pod says nothing of it: not even by name or by affinity."""
    spec = job.pod_spec
    if params.defaults and not any(spec.raw.get(key) for key in ("nodeName", "nodeSelector", "affinity")):
        for key, value in (params.node_selector or NOTHING).items():
            yield Default((*spec.path, "nodeSelector", key), value)
    if params.defaults and params.tolerations:
        yield Default((*spec.path, "tolerations"), [toleration.written for toleration in params.tolerations])


RULE = Rule(__name__, __doc__, Params, check, defaults, category="Resources", gaps=lambda params: [
    Gap(("pod", "nodeSelector"), params.node_selector), Gap(("pod", "tolerations"), params.tolerations)])  # fmt: skip

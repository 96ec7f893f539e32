"""A container that never ends runs as a native sidecar, not beside the work.

A Pod is done when all its ``containers`` are: a proxy or a log shipper among them keeps the Job from completing. As a
native sidecar, under ``initContainers`` with ``restartPolicy: Always`` (Kubernetes 1.29), it is stopped when the work
is done. Proxies and agents are known by the repository of their image, in any registry, Docker's daemon by its tag as
well. Passed over, as they may end: a container started by a shell, and a Pod in which something says how it is ended
(``/quitquitquit``, ``linkerd-await``, ``kill``...) or whose processes are shared.

Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/

Flagged::

    kind: Job
    spec: {template: {spec: {containers: [{name: work}, {name: proxy, image: "envoyproxy/envoy:v1.36.2"}]}}}

Allowed::

    kind: Job
    spec:
      template:
        spec:
          initContainers: [{name: proxy, image: "envoyproxy/envoy:v1.36.2", restartPolicy: Always, resources: &small
            {requests: {cpu: 10m, memory: 64Mi}, limits: {memory: 64Mi}}}]
          containers: [{name: work, resources: *small}]
"""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from policies import image
from policies.endless import is_ended, is_endless
from policies.rule import Facts, Finding, Rule, RuleParams, Texts
from policies.workload import Workload

WHY = "The Job never completes, as its Pod waits for this container; a native sidecar is stopped after the work."


class Params(RuleParams, frozen=True):
    """Which images never end."""

    images: Annotated[
        Texts | None, Meta(description="Repositories beside the well-known ones, or the end of their names; globs.")
    ] = None


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find what never ends beside what does."""
    if len(job.containers) == 1 or job.pod_spec.raw.get("shareProcessNamespace") is True:
        return
    endless = [container for container in job.containers if is_endless(container, params.images or ())]
    if not endless or len(endless) == len(job.containers) or is_ended(job.containers):
        return
    for container in endless:
        reference = container.section.raw["image"]
        yield Finding(
            path=container.path,
            found=f"runs {reference}, which never ends",
            allowed="under initContainers, with restartPolicy: Always",
            why=WHY,
            judged=image.parse(reference).repository,
        )


RULE = Rule(__name__, __doc__, Params, check, category="Correctness", severity="high")

"""A Job does work that ends: no server is wrapped in it.

A readiness probe asks whether requests may be sent, and a port awaits them. Whoever serves requests does not end, so
such a Job runs until a deadline or a lost node breaks it off; a Deployment is made for that. Liveness probes, which
catch hangs, are fine. So are init containers and sidecars, the Pods of Indexed Jobs, which talk to each other, and
Pods that share their processes, where one container can end another.

Sources: https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/,
https://kubernetes.io/docs/tasks/job/job-with-pod-to-pod-communication/

Flagged::

    kind: Job
    spec: {template: {spec: {containers: [{name: work, readinessProbe: {httpGet: {port: 8080}}}]}}}

Allowed::

    kind: Job
    spec: {template: {spec: {containers: [{name: work, ports: [{name: metrics, containerPort: 9090}]}]}}}
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from msgspec import Meta

from policies.fields import mapping, sequence
from policies.globs import matches
from policies.pods import is_indexed
from policies.rule import Facts, Finding, Rule, RuleParams, Text
from policies.workload import Container, Workload

Names = Annotated[tuple[Text, ...], Meta(max_length=64)]
NO_PROBE = "none, as what serves requests is a Deployment"
NO_END = "Whoever waits for requests does not end: this Job may never complete."


class Params(RuleParams, frozen=True):
    """Which ports a Job's containers may open."""

    allow_ports: Annotated[Names, Meta(description="Names of ports that no server is behind; globs.")] = (
        "metrics",
        "*-metrics",
    )


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find containers that others are to send requests to."""
    for container in job.containers:
        raw = container.section.raw
        if (raw.get("readinessProbe") or raw.get("ports")) and not _is_group(job):
            yield from _judge(container, params)


def _is_group(job: Workload) -> bool:
    return is_indexed(job) or job.pod_spec.raw.get("shareProcessNamespace") is True


def _judge(container: Container, params: Params) -> Iterator[Finding]:
    if container.section.raw.get("readinessProbe"):
        yield Finding(path=(*container.path, "readinessProbe"), found="awaits requests", allowed=NO_PROBE, why=NO_END)
    ports = [mapping(port) for port in sequence(container.section.raw.get("ports"))]
    shown = [_show(port) for port in ports if not _is_allowed(port, params)]
    if shown:
        yield Finding(path=(*container.path, "ports"), found=f"opens {', '.join(shown)}", why=NO_END,
                      allowed=" or ".join(params.allow_ports) or "none", excess=("ports", len(shown)))  # fmt: skip


def _is_allowed(port: Mapping[str, Any], params: Params) -> bool:
    return matches(str(port.get("name")), params.allow_ports)


def _show(port: Mapping[str, Any]) -> str:
    name = port.get("name")
    return f"{port.get('containerPort')} ({name})" if name else f"{port.get('containerPort')}"


RULE = Rule(__name__, __doc__, Params, check, category="Correctness")

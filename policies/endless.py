"""Pure: containers that never end by themselves, as far as image and command show.

Sources: the documentation of each, e.g. https://docs.dapr.io/operations/hosting/kubernetes/kubernetes-job/,
https://linkerd.io/2/features/native-sidecars/ and
https://github.com/GoogleCloudPlatform/cloud-sql-proxy/tree/main/examples/k8s-sidecar.
"""

from collections.abc import Iterable
from typing import Final

from policies import image
from policies.fields import sequence
from policies.globs import matches
from policies.workload import Container

KNOWN: Final = frozenset((
    "alloydb-auth-proxy", "aws-appmesh-envoy", "aws-for-fluent-bit", "aws-otel-collector", "aws-xray-daemon",
    "cloud-sql-proxy", "cloudwatch-agent", "consul-dataplane", "daprd", "datadog/agent", "datadoghq/agent",
    "envoy", "filebeat", "fluent-bit", "fluentd", "gce-proxy", "git-sync", "grafana/agent", "grafana/alloy",
    "istio-proxy", "jaeger-agent", "kube-rbac-proxy", "kuma-dp", "linkerd-io/proxy", "linkerd/proxy",
    "metricbeat", "oauth2-proxy", "opentelemetry-collector", "opentelemetry-collector-contrib",
    "opentelemetry-collector-k8s", "pgbouncer", "promtail", "proxyv2", "statsd-exporter", "timberio/vector",
))  # fmt: skip
"""Ends of repositories: mirrors keep them."""
AGENTS: Final = frozenset(("consul", "vault"))  # programs of many uses, of which ``agent`` is one
DOCKER: Final = "docker"
SHELLS: Final = frozenset(("ash", "bash", "busybox", "dash", "env", "sh", "timeout"))
ENDINGS: Final = ("--once", "/shutdown", "exit-after-auth", "exit_after_auth", "exit_on_", "kill", "kubexit",
                  "linkerd-await", "one-time", "one_time", "quitquitquit", "scuttle")  # fmt: skip


def is_endless(container: Container, images: tuple[str, ...] = ()) -> bool:
    """Whether it runs a known proxy or agent, or one of these repositories (globs), and no shell that may end it."""
    reference = container.section.text("image").value
    if not reference:
        return False
    read = image.parse(reference)
    names, program = read.ends, read.ends[0]
    serves = (program in AGENTS and "agent" in container.words) or (program == DOCKER and _is_daemon(read, container))
    if KNOWN.isdisjoint(names) and not serves and not (images and any(matches(name, images) for name in names)):
        return False
    command = next(iter(sequence(container.section.raw.get("command"))), "")
    return str(command).rpartition("/")[2] not in SHELLS


def _is_daemon(docker: image.Image, container: Container) -> bool:
    """Whether Docker's image is its daemon, for the work beside it to build or run containers with.

    Source: dockerd-entrypoint.sh in https://github.com/docker-library/docker.
    """
    first = next(iter(sequence(container.section.raw.get("args"))), "dockerd")
    return "dind" in docker.tag and str(first).startswith(("-", "dockerd"))


def is_ended(containers: Iterable[Container]) -> bool:
    """Whether one of them says how another is ended."""
    return any(ending in word.lower() for container in containers for word in container.words for ending in ENDINGS)

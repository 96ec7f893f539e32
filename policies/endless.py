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
SHELLS: Final = frozenset(("ash", "bash", "busybox", "dash", "env", "sh", "timeout"))
ENDINGS: Final = ("--once", "/shutdown", "exit-after-auth", "exit_after_auth", "exit_on_", "kill", "kubexit",
                  "linkerd-await", "one-time", "one_time", "quitquitquit", "scuttle")  # fmt: skip


def is_endless(container: Container, images: tuple[str, ...] = ()) -> bool:
    """Whether it runs a known proxy or agent, or one of these repositories (globs), and no shell that may end it."""
    reference = container.section.text("image").value
    if not reference:
        return False
    names = image.parse(reference).ends
    agent = names[0] in AGENTS and "agent" in container.words
    if KNOWN.isdisjoint(names) and not agent and not (images and any(matches(name, images) for name in names)):
        return False
    command = next(iter(sequence(container.section.raw.get("command"))), "")
    return str(command).rpartition("/")[2] not in SHELLS


def is_ended(containers: Iterable[Container]) -> bool:
    """Whether one of them says how another is ended."""
    return any(ending in word.lower() for container in containers for word in container.words for ending in ENDINGS)

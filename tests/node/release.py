"""The chart is installed and removed as people do it: by helm, with the image that `run` has built."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.cluster.chart import CHART, NAMESPACE, NOTHING, RELEASE, Helm
from tests.cluster.kubectl import Kubectl, eventually

WEBHOOK = "deployment/batchwarden-webhook"
CONTROLLER = "deployment/batchwarden-controller"
CONFIGURATIONS = "mutatingwebhookconfigurations,validatingwebhookconfigurations"
VALUES = {"image": {"repository": "localhost/batchwarden", "tag": "dev", "pullPolicy": "Never"}}

# The API server refuses every Pod there that is not as the Pod security standard "restricted" wants it.
OWN_NAMESPACE = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
}


@dataclass(frozen=True)
class Release:
    """The release; kubectl is the admin's in its namespace."""

    helm: Helm
    kubectl: Kubectl

    def install(self, values: Mapping[str, Any] = NOTHING) -> None:
        """Install it if it is not there, and wait until the webhook configurations are."""
        if self.helm.run("status", RELEASE, f"--namespace={NAMESPACE}").code:
            assert self.kubectl.apply(OWN_NAMESPACE).code == 0
            self.upgrade("--wait", "--timeout=50s", values=values)
        eventually(lambda: len(self.configurations()) == len(CONFIGURATIONS.split(",")), 30)

    def upgrade(self, *flags: str, values: Mapping[str, Any] = NOTHING) -> None:
        """Install or upgrade it, with these values beside those of the image."""
        told = {**VALUES, **values}
        done = self.helm.run("upgrade", "--install", RELEASE, CHART, f"--namespace={NAMESPACE}", *flags, values=told)
        assert done.code == 0, f"{done.stderr}\n{self.describe()}"

    def configurations(self) -> list[dict[str, Any]]:
        """Return all webhook configurations of the cluster."""
        items: list[dict[str, Any]] = self.kubectl.get_json(CONFIGURATIONS)["items"]
        return items

    def pods(self) -> set[str]:
        """Return the names of all Pods of the release that have not failed, those that are about to end as well."""
        stored = self.kubectl.get_json("pods", "--field-selector=status.phase!=Failed")["items"]
        return {pod["metadata"]["name"] for pod in stored}

    def ready(self, component: str = "webhook") -> dict[str, dict[str, Any]]:
        """Return the Pods of a component that are ready and not about to end, by name."""
        stored = self.kubectl.get_json("pods", f"--selector=app.kubernetes.io/component={component}")["items"]
        return {pod["metadata"]["name"]: pod for pod in stored if is_ready(pod)}

    def roll_out(self) -> None:
        """Wait until the webhook's Pods are those that its Deployment wants, and ready."""
        result = self.kubectl.run("rollout", "status", WEBHOOK, "--timeout=55s")
        assert result.code == 0, f"{result.stderr}\n{self.describe()}"

    def describe(self) -> str:
        """Return what tells why Pods are not as they should be."""
        logs = f"--selector=app.kubernetes.io/instance={RELEASE}", "--tail=20", "--prefix"
        return "\n".join(
            self.kubectl.run(*args).stdout for args in (("get", "pods,events", "--output=wide"), ("logs", *logs))
        )


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Tell whether a Service sends requests to a Pod."""
    conditions = {found["type"]: found["status"] for found in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]

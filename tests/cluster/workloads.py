"""Jobs and CronJobs that the API server takes, and what becomes of them where no Pod can run."""

from collections.abc import Mapping
from typing import Any

from tests.cluster.kubectl import Kubectl, Object, eventually
from tests.policies.cases import API_VERSION

TEMPLATE = {
    "spec": {
        "restartPolicy": "Never",
        "containers": [{"name": "main", "image": "registry.example.com/main:1", "command": ["true"]}],
    }
}


def ours(kind: str, name: str, **spec: Any) -> Object:
    """Return one of our objects."""
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


def job(name: str, **spec: Any) -> dict[str, Any]:
    """Return the smallest Job, with these fields in its spec."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": TEMPLATE} | spec,
    }


def cron_job(name: str, **spec: Any) -> dict[str, Any]:
    """Return the smallest CronJob, with these fields in its spec; ``@every 1s`` makes a Job at once."""
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name},
        "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": TEMPLATE}}} | spec,
    }


def await_job_of(kubectl: Kubectl, cronjob: str) -> dict[str, Any]:
    """Return the first Job that the CronJob controller made for a CronJob, which it names by the minute."""
    return eventually(lambda: next((made for made in kubectl.get_json("jobs")["items"] if owner(made) == cronjob), {}))


def owner(stored: Object) -> str | None:
    """Return the name of an object's first owner."""
    references: list[Mapping[str, str]] = stored["metadata"].get("ownerReferences", [{}])
    return references[0].get("name")


def finish(admin: Kubectl, name: str) -> None:
    """Play the kubelet for a Job: say that each of its Pods succeeded, and wait until the Job is complete."""
    selector = f"--selector=batch.kubernetes.io/job-name={name}"
    for pod in eventually(lambda: admin.get_json("pods", selector)["items"]):
        target = f"pod/{pod['metadata']['name']}"
        result = admin.patch(target, {"status": {"phase": "Succeeded"}}, "--subresource=status")
        assert result.code == 0, result.stderr
    result = admin.run("wait", f"job/{name}", "--for=condition=Complete", "--timeout=15s")
    assert result.code == 0, result.stderr

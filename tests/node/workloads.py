"""Jobs and CronJobs that really run, and the policy that judges them."""

from typing import Any

from tests.cluster import workloads

POLICY = """
apiVersion: batchwarden.io/v1alpha1
kind: ClusterBatchPolicy
metadata: {name: tidy}
spec:
  namespaceSelector: {matchLabels: {tests: node}}
  action: Deny
  rules:
    backoffLimit: {max: 3}
    ttlAfterFinished: {defaultSeconds: 600}
"""
MESSAGE = "spec.backoffLimit is 4; allowed: at most 3"


def template(command: str) -> dict[str, Any]:
    """Return the template of a Pod that runs a line of shell."""
    container = {"name": "main", "image": "localhost/busybox:1", "command": ["/bin/busybox", "sh", "-c", command]}
    return {"spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}}


def job(name: str, command: str = "true", **spec: Any) -> dict[str, Any]:
    """Return a Job that runs a line of shell and keeps to the policy, with these fields in its spec."""
    return workloads.job(name, **{"template": template(command), "backoffLimit": 3} | spec)


def cron_job(name: str, schedule: str, **spec: Any) -> dict[str, Any]:
    """Return a CronJob whose Jobs end at once, with these fields in its spec."""
    jobs = {"spec": {"template": template("true"), "backoffLimit": 3}}
    return workloads.cron_job(name, **{"schedule": schedule, "jobTemplate": jobs} | spec)

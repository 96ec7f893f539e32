"""Pure: what a Job's Pods come to: how many run at once, and who decides on that."""

from typing import Final

from policies.fields import FILE, lookup, mapping
from policies.workload import Workload

INDEXED: Final = "Indexed"
JOB_CONTROLLER: Final = "kubernetes.io/job-controller"
QUEUE: Final = "kueue.x-k8s.io/queue-name"


def is_indexed(job: Workload) -> bool:
    """Whether each Pod has an index that tells it from the others."""
    return job.job_spec.raw.get("completionMode") == INDEXED


def at_once(job: Workload) -> int:
    """Count the Pods that run at once: never more than completions are left.

    Source: ``manageJob`` in kubernetes pkg/controller/job/job_controller.go.
    """
    parallelism = job.job_spec.integer("parallelism").value or 0
    completions = job.job_spec.integer("completions").value
    return parallelism if completions is None else min(parallelism, completions)


def is_queued(job: Workload) -> bool:
    """Whether something else than Kubernetes' own controller may set ``suspend`` and ``parallelism``.

    Sources: ``managedBy`` in k8s.io/api batch/v1/types.go, https://kueue.sigs.k8s.io/docs/tasks/run/jobs/ and
    https://kueue.sigs.k8s.io/docs/tasks/run/cronjobs/.
    """
    if job.job_spec.raw.get("managedBy") not in (None, JOB_CONTROLLER):
        return True
    return QUEUE in job.labels or QUEUE in mapping(lookup(job.raw, ("spec", "jobTemplate", "metadata", "labels")))


def is_resized(job: Workload) -> bool:
    """Whether a write may be such a controller's own, which must be able to give back what it took.

    Kueue may start a Job with fewer Pods than asked for, and restores their number when it takes the Job's place away.
    """
    return job.request is not FILE and job.request.old is not None and is_queued(job)

"""A finished Job says when it may be deleted.

Finished Jobs keep their Pods and records until something deletes them; thousands of them slow the API server down.
``ttlSecondsAfterFinished`` lets the cluster clean up. The Jobs of a CronJob are cleaned up by its history limits,
which a TTL of less than a minute defeats, and a Job that some controller owns by its owner: neither needs a TTL. A
Job that Argo CD, Flux or Helm tracks would be created again once its TTL removed it, so the rule passes over it
(``skipManaged``); give such Jobs the tool's own hook deletion policy.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/ttlafterfinished/

Flagged::

    kind: Job
    spec: {}

Allowed::

    kind: Job
    spec: {ttlSecondsAfterFinished: 3600}
"""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from policies.rule import Default, Facts, Finding, Range, Rule, RuleParams, Seconds, missing
from policies.workload import Workload

WHY = "Finished Jobs and their Pods stay until something deletes them."
HISTORY = ("successfulJobsHistoryLimit", "failedJobsHistoryLimit")
SHORTEST_INTERVAL = 60  # a schedule counts whole minutes


class Params(RuleParams, frozen=True):
    """How long finished Jobs may stay."""

    default_seconds: Annotated[Seconds | None, Meta(description="Written where the Job says nothing.")] = None
    min_seconds: Annotated[Seconds | None, Meta(description="The shortest TTL allowed.")] = None
    max_seconds: Annotated[Seconds | None, Meta(description="The longest TTL allowed.")] = None
    skip_managed: Annotated[bool, Meta(description="Pass over Jobs that Argo CD, Flux or Helm tracks.")] = True

    def __post_init__(self) -> None:
        """Refuse bounds that cross, and a default outside them."""
        Range(self.min_seconds, self.max_seconds).check_default("Seconds", self.default_seconds)


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find a Job that stays for ever or for too long, and a TTL that deletes what a history limit should keep."""
    ttl = job.job_spec.integer("ttlSecondsAfterFinished")
    if job.kind == "CronJob":
        if any(job.cron_job_spec.integer(key).value for key in HISTORY):
            yield from Range(SHORTEST_INTERVAL).check(ttl, "The TTL deletes runs before a history limit can keep them.")
    elif _concerned(job, params):
        limits = Range(params.min_seconds, params.max_seconds)
        if ttl.value is None:
            value = params.max_seconds if params.default_seconds is None else params.default_seconds
            example = max(3600, params.min_seconds or 0) if value is None else value
            yield missing(ttl.path, example, limits=limits, why=WHY, example=value is None)
        yield from limits.check(ttl, WHY)


def defaults(job: Workload, params: Params, _facts: Facts) -> Iterator[Default]:
    """Write the default into a Job that nobody else cleans up."""
    if params.default_seconds is not None and job.kind == "Job" and _concerned(job, params):
        yield Default((*job.job_spec.path, "ttlSecondsAfterFinished"), params.default_seconds)


def _concerned(job: Workload, params: Params) -> bool:
    return job.controller is None and not (params.skip_managed and job.tracker)


RULE = Rule(__name__, __doc__, Params, check, defaults)

"""A finished Job says when it may be deleted.

Thousands of finished Jobs slow the API server down; ``ttlSecondsAfterFinished`` lets the cluster clean up. A CronJob's
history limits do so for its runs; a TTL under a minute defeats them, and one under the interval between runs leaves
nothing of a history of more than three. Owned Jobs are cleaned up by their controller. Those that Argo CD, Flux or Helm
tracks would be created again, and so are passed over (``skipManaged``): they need the tool's hook deletion policy.
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

from msgspec import Meta, structs

from policies import timing
from policies.demands import ascending
from policies.rule import Default, Facts, Finding, Gap, Range, Rule, RuleParams, Seconds, missing
from policies.workload import Field, Workload

WHY = "Finished Jobs and their Pods stay until something deletes them."
DEFEATS = "The TTL deletes runs before a history limit can keep them."
HISTORY = ("successfulJobsHistoryLimit", "failedJobsHistoryLimit")
SHORTEST, UNASKED = 60, 3  # seconds, as a schedule counts minutes; runs kept where nobody asked for any


class Params(RuleParams, frozen=True):
    """How long finished Jobs may stay."""

    demands = ascending("min_seconds", "default_seconds", "max_seconds")

    default_seconds: Annotated[Seconds | None, Meta(description="Written where the Job says nothing.")] = None
    min_seconds: Annotated[Seconds | None, Meta(description="The shortest TTL allowed.")] = None
    max_seconds: Annotated[Seconds | None, Meta(description="The longest TTL allowed.")] = None
    skip_managed: Annotated[bool, Meta(description="Pass over Jobs that Argo CD, Flux or Helm tracks.")] = True


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find a Job that stays for ever or for too long, and a TTL that deletes what a history limit should keep."""
    ttl = job.job_spec.integer("ttlSecondsAfterFinished")
    if job.kind == "CronJob":
        yield from _judge_history(job, ttl) if ttl.written else ()
    elif _concerned(job, params):
        limits = Range(params.min_seconds, params.max_seconds)
        if ttl.value is None:
            value = params.max_seconds if params.default_seconds is None else params.default_seconds
            example = max(3600, params.min_seconds or 0) if value is None else value
            yield missing(ttl.path, example, limits=limits, why=WHY, example=value is None)
        yield from limits.check(ttl, WHY)


def _judge_history(job: Workload, ttl: Field[int]) -> Iterator[Finding]:
    kept, key = max((job.cron_job_spec.integer(key).value or 0, key) for key in HISTORY)
    interval = timing.interval(job) if kept > UNASKED else None
    why = f"It leaves one at most of the {kept} runs, {interval} s apart, that {key} keeps." if interval else DEFEATS
    for finding in Range(max(SHORTEST, interval or 0)).check(ttl, why) if kept else ():
        yield structs.replace(finding, example=interval is not None, excess=("under", -(ttl.value or 0)))


def defaults(job: Workload, params: Params, _facts: Facts) -> Iterator[Default]:
    """Write the default into a Job that nobody else cleans up."""
    if params.default_seconds is not None and job.kind == "Job" and _concerned(job, params):
        yield Default((*job.job_spec.path, "ttlSecondsAfterFinished"), params.default_seconds)


def _concerned(job: Workload, params: Params) -> bool:
    return job.controller is None and not (params.skip_managed and job.tracker)


RULE = Rule(__name__, __doc__, Params, check, defaults, gaps=lambda params: [Gap(
    ("job", "ttlSecondsAfterFinished"), params.default_seconds, "request.kind.kind == 'Job' && !owned")])  # fmt: skip

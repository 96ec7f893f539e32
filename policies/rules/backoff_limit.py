"""A Job gives up after a bounded number of retries.

Kubernetes fills in ``backoffLimit: 6``: seven tries of work that may not be safe to do twice. Where an Indexed Job
has ``backoffLimitPerIndex`` too, an index is retried no more often than either says, so the lower one is judged.
Before each retry Kubernetes waits, 10 s, 20 s, 40 s and so on: a few retries asked for that a short
``activeDeadlineSeconds`` never lets happen are found as well, where a single Pod is tried again: of these a policy that
denies only warns.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-backoff-failure-policy

Flagged, with ``{max: 3}``::

    kind: Job
    spec: {backoffLimit: 10}

Allowed::

    kind: Job
    spec: {backoffLimit: 2}
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, structs

from policies.demands import ascending
from policies.rule import Count, Default, Facts, Finding, Gap, Range, Rule, RuleParams
from policies.workload import Workload

UNASKED = 6  # which Kubernetes fills in; and who asks for more leaves the end to the deadline
WAITED = (10, 30, 70, 150, 310)  # seconds until each: 10, then twice as long: pkg/controller/job/backoff_utils.go
WHY = "Work that fails again and again costs as much as work that succeeds."


class Params(RuleParams, frozen=True):
    """How often a Job may retry."""

    demands = ascending("default", "max")

    max: Annotated[Count | None, Meta(description="The highest number of retries allowed.")] = None
    default: Annotated[Count | None, Meta(description="Written where the Job says nothing.")] = None


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find more retries than allowed, or than the deadline lets happen."""
    retries, per_index = job.job_spec.integer("backoffLimit"), job.job_spec.integer("backoffLimitPerIndex")
    if per_index.value is not None and per_index.value <= (retries.value or 0):
        retries = per_index
    asked, deadline = retries.value or 0, job.job_spec.integer("activeDeadlineSeconds").value
    possible = asked if deadline is None or asked >= UNASKED else bisect_left(WAITED, deadline, 0, max(asked, 0))
    most = asked if params.max is None else min(asked, params.max)
    if possible < most and _tries_one_by_one(job):
        excess = ("over", asked - most) if most < asked else ("late", asked - possible)
        why = f"activeDeadlineSeconds of {deadline} ends the Job before the wait for retry {possible + 1} is over."
        for finding in Range(None, possible).check(retries, why):
            yield structs.replace(finding, example=True, excess=excess, hint=most == asked)
    else:
        yield from Range(None, params.max).check(retries, WHY)


def _tries_one_by_one(job: Workload) -> bool:
    spec = job.job_spec
    alone = spec.integer("parallelism").value == 1 and spec.integer("completions").value in {None, 1}
    per_index = spec.integer("backoffLimitPerIndex").written
    return alone and not per_index and job.pod_spec.text("restartPolicy").value == "Never"


def defaults(job: Workload, params: Params, _facts: Facts) -> Iterator[Default]:
    """Write the default into a Job whose retries are not counted per index."""
    if params.default is not None and job.job_spec.integer("backoffLimitPerIndex").value is None:
        yield Default((*job.job_spec.path, "backoffLimit"), params.default)


RULE = Rule(__name__, __doc__, Params, check, defaults, category="Reliability",
            gaps=lambda params: [Gap(("job", "backoffLimit"), params.default)])  # fmt: skip

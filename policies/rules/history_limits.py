"""A CronJob keeps enough finished Jobs to see what happened, and not too many.

Kubernetes fills in 3 successful and 1 failed. ``failedJobsHistoryLimit: 0`` deletes each failed Job with its Pods and
logs at once, so nobody learns why, or that, it failed. High limits keep Pods and records that slow the API server
down.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#jobs-history-limits

Flagged::

    kind: CronJob
    spec: {schedule: "0 3 * * *", failedJobsHistoryLimit: 0}

Allowed::

    kind: CronJob
    spec: {schedule: "0 3 * * *", successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 3}
"""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from policies.demands import ascending
from policies.rule import Count, Default, Facts, Finding, Gap, Range, Rule, RuleParams
from policies.workload import Workload

SUCCESSFUL, FAILED = "successfulJobsHistoryLimit", "failedJobsHistoryLimit"
TOO_MANY = "Finished Jobs and their Pods slow the API server down."
TOO_FEW = "Failed runs vanish with their logs before anybody can look."


class Params(RuleParams, frozen=True):
    """How many finished Jobs a CronJob may keep."""

    demands = ascending("default_successful", "max_successful") + ascending(
        "min_failed", "default_failed", "max_failed"
    )

    max_successful: Annotated[Count | None, Meta(description="The highest successfulJobsHistoryLimit allowed.")] = None
    max_failed: Annotated[Count | None, Meta(description="The highest failedJobsHistoryLimit allowed.")] = None
    min_failed: Annotated[Count, Meta(description="The lowest failedJobsHistoryLimit allowed; 0 allows any.")] = 1
    default_successful: Annotated[Count | None, Meta(description="Written where the CronJob says nothing.")] = None
    default_failed: Annotated[Count | None, Meta(description="Written where the CronJob says nothing.")] = None


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find limits out of range."""
    successful, failed = job.cron_job_spec.integer(SUCCESSFUL), job.cron_job_spec.integer(FAILED)
    yield from Range(None, params.max_successful).check(successful, TOO_MANY)
    few = (failed.value or 0) < params.min_failed
    yield from Range(params.min_failed, params.max_failed).check(failed, TOO_FEW if few else TOO_MANY)


def defaults(job: Workload, params: Params, _facts: Facts) -> Iterator[Default]:
    """Write the defaults."""
    for key, value in ((SUCCESSFUL, params.default_successful), (FAILED, params.default_failed)):
        if value is not None:
            yield Default((*job.cron_job_spec.path, key), value)


RULE = Rule(__name__, __doc__, Params, check, defaults, kinds=("CronJob",),
            gaps=lambda params: [Gap(("cronJob", SUCCESSFUL), params.default_successful),
                                 Gap(("cronJob", FAILED), params.default_failed)])  # fmt: skip

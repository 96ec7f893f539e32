"""A CronJob's ``startingDeadlineSeconds`` is long enough for a run to start at all.

A busy controller comes to a CronJob seconds after its time, so under a deadline of less than 10 seconds runs may be
skipped for no other reason. Without any deadline a run that is late starts however late it is. The price of a
deadline: after an outage longer than it, a run is skipped instead of late. A deadline as long as the interval between
runs, at its longest, never applies: of the runs that are late only the last one starts, and by then another is due
(``belowInterval``).

Sources: ``mostRecentScheduleTime`` in kubernetes pkg/controller/cronjob/utils.go, and
https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#starting-deadline

Flagged::

    kind: CronJob
    spec: {schedule: "0 3 * * *", startingDeadlineSeconds: 5}

Allowed::

    kind: CronJob
    spec: {schedule: "0 3 * * *", startingDeadlineSeconds: 300}
"""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, structs

from policies import timing
from policies.demands import ascending
from policies.rule import Default, Facts, Finding, Gap, Range, Rule, RuleParams, Seconds, missing
from policies.workload import Workload

SHORTEST = 10  # what the page above warns of


class Params(RuleParams, frozen=True):
    """How late a run may start."""

    demands = ascending("min_seconds", "default_seconds", "max_seconds")

    required: Annotated[bool, Meta(description="Find CronJobs that say nothing, too.")] = False
    default_seconds: Annotated[Seconds | None, Meta(description="Written where the CronJob says nothing.")] = None
    min_seconds: Annotated[Seconds, Meta(description="The shortest deadline allowed.")] = SHORTEST
    max_seconds: Annotated[Seconds | None, Meta(description="The longest deadline allowed.")] = None
    below_interval: Annotated[bool, Meta(description="Find a deadline not shorter than any interval.")] = False


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find a deadline out of range, or none where one is required."""
    limits = Range(params.min_seconds, params.max_seconds)
    deadline = job.cron_job_spec.integer("startingDeadlineSeconds")
    if deadline.value is None:
        if params.required:
            value = params.max_seconds if params.default_seconds is None else params.default_seconds
            example = max(300, params.min_seconds) if value is None else value
            why = "After an outage a run starts however late it is."
            yield missing(deadline.path, example, limits=limits, why=why, example=value is None)
    elif deadline.value < SHORTEST:
        interval = timing.interval(job)
        after = f", and the next one is due {interval} s later" if interval else ""
        yield from limits.check(deadline, f"The controller may come seconds late, and then skips the run{after}.")
    elif params.below_interval and params.min_seconds < (timing.longest_interval(job) or 0) <= deadline.value:
        interval = timing.longest_interval(job) or 0
        why = f"It never applies: with at most {interval} s between runs, another is due before it has passed."
        most = min(interval - 1, interval if params.max_seconds is None else params.max_seconds)
        for finding in Range(params.min_seconds, most).check(deadline, why):
            yield structs.replace(finding, example=True)
    else:
        yield from limits.check(deadline, "A run should neither be skipped lightly nor start long after its time.")


def defaults(job: Workload, params: Params, _facts: Facts) -> Iterator[Default]:
    """Write the default."""
    if params.default_seconds is not None:
        yield Default((*job.cron_job_spec.path, "startingDeadlineSeconds"), params.default_seconds)


RULE = Rule(__name__, __doc__, Params, check, defaults, kinds=("CronJob",), category="Reliability", stops_work=True,
            gaps=lambda params: [Gap(("cronJob", "startingDeadlineSeconds"), params.default_seconds)])  # fmt: skip

"""A run of a CronJob ends before the next one is due.

What happens otherwise is for ``concurrencyPolicy`` to say. Of the runs that are due while one is at work ``Forbid``
skips all but the last, which starts late if ``startingDeadlineSeconds`` allows it; ``Allow`` piles them up; ``Replace``
stops the one at work, which so never ends. ``activeDeadlineSeconds`` says how long a run may take, and so how bad that
becomes. Under ``Forbid`` a run without any deadline that hangs blocks every later run.

Sources: https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#concurrency-policy, ``syncCronJob`` in
kubernetes pkg/controller/cronjob/cronjob_controllerv2.go

Flagged::

    kind: CronJob
    spec:
      schedule: "*/5 * * * *"
      concurrencyPolicy: Forbid
      jobTemplate: {spec: {activeDeadlineSeconds: 3600}}

Allowed::

    kind: CronJob
    spec:
      schedule: "*/5 * * * *"
      concurrencyPolicy: Forbid
      jobTemplate: {spec: {activeDeadlineSeconds: 240}}
"""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, structs

from policies import timing
from policies.rule import Facts, Finding, Range, Rule, RuleParams, missing
from policies.workload import Workload

Intervals = Annotated[int, Meta(ge=1, le=10_000)]
HANGS = "A run that hangs blocks every later run, since concurrencyPolicy is Forbid."


class Params(RuleParams, frozen=True):
    """How long a run may take, counted in runs."""

    max_intervals: Annotated[Intervals, Meta(description="How many intervals a deadline may be long.")] = 1
    require_deadline: Annotated[bool, Meta(description="Under Forbid, find runs without a deadline.")] = True


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find a deadline that lets a run go on into the next ones, or none that keeps it from it."""
    policy, deadline = job.cron_job_spec.text("concurrencyPolicy").value, timing.deadline(job)
    if deadline.value is None and not (params.require_deadline and policy == "Forbid"):
        return
    interval = timing.interval(job)
    if interval is None:
        return
    most = interval * params.max_intervals
    if deadline.value is None:
        yield missing(deadline.path, most, limits=f"at most {most}", why=HANGS, example=True)
    elif deadline.value > most:
        runs = -(-deadline.value // interval)
        some, up_to = ("some ", "at most ") if timing.longest_interval(job) != interval else ("", "")
        forbid = _forbidden(job, deadline.value, interval, up_to)
        fates = {"Forbid": forbid, "Replace": f"Replace will stop it after {interval} s"}
        fate = fates.get(policy or "", f"Allow will pile up {up_to}{runs} of them")
        why = f"The deadline of {deadline.value} s is longer than the {interval} s between {some}runs: {fate}."
        for finding in Range(None, most).check(deadline, why):
            yield structs.replace(finding, example=True, excess=("over", runs))


def _forbidden(job: Workload, deadline: int, interval: int, up_to: str) -> str:
    """Say what becomes of the runs that are due by then: the last one starts after all, unless it is too late."""
    due, late = divmod(deadline, interval)
    latest = job.cron_job_spec.integer("startingDeadlineSeconds").value
    lost = due - 1 if latest is None or late <= latest else due
    skipped, delayed = f"skip {up_to}{lost} of {lost + 1}", f"start the next one {up_to}{late} s late"
    return f"Forbid will {skipped if lost else delayed}"


RULE = Rule(__name__, __doc__, Params, check, kinds=("CronJob",), category="Reliability")

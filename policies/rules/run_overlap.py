"""A run of a CronJob ends before the next one is due.

What happens otherwise is for ``concurrencyPolicy`` to say: ``Forbid`` skips the runs that are due while one is at work,
``Allow`` piles them up, and ``Replace`` stops the one at work, which so never ends. The deadline
(``activeDeadlineSeconds``) says how long a run may take, and so how bad that becomes. Under ``Forbid`` a run without
any deadline that hangs blocks every later run.

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
        fates = {
            "Forbid": f"Forbid will skip {runs - 1} of {runs}",
            "Replace": f"Replace will stop it after {interval} s",
        }
        fate = fates.get(policy or "", f"Allow will pile up {runs} of them")
        why = f"The deadline of {deadline.value} s is longer than the {interval} s between runs: {fate}."
        for finding in Range(None, most).check(deadline, why):
            yield structs.replace(finding, example=True)


RULE = Rule(__name__, __doc__, Params, check, kinds=("CronJob",), category="Reliability")

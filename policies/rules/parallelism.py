"""A Job runs no more Pods at once than it may, nor asks for more than can run.

No more Pods run than completions are left: ``parallelism: 5`` alone is a work queue of five, but beside
``completions: 1`` it is one Pod, of which a policy that denies only warns. Of a Job that Kueue or another manager
(``managedBy``) may resize, only the ceilings are judged, and on creation only; so whoever may set that label may raise
``parallelism`` later.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/#parallel-jobs

Flagged::

    kind: Job
    spec: {parallelism: 5, completions: 1}

Allowed::

    kind: Job
    spec: {parallelism: 3, completions: 3}
"""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, structs

from policies.pods import is_queued, is_resized
from policies.rule import Count, Facts, Finding, Range, Rule, RuleParams
from policies.workload import Workload

WHY = "One Job must not take the room that the others need."


class Params(RuleParams, frozen=True):
    """How many Pods a Job may run, at once and in all."""

    max: Annotated[Count | None, Meta(description="The highest parallelism allowed.")] = None
    max_completions: Annotated[Count | None, Meta(description="The highest number of completions allowed.")] = None


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find too many Pods, and more than can run."""
    parallelism, completions = job.job_spec.integer("parallelism"), job.job_spec.integer("completions")
    yield from Range(None, params.max_completions).check(completions, WHY)
    asked, most = parallelism.value or 0, completions.value or 0
    surplus = 0 < most < asked and not is_queued(job)
    if surplus and (params.max is None or most <= params.max):
        runs = "runs" if most == 1 else "run"
        why = f"{asked} asked for, at most {most} {runs}; leave completions out for a work queue."
        for finding in Range(None, most).check(parallelism, why):
            found, excess = f"is {asked}, over completions, {most}", ("surplus", asked - most)
            yield structs.replace(finding, found=found, excess=excess, example=True, hint=True)
    elif params.max is not None and not is_resized(job):
        yield from Range(None, params.max).check(parallelism, WHY)


RULE = Rule(__name__, __doc__, Params, check, category="Resources")

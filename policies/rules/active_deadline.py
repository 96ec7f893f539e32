"""A Job says how long it may run.

Without ``activeDeadlineSeconds`` a run that hangs holds its resources for ever, and under ``Forbid`` it stops every
later run of its CronJob. Retries do not start the clock again. A deadline on the Pod template bounds each try and
counts as well.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/#job-termination-and-cleanup

Flagged::

    kind: Job
    spec: {}

Allowed::

    kind: Job
    spec: {activeDeadlineSeconds: 3600}
"""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from policies import timing
from policies.demands import ascending
from policies.rule import Default, Facts, Finding, Gap, Range, Rule, RuleParams, missing
from policies.workload import Workload

WHY = "A run that hangs holds its resources until somebody notices."
Deadline = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class Params(RuleParams, frozen=True):
    """How long a Job may run."""

    demands = ascending("default_seconds", "max_seconds")

    default_seconds: Annotated[Deadline | None, Meta(description="Written where the Job says nothing.")] = None
    max_seconds: Annotated[Deadline | None, Meta(description="The longest deadline allowed.")] = None


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find a Job that may run for ever, or for too long."""
    limits = Range(None, params.max_seconds)
    deadline = timing.deadline(job)
    if deadline.value is None:
        value = params.default_seconds or params.max_seconds
        yield missing(deadline.path, value or 3600, limits=limits, why=WHY, example=value is None)
    yield from limits.check(deadline, WHY)


def defaults(job: Workload, params: Params, _facts: Facts) -> Iterator[Default]:
    """Write the default where no deadline stands."""
    if params.default_seconds is not None:
        yield Default(timing.deadline(job).path, params.default_seconds)


RULE = Rule(__name__, __doc__, Params, check, defaults, category="Reliability", stops_work=True,
            gaps=lambda params: [Gap(("job", "activeDeadlineSeconds"), params.default_seconds,
                                     "!pod.?activeDeadlineSeconds.hasValue()")])  # fmt: skip

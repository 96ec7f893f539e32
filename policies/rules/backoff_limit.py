"""A Job gives up after a bounded number of retries.

Kubernetes fills in ``backoffLimit: 6``: seven tries of work that may not be safe to do twice. Where an Indexed Job
has ``backoffLimitPerIndex`` too, an index is retried no more often than either says, so the lower one is judged.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-backoff-failure-policy

Flagged, with ``{max: 3}``::

    kind: Job
    spec: {backoffLimit: 10}

Allowed::

    kind: Job
    spec: {backoffLimit: 2}
"""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from policies.rule import Count, Default, Facts, Finding, Range, Rule, RuleParams
from policies.workload import Workload

WHY = "Work that fails again and again costs as much as work that succeeds."


class Params(RuleParams, frozen=True):
    """How often a Job may retry."""

    max: Annotated[Count | None, Meta(description="The highest number of retries allowed.")] = None
    default: Annotated[Count | None, Meta(description="Written where the Job says nothing.")] = None

    def __post_init__(self) -> None:
        """Refuse a default over the ceiling."""
        Range(None, self.max).check_default("", self.default)


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find more retries than allowed."""
    limits = (job.job_spec.integer(key) for key in ("backoffLimitPerIndex", "backoffLimit"))
    written = [limit for limit in limits if limit.value is not None]
    retries = min(written, key=lambda limit: limit.value or 0)
    yield from Range(None, params.max).check(retries, WHY)


def defaults(job: Workload, params: Params, _facts: Facts) -> Iterator[Default]:
    """Write the default into a Job whose retries are not counted per index."""
    if params.default is not None and job.job_spec.integer("backoffLimitPerIndex").value is None:
        yield Default((*job.job_spec.path, "backoffLimit"), params.default)


RULE = Rule(__name__, __doc__, Params, check, defaults, category="Reliability")

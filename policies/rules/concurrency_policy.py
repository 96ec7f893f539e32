"""A CronJob says what happens when a run is due while the last one still works.

Kubernetes fills in ``Allow``: runs that take longer than the interval pile up, side by side. Tasks that must not
overlap want ``Forbid`` (the due run is skipped) or ``Replace`` (the running one is stopped).

Source: https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#concurrency-policy

Flagged::

    kind: CronJob
    spec: {schedule: "*/5 * * * *", concurrencyPolicy: Allow}

Allowed::

    kind: CronJob
    spec: {schedule: "*/5 * * * *", concurrencyPolicy: Forbid}
"""

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta

from policies.demands import among
from policies.rule import Default, Facts, Finding, Gap, Rule, RuleParams, not_allowed
from policies.workload import Workload

Value = Literal["Allow", "Forbid", "Replace"]


class Params(RuleParams, frozen=True):
    """Which values of ``concurrencyPolicy`` are allowed."""

    demands = among("default", of="allowed")

    allowed: Annotated[
        Annotated[tuple[Value, ...], Meta(min_length=1, max_length=3)],
        Meta(description="The values that a CronJob may have."),
    ] = ("Forbid", "Replace")
    default: Annotated[Value | None, Meta(description="Written where the CronJob says nothing.")] = None


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find a value that is not allowed."""
    why = "Runs that take longer than the interval pile up."
    yield from not_allowed(job.cron_job_spec.text("concurrencyPolicy"), params.allowed, params.default, why=why)


def defaults(job: Workload, params: Params, _facts: Facts) -> Iterator[Default]:
    """Write the default."""
    if params.default is not None:
        yield Default((*job.cron_job_spec.path, "concurrencyPolicy"), params.default)


RULE = Rule(__name__, __doc__, Params, check, defaults, kinds=("CronJob",), category="Reliability",
            gaps=lambda params: [Gap(("cronJob", "concurrencyPolicy"), params.default)])  # fmt: skip

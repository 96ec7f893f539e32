"""A CronJob does not start at minute 0, when everybody else's does.

What says ``0 * * * *`` or ``@daily`` starts together with all others that say so: nodes fill up, images are pulled at
once, and databases are asked by all. Any other minute is as good. The one shown is made of namespace and name, so that
the CronJobs of a cluster spread over the hour, and each is told the same one every time. What has to be on the hour
may say so by a label (``allowedLabel``).

Source: https://sre.google/sre-book/distributed-periodic-scheduling/ ("large system-wide spikes in load")

Flagged::

    kind: CronJob
    spec: {schedule: "0 3 * * *"}

Allowed::

    kind: CronJob
    spec: {schedule: "37 3 * * *"}
"""

from collections.abc import Iterator
from typing import Annotated
from zlib import crc32

from msgspec import Meta

from policies import timing
from policies.demands import readable
from policies.fields import mapping
from policies.rule import Default, Facts, Finding, Rule, RuleParams, Text
from policies.selector import KEY, check_label
from policies.workload import Workload

ONLY_ZERO = 1  # the lowest bit of a minute's bits


class Params(RuleParams, frozen=True):
    """Who may start on the hour."""

    demands = readable(check_label, "allowed_label")

    allowed_label: Annotated[
        Annotated[Text, Meta(extra_json_schema=KEY)] | None,
        Meta(description="A label that lets a CronJob start at minute 0, whatever its value."),
    ] = None


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find a schedule that fires at minute 0 alone."""
    schedule = timing.schedule(job)
    if schedule is None or schedule.fields is None or schedule.fields.minute.bits != ONLY_ZERO or schedule.never:
        return
    if params.allowed_label is None or params.allowed_label not in mapping(job.metadata.raw.get("labels")):
        path = (*job.cron_job_spec.path, "schedule")
        minute = 1 + crc32(f"{job.namespace}/{job.name}".encode()) % 59
        other = " ".join([str(minute), *(field.text for field in schedule.fields[1:])])
        yield Finding(path=path, found=f"is {schedule.expression}, at minute 0", allowed="a minute of its own",
                      why="Everybody else's CronJobs start at minute 0 as well.", judged=schedule.expression,
                      fix=Default(path, other), example=True)  # fmt: skip


RULE = Rule(__name__, __doc__, Params, check, kinds=("CronJob",), category="Resources", severity="low")

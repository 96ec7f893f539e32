"""A CronJob whose schedule names hours says in which time zone.

Without ``timeZone`` they are the hours of the machine that the CronJob controller runs on, mostly UTC. No zone changes
``*/5 * * * *``, so such schedules are let be. The API server refuses an unknown zone. Where clocks change, a time that
a day does not have gets no run, and one that it has twice may get two: ``daylightSaving`` finds these, by the changes
of 2026 to 2028. Source: https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#time-zones

Flagged, with ``{required: true}``::

    kind: CronJob
    spec: {schedule: "30 3 * * *"}

Allowed::

    kind: CronJob
    spec: {schedule: "30 3 * * *", timeZone: Etc/UTC}
"""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, structs

from policies import cron, timing
from policies.demands import among, readable
from policies.globs import matches
from policies.rule import Default, Facts, Finding, Gap, Rule, RuleParams, Text, Texts
from policies.workload import Workload


class Params(RuleParams, frozen=True):
    """In which time zones a CronJob may run."""

    demands = readable(cron.time_zone, "default") + among("default", of="allowed", globs=True)

    required: Annotated[bool, Meta(description="Find CronJobs that name hours and no zone.")] = False
    allowed: Annotated[Texts | None, Meta(description="Time zones allowed, e.g. Europe/*; globs.")] = None
    default: Annotated[Text | None, Meta(description="Written where hours are named, and no zone.")] = None
    daylight_saving: Annotated[bool, Meta(description="Find times that a change of clocks skips or doubles.")] = False


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find a zone that is unknown, not allowed, or missing, and times that its changes of clocks make unsure."""
    name = job.cron_job_spec.raw.get("timeZone")
    try:
        zone = cron.time_zone(name) if isinstance(name, str) else None
    except cron.UnknownTimeZoneError as error:
        yield _finding(job, params, f"is {name!r}, no time zone", "The API server refuses it.", error.suggestion)
        return
    if zone is None and params.required and timing.names_hours(job):
        yield _finding(job, params, "is missing", "Its hours are those of the machine that the controller runs on.")
    elif zone and params.allowed and not matches(zone.key, params.allowed):
        yield _finding(job, params, f"is {name}", "The policy asks for another time zone.")
    elif zone and params.daylight_saving and (why := timing.clock_change(job, zone)):
        finding = _finding(job, params, f"is {name}, whose clocks change at the time of a run", why)
        yield structs.replace(finding, fix=Default(finding.path, "Etc/UTC"), example=True)


def _finding(job: Workload, params: Params, found: str, why: str, suggestion: str | None = None) -> Finding:
    path, globs = (*job.cron_job_spec.path, "timeZone"), params.allowed or ("names such as Europe/Berlin or UTC",)
    names = [glob for glob in params.allowed or () if not set(glob) & set("*?[")]
    fix = suggestion or params.default or (names or ["Etc/UTC"])[0]
    sure = bool(suggestion) if suggestion is not None else bool(params.default) or names[:1] == [*globs]
    return Finding(path=path, found=found, allowed=" or ".join(globs), why=why, judged=(found, why),
                   fix=Default(path, fix), example=not sure, refused=suggestion is not None)  # fmt: skip


def defaults(job: Workload, params: Params, _facts: Facts) -> Iterator[Default]:
    """Write the default where it is that which says when the CronJob runs."""
    if params.default is not None and timing.names_hours(job):
        yield Default((*job.cron_job_spec.path, "timeZone"), params.default)


RULE = Rule(__name__, __doc__, Params, check, defaults, kinds=("CronJob",), category="Correctness",
            gaps=lambda params: [Gap(("cronJob", "timeZone"), params.default, timing.NAMES_HOURS)],
            refusable=f"!(object.spec.?timeZone.orValue('UTC') in {[*cron.COMMON_ZONES]})")  # fmt: skip

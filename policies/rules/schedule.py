"""A CronJob's ``schedule`` can be read, comes round, and means what it seems to say.

The API server refuses what it cannot read, and a time zone inside of the schedule, but takes what never comes, such as
30 February. Some schedules run otherwise than they read: ``* */3 * * *`` is every minute of each third hour,
``*/61 * * * *`` is minute 0 alone, ``*/45 * * * *`` minutes 0 and 45: of these a policy that denies only warns.
Source: ``validateScheduleFormat`` in kubernetes pkg/apis/batch/validation/validation.go

Flagged::

    kind: CronJob
    spec: {schedule: "* */3 * * *"}

Allowed::

    kind: CronJob
    spec: {schedule: "0 */3 * * *"}
"""

from collections.abc import Iterator
from typing import Annotated, Final

from msgspec import Meta

from policies import cron, timing
from policies.rule import Default, Facts, Finding, Rule, RuleParams
from policies.workload import Field, Workload

EXAMPLES: Final = {  # by seconds between runs
    300: "*/5 * * * *", 900: "*/15 * * * *", 3600: "7 * * * *", 21600: "7 */6 * * *", 86400: "7 3 * * *",
    604800: "7 3 * * 0", 2419200: "7 3 1 * *", 31536000: "7 3 1 1 *",
}  # fmt: skip


class Params(RuleParams, frozen=True):
    """How often a CronJob may run."""

    min_interval_seconds: Annotated[
        Annotated[int, Meta(ge=1, le=max(EXAMPLES))] | None, Meta(description="The shortest time between two runs.")
    ] = None


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find the first thing that is wrong with a schedule."""
    field, zone = job.cron_job_spec.text("schedule"), job.cron_job_spec.text("timeZone")
    text, why = field.value or "", "The API server refuses it"
    try:
        timetable = timing.timetable(text)
    except cron.InvalidScheduleError as error:
        found = f"cannot be read: {error.problem}" if text else "is missing"
        why = f"{why}: {error.advice or 'write five fields'}."
        fix = Default(field.path, error.suggestion or EXAMPLES[86400])
        yield Finding(path=field.path, found=found, allowed=error.allowed, why=why, judged=text, fix=fix,
                      example=not error.suggestion, refused=True)  # fmt: skip
        return
    if "TZ" in text:
        also = ((zone.path, timetable.schedule.zone),) if timetable.schedule.zone and zone.value is None else ()
        fix, found = Default(field.path, text.partition(" ")[2].strip(), also), f"is {text}, with a time zone in it"
        yield Finding(path=field.path, found=found, allowed="a zone in timeZone alone", why=f"{why}.", judged=text,
                      fix=fix, refused=True)  # fmt: skip
        return
    yield from _judge(field, timetable, params.min_interval_seconds)


def _judge(field: Field[str], timetable: timing.Timetable, least: int | None) -> Iterator[Finding]:
    text, interval, odd = timetable.schedule.expression, timetable.interval, timetable.oddity
    if least is not None and interval is not None and interval < least:
        fix = Default(field.path, next(EXAMPLES[seconds] for seconds in EXAMPLES if seconds >= least))
        yield Finding(path=field.path, found=f"is {text}, with {interval} s between runs", fix=fix, example=True,
                      allowed=f"at least {least} s", why="Each run costs a Pod that has to be scheduled and started.",
                      excess=("under", least - interval))  # fmt: skip
    elif odd:
        fix, hint = Default(field.path, odd.instead), not timetable.schedule.never
        yield Finding(path=field.path, found=f"is {text}, {odd.problem}", allowed=odd.allowed, why=odd.why, judged=text,
                      fix=fix, example=True, hint=hint)  # fmt: skip


RULE = Rule(__name__, __doc__, Params, check, kinds=("CronJob",), category="Correctness", severity="high",
            refusable=f"!schedule.matches('{cron.PLAIN}')")  # fmt: skip

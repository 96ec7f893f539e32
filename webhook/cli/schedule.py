"""``batchwarden schedule``: what a schedule comes to, in words, in times and by the rules."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from policies import cron
from webhook.admission.message import printable

if TYPE_CHECKING:  # slow to load, and needed only once the schedule can be read
    from webhook.admission.message import Told

MOST_TIMES: Final = 4
YEARS: Final = range(1970, 9000)  # of which zones know, and Python after five years more
STAMP: Final = "%Y-%m-%dT%H:%M:%SZ"
FATES: Final = {"skipped": "no run at", "repeated": "two runs at", "unnamed": "a run that it does not name at"}
UTCS: Final = frozenset({"", "UTC", "Etc/UTC"})
NO_ZONE: Final = (
    "No time zone is named: Kubernetes takes that of the machine that the controller runs on. UTC is taken here; "
    "--time-zone names another."
)


class Moment(click.ParamType[datetime]):
    """A time as RFC 3339 writes it."""

    name = "TIMESTAMP"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read it."""
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            found = datetime.min  # noqa: DTZ901 - no time in no zone, refused below
        if found.tzinfo is None or found.year not in YEARS:
            self.fail(
                f"{value!r} is no time from {YEARS[0]} to {YEARS[-1]}; write e.g. 2026-11-01T00:00:00Z", param, ctx
            )
        return found


class Outlook(NamedTuple):
    """What a schedule comes to in the year after a moment."""

    schedule: cron.Schedule
    zone: str
    start: datetime
    runs: Sequence[datetime]
    intervals: cron.Intervals | None
    changes: Sequence[cron.ClockChange]
    remarks: Sequence["Told"]


@click.command()
@click.argument("words", metavar="SCHEDULE", nargs=-1, required=True)
@click.option("--time-zone", metavar="NAME", default="", help="As spec.timeZone, e.g. Europe/Berlin.")
@click.option("--next", "number", default=5, show_default=True, type=click.IntRange(1, 1000), help="How many runs.")
@click.option("--from", "start", type=Moment(), help="Runs after this time, not after now.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(words: tuple[str, ...], time_zone: str, number: int, start: datetime | None, form: str) -> None:
    r"""Tell when SCHEDULE, a CronJob's spec.schedule, fires, and what the rules say of it.

    Quote it, since a shell makes file names of *. Exit code 2: the schedule or the time zone cannot be read.

    \b
    batchwarden schedule "30 2 * * MON-FRI" --time-zone Europe/Berlin
    """
    try:
        schedule = cron.parse(" ".join(words))
        zone = cron.time_zone(schedule.zone or time_zone or "UTC")
    except (cron.InvalidScheduleError, cron.UnknownTimeZoneError) as error:
        quote = "; quote the schedule, since the shell makes file names of *" if len(words) > 1 else ""
        click.echo(printable(f"{error}{quote}"), err=True)
        sys.exit(2)
    at = start or datetime.now(UTC)
    outlook = Outlook(
        schedule,
        schedule.zone or time_zone,
        at,
        list(islice(schedule.fires(at, zone), number)),
        cron.intervals(schedule),
        cron.clock_changes(schedule, zone, at),
        _remarks(schedule.expression, time_zone),
    )
    if form == "json":
        from msgspec import json

        click.echo(json.format(json.encode(_document(outlook)), indent=2))
    else:
        click.echo("\n".join(_text(outlook)))


def _remarks(schedule: str, time_zone: str) -> Sequence["Told"]:
    """Say what rules with their built-in parameters find in these two fields, on a CronJob that has little else."""
    from policies.catalog import rules
    from policies.engine import evaluate
    from policies.objects import EVERYTHING, Exclude, Policy
    from policies.rule import Action
    from policies.selection import Snapshot
    from policies.workload import Workload
    from webhook.admission.message import Told

    policy = Policy(
        name="built-in",
        namespace="",
        namespace_selector=EVERYTHING,
        object_selector=EVERYTHING,
        exclude=Exclude(),
        contact=None,
        max_days=None,
        rules=tuple((rule, rule.params(), Action.WARN) for rule in rules().values()),
    )
    spec = {"schedule": schedule, **({"timeZone": time_zone} if time_zone else {})}
    job = Workload({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "schedule"}, "spec": spec})
    found = evaluate(job, Snapshot([policy]).select(job)).violations
    return [Told(job, each) for each in found if each.finding.path in {("spec", "schedule"), ("spec", "timeZone")}]


def _document(outlook: Outlook) -> dict[str, Any]:
    often = outlook.intervals
    return {
        "schedule": outlook.schedule.expression,
        "timeZone": outlook.zone or None,
        "words": cron.describe(outlook.schedule),
        "from": outlook.start.astimezone(UTC).strftime(STAMP),
        "next": [run.astimezone(UTC).strftime(STAMP) for run in outlook.runs],
        "nextLocal": [run.isoformat() for run in outlook.runs],
        "never": not outlook.runs,
        "intervalSeconds": often and {"shortest": often.shortest, "longest": often.longest, "usual": often.usual},
        "runsPerDay": often.runs_per_day if often else 0,
        "clockChanges": [
            {
                "at": each.at.strftime(STAMP),
                **{name: [time.isoformat() for time in getattr(each, name)] for name in FATES},
            }
            for each in outlook.changes
        ],
        "remarks": [
            {"rule": each.violation.rule, "path": each.field, "message": each.statement, "why": each.words().why}
            for each in outlook.remarks
        ],
    }


def _text(outlook: Outlook) -> Iterator[str]:
    yield cron.describe(outlook.schedule)
    if outlook.schedule.names_hours and not outlook.zone:
        yield NO_ZONE
    yield from ("", f"Next runs, in {f'{outlook.zone} and in ' * (outlook.zone not in UTCS)}UTC:", *_runs(outlook.runs))
    if outlook.intervals:
        yield from ("", _rhythm(outlook.intervals))
    if outlook.changes:
        yield from ("", "When the clocks change in the year from then:")
    for change in outlook.changes:
        yield from (f"  {_fate(getattr(change, name), fate)}" for name, fate in FATES.items() if getattr(change, name))
    if outlook.remarks:
        yield from ("", "What rules say:")
    for words, rule in ((each.words(), each.violation.rule) for each in outlook.remarks):
        yield from (f"  {words.statement}", f"    {words.why}   {rule}", *(f"    {line}" for line in words.paste))


def _runs(runs: Sequence[datetime]) -> Iterable[str]:
    if not runs:
        return ["  never, or not within five years"]
    return [f"  {run:%a %Y-%m-%d %H:%M:%S %Z}  {run.astimezone(UTC):{STAMP}}" for run in runs]


def _rhythm(often: cron.Intervals) -> str:
    least, most, usual = (cron.span(seconds) for seconds in (often.shortest, often.longest, often.usual))
    apart = usual if least == most else f"{least} to {most}, mostly {usual}"
    number = often.runs_per_day
    runs = (
        f"{_number(number)} runs a day"
        if number > 1
        else "one run a day"
        if number == 1
        else f"one run in {_number(1 / number)} days"
    )
    return f"Between runs: {apart}; on average {runs}."


def _number(value: float) -> str:
    """Write a number to four digits, and to all of its whole ones."""
    return f"{value:.4g}" if value < 1000 else f"{value:,.0f}"  # noqa: PLR2004 - four digits


def _fate(times: Sequence[datetime], fate: str) -> str:
    shown = ", ".join(f"{time:%H:%M}" for time in times[:MOST_TIMES])
    more = f" and {len(times) - MOST_TIMES} more" if len(times) > MOST_TIMES else ""
    return f"{times[0]:%a %Y-%m-%d}: {fate} {shown}{more}"

"""Pure: when CronJobs run: over a week, hour by hour, and in the next day, with how long each run may last.

Each schedule is gone through once, however many CronJobs share it; how many schedules and runs are gone through, and
how many CronJobs are told of by name, is bounded, and what that leaves out is counted.
"""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import accumulate, pairwise, takewhile
from math import ceil
from operator import attrgetter
from typing import Final, NamedTuple

from msgspec import Struct, field

from policies import cron
from webhook.audit.entries import Timing
from webhook.audit.formats.html.days import DAY_MINUTES, MINUTE, Day, Hour, Row, Week, lasting, spans

MOST_SCHEDULES: Final = 2000
MOST_RUNS: Final = 1_000_000
MOST_ROWS: Final = 40
WEEK_DAYS: Final = 7
SECOND: Final = timedelta(seconds=1)


class _Plan(Struct):
    """The runs of one schedule: how many in each cell of the week, and in the next day, in seconds from its start."""

    week: Counter[int]
    sharp: Counter[int]
    minutes: Counter[int]
    day: Sequence[int]
    gaps: Sequence[int]
    cron_jobs: int = 0
    lastings: Counter[int] = field(default_factory=Counter)


class _Known(NamedTuple):
    """A CronJob with runs in the next day; minutes are 0 where nobody knows how long it lasts."""

    overlaps: int
    minutes: int
    namespace: str
    name: str
    timing: Timing

    @property
    def order(self) -> tuple[int, int, str, str]:
        """Worst overlap first, then the longest runs."""
        return -self.overlaps, -self.minutes, self.namespace, self.name


class Agenda:
    """Takes CronJobs one at a time; ``week`` and ``day`` tell of all of them, in the zone that is asked for.

    ``active`` counts runs that go on at that moment, which are in neither.
    ``suspended``, ``unreadable`` (schedule or zone), ``left_out`` (beyond the bounds) and ``idle`` (no run in the
    week) count CronJobs, ``everies`` those of ``@every``, and ``zoneless`` those that leave the zone to the cluster's
    controller: UTC is taken there.
    """

    def __init__(self, at: datetime, zone: tzinfo) -> None:
        """Begin with none; the week begins with the next day of the zone, the day with the hour that has begun."""
        self.zone = zone
        self.at = at.astimezone(UTC)
        self.start = at.astimezone(zone).replace(minute=0, second=0, microsecond=0).astimezone(UTC)
        self.days = tuple(at.astimezone(zone).date() + timedelta(days=each + 1) for each in range(WEEK_DAYS))
        self._cells, self._minutes = _clock(self.start, zone, self.days[0])
        self._plans: dict[tuple[str, str], _Plan | None] = {}
        self._worst: list[_Known] = []
        self._runs, self._overlapping, self.active = 0, 0, 0
        self.suspended, self.unreadable, self.left_out, self.everies, self.zoneless = 0, 0, 0, 0, 0

    def add(self, namespace: str, name: str, timing: Timing) -> None:
        """Take a CronJob into account."""
        self.active += timing.history.active
        key = timing.schedule, timing.time_zone
        if timing.suspended:
            self.suspended += 1
        elif key not in self._plans and (len(self._plans) >= MOST_SCHEDULES or self._runs >= MOST_RUNS):
            self.left_out += 1
        elif (plan := self._plan(key)) is None:
            self.unreadable += 1
        else:
            self._count(plan, namespace, name, timing)

    @property
    def idle(self) -> int:
        """Give how many have no run in the week."""
        return sum(plan.cron_jobs for plan in self._known if not plan.week)

    @property
    def _known(self) -> list[_Plan]:
        return [plan for plan in self._plans.values() if plan is not None]

    def week(self) -> Week:
        """Tell the runs of the week."""
        runs: Counter[int] = Counter()
        sharp: Counter[int] = Counter()
        minutes: Counter[int] = Counter()
        for plan in self._known:
            for total, each in ((runs, plan.week), (sharp, plan.sharp), (minutes, plan.minutes)):
                total.update({at: number * plan.cron_jobs for at, number in each.items()})
        there = set(self._cells)
        order = sorted(range(WEEK_DAYS), key=lambda day: self.days[day].weekday())
        hours = tuple(
            tuple(Hour(runs[at], sharp[at]) if at in there else None for at in range(24 * day, 24 * day + 24))
            for day in order
        )
        return Week(tuple(self.days[day] for day in order), hours, tuple(minutes[at] for at in range(60)))

    def day(self) -> Day:
        """Tell the runs of the next day."""
        known = [plan for plan in self._known if plan.day]
        starts, changes = [0] * DAY_MINUTES, [0] * (DAY_MINUTES + 1)
        for plan in known:
            begun = Counter(second // MINUTE for second in plan.day)
            for minute, number in begun.items():
                starts[minute] += number * plan.cron_jobs
            for minutes, cron_jobs in plan.lastings.items():
                for minute, number in begun.items():
                    changes[minute] += number * cron_jobs
                    changes[min(minute + (minutes or 1), DAY_MINUTES)] -= number * cron_jobs
        return Day(
            self.start.astimezone(self.zone),
            tuple(self._row(each) for each in self._worst_first()),
            sum(plan.cron_jobs for plan in known),
            self._overlapping,
            sum(plan.lastings[0] for plan in known),
            tuple(starts),
            tuple(accumulate(changes[:-1])),
        )

    def _count(self, plan: _Plan, namespace: str, name: str, timing: Timing) -> None:
        longest, _ = lasting(timing)
        seconds = longest.total_seconds() if longest else 0
        minutes = 0 if longest is None else min(max(ceil(seconds / MINUTE), 1), DAY_MINUTES)
        overlaps = bisect_left(plan.gaps, seconds)
        schedule = cron.parse(timing.schedule)
        self.everies += schedule.fields is None
        self.zoneless += schedule.names_hours and not (timing.time_zone or schedule.zone)
        self._overlapping += overlaps > 0
        plan.cron_jobs += 1
        plan.lastings[minutes] += 1
        if plan.day:
            self._worst.append(_Known(overlaps, minutes, namespace, name, timing))
        if len(self._worst) > 2 * MOST_ROWS:
            self._worst = self._worst_first()

    def _plan(self, key: tuple[str, str]) -> _Plan | None:
        if key not in self._plans:
            try:
                self._plans[key] = self._expand(cron.parse(key[0]), cron.time_zone(key[1] or "UTC"))
            except (cron.InvalidScheduleError, cron.UnknownTimeZoneError):
                self._plans[key] = None
        return self._plans[key]

    def _expand(self, schedule: cron.Schedule, zone: tzinfo) -> _Plan:
        end = len(self._cells) * MINUTE
        since = (self.at - self.start) // SECOND
        if schedule.fields is None:  # the controller counts from the last run, which nobody tells here
            seconds: Sequence[int] = range(since + schedule.every, end, schedule.every)
        else:
            found = ((run - self.start) // SECOND for run in schedule.fires(self.at, zone))
            seconds = array("l", takewhile(lambda second: second < end, found))
        self._runs += len(seconds)
        day = seconds[: bisect_left(seconds, DAY_MINUTES * MINUTE)]
        cells = Counter(self._cells[second // MINUTE] for second in seconds)
        sharp: Counter[int] = Counter()
        minutes: Counter[int] = Counter()
        if schedule.fields is not None:
            week = [at for at in (second // MINUTE for second in seconds) if self._cells[at] >= 0]
            minutes = Counter(self._minutes[at] for at in week)
            sharp = Counter(self._cells[at] for at in week if not self._minutes[at])
        del cells[-1]
        return _Plan(cells, sharp, minutes, day, sorted(after - before for before, after in pairwise(day)))

    def _worst_first(self) -> list[_Known]:
        return sorted(self._worst, key=attrgetter("order"))[:MOST_ROWS]

    def _row(self, known: _Known) -> Row:
        timing = known.timing
        plan = self._plans[timing.schedule, timing.time_zone]
        day = plan.day if plan else ()
        first = (self.start + day[0] * SECOND).astimezone(self.zone)
        longest, basis = lasting(timing)
        return Row(
            known.namespace,
            known.name,
            timing.schedule,
            cron.parse(timing.schedule).zone or timing.time_zone,
            first,
            len(day),
            longest,
            basis,
            known.overlaps,
            tuple(spans(day, known.minutes or 1)),
        )


def _clock(start: datetime, zone: tzinfo, first: date) -> tuple[Sequence[int], Sequence[int]]:
    """Say of each minute until the week ends in which of its hours it is, or -1 before, and at what minute of it."""
    cells, minutes = array("h"), array("h")
    at = start
    while (day := (local := at.astimezone(zone)).date() - first).days < WEEK_DAYS:
        cells.append(24 * day.days + local.hour if day.days >= 0 else -1)
        minutes.append(local.minute)
        at += timedelta(minutes=1)
    return cells, minutes

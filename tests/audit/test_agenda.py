"""The week and the next day of CronJobs: real hours, what may overlap, and what is left out is counted."""

from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest

from webhook.audit.entries import Timing
from webhook.audit.formats.html import agenda
from webhook.audit.formats.html.agenda import Agenda
from webhook.audit.formats.html.days import Day, Hour, Span, Week
from webhook.audit.runs.history import History

SATURDAY = datetime(2026, 11, 21, 14, 10, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
NIGHTLY = "0 3 * * *"


def timing(
    schedule: str, zone: str = "", *, deadline: int | None = None, longest: int | None = None, suspended: bool = False
) -> Timing:
    took = None if longest is None else timedelta(seconds=longest)
    return Timing(schedule, zone, suspended, deadline, History(finished=1, active=2, longest=took))


def filled(*timings: Timing, at: datetime = SATURDAY, zone: str = "UTC") -> Agenda:
    made = Agenda(at, ZoneInfo(zone))
    for number, each in enumerate(timings):
        made.add("team", f"job-{number}", each)
    return made


def week(*timings: Timing, at: datetime = SATURDAY, zone: str = "UTC") -> Week:
    return filled(*timings, at=at, zone=zone).week()


def day(*timings: Timing, at: datetime = SATURDAY, zone: str = "UTC") -> Day:
    return filled(*timings, at=at, zone=zone).day()


def test_a_week_has_its_days_from_monday_and_begins_with_tomorrow() -> None:
    found = week(timing(NIGHTLY))
    assert [f"{each:%a %d}" for each in found.days] == [
        "Mon 23", "Tue 24", "Wed 25", "Thu 26", "Fri 27", "Sat 28", "Sun 22"]  # fmt: skip
    assert [hours[3] for hours in found.hours] == [Hour(1, 1)] * 7
    assert (found.runs, found.sharp, found.busiest, found.quietest) == (7, 7, 1, 0)


def test_cron_jobs_that_share_a_schedule_are_each_counted() -> None:
    found = week(timing("*/15 * * * *"), timing("*/15 * * * *"), timing("20 * * * *"))
    assert {hour for hours in found.hours for hour in hours} == {Hour(9, 2)}
    assert {at: number for at, number in enumerate(found.minutes) if number} == {
        0: 336, 15: 336, 20: 168, 30: 336, 45: 336}  # fmt: skip


def test_hours_are_those_of_the_zone_that_is_asked_for() -> None:
    monday = week(timing(NIGHTLY, "America/New_York"), zone="Asia/Kolkata").hours[0]
    assert [(at, hour) for at, hour in enumerate(monday) if hour and hour.runs] == [(13, Hour(1, 0))]
    assert week(timing(NIGHTLY, "America/New_York"), zone="Asia/Kolkata").minutes[30] == 7


@pytest.mark.parametrize(
    ("at", "schedule", "zone", "sunday"),
    [
        (datetime(2027, 3, 25, tzinfo=UTC), "*/30 * * * *", "UTC", [Hour(2, 1), None, Hour(2, 1)]),
        (datetime(2027, 3, 25, tzinfo=UTC), "30 2 * * *", "Europe/Berlin", [Hour(0, 0), None, Hour(0, 0)]),
        (datetime(2026, 10, 22, tzinfo=UTC), "*/30 * * * *", "UTC", [Hour(2, 1), Hour(4, 2), Hour(2, 1)]),
        (datetime(2026, 10, 22, tzinfo=UTC), "30 2 * * *", "Europe/Berlin", [Hour(0, 0), Hour(2, 0), Hour(0, 0)]),
    ],
    ids=["skipped", "run-skipped", "twice", "run-twice"],
)
def test_clocks_that_change_skip_an_hour_or_show_it_twice(
    at: datetime, schedule: str, zone: str, sunday: list[Hour | None]
) -> None:
    found = week(timing(schedule, zone), at=at, zone="Europe/Berlin")
    assert list(found.hours[6][1:4]) == sunday
    assert all(None not in hours for hours in found.hours[:6])


def test_what_has_no_place_in_the_week_is_counted() -> None:
    found = filled(
        timing(NIGHTLY, suspended=True),
        timing("0 3 * *"),
        timing(NIGHTLY, "Europe/Berln"),
        timing("0 0 1 1 *", "UTC"),
        timing("@every 7h", "UTC"),
        timing("TZ=Europe/Berlin 0 3 * * *"),
        timing("5 * * * *"),
        timing(NIGHTLY),
    )
    assert (found.suspended, found.unreadable, found.idle, found.everies, found.zoneless) == (1, 2, 1, 1, 1)


def test_every_has_no_minute_that_anybody_knows() -> None:
    found = week(timing("@every 1h"))
    assert (found.runs, found.sharp, sum(found.minutes)) == (168, 0, 0)


def test_no_cron_job_at_all_makes_an_empty_week_and_day() -> None:
    assert (week().runs, day().cron_jobs, day().rows) == (0, 0, ())


def test_schedules_beyond_the_bound_are_left_out_and_counted() -> None:
    many = [f"{minute} {hour} {date} * *" for minute, hour, date in product(range(60), range(24), range(1, 3))]
    found = filled(*map(timing, many), timing(many[0]))
    assert found.left_out == len(many) - agenda.MOST_SCHEDULES


def test_many_cron_jobs_of_few_schedules_are_all_counted() -> None:
    each = timing("*/5 * * * *", "UTC", deadline=60)
    found = filled(*[each] * 20_000)
    assert found.week().runs == 20_000 * 7 * 288
    assert (max(found.day().running), len(found.day().rows)) == (20_000, agenda.MOST_ROWS)


@pytest.mark.parametrize(
    ("job", "lasting", "basis", "overlaps"),
    [
        (timing("0 * * * *"), None, "unknown", 0),
        (timing("0 * * * *", deadline=3600), 3600, "deadline", 0),
        (timing("0 * * * *", deadline=3601), 3601, "deadline", 22),
        (timing("0 * * * *", deadline=7200, longest=90), 90, "runs", 0),
        (timing("0 * * * *", longest=4000), 4000, "runs", 22),
        (timing("0,50 * * * *", longest=1000), 1000, "runs", 23),
    ],
)
def test_runs_overlap_where_one_may_last_into_the_next(
    job: Timing, lasting: int | None, basis: str, overlaps: int
) -> None:
    (row,) = day(job).rows
    assert row.lasting == (None if lasting is None else timedelta(seconds=lasting))
    assert (row.basis, row.overlaps) == (basis, overlaps)


def test_the_day_begins_with_the_hour_and_its_runs_with_the_moment() -> None:
    found = day(timing("5,30 * * * *", longest=600), zone="Europe/Berlin")
    assert (found.start, found.rows[0].first) == (
        datetime(2026, 11, 21, 15, tzinfo=BERLIN), datetime(2026, 11, 21, 15, 30, tzinfo=BERLIN))  # fmt: skip
    assert found.rows[0].runs == 47
    assert found.starts[:31] == (*[0] * 30, 1)


def test_spans_tell_one_run_from_several() -> None:
    (row,) = day(timing("20,30 15 * * *", longest=1200)).rows
    assert row.spans == (Span(80, 10, several=False), Span(90, 10, several=True), Span(100, 10, several=False))
    (row,) = day(timing("20 15 * * *")).rows
    assert row.spans == (Span(80, 5, several=False),)


def test_runs_of_different_cron_jobs_go_on_at_once() -> None:
    found = day(timing("0 15 * * *", longest=600), timing("5 15 * * *", longest=600), timing("5 15 * * *"))
    assert found.running[58:72] == (0, 0, 1, 1, 1, 1, 1, 3, 2, 2, 2, 2, 1, 1)
    assert (found.cron_jobs, found.overlapping, found.unsure, sum(found.starts)) == (3, 0, 1, 3)


def test_a_run_that_took_no_time_is_known_to_be_short() -> None:
    found = day(timing("0 15 * * *", longest=0))
    assert (found.unsure, found.rows[0].basis, sum(found.running)) == (0, "runs", 1)


def test_the_worst_overlap_comes_first_and_then_what_lasts_longest() -> None:
    short, long, bad = timing(NIGHTLY, longest=60), timing(NIGHTLY, longest=600), timing("0 * * * *", longest=4000)
    assert [row.name for row in day(short, long, bad, short).rows] == ["job-2", "job-1", "job-0", "job-3"]
    assert day(*[short] * 90, bad).rows[0].name == "job-90"


def test_a_zone_in_the_schedule_outdoes_the_field() -> None:
    (row,) = day(timing("TZ=Asia/Tokyo 0 3 * * *", "Europe/Berlin")).rows
    assert (row.time_zone, row.first) == ("Asia/Tokyo", datetime(2026, 11, 21, 18, tzinfo=UTC))


def test_every_second_is_counted_without_going_through_them() -> None:
    found = day(timing("@every 1s", longest=5))
    assert found.starts[10:13] == (59, 60, 60)
    assert found.rows[0].overlaps == found.rows[0].runs - 1


def test_runs_that_go_on_are_counted_whatever_the_schedule() -> None:
    assert filled(timing(NIGHTLY), timing(NIGHTLY, suspended=True), timing("never")).active == 6

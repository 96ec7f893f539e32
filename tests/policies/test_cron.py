"""Schedules are read and followed exactly as Kubernetes does; what is told about them is true and can be read."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from importlib.resources import files
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import cron
from tests.conftest import ROOT

EXPECTED = ROOT / "tests" / "cron" / "expected.jsonl"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
STAR = 63
MOST_SHOWN = 20


@cache
def zone(name: str) -> ZoneInfo:
    """Load a zone as it is locked, not as this machine has it."""
    with (files("tzdata") / "zoneinfo" / name).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@cache
def expected() -> list[list[Any]]:
    """Return what robfig/cron made of schedules: tests/cron/main.go says how it is written down."""
    return [json.loads(line) for line in EXPECTED.read_text("utf-8").splitlines()]


def reading(expression: str) -> Any:
    """Read a schedule as the rows have it."""
    try:
        schedule = cron.parse(expression)
    except cron.InvalidScheduleError:
        return None
    if schedule.fields is None:
        return schedule.every
    return [*(field.bits | field.star << STAR for field in schedule.fields), schedule.zone or "Local"]


def runs(row: list[Any]) -> list[int | None]:
    """Follow a schedule as the rows have it."""
    expression, name, start, wanted = row
    schedule, at = cron.parse(expression), datetime.fromtimestamp(start, UTC)
    found: list[int | None] = []
    for _ in wanted:
        run = schedule.next(at, zone(name))
        if run is None:
            return [*found, None]
        found.append(int(run.timestamp() - at.timestamp()))
        at = run
    return found


def test_schedules_are_read_as_kubernetes_reads_them() -> None:
    rows = [row for row in expected() if len(row) == 2]
    differences = [(row, found) for row in rows if (found := reading(row[0])) != row[1]]
    assert differences[:MOST_SHOWN] == []
    accepted = sum(read is not None for _, read in rows)
    assert (len(rows) > 5000, accepted > 2000, len(rows) - accepted > 3000) == (True, True, True)


def test_runs_come_when_kubernetes_starts_them() -> None:
    rows = [row for row in expected() if len(row) == 4]
    differences = [(row, found) for row in rows if (found := runs(row)) != row[3]]
    assert differences[:MOST_SHOWN] == []
    assert len(rows) > 6000
    assert len({row[1] for row in rows}) > 30


DATE = "name all days that may be meant, and let the work look at the date"
NO_SIGN = "no sign stands for the second or third of a weekday"
REFUSED = [
    ("", "the schedule is empty", "write e.g. 30 3 * * *", ""),
    ("0 3 * *", '"0 3 * *" has 4 fields', "write * for what does not matter", ""),
    ("daily", '"daily" has 1 field', "words begin with @, in small letters", "@daily"),
    (" @Midnight ", '" @Midnight " has 1 field', "words begin with @, in small letters", "@midnight"),
    ("@reboot", '"@reboot" is unknown', "to run once, make a Job", ""),
    ("@fortnightly", '"@fortnightly" is unknown', "write e.g. 30 3 * * *", ""),
    ("@every 5", '"@every 5" has no duration', "write e.g. 30 3 * * *", ""),
    ("@every 5 minutes", '"@every 5 minutes" has no duration', "durations have the units h, m and s", "@every 5m"),
    ("@every 2d", '"@every 2d" has no duration', "durations have the units h, m and s", "@every 48h"),
    ("1h", '"1h" has 1 field', "durations have the units h, m and s", "@every 1h"),
    ("0 0 12 * * ?", '"0 0 12 * * ?" has 6 fields', "leave out seconds and years", "0 12 * * ?"),
    ("0 0 12 * * ? *", '"0 0 12 * * ? *" has 7 fields', "leave out seconds and years", "0 12 * * ?"),
    ("0 0 12 * * ? 2027", '"0 0 12 * * ? 2027" has 7 fields', "leave out seconds and years", ""),
    ("*/5 * * * * *", '"*/5 * * * * *" has 6 fields', "leave out seconds and years", ""),
    ("0 3 * * 1, 5", '"0 3 * * 1, 5" has 6 fields', "lists and ranges have no spaces", "0 3 * * 1,5"),
    ("0 3 * * MON - FRI", '"0 3 * * MON - FRI" has 7 fields', "lists and ranges have no spaces", "0 3 * * MON-FRI"),
    ("0 3 * * * /bin/sh", '"0 3 * * * /bin/sh" has 6 fields', "the command belongs in the Pod template", "0 3 * * *"),
    ("0 3 * * 7", 'day of week "7" is over 6', "Sunday is 0", "0 3 * * 0"),
    ("0 3 * * 1-7", 'day of week "1-7" is over 6', "Sunday is 0", "0 3 * * *"),
    ("0 3 * * 5-7", 'day of week "5-7" is over 6', "Sunday is 0", "0 3 * * 5-6,0"),
    ("0 3 * * 6-7", 'day of week "6-7" is over 6', "Sunday is 0", "0 3 * * 6,0"),
    ("0 3 * * 7-3", 'day of week "7-3" runs backwards', "Sunday is 0", "0 3 * * 0-3"),
    ("0 24 * * *", 'hour "24" is over 23', "midnight is 0", "0 0 * * *"),
    ("60 3 * * *", 'minute "60" is over 59', "the full hour is 0", "0 3 * * *"),
    ("60 24 * * 7", 'minute "60" is over 59', "the full hour is 0", "0 0 * * 0"),
    ("60 24 * * L", 'minute "60" is over 59', "the full hour is 0", ""),
    ("0 0-24/2 * * *", 'hour "0-24/2" is over 23', "midnight is 0", "0 */2 * * *"),
    ("0-60/5 * * * *", 'minute "0-60/5" is over 59', "the full hour is 0", "*/5 * * * *"),
    ("0 22-2 * * *", 'hour "22-2" runs backwards', "a range cannot pass the end: write two", "0 22-23,0-2 * * *"),
    ("0 23-0 * * *", 'hour "23-0" runs backwards', "a range cannot pass the end: write two", "0 23,0 * * *"),
    ("0 3 * * FRI-mon", 'day of week "FRI-mon" runs backwards', "a range cannot pass the end: write two",
     "0 3 * * FRI-SAT,SUN-mon"),
    ("0 3 * * Sat-SUN", 'day of week "Sat-SUN" runs backwards', "a range cannot pass the end: write two",
     "0 3 * * Sat,SUN"),
    ("0 3 * * Sunday", 'day of week "Sunday" is no number and no name', "names have three letters", "0 3 * * Sun"),
    ("0 3 1 sept *", 'month "sept" is no number and no name', "names have three letters", "0 3 1 sep *"),
    ("0 3 0 * *", 'day of month "0" is under 1', "", ""),
    ("0 3 32 * *", 'day of month "32" is over 31', "", ""),
    ("0 3 1 1 jan", 'day of week "jan" is no number and no name', "", ""),
    ("x * * * *", 'minute "x" is no number', "", ""),
    ("H 3 * * *", 'minute "H" is no number', "H is for Jenkins alone: choose a value", ""),
    ("0 3 L * *", 'day of month "L" is no number', f"no letter stands for the last day: {DATE}", ""),
    ("0 3 15W * *", 'day of month "15W" is no number', f"no letter stands for working days: {DATE}", ""),
    ("0 3 * * 5#3", 'day of week "5#3" is no number and no name', f"{NO_SIGN}: {DATE}", ""),
    ("*5 * * * *", 'minute "*5" is no number', "a step follows * and a slash", "*/5 * * * *"),
    ("/5 * * * *", 'minute "/5" is no number', "a step follows * and a slash", "*/5 * * * *"),
    ("*/0 * * * *", 'minute "*/0" has a step of 0', "leave the step out, or say by how many to go on", ""),
    ("*/-5 * * * *", 'minute "*/-5" is negative', "", ""),
    ("1-2-3 * * * *", 'minute "1-2-3" has more than one hyphen', "", ""),
    ("1/2/3 * * * *", 'minute "1/2/3" has more than one slash', "", ""),
    ("10-5/2 * * * *", 'minute "10-5/2" runs backwards', "", ""),
    (f"{10**25} * * * *", 'minute "10000000000000000000000000" is too large a number', "", ""),
    ("\u201c0 3 * * *\u201d", 'minute "\u201c0" is no number',
     "leave out or retype left double quotation mark, right double quotation mark", "0 3 * * *"),
    ("0 3 * * 1\u20135", 'day of week "1\u20135" is no number and no name', "leave out or retype en dash",
     "0 3 * * 1-5"),
    ("\\* * * * *", 'minute "\\*" is no number', "leave out or retype reverse solidus", "* * * * *"),
    ("TZ=UTC", '"TZ=UTC" names a time zone and no time', "", ""),
    ("TZ=europe/berlin 0 3 * * *", '"europe/berlin" is no time zone', "write Europe/Berlin", ""),
    (f"7,7{',7' * 200} * * * 7", 'day of week "7" is over 6', "", ""),
    (f"{'7,' * 2100}7 * * * *", f'"{"7," * 20}…" has 4209 characters', "", ""),
    ("* " * 150, '"* * * * * * * * * * * * * * * * * * * * …" has 150 fields', "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "problem", "advice", "suggestion"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused_says_why_and_what_to_write(
    expression: str, problem: str, advice: str, suggestion: str
) -> None:
    with pytest.raises(cron.InvalidScheduleError) as caught:
        cron.parse(expression)
    error = caught.value
    assert (problem, advice, suggestion) == (error.problem, error.advice, error.suggestion)
    assert suggestion == "" or cron.parse(suggestion).expression == suggestion


def test_a_refusal_is_one_sentence_that_says_what_is_allowed() -> None:
    with pytest.raises(cron.InvalidScheduleError) as caught:
        cron.parse("0 3 * * 7")
    said = 'day of week "7" is over 6; allowed: 0 to 6, or SUN to SAT; Sunday is 0; write 0 3 * * 0'
    assert said == str(caught.value)


def refusal(text: str) -> cron.InvalidScheduleError | None:
    """Return why a schedule is refused."""
    try:
        cron.parse(text)
    except cron.InvalidScheduleError as error:
        return error
    return None


@given(
    text=st.text(alphabet="0123456789*/-,?@ LWH#\u2013\u201cTZ=UCevrydhmsMONJAN", max_size=40) | st.text(max_size=40)
)
def test_nothing_but_a_refusal_is_raised_and_a_suggestion_can_be_read(text: str) -> None:
    error = refusal(text)
    assert error is None or error.suggestion == "" or refusal(error.suggestion) is None


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("", ""),
        ("Local", ""),
        ("local", ""),
        ("europe/berlin", "Europe/Berlin"),
        ("Europe/Berln", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("America/New York", "America/New_York"),
        ("utc", "UTC"),
        ("UTC+2", "Etc/GMT-2"),
        ("-05:00", "Etc/GMT+5"),
        ("GMT+99", ""),
        ("PST", ""),
        ("/etc/localtime", ""),
        ("../UTC", ""),
        ("posix/Europe/Berlin", "Europe/Berlin"),
        ("x" * 1000, ""),
    ],
)
def test_an_unknown_time_zone_is_told_with_the_one_that_is_near(name: str, suggestion: str) -> None:
    with pytest.raises(
        cron.UnknownTimeZoneError, match="is no time zone; allowed: names such as Europe/Berlin"
    ) as caught:
        cron.time_zone(name)
    assert suggestion == caught.value.suggestion
    assert len(str(caught.value)) < 250


def test_a_time_zone_is_known_by_its_exact_name() -> None:
    assert [cron.time_zone(name).key for name in ("UTC", "Europe/Berlin", "EST5EDT")] == [
        "UTC",
        "Europe/Berlin",
        "EST5EDT",
    ]


MINUTE, HOUR, DAY, WEEK = 60, 3600, 86400, 7 * 86400


@pytest.mark.parametrize(
    ("expression", "shortest", "longest", "usual", "runs_per_day"),
    [
        ("* * * * *", MINUTE, MINUTE, MINUTE, 1440),
        ("*/5 * * * *", 300, 300, 300, 288),
        ("*/7 * * * *", 4 * MINUTE, 7 * MINUTE, 7 * MINUTE, 216),
        ("*/45 * * * *", 15 * MINUTE, 45 * MINUTE, 15 * MINUTE, 48),
        ("0 3 * * *", DAY, DAY, DAY, 1),
        ("0 3,15 * * ?", DAY // 2, DAY // 2, DAY // 2, 2),
        ("0 9-17 * * 1-5", HOUR, 64 * HOUR, HOUR, 9 * 5 / 7),
        ("30 2 * * 1-5", DAY, 3 * DAY, DAY, 5 / 7),
        ("30 2 * * SUN", WEEK, WEEK, WEEK, 1 / 7),
        ("0 0 1 * *", 28 * DAY, 31 * DAY, 31 * DAY, 48 / 1461),
        ("0 0 31 * *", 31 * DAY, 61 * DAY, 61 * DAY, 28 / 1461),
        ("0 0 29 2 *", 1461 * DAY, 1461 * DAY, 1461 * DAY, 1 / 1461),
        ("0 0 1 1 *", 365 * DAY, 366 * DAY, 365 * DAY, 4 / 1461),
        ("0 0 13 * 5", DAY, WEEK, WEEK, (1461 + 336 - 48) / 10227),  # 48 times in 28 years Friday is the 13th
        ("* 0 31 12 *", MINUTE, 366 * DAY - 59 * MINUTE, MINUTE, 240 / 1461),
        ("@every 90s", 90, 90, 90, 960),
        ("@hourly", HOUR, HOUR, HOUR, 24),
    ],
)
def test_intervals(expression: str, shortest: int, longest: int, usual: int, runs_per_day: float) -> None:
    found = cron.intervals(cron.parse(expression))
    assert found is not None
    assert (shortest, longest, usual) == (found.shortest, found.longest, found.usual)
    assert found.runs_per_day == pytest.approx(runs_per_day)


def part(least: int, most: int) -> st.SearchStrategy[str]:
    """Give fields that are dense enough to be followed quickly."""
    numbers = st.integers(least, most)
    listed = st.lists(numbers, min_size=1, max_size=4).map(lambda values: ",".join(map(str, values)))
    return st.just("*") | listed | st.integers(2, most).map(lambda step: f"*/{step}")


SCHEDULES = st.tuples(
    st.sampled_from(["0", "30", "15,45", "*/20", "59"]), part(0, 23), part(1, 28), part(1, 12), part(0, 6)
).map(" ".join)


@given(expression=SCHEDULES)
def test_intervals_are_those_between_runs(expression: str) -> None:
    schedule = cron.parse(expression)
    found = cron.intervals(schedule)
    assert found is not None
    gaps = [
        int((later - earlier).total_seconds()) for earlier, later in pairwise(islice(schedule.fires(NOON, UTC), 60))
    ]
    assert found.shortest <= min(gaps)
    assert max(gaps) <= found.longest
    assert found.shortest <= found.usual <= found.longest


@pytest.mark.parametrize(
    "expression",
    [", * * * *", "0 , * * *", "0 0 , * *", "0 0 * , *", "0 0 * * ,", "0 0 30 2 *", "0 0 31 2,4,6,9,11 ?"],
)
def test_what_never_fires_is_known_at_once(expression: str) -> None:
    schedule = cron.parse(expression)
    assert schedule.never
    assert (schedule.next(NOON, UTC), cron.intervals(schedule)) == (None, None)
    assert [*schedule.fires(NOON, UTC)] == []
    assert cron.clock_changes(schedule, zone("Europe/Berlin"), NOON) == ()


@pytest.mark.parametrize(
    "expression", ["* * * * *", "@every 5s", "0 0 29 2 *", "0 0 30 2 1", "0 0 31 4,5 *", "0 0 , * 1"]
)
def test_what_fires_some_time_is_not_said_never_to(expression: str) -> None:
    schedule = cron.parse(expression)
    assert not schedule.never
    assert schedule.next(NOON, UTC) is not None


@pytest.mark.parametrize(
    ("expression", "names_hours"),
    [
        ("*/5 * * * *", False),
        ("7 * * * *", False),
        ("7 0-23 1-31 JAN-DEC ?", False),
        ("7 */1 * * 0-6", False),
        ("7 * 1-31 * 5", False),  # each day is a day of the month, and that is enough
        ("@every 24h", False),
        ("@hourly", False),
        ("0 3 * * *", True),
        ("*/5 * * * 1-5", True),
        ("*/5 * 1 * *", True),
        ("*/5 * * 6 *", True),
        ("@daily", True),
    ],
)
def test_whether_a_time_zone_matters(expression: str, names_hours: bool) -> None:  # noqa: FBT001 - a table
    assert names_hours == cron.parse(expression).names_hours


def stamps(times: Iterator[datetime] | list[datetime], number: int = 4) -> list[str]:
    """Write down times."""
    return [time.isoformat() for time in islice(times, number)]


def test_a_time_that_comes_twice_has_two_runs_and_one_that_is_skipped_has_none() -> None:
    berlin, schedule = zone("Europe/Berlin"), cron.parse("30 2 * * *")
    autumn = datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert stamps(schedule.fires(autumn, berlin), 2) == ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"]
    spring = datetime(2026, 3, 28, 0, tzinfo=UTC)
    assert stamps(schedule.fires(spring, berlin), 2) == ["2026-03-28T02:30:00+01:00", "2026-03-30T02:30:00+02:00"]


def test_the_zone_that_a_schedule_names_outdoes_the_other() -> None:
    schedule = cron.parse("TZ=Asia/Kolkata 0 9 * * *")
    assert stamps(schedule.fires(NOON, UTC), 1) == ["2026-11-22T09:00:00+05:30"]
    assert stamps(schedule.fires(NOON, zone("America/New_York")), 1) == ["2026-11-22T09:00:00+05:30"]


def test_a_run_comes_after_a_moment_be_it_by_a_fraction() -> None:
    schedule, run = cron.parse("0 12 * * *"), datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert run == schedule.next(run - timedelta(microseconds=1), UTC)
    assert run + timedelta(days=1) == schedule.next(run, UTC)
    assert run + timedelta(days=1) == schedule.next(run + timedelta(microseconds=1), UTC)
    every = cron.parse("@every 90s")
    assert run + timedelta(seconds=90) == every.next(run, UTC)
    assert run + timedelta(seconds=90) == every.next(run + timedelta(microseconds=1), UTC)


def test_a_day_that_a_zone_leaves_out_does_not_hold_the_search_up() -> None:
    apia, thursday = zone("Pacific/Apia"), datetime(2011, 12, 29, 6, tzinfo=timezone(timedelta(hours=-10)))
    assert stamps(cron.parse("0 5 * * 6").fires(thursday, apia), 1) == ["2011-12-31T05:00:00+14:00"]


def test_where_the_calendar_of_python_ends_there_are_no_runs() -> None:
    last = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    for expression in ("* * * * *", "0 3 1 1 *", "0 3 1 * *", "@every 5m"):
        assert cron.parse(expression).next(last, UTC) is None


def test_there_may_be_no_run_within_five_years() -> None:
    after_leap_day = datetime(1896, 3, 1, tzinfo=UTC)  # 1900 was no leap year
    assert cron.parse("0 0 29 2 *").next(after_leap_day, UTC) is None


@pytest.mark.parametrize(
    ("expression", "name", "told"),
    [
        ("30 2 * * *", "Europe/Berlin", ["skipped 2027-03-28T02:30", "repeated 2027-10-31T02:30"]),
        ("0,30 1-3 * * *", "Europe/Berlin", ["skipped 2027-03-28T02:00", "skipped 2027-03-28T02:30",
                                             "repeated 2027-10-31T02:00", "repeated 2027-10-31T02:30"]),
        ("30 2 * * 1-5", "Europe/Berlin", []),
        ("30 2 1 * *", "Europe/Berlin", []),
        ("30 2 * 7 *", "Europe/Berlin", []),
        ("0 3 * * *", "Europe/Berlin", []),
        ("*/5 * * * *", "Europe/Berlin", []),
        ("*/5 * * * SUN", "Europe/Berlin", []),  # an hour less, and every five minutes all the same
        ("@every 1h", "Europe/Berlin", []),
        ("30 2 * * *", "UTC", []),
        ("TZ=Europe/Berlin 30 2 * * *", "UTC", ["skipped 2027-03-28T02:30", "repeated 2027-10-31T02:30"]),
        ("0 1 * * *", "Antarctica/Troll", ["skipped 2027-03-28T01:00", "repeated 2027-10-31T01:00"]),
        # where midnight is skipped a Sunday may get no run, and the day after a Saturday may get one
        ("0 5 * * SUN", "Asia/Beirut", ["skipped 2027-03-28T05:00"]),
        ("0 5 * * SAT", "America/Santiago", ["unnamed 2027-09-05T05:00"]),
        # where half an hour is skipped, what ought to begin on the hour begins at half past, if at all
        ("0 3 * * *", "Australia/Lord_Howe", ["skipped 2027-04-04T03:00", "skipped 2027-10-03T03:00"]),
        ("45 1 * * *", "Australia/Lord_Howe", ["repeated 2027-04-04T01:45", "unnamed 2027-10-03T02:45"]),
    ],
)  # fmt: skip
def test_what_changes_of_clocks_do(expression: str, name: str, told: list[str]) -> None:
    changes = cron.clock_changes(cron.parse(expression), zone(name), NOON)
    found = [
        f"{kind} {time:%Y-%m-%dT%H:%M}"
        for change in changes
        for kind in ("skipped", "repeated", "unnamed")
        for time in getattr(change, kind)
    ]
    assert told == found


def test_a_change_of_clocks_says_when_it_is_and_lies_in_the_days_asked_for() -> None:
    berlin, schedule = zone("Europe/Berlin"), cron.parse("30 2 * * *")
    (change,) = cron.clock_changes(schedule, berlin, NOON, days=200)
    assert change.at == datetime(2027, 3, 28, 1, tzinfo=UTC)
    assert cron.clock_changes(schedule, berlin, NOON, days=100) == ()


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("* * * * *", "every minute"),
        ("*/5 * * * *", "every 5 minutes"),
        ("0,30 * * * *", "every 30 minutes"),
        ("*/7 * * * *", "at minutes 0 to 56 in steps of 7"),
        ("5,10,11,12,40 * * * *", "at minutes 5, 10 to 12 and 40"),
        ("7 * * * *", "at minute 7 of every hour"),
        ("*/61 * * * *", "at minute 0 of every hour"),
        ("7 * * * 1", "at minute 7 of every hour on Monday"),
        ("30 2 * * *", "at 02:30 every day"),
        ("30 2 * * MON-FRI", "at 02:30 on Monday to Friday"),
        ("15 */6 * * *", "at 00:15, 06:15, 12:15 and 18:15 every day"),
        ("0 */2 * * *", "every 2 hours at minute 0"),
        ("* */3 * * *", "every minute of hours 0 to 21 in steps of 3"),
        ("* 3 * * *", "every minute of hour 3"),
        ("0 9-17 * * 1-5", "at minute 0 of hours 9 to 17 on Monday to Friday"),
        ("0 9-17 * * *", "at minute 0 of hours 9 to 17 every day"),
        ("*/15 9-17 * * 6,0", "every 15 minutes of hours 9 to 17 on Sunday and Saturday"),
        ("0 0 1,15 * *", "at 00:00 on days 1 and 15 of the month"),
        ("0 0 1,15 * 1", "at 00:00 on days 1 and 15 of the month, or on Monday"),
        ("0 0 1 1 1", "at 00:00 on day 1 of January, or on Monday in January"),
        ("0 0 1 1,4,7,10 *", "at 00:00 on day 1 of January, April, July and October"),
        ("0 3 */2 * *", "at 03:00 on days 1 to 31 in steps of 2 of the month"),
        ("0 3 * 6-8 *", "at 03:00 in June to August"),
        ("0 3 * 12 SUN", "at 03:00 on Sunday in December"),
        ("@weekly", "at 00:00 on Sunday"),
        ("@every 1h", "every hour, counted from the run before"),
        ("@every 5m", "every 5 minutes, counted from the run before"),
        ("@every 90s", "every 1 minute 30 seconds, counted from the run before"),
        (", * * * *", "never"),
        ("TZ=Asia/Tokyo 0 9 * * *", "at 09:00 every day, in Asia/Tokyo"),
    ],
)
def test_in_words(expression: str, words: str) -> None:
    assert words == cron.describe(cron.parse(expression))


@given(expression=SCHEDULES)
def test_there_are_words_for_everything(expression: str) -> None:
    assert cron.describe(cron.parse(expression)).isprintable()

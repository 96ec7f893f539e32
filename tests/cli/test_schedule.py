"""``batchwarden schedule`` tells when a schedule fires, what the clocks do to it, and what the rules say."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner, Result

from webhook.cli import main

AUTUMN = ("--from", "2026-10-24T12:00:00Z")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["schedule", *arguments])


def told(*arguments: str) -> dict[str, Any]:
    """Return what is told for programs."""
    result = run(*arguments, "--format", "json")
    assert (result.exit_code, result.stderr) == (0, "")
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_all_that_is_told_of_a_schedule() -> None:
    result = run("30 2 * * *", "--time-zone", "Europe/Berlin", "--next", "3", *AUTUMN)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "at 02:30 every day\n"
        "\n"
        "Next runs, in Europe/Berlin and in UTC:\n"
        "  Sun 2026-10-25 02:30:00 CEST  2026-10-25T00:30:00Z\n"
        "  Sun 2026-10-25 02:30:00 CET  2026-10-25T01:30:00Z\n"
        "  Mon 2026-10-26 02:30:00 CET  2026-10-26T01:30:00Z\n"
        "\n"
        "Between runs: 1 day; on average one run a day.\n"
        "\n"
        "When the clocks change in the year from then:\n"
        "  Sun 2026-10-25: two runs at 02:30\n"
        "  Sun 2027-03-28: no run at 02:30\n"
    )


def test_programs_are_told_the_same() -> None:
    assert told("30 2 * * *", "--time-zone", "Europe/Berlin", "--next", "2", *AUTUMN) == {
        "schedule": "30 2 * * *",
        "timeZone": "Europe/Berlin",
        "words": "at 02:30 every day",
        "from": "2026-10-24T12:00:00Z",
        "next": ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"],
        "nextLocal": ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"],
        "never": False,
        "intervalSeconds": {"shortest": 86400, "longest": 86400, "usual": 86400},
        "runsPerDay": 1.0,
        "clockChanges": [
            {"at": "2026-10-25T01:00:00Z", "skipped": [], "repeated": ["2026-10-25T02:30:00"], "unnamed": []},
            {"at": "2027-03-28T01:00:00Z", "skipped": ["2027-03-28T02:30:00"], "repeated": [], "unnamed": []},
        ],
        "remarks": [],
    }


def test_the_example_of_the_design() -> None:
    runs = told("*/5 * * * *", "--time-zone", "Europe/Berlin", "--from", "2026-11-01T01:00:00+01:00")["next"]
    assert runs == [f"2026-11-01T00:{minute:02}:00Z" for minute in (5, 10, 15, 20, 25)]


def test_rules_say_what_they_find_in_a_schedule_and_nothing_else() -> None:
    (remark,) = told("* */3 * * *")["remarks"]
    assert (remark["rule"], remark["path"]) == ("schedule", "spec.schedule")
    assert remark["message"].startswith("spec.schedule is * */3 * * *, every minute of those hours")
    lines = run("* */3 * * *").stdout.splitlines()
    assert lines[lines.index("What rules say:") :] == [
        "What rules say:",
        f"  {remark['message']}",
        f"    {remark['why']}   schedule",
        '    schedule: "0 */3 * * *"  # for example',
    ]


def test_every_rule_that_looks_at_the_schedule_is_asked() -> None:
    assert {remark["rule"] for remark in told("0 0 30 2 *")["remarks"]} == {"schedule"}
    assert {remark["rule"] for remark in told("0 3 * * *")["remarks"]} == {"topOfHour"}


def test_never_is_said() -> None:
    result = run("0 0 30 2 *", "--time-zone", "UTC")
    assert "Next runs, in UTC:\n  never, or not within five years\n" in result.stdout
    document = told("0 0 30 2 *")
    assert (document["next"], document["never"]) == ([], True)
    assert (document["intervalSeconds"], document["runsPerDay"]) == (None, 0)


@pytest.mark.parametrize(
    ("schedule", "sentence"),
    [
        ("*/7 * * * *", "Between runs: 4 minutes to 7 minutes, mostly 7 minutes; on average 216 runs a day."),
        ("0 9-17 * * 1-5", "Between runs: 1 hour to 2 days 16 hours, mostly 1 hour; on average 6.429 runs a day."),
        ("30 2 * * 0", "Between runs: 1 week; on average one run in 7 days."),
        ("@every 1s", "Between runs: 1 second; on average 86,400 runs a day."),
        ("0 0 29 2 *", "Between runs: 208 weeks 5 days; on average one run in 1,461 days."),
        ("@every 90m", "Between runs: 1 hour 30 minutes; on average 16 runs a day."),
    ],
)
def test_how_often_it_fires(schedule: str, sentence: str) -> None:
    assert sentence in run(schedule).stdout.splitlines()


def test_without_a_time_zone_it_is_said_whose_hours_these_are_where_that_matters() -> None:
    assert "No time zone is named" in run("30 2 * * *").stdout
    assert "No time zone is named" not in run("30 2 * * *", "--time-zone", "Asia/Tokyo").stdout
    assert "No time zone is named" not in run("*/5 * * * *").stdout
    assert told("30 2 * * *")["timeZone"] is None


def test_a_zone_inside_of_the_schedule_counts_and_is_remarked_on() -> None:
    document = told("TZ=Asia/Tokyo 30 9 * * *", "--time-zone", "Europe/Berlin", "--next", "1", *AUTUMN)
    assert (document["timeZone"], document["next"]) == ("Asia/Tokyo", ["2026-10-25T00:30:00Z"])
    assert [remark["rule"] for remark in document["remarks"]] == ["schedule"]


def test_many_times_at_a_change_of_clocks_are_counted() -> None:
    result = run("*/10 1-3 * * *", "--time-zone", "Europe/Berlin", *AUTUMN)
    assert "  Sun 2027-03-28: no run at 02:00, 02:10, 02:20, 02:30 and 2 more\n" in result.stdout


def test_a_run_at_a_time_that_nobody_named_is_told() -> None:
    result = run("30 5 * * SAT", "--time-zone", "America/Santiago", *AUTUMN)
    assert "  Sun 2027-09-05: a run that it does not name at 05:30\n" in result.stdout


def test_runs_are_those_after_now_if_nothing_else_is_said() -> None:
    before = datetime.now(UTC)
    first = datetime.fromisoformat(told("* * * * *")["next"][0])
    assert 0 < (first - before).total_seconds() <= 65


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["0 3 * * 7"], 'day of week "7" is over 6; allowed: 0 to 6, or SUN to SAT; Sunday is 0; write 0 3 * * 0\n'),
        ([""], "the schedule is empty; allowed: 5 fields: minute, hour, day of month, month, day of week; "),
        (["x\x1b[31m\ny * * * *"], '"x[31m y * * * *" has 6 fields; '),
        (["0", "3", "a.py", "b.py", "1"], "quote the schedule, since the shell makes file names of *\n"),
        (["0 3 * * *", "--time-zone", "berlin"], '"berlin" is no time zone; '),
        (["0 3 * * *", "--time-zone", "Local"], '"Local" is no time zone; '),
        (
            ["0 3 * * *", "--from", "tomorrow"],
            "'tomorrow' is no time from 1970 to 8999; write e.g. 2026-11-01T00:00:00Z",
        ),
        (["0 3 * * *", "--from", "2026-11-01T00:00:00"], "'2026-11-01T00:00:00' is no time from 1970 to 8999"),
        (["0 3 * * *", "--from", "9999-11-01T00:00:00Z"], "'9999-11-01T00:00:00Z' is no time from 1970 to 8999"),
        (["0 3 * * *", "--next", "0"], "0 is not in the range 1<=x<=1000"),
        ([], "Missing argument 'SCHEDULE'"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_the_reason(form: str, arguments: list[str], reason: str) -> None:
    result = run(*arguments, "--format", form)
    assert (result.exit_code, result.stdout) == (2, "")
    assert reason in result.stderr
    assert "\x1b" not in result.stderr


def test_a_schedule_that_a_shell_took_apart_is_put_together() -> None:
    assert told("0", "3", "1", "1", "1")["schedule"] == "0 3 1 1 1"

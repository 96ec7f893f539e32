"""Pure: schedules in words."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from policies.cron.schedule import Field, Fields, Schedule

MONTHS: Final = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
                 "November", "December")  # fmt: skip
WEEKDAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
UNITS: Final = (("week", 604800), ("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
MOST_TIMES: Final = 4
FEW: Final = 3  # neighbours, from which on a list says "to"


def describe(schedule: Schedule) -> str:
    """Say what a schedule says, e.g. ``at 02:30 on Monday to Friday``."""
    if schedule.fields is None:
        words = f"{_each(span(schedule.every))}, counted from the run before"
    elif not all(field.bits for field in schedule.fields):
        words = "never"
    else:
        time, day = _time(schedule.fields), _day(schedule.fields)
        words = time + (day or " every day" * (time.startswith("at ") and not schedule.fields.hour.full))
    return f"{words}, in {schedule.zone}" if schedule.zone else words


def span(seconds: int) -> str:
    """Say how long that is, e.g. ``1 hour 30 minutes``."""
    parts = []
    for unit, size in UNITS:
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number} {unit}{'s' if number > 1 else ''}")
    return " ".join(parts)


def _each(words: str) -> str:
    return f"every {words.removeprefix('1 ')}" if words.count(" ") == 1 else f"every {words}"


def _time(fields: Fields) -> str:
    minutes, hours, step = fields.minute.values, fields.hour.values, _step(fields.hour)
    if fields.hour.full:
        return f"at minute {minutes[0]} of every hour" if len(minutes) == 1 else _minutes(fields.minute)
    if len(minutes) * len(hours) <= MOST_TIMES:
        return f"at {_list([f'{hour:02}:{minute:02}' for hour in hours for minute in minutes])}"
    if len(minutes) == 1 and step:
        return f"every {step} hours at minute {minutes[0]}"
    when = f"at minute {minutes[0]}" if len(minutes) == 1 else _minutes(fields.minute)
    return f"{when} of {_plural('hour', hours)}"


def _minutes(field: Field) -> str:
    if field.full:
        return "every minute"
    step = _step(field)
    return f"every {step} minutes" if step else f"at {_plural('minute', field.values)}"


def _plural(noun: str, values: tuple[int, ...]) -> str:
    return f"{noun}{'s'[: len(values) - 1]} {_numbers(values)}"


def _step(field: Field) -> int:
    """Give the step by which the values go around evenly; 0 where they do not."""
    size, values = field.most - field.least + 1, field.values
    step = size // len(values)
    return step if 1 < step < size and values == tuple(range(0, size, step)) else 0


def _day(fields: Fields) -> str:
    day, month, weekday = fields.day_of_month, fields.month, fields.day_of_week
    months = _numbers(month.values, MONTHS)
    if fields.every_day:
        return ""
    dates = f"on {_plural('day', day.values)} of {'the month' if month.full else months}"
    weekdays = f"on {_numbers(weekday.values, WEEKDAYS)}"
    within = "" if month.full else f" in {months}"
    if fields.either:
        return f" {dates}, or {weekdays}{within}"
    if not weekday.full:
        return f" {weekdays}{within}"
    return f" {dates}" if not day.full else within


def _numbers(values: tuple[int, ...], names: Sequence[str] = ()) -> str:
    """List numbers, or what they stand for, neighbours as "to"; the names begin with 0 or, of months, with 1."""
    start = 1 if names is MONTHS else 0
    step = values[1] - values[0] if len(values) > MOST_TIMES else 1
    if not names and step > 1 and values == tuple(range(values[0], values[-1] + 1, step)):
        return f"{values[0]} to {values[-1]} in steps of {step}"
    runs = [[value for _, value in run] for _, run in groupby(enumerate(values), lambda pair: pair[1] - pair[0])]
    told = [[names[value - start] if names else str(value) for value in run] for run in runs]
    return _list([part for run in told for part in ([f"{run[0]} to {run[-1]}"] if len(run) >= FEW else run)])


def _list(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last

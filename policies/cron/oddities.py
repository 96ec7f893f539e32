"""Pure: schedules that Kubernetes takes, and that are not what they seem to say."""

import re
from typing import Final, NamedTuple

from policies.cron.schedule import Field, Fields, Schedule

AGAIN: Final = {"minute": "hour", "hour": "day", "day of month": "month", "month": "year", "day of week": "week"}
STEP: Final = re.compile(r"[*?0]/0*([0-9]{1,2})")
SHORTEST_MONTH: Final = "28"
PAIR: Final = 2


class Oddity(NamedTuple):
    """What follows the schedule in a sentence, what would be right, why, and a schedule that may have been meant."""

    problem: str
    allowed: str
    why: str
    instead: str


def oddity(schedule: Schedule) -> Oddity | None:
    """Find what is odd about a schedule; None where nothing is."""
    fields = schedule.fields
    if fields is None:
        return None
    if schedule.never:
        instead = _write(fields, fields.day_of_month, SHORTEST_MONTH)
        return Oddity("which never comes", "a day that its months have", "It would never run.", instead)
    if fields.minute.full and not fields.hour.full and all(map(_is_pointed, fields.hour.text.split(","))):
        instead, why = (
            _write(fields, fields.minute, "0"),
            f"A star is each minute: {60 * len(fields.hour.values)} runs.",
        )
        return Oddity("every minute of those hours", f"a minute, e.g. {instead}", why, instead)
    return next(filter(None, (_step(fields, field) for field in fields)), None)


def _is_pointed(part: str) -> bool:
    """Whether a part of a field picks values out, where a range such as 9-17 covers them."""
    span, _, step = part.partition("/")
    return step.lstrip("+0") not in {"", "1"} if step else "-" not in span


def _step(fields: Fields, field: Field) -> Oddity | None:
    """Find a step that never gets anywhere, or that leads to two values at odd distances."""
    size, values, unit = field.most - field.least + 1, field.values, AGAIN[field.name]
    steps = [step for step in field.idle_steps if step != size]  # */60 is every hour, as it says
    if steps:
        why = f"Steps begin again with each {unit}: the next run is not {steps[0]} later."
        problem = f"whose step of {steps[0]} leaves {field.name} {values[0]} alone"
        return Oddity(problem, f"a step under {size}", why, _write(fields, field, str(values[0])))
    match = STEP.fullmatch(field.text) if field.name in {"minute", "hour"} and len(values) == PAIR else None
    if match and int(match[1]) * PAIR != size:
        why = f"Steps begin again with each {unit}: after {match[1]} {field.name}s come {size - int(match[1])}."
        problem = f"which is {field.name}s {values[0]} and {values[1]}"
        return Oddity(problem, f"a step that divides {size}", why, _write(fields, field, f"*/{size // PAIR}"))
    return None


def _write(fields: Fields, changed: Field, text: str) -> str:
    return " ".join(text if field is changed else field.text for field in fields)

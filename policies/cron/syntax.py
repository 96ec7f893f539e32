"""Pure: reads schedules as robfig/cron v3.0.1 does, whose parser.go says what each field may hold."""

import re
from functools import lru_cache
from typing import Final

from policies.cron.durations import seconds
from policies.cron.mistakes import InvalidScheduleError, Kind, advise_part, advise_text, named, shown
from policies.cron.schedule import Field, Fields, Schedule
from policies.cron.zones import UnknownTimeZoneError, time_zone

MEMO_TEXT: Final = 200  # characters: nobody writes more, and hostile objects cannot fill the memo
MOST_TEXT: Final = 4096  # characters: the API server takes megabytes, and who reads them all may be kept busy
MOST_SLIPS: Final = 8
MOST_INT: Final = 2**63 - 1
MOST_DIGITS: Final = 19
# What unicode.IsSpace of Go holds; str.split and str.strip take more for white space.
SPACE: Final = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
KINDS: Final = (
    Kind("minute", 0, 59),
    Kind("hour", 0, 23),
    Kind("day of month", 1, 31),
    Kind("month", 1, 12, named("jan feb mar apr may jun jul aug sep oct nov dec", 1)),
    Kind("day of week", 0, 6, named("sun mon tue wed thu fri sat", 0)),
)
DESCRIPTORS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
EVERY: Final = "@every "
FIELDS: Final = "5 fields: minute, hour, day of month, month, day of week"
DURATIONS: Final = "numbers, each with a unit (h, m or s), without spaces, e.g. @every 1h30m"
WORDS: Final = f"{', '.join(DESCRIPTORS)}, or @every with a duration such as 1h30m"

_SPACES: Final = re.compile(f"[{SPACE}]+")
_NUMBER: Final = re.compile(r"[+-]?[0-9]+")
_ZONE: Final = re.compile(r"(?:CRON_)?TZ=([^ ]*) ")

# For each field what surely can be read, beside stars: a number, and a range from a digit to two.
_SURE: Final = (
    "0?[0-9]|[1-5][0-9]|[0-9]-[1-5][0-9]",
    "0?[0-9]|1[0-9]|2[0-3]|[0-9]-(1[0-9]|2[0-3])",
    "0?[1-9]|[12][0-9]|3[01]|[1-9]-([12][0-9]|3[01])",
    "0?[1-9]|1[0-2]|[1-9]-1[0-2]",
    "[0-6]|1-5|SUN|MON|TUE|WED|THU|FRI|SAT|MON-FRI",
)
_LISTS: Final = [f"({part})(,({part})){{0,23}}" for part in (f"[*](/[1-9][0-9]?)?|{sure}" for sure in _SURE)]
PLAIN: Final = f"^({'|'.join(DESCRIPTORS)}|{' '.join(_LISTS)})$"
"""A regular expression, for Go as well, of schedules that can be read, without a time zone in them: most, not all."""


class _PartError(ValueError):
    """What is wrong with a part of a field, as it follows its quotation."""


def parse(expression: str) -> Schedule:
    """Read ``spec.schedule``; raise InvalidScheduleError where the API server refuses it.

    ``TZ=`` and ``CRON_TZ=`` at its beginning are read, though the API server only bears them in CronJobs that had
    them before. It takes schedules of any length, and this refuses what nobody writes.
    """
    if len(expression) > MOST_TEXT:
        raise InvalidScheduleError(f"{shown(expression)} has {len(expression)} characters", f"at most {MOST_TEXT}")
    if len(expression) > MEMO_TEXT:
        return _read(expression)
    try:
        return _remembered(expression)
    except InvalidScheduleError as error:
        suggestion = _mend(error.suggestion)
        raise InvalidScheduleError(error.problem, error.allowed, error.advice, suggestion) from None


def _mend(suggestion: str) -> str:
    """Mend one thing after the other, until what is left can be read; nothing where it never can."""
    for _ in range(MOST_SLIPS):
        try:
            return suggestion and _read(suggestion).expression
        except InvalidScheduleError as error:
            suggestion = error.suggestion
    return ""


def _read(expression: str) -> Schedule:
    zone, text = _split_zone(expression)
    if text.startswith(EVERY):
        every = seconds(text.removeprefix(EVERY))
        if every is None:
            raise InvalidScheduleError(f"{shown(text)} has no duration", DURATIONS, *advise_text(text, []))
        return Schedule(expression, every=every, zone=zone)
    if text.startswith("@") and text not in DESCRIPTORS:
        raise InvalidScheduleError(f"{shown(text)} is unknown", WORDS, *advise_text(text, []))
    parts = [part for part in _SPACES.split(DESCRIPTORS.get(text, text)) if part]
    if len(parts) != len(KINDS):
        problem = (
            f"{shown(expression)} has {len(parts)} field{'s'[: len(parts) - 1]}" if parts else "the schedule is empty"
        )
        raise InvalidScheduleError(problem, FIELDS, *advise_text(text, parts))
    return Schedule(expression, Fields(*(_field(index, parts) for index in range(len(KINDS)))), 0, zone)


_remembered = lru_cache(maxsize=1024)(_read)


def _split_zone(expression: str) -> tuple[str, str]:
    """Take ``TZ=`` off; the zone is empty where none is named, or ``Local``, the controller's own."""
    if not expression.startswith(("TZ=", "CRON_TZ=")):
        return "", expression
    match = _ZONE.match(expression)
    if not match:
        raise InvalidScheduleError(f"{shown(expression)} names a time zone and no time", FIELDS)
    name, text = match[1] or "UTC", expression[match.end() :].strip(SPACE)
    try:
        return "" if name == "Local" else time_zone(name).key, text
    except UnknownTimeZoneError as error:
        allowed = "names such as Europe/Berlin, in spec.timeZone"
        raise InvalidScheduleError(f"{shown(name)} is no time zone", allowed, error.advice) from None


def _field(index: int, parts: list[str]) -> Field:
    kind, text = KINDS[index], parts[index]
    bits, star, idle = 0, False, []
    for part in filter(None, text.split(",")):
        try:
            values = _values(kind, part)
        except _PartError as error:
            advice, instead = advise_part(kind, part, parts)
            raise InvalidScheduleError(f"{kind.name} {shown(part)} {error}", kind.allowed, advice, instead) from None
        for value in values:
            bits |= 1 << value
        star = star or (part[0] in "*?" and values.step == 1)
        if values.step > 1 and len(values) == 1:
            idle.append(values.step)
    return Field(kind.name, text, bits, kind.least, kind.most, star, tuple(idle))


def _values(kind: Kind, part: str) -> range:
    """Read a number, a range or a star, and its step."""
    span, *steps = part.split("/")
    low, *highs = span.split("-")
    if low in {"*", "?"}:  # whatever follows a hyphen
        start, end = kind.least, kind.most
    elif len(highs) > 1:
        raise _PartError("has more than one hyphen")
    else:
        start = _number(low, kind)
        end = _number(highs[0], kind) if highs else start
    if len(steps) > 1:
        raise _PartError("has more than one slash")
    step = _number(steps[0], KINDS[0]) if steps else 1
    if steps and not highs:
        end = kind.most
    if start < kind.least:
        raise _PartError(f"is under {kind.least}")
    if end > kind.most:
        raise _PartError(f"is over {kind.most}")
    if start > end:
        raise _PartError("runs backwards")
    if not step:
        raise _PartError("has a step of 0")
    return range(start, end + 1, step)


def _number(text: str, kind: Kind) -> int:
    # Go finds an i in the lower case of FRİ, Python an i and a dot
    name = kind.names.get(text.replace("İ", "i").lower())
    if name is not None:
        return name
    if not _NUMBER.fullmatch(text):
        raise _PartError("is no number and no name" if kind.names else "is no number")
    digits = text.lstrip("+-0") or "0"
    number = int(digits) if len(digits) <= MOST_DIGITS else MOST_INT + 1
    if number > MOST_INT:
        raise _PartError("is too large a number")
    if number and text.startswith("-"):
        raise _PartError("is negative")
    return number

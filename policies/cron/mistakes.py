"""Pure: what people write in place of a schedule, and what they meant."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

MOST_SHOWN: Final = 40
MOST_READ: Final = 200  # characters, beyond which nobody knows what was meant
QUARTZ: Final = 7  # fields, of which the first are seconds and the last are years
DATE: Final = "{}: name all days that may be meant, and let the work look at the date"

# What word processors, web pages and other alphabets make of the characters of a schedule, and what they add.
ALIKE: Final = str.maketrans(
    {
        **dict.fromkeys(map(chr, [*range(0x2010, 0x2016), 0x2212, 0xFE63, 0xFF0D]), "-"),
        **dict.fromkeys("\u2217\uff0a\u204e\u2731\ufe61\u00d7", "*"),
        **dict.fromkeys("\u2044\u2215\uff0f", "/"),
        **dict.fromkeys("\uff0c\u201a\u3001", ","),
        **dict.fromkeys("\"'`\\\u00b4\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb\u200b\ufeff", ""),
    }
)


class InvalidScheduleError(ValueError):
    """Kubernetes refuses the schedule.

    ``problem`` says what is wrong, ``allowed`` follows "allowed:", ``advice`` says what to do; ``suggestion`` is a
    whole schedule that means what was meant, or empty where nobody can know.
    """

    def __init__(self, problem: str, allowed: str, advice: str = "", suggestion: str = "") -> None:
        self.problem = problem
        self.allowed = allowed
        self.advice = advice
        self.suggestion = suggestion
        write = suggestion and f"write {suggestion}"
        super().__init__("; ".join(filter(None, (problem, f"allowed: {allowed}", advice, write))))


class Kind(NamedTuple):
    """What a field may hold."""

    name: str
    least: int
    most: int
    names: Mapping[str, int] = {}

    @property
    def allowed(self) -> str:
        """Write the values as they follow "allowed:"."""
        names = [name.upper() for name in self.names]
        return f"{self.least} to {self.most}" + (f", or {names[0]} to {names[-1]}" if names else "")


def named(names: str, least: int) -> Mapping[str, int]:
    """Number names from the least on."""
    return {name: number for number, name in enumerate(names.split(), least)}


class Slip(NamedTuple):
    """A way to write a field wrongly: its shape, in which field (none: in each), what to do, what to write instead."""

    shape: str
    field: str
    advice: str
    instead: str = ""


SLIPS: Final = (
    Slip(r"7", "day of week", "Sunday is 0", "0"),
    Slip(r"[01]-7", "day of week", "Sunday is 0", "*"),
    Slip(r"6-7", "day of week", "Sunday is 0", "6,0"),
    Slip(r"([2-5])-7", "day of week", "Sunday is 0", r"\1-6,0"),
    Slip(r"7-([1-6])", "day of week", "Sunday is 0", r"0-\1"),
    Slip(r"24", "hour", "midnight is 0", "0"),
    Slip(r"60", "minute", "the full hour is 0", "0"),
    Slip(r"0-24(/\d+)?", "hour", "midnight is 0", r"*\1"),
    Slip(r"0-60(/\d+)?", "minute", "the full hour is 0", r"*\1"),
    Slip(r"(sun|mon|tue|wed|thu|fri|sat)[a-z]+", "day of week", "names have three letters", r"\1"),
    Slip(r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]+", "month", "names have three letters", r"\1"),
    Slip(r"H(\(.*\))?(/\d+)?", "", "H is for Jenkins alone: choose a value"),
    Slip(r"L(-\d+)?|(\d|[a-z]{3})L|LW", "", DATE.format("no letter stands for the last day")),
    Slip(r"\d+W", "", DATE.format("no letter stands for working days")),
    Slip(r".+#\d", "", DATE.format("no sign stands for the second or third of a weekday")),
    Slip(r"\*(\d+)|/(\d+)", "", "a step follows * and a slash", r"*/\1\2"),
    Slip(r".*/0*", "", "leave the step out, or say by how many to go on"),
)
WRITTEN: Final = (
    (r"\s*@?(hour|dai|week|month|year|annual)ly\s*|\s*@?midnight\s*", "words begin with @, in small letters"),
    (r"@?reboot|@?startup", "to run once, make a Job"),
)
DURATION: Final = re.compile(r"(?:@?every)?\s*(\d+)\s*(s|m|h|d|w)[a-z]*\s*", re.IGNORECASE)
HOURS: Final = {"d": 24, "w": 168}
SPACED: Final = re.compile(r"\s*(,)\s*|(?<=\w)\s+(-)\s+(?=\w)")
COMMAND: Final = re.compile(r".*[./~$=\"'].*[a-z].*", re.IGNORECASE)


def advise_part(kind: Kind, part: str, parts: Sequence[str]) -> tuple[str, str]:
    """Say what to do about a part of a field, and how the schedule would read then, if that is known."""
    text = " ".join(parts)
    if len(text) > MOST_READ:
        return "", ""
    alike = _plain(text)
    if alike:
        return alike
    for slip in SLIPS:
        match = re.fullmatch(slip.shape, part, re.IGNORECASE) if slip.field in {"", kind.name} else None
        if match:
            return slip.advice, _replace(parts, part, match.expand(slip.instead))
    around = _turn(kind, part)
    return ("a range cannot pass the end: write two", _replace(parts, part, around)) if around else ("", "")


def advise_text(text: str, parts: Sequence[str]) -> tuple[str, str]:
    """Say what to do about what has not five fields, and how it would read then, if that is known."""
    if len(text) > MOST_READ:
        return "", ""
    known = _plain(text) or _word(text) or _count(text, parts)
    return known or ("write * for what does not matter" if len(parts) > 1 else "write e.g. 30 3 * * *", "")


def _plain(text: str) -> tuple[str, str] | None:
    """Find signs that only look like those of a schedule."""
    signs = dict.fromkeys(sign for sign in text if ord(sign) in ALIKE)
    names = ", ".join(unicodedata.name(sign, "an invisible one").lower() for sign in signs)
    return (f"leave out or retype {names}", text.translate(ALIKE).strip()) if signs else None


def _word(text: str) -> tuple[str, str] | None:
    duration = DURATION.fullmatch(text)
    if duration:
        unit = duration[2].lower()
        number, unit = (int(duration[1]) * HOURS[unit], "h") if unit in HOURS else (int(duration[1]), unit)
        return "durations have the units h, m and s", f"@every {number}{unit}"
    for shape, advice in WRITTEN:
        if re.fullmatch(shape, text, re.IGNORECASE):
            return advice, f"@{text.strip().lower().removeprefix('@')}" if "@" in advice else ""
    return None


def _count(text: str, parts: Sequence[str]) -> tuple[str, str] | None:
    """Find what is one field too many."""
    together = SPACED.sub(r"\1\2", text)
    if together != text:
        return "lists and ranges have no spaces", together
    first, rest = parts[:1], list(parts[5:])
    if not rest:
        return None
    if COMMAND.fullmatch(rest[0]):
        return "the command belongs in the Pod template", " ".join(parts[:5])
    years = rest[1:] == ["*"] or rest[1:] == ["?"]
    sure = first == ["0"] and (len(parts) < QUARTZ or years)
    return "leave out seconds and years", " ".join(parts[1:6]) if sure else ""


def _replace(parts: Sequence[str], old: str, new: str) -> str:
    if not new:
        return ""
    return " ".join(",".join(new if piece == old else piece for piece in part.split(",")) for part in parts)


def _turn(kind: Kind, part: str) -> str:
    """Write a range that runs on beyond the end, such as ``22-2`` for hours, as two."""
    ends = part.split("-")
    numbers = [kind.names.get(end.lower(), int(end) if end.isdecimal() else -1) for end in ends]
    if len(ends) != 2 or not all(kind.least <= number <= kind.most for number in numbers):  # noqa: PLR2004 - two ends
        return ""
    names = [name.upper() for name in kind.names]
    last, first = (str(kind.most), str(kind.least)) if ends[0].isdecimal() else (names[-1], names[0])
    return ",".join(_spans((ends[0], last), (first, ends[1])))


def _spans(*pairs: tuple[str, str]) -> Iterator[str]:
    for first, last in pairs:
        yield first if first.upper() == last.upper() else f"{first}-{last}"


def shown(text: str) -> str:
    """Quote what somebody wrote, at no great length."""
    return f'"{text[:MOST_SHOWN]}…"' if len(text) > MOST_SHOWN else f'"{text}"'

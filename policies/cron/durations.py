"""Pure: durations as Go's ``time.ParseDuration`` reads them, for ``@every``.

Source: src/time/format.go of https://github.com/golang/go.
"""

import re
from typing import Final

MOST: Final = 2**63 - 1  # nanoseconds
MOST_DIGITS: Final = 19
SECOND: Final = 10**9
MICROSECONDS: Final = ("us", "\u00b5s", "\u03bcs")  # the micro sign, and the Greek letter
NANOSECONDS: Final = {
    "ns": 1,
    **dict.fromkeys(MICROSECONDS, 10**3),
    "ms": 10**6,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3600 * SECOND,
}

_PART: Final = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]+)")


def seconds(duration: str) -> int | None:
    """Read the seconds between runs: whole ones, and at least one; None where Go reads nothing."""
    negative, rest = duration.startswith("-"), duration[duration.startswith(("-", "+")) :]
    total = 0 if rest == "0" else _nanoseconds(rest)
    if total is None or total > MOST + negative:
        return None
    return 1 if negative else max(1, total // SECOND)


def _nanoseconds(text: str) -> int | None:
    total, at = 0, 0
    while at < len(text):
        match = _PART.match(text, at)
        if not match or match[3] not in NANOSECONDS or not (match[1] or match[2]):
            return None
        total += _amount(match[1].lstrip("0"), match[2] or "", NANOSECONDS[match[3]])
        at = match.end()
    return total if text else None


def _amount(whole: str, fraction: str, unit: int) -> int:
    """Reckon to the same last bit as Go, which drops what an integer does not hold."""
    value, scale = 0, 1.0
    for digit in fraction:
        if value > MOST // 10:
            break
        value, scale = value * 10 + int(digit), scale * 10
    return (int(whole or "0") if len(whole) <= MOST_DIGITS else MOST + 2) * unit + int(value * (unit / scale))

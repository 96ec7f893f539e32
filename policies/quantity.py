"""Pure: amounts as Kubernetes writes, reads and rounds them.

Source: pkg/api/resource/quantity.go and suffix.go in https://github.com/kubernetes/apimachinery.
"""

import json
import re
from collections.abc import Mapping
from decimal import ROUND_UP, Context, Decimal
from functools import lru_cache
from typing import Final

from msgspec import Struct

BINARY_UNITS: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
DECIMAL_UNITS: Final = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")
EXPONENTS: Final = ("e-9", "e-6", "e-3", "", "e3", "e6", "e9", "e12", "e15", "e18")
NANO: Final = Decimal("1E-9")
MOST_BINARY: Final = Decimal(2**63 - 1)
# Go keeps decimal amounts of any size; no int64 holds this one, and sums with it stay cheap.
MOST_DECIMAL: Final = Decimal(10**30)
_UNITS = f"{' '.join(filter(None, DECIMAL_UNITS))} or {' '.join(filter(None, BINARY_UNITS))}"
ALLOWED: Final = f"a number and at most one unit ({_UNITS})"
MEMO_TEXT: Final = 40  # characters: nobody writes more, and hostile objects cannot fill the memo

# Go takes "5.", ".5" and even a unit without a number, which is zero of it.
GRAMMAR: Final = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:([KMGTPE]i)|([numkMGTPE]?)|[eE]([+-]?[0-9]+))")
_SLIP = re.compile(r"\s*([0-9]+)(?:[.,]([0-9]+))?\s*(?:([kmgtpe])(i?b?)|b)?\s*", re.IGNORECASE)


class Amount(Struct, frozen=True, gc=False):
    """A quantity: what it comes to, and how it is written."""

    value: Decimal
    written: str | int | float

    def __str__(self) -> str:
        """Give what is written."""
        return str(self.written)


def read(written: object) -> Amount:
    """Read a quantity, such as ``512Mi``, ``250m``, ``1e3`` or a plain number.

    Exact but for what is finer than a nano, which is rounded away from zero, and binary amounts over 2^63-1,
    which are capped, as in Go. Raises ValueError with a sentence that says what is allowed.
    """
    amount = _read(written)
    if amount is None:
        raise _refusal(written)
    return amount


def parse(written: object) -> Decimal:
    """Read what a quantity comes to; raise ValueError as ``read`` does."""
    return read(written).value


def amounts(value: object) -> Mapping[str, Amount]:
    """Read what is a quantity; what is none reads as absent, as the API server refuses it anyway."""
    items = value.items() if isinstance(value, dict) else ()
    return {name: amount for name, written in items if (amount := _read(written))}


def format(amount: Decimal, like: str = "") -> str:  # noqa: A001 - read as quantity.format
    """Write an amount as Kubernetes would, in the family of units (binary, decimal, exponent) of ``like``."""
    numerator, denominator = amount.as_integer_ratio()
    nanos = -(-abs(numerator) * 10**9 // denominator)
    sign = "-" if numerator < 0 else ""
    family = GRAMMAR.fullmatch(like)
    if family and family[4] and nanos >= 1024 * 10**9 and nanos % 10**9 == 0:
        return sign + _shorten(nanos // 10**9, 1024, BINARY_UNITS)
    return sign + _shorten(nanos, 1000, EXPONENTS if family and family[6] else DECIMAL_UNITS)


def _shorten(number: int, base: int, units: tuple[str, ...]) -> str:
    if not number:
        return "0"
    power = 0
    while number % base == 0 and power < len(units) - 1:
        number //= base
        power += 1
    return f"{number}{units[power]}"


def _read(written: object) -> Amount | None:
    if isinstance(written, str):
        return _remembered(written) if len(written) <= MEMO_TEXT else _read_text(written)
    if isinstance(written, float):
        value = _parse(repr(written))
        return None if value is None else Amount(value, written)
    if isinstance(written, int) and not isinstance(written, bool):
        return Amount(max(-MOST_DECIMAL, min(MOST_DECIMAL, Decimal(written))), written)
    return None


def _read_text(written: str) -> Amount | None:
    value = _parse(written.strip(" "))  # as Quantity.UnmarshalJSON does
    return None if value is None else Amount(value, written)


_remembered = lru_cache(maxsize=4096)(_read_text)


def _parse(text: str) -> Decimal | None:
    match = GRAMMAR.fullmatch(text)
    if not match or not text:
        return None
    sign, whole, fraction, binary, unit, exponent = match.groups("")
    context = Context(prec=60, rounding=ROUND_UP)  # finer than a nano: rounding up twice is rounding up once
    digits = f"{whole or 0}{fraction}"
    if binary:
        number = Decimal(f"{digits}E-{len(fraction)}")
        amount = min(MOST_BINARY, context.multiply(number, 1024 ** BINARY_UNITS.index(binary)))
    else:
        power = Decimal(exponent) if exponent else Decimal(3 * DECIMAL_UNITS.index(unit) - 9)
        if not -(2**63) <= power < 2**63:
            return None
        amount = min(MOST_DECIMAL, Decimal(f"{digits}E{_int32(int(power) - len(fraction))}"))
    if amount:
        rounded = NANO if amount < NANO else amount.quantize(NANO, context=context)
        amount = amount if rounded == amount else rounded
    return amount.copy_negate() if sign == "-" else amount


def _int32(number: int) -> int:
    """Wrap around as Go's conversion of an exponent does: a tiny amount here must not be a huge one there."""
    return (number + 2**31) % 2**32 - 2**31


def _refusal(written: object) -> ValueError:
    if not isinstance(written, str | float):
        return ValueError("a quantity is text or a number, e.g. 512Mi")
    text = str(written).strip(" ")
    shown = json.dumps(f"{text[:MEMO_TEXT]}…" if len(text) > MEMO_TEXT else text, ensure_ascii=False)
    return ValueError(f"{shown} is not a quantity; write {ALLOWED}, e.g. {_likely(text)}")


def _likely(text: str) -> str:
    """Guess what was meant by ``512MB``, ``1 gi`` or ``0,5``."""
    slip = _SLIP.fullmatch(text)
    if not slip:
        return "512Mi"
    whole, fraction, letter, rest = slip.groups("")
    unit = letter if letter == "m" and not rest else letter.upper() + "i" * bool(letter)
    return f"{whole}.{fraction}{unit}" if fraction else f"{whole}{unit}"

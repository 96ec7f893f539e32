"""Pure: what a YAML scalar means to Kubernetes.

Kubernetes reads YAML 1.1 as go-yaml v2 understands it, and turns it into JSON: resolve.go of
https://github.com/yaml/go-yaml/tree/v2, and yaml.go of https://github.com/kubernetes-sigs/yaml.
"""

import base64
import math
import re
from collections.abc import Mapping
from types import NoneType
from typing import Final, TypeAlias

Scalar: TypeAlias = str | int | float | None

_STANDARD: Final = "tag:yaml.org,2002:"
_TAGGED: Final[Mapping[str, tuple[type, ...]]] = {
    f"{_STANDARD}bool": (bool,),
    f"{_STANDARD}float": (int, float),
    f"{_STANDARD}int": (int,),
    f"{_STANDARD}null": (NoneType,),
}
_WORDS: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
_FIRST_OF_WORDS: Final = "~yYnNtTfFoO"
_FIRST_OF_NUMBERS: Final = "+-.0123456789"
_NO_JSON_NUMBER = re.compile(r"[+-]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
# Sexagesimals (12:30:45) and dates are text, and so are numbers of more than 64 bits but for decimal ones.
_INTEGER = re.compile(r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|([1-9][0-9]{0,19}|0))")
_DECIMAL = re.compile(r"[+-]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][+-]?[0-9]+)?")


def resolve(text: str) -> Scalar:
    """Give what a plain scalar means: text, a number, a boolean or None.

    Raises ValueError for infinities and .nan, which JSON cannot write.
    """
    first = text[:1]
    if first in _FIRST_OF_WORDS:  # the empty text as well
        return _WORDS.get(text, text)
    return _number(text) if first in _FIRST_OF_NUMBERS else text


def resolve_tagged(text: str, tag: str) -> Scalar:
    """Give what a scalar with a tag, such as ``!!int``, means; raises ValueError where the tag does not fit."""
    if tag == f"{_STANDARD}binary":
        return _binary(text)
    if tag not in _TAGGED:
        return text
    value = resolve(text)
    if type(value) not in _TAGGED[tag]:
        raise ValueError(f"this does not fit its tag !!{tag.removeprefix(_STANDARD)}; remove the tag")
    return value


def shorten(fraction: float) -> int | float:
    """Give the integer where there is no fraction: on its way Kubernetes writes 6.0 as 6."""
    return int(fraction) if fraction.is_integer() and abs(fraction) < 2**63 else fraction


def write_key(value: object) -> str:
    """Write a key as JSON needs it, a fraction to six digits; raises ValueError where Kubernetes takes no such key."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return format(value, "g" if isinstance(value, float) else "d")
    raise ValueError("a key must be text; quote it")


def _binary(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode(errors="replace")
    except ValueError:
        raise ValueError("this does not fit its tag !!binary, which wants base64; remove the tag") from None


def _number(text: str) -> str | int | float:
    if _NO_JSON_NUMBER.fullmatch(text):
        raise ValueError(f"Kubernetes knows no number {text}; quote it if it is text")
    digits = text if text[0] == "." else text.replace("_", "")
    integer = _INTEGER.fullmatch(digits)
    if integer:
        sign, *written = integer.groups()
        number = next(int(part, base) for part, base in zip(written, (16, 2, 8, 10), strict=True) if part)
        number = -number if sign == "-" else number
        if -(2**63) <= number < (2**63 if sign else 2**64):
            return number
    if not _DECIMAL.fullmatch(digits) or math.isinf(fraction := float(digits)):
        return text
    return shorten(fraction)

"""Pure: values as YAML, in the looks of the text that they are written into."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from webhook.text.yaml_scalars import resolve

_BARE: Final = re.compile(r"[A-Za-z][\w./-]*|\d+[A-Za-z]+", re.ASCII)


class Look(NamedTuple):
    """How a text looks: its line breaks, and how far it indents a mapping and a list.

    ``json`` where it is JSON, ``compact`` if that has no spaces, ``json_indent`` empty if it stands on one line.
    """

    newline: str = "\n"
    indent: int = 2
    dash: int = 0
    json: bool = False
    compact: bool = False
    json_indent: str = ""


def word(value: object, quote: str = "") -> str:
    """Write a value without items, quoted if it must be, or as the value was that it replaces."""
    if isinstance(value, str):
        if quote == "'" and value.isprintable():
            return "'{}'".format(value.replace("'", "''"))
        if quote != '"' and _BARE.fullmatch(value) and resolve(value) == value:
            return value
        return "".join(map(_escape, json.dumps(value, ensure_ascii=False)))
    return json.dumps(value)


def _escape(char: str) -> str:
    return char if char.isprintable() else f"\\U{ord(char):08x}"


def inline(value: object) -> str:
    """Write a value in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{word(key)}: {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(inline, value))}]"
    return word(value)


def as_json(value: object, look: Look, prefix: str = "") -> str:
    """Write a value as JSON, over lines where the text does so; ``prefix`` stands before each line but the first."""
    separators = (",", ":") if look.compact else (", ", ": ")
    if not look.json_indent:
        return json.dumps(value, ensure_ascii=False, separators=separators)
    text = json.dumps(value, ensure_ascii=False, indent=look.json_indent, separators=(",", separators[1]))
    return text.replace("\n", look.newline + prefix)


def lines(value: Any, column: int, look: Look) -> Iterator[str]:  # noqa: ANN401 - any plain value
    """Write a mapping or a list that is not empty as lines, without their breaks, that begin in a column, from 0."""
    space = " " * column
    if isinstance(value, dict):
        for key, item in value.items():
            step = look.indent if isinstance(item, dict) else look.dash
            yield f"{space}{word(key)}:" if is_long(item) else f"{space}{word(key)}: {inline(item)}"
            yield from lines(item, column + step, look) if is_long(item) else ()
        return
    for item in value:
        first, *others = lines(item, column + 2, look) if is_long(item) else [inline(item)]
        yield f"{space}- {first.lstrip()}"
        yield from others


def is_long(value: object) -> bool:
    """Whether a value takes lines of its own in a block."""
    return isinstance(value, dict | list | tuple) and bool(value)

"""Pure: JSON into plain values. Stricter than kubectl, a key that is written twice in one object is refused."""

import json
import math
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from webhook.text.places import Meter, Place, Position, Refused, Within, shown
from webhook.text.yaml_scalars import shorten

Node: TypeAlias = tuple[Any, Within]
Token: TypeAlias = tuple[str, str, int]  # its kind, its text, its offset

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_TOKEN: Final = re.compile(
    r'(?P<string>"[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*")|(?P<mark>[{}\[\]:,])|(?P<word>true|false|null)'
    r"|(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)|(?P<end>\Z)",
)
_WORDS: Final[Mapping[str, bool | None]] = {"true": True, "false": False, "null": None}
_HALF_A_PAIR: Final = re.compile("[\ud800-\udfff]")


def read_json(text: str, first_line: int = 1) -> Iterator[tuple[Any, Place]]:
    """Give the values of a text that begins in that line of its file: Kubernetes takes one after the other.

    Raises Refused where the text cannot be read.
    """
    tree = _Tree(text, first_line)
    while (token := tree.next())[0] != "end":
        value, within = tree.read(token, 1)
        yield value, Place(*tree.position(token[2]), within)


class _Tree:
    """Builds values from the tokens of one text."""

    def __init__(self, text: str, first_line: int) -> None:
        self._text = text
        self._end = 0
        self._first_line = first_line
        self._breaks = [-1, *(found.start() for found in re.finditer("\n", text))]
        self._meter = Meter()

    def position(self, offset: int) -> Position:
        line = bisect_left(self._breaks, offset)
        return Position(self._first_line + line - 1, offset - self._breaks[line - 1])

    def next(self) -> Token:
        start = _SPACE.match(self._text, self._end).end()  # type: ignore[union-attr]  # it matches nothing, too
        token = _TOKEN.match(self._text, start)
        if not token:
            raise self._refuse(start, "this is no JSON; write text in double quotes and on one line")
        self._end = token.end()
        return str(token.lastgroup), token[0], start

    def read(self, token: Token, depth: int) -> Node:
        kind, text, offset = token
        try:
            self._meter.count(depth)
            if kind == "string":
                return _unquote(text), ()
            if kind in {"number", "word"}:
                return _literal(text), ()
        except ValueError as error:
            raise self._refuse(offset, str(error)) from None
        if text == "{":
            return self._object(depth + 1)
        if text == "[":
            return self._array(depth + 1)
        raise self._refuse(offset, "a value is missing here")

    def _array(self, depth: int) -> Node:
        values, places = [], []
        for token in self._items("]"):
            value, within = self.read(token, depth)
            values.append(value)
            places.append(Place(*self.position(token[2]), within))
        return values, places

    def _object(self, depth: int) -> Node:
        values: dict[str, Any] = {}
        places: dict[str, Place] = {}
        for token in self._items("}"):
            kind, _, offset = token
            if kind != "string":
                raise self._refuse(offset, "a key in double quotes is missing here")
            key, _ = self.read(token, depth)
            if key in values:
                raise self._refuse(
                    offset, f"{shown(key)} is already in line {places[key].line} of the same object; keep one"
                )
            colon = self.next()
            if colon[1] != ":":
                raise self._refuse(colon[2], "a colon is missing here")
            values[key], within = self.read(self.next(), depth)
            places[key] = Place(*self.position(offset), within)
        return values, places

    def _items(self, closing: str) -> Iterator[Token]:
        """Give the first token of each item; whoever takes it reads the rest of the item."""
        token = self.next()
        if token[1] == closing:
            return
        yield token
        while (token := self.next())[1] == ",":
            yield self.next()
        if token[1] != closing:
            raise self._refuse(token[2], f"a comma or {closing} is missing here")

    def _refuse(self, offset: int, reason: str) -> Refused:
        return Refused(self.position(offset), reason)


def _unquote(text: str) -> str:
    if "\\" not in text:
        return text[1:-1]
    try:
        value: str = json.loads(text)
    except ValueError:
        raise ValueError("JSON knows no such escape; write \\\\ for a backslash") from None
    return _HALF_A_PAIR.sub("\ufffd", value)  # as Go does


def _literal(text: str) -> bool | int | float | None:
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= len(str(-(2**63))) and text.lstrip("-").isdigit() and -(2**63) <= int(text) < 2**64:
        return int(text)
    fraction = float(text)
    if math.isinf(fraction):
        raise ValueError("Kubernetes takes no number as large as this; quote it if it is text")
    return shorten(fraction)

"""Pure: YAML into plain values, as Kubernetes reads it.

What an alias and a merge key mean is in decode.go of https://github.com/yaml/go-yaml/tree/v2. Stricter than
there, a key that is written twice in one object is refused.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import yaml

from webhook.text.places import Meter, Place, Refused, Within, shown
from webhook.text.yaml_scalars import Scalar, resolve, resolve_tagged, write_key
from webhook.text.yaml_slips import explain, refuse

Event: TypeAlias = Any  # the C parser and the Python one make the same events and share no type
Node: TypeAlias = tuple[Any, Within]

_Parser: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is ten times as fast, but not everywhere
_NOT_YAML: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REST: Final = "Kubernetes ignores everything from here on; put a line --- between documents"
_LESS: Final = "Kubernetes ignores everything from here on; indent it as far as line {line}, or that one less"


def read_yaml(text: str, first_line: int = 1) -> Iterator[tuple[Any, Place]]:
    """Give the document of a text without ``---`` that begins in that line of its file; none where it is empty.

    Raises Refused where the text cannot be read, and after the document where more follows it.
    """
    character = _NOT_YAML.search(text)
    if character:
        code = f"U+{ord(character[0]):04X}"
        raise refuse(character.start(), f"remove the character {code}, which YAML does not allow", text, first_line)
    try:
        yield from _Tree(text, first_line).document()
    except yaml.MarkedYAMLError as error:
        raise explain(error, text, first_line) from None


class _Tree:
    """Builds values from the events of one text."""

    def __init__(self, text: str, first_line: int) -> None:
        self._text = text
        self._first_line = first_line
        self._next = _Parser(text).get_event
        self._anchors: dict[str, Node | None] = {}
        self._meter = Meter()

    def document(self) -> Iterator[tuple[Any, Place]]:
        self._next()  # the start of the stream
        if type(self._next()) is yaml.StreamEndEvent:
            return
        event = self._next()
        value, within = self._read(event, 1)
        yield value, self._place(event, within)
        self._next()  # the end of the document
        try:
            self._next()  # the end of the stream, or else what kubectl never looks at
        except yaml.MarkedYAMLError as error:
            position, first = explain(error, self._text, self._first_line).position, self._place(event, within)
            reason = _LESS.format(line=first.line) if position.column < first.column else _REST
            raise Refused(position, reason) from None

    def _read(self, event: Event, depth: int) -> Node:
        try:
            self._meter.count(depth)
            if type(event) is yaml.AliasEvent:
                return self._follow(str(event.anchor), depth)
            anchor = event.anchor
            if anchor is not None:
                self._anchors[anchor] = None
            if type(event) is yaml.ScalarEvent:
                node: Node = self._scalar(event), ()
            else:
                node = (self._mapping if type(event) is yaml.MappingStartEvent else self._sequence)(depth + 1)
        except ValueError as error:
            raise self._refuse(event, str(error)) from None
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _scalar(self, event: Event) -> Scalar:
        if event.tag is not None:
            return resolve_tagged(event.value, event.tag)
        return resolve(event.value) if event.implicit[0] else event.value

    def _sequence(self, depth: int) -> Node:
        values, places = [], []
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            value, within = self._read(event, depth)
            values.append(value)
            places.append(self._place(event, within))
        return values, places

    def _mapping(self, depth: int) -> Node:
        values: dict[str, Any] = {}
        places: dict[str, Place] = {}
        inherited: set[str] = set()
        while type(event := self._next()) is not yaml.MappingEndEvent:
            if _is_merge(event):
                inherited.update(self._merge(values, places, depth))
                continue
            key = self._key(event, depth)
            if key in values and key not in inherited:
                line = places[key].line
                raise self._refuse(
                    event,
                    f"{shown(key)} is already in line {line} of the same object; keep one, or mend the indentation",
                )
            inherited.discard(key)
            values[key], within = self._read(self._next(), depth)
            places[key] = self._place(event, within)
        return values, places

    def _key(self, event: Event, depth: int) -> str:
        value, _ = self._read(event, depth)
        try:
            return write_key(value)
        except ValueError as error:
            raise self._refuse(event, str(error)) from None

    def _merge(self, values: dict[str, Any], places: dict[str, Place], depth: int) -> dict[str, Any]:
        """Take over the keys of an object, or of several, the first of which wins; what is above is overwritten."""
        event = self._next()
        value, within = self._read(event, depth)
        parts: list[Node] = [(value, within)]
        if isinstance(value, list):
            place = self._place(event, within)
            parts = [(part, place.at((index,)).within) for index, part in enumerate(value)]
        given: dict[str, Any] = {}
        for part, inside in reversed(parts):
            if not isinstance(part, dict) or not isinstance(inside, dict):
                raise self._refuse(event, "<< takes an object, or a list of objects")
            given.update(part)
            places.update(inside)
        values.update(given)
        return given

    def _follow(self, anchor: str, depth: int) -> Node:
        """Write an alias out, as JSON has none; each value counts again, so no bomb goes off."""
        if anchor not in self._anchors:
            raise ValueError(f"the alias {shown(anchor)} has no anchor above; quote the value if it begins with *")
        node = self._anchors[anchor]
        if node is None:
            raise ValueError(f"the alias {shown(anchor)} stands inside its own anchor; write the value out")
        return self._copy(node[0], depth), node[1]

    def _copy(self, value: object, depth: int) -> object:
        self._meter.count(depth)
        if isinstance(value, dict):
            return {key: self._copy(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self._copy(item, depth + 1) for item in value]
        return value

    def _place(self, event: Event, within: Within) -> Place:
        mark = event.start_mark
        return Place(self._first_line + mark.line, mark.column + 1, within)

    def _refuse(self, event: Event, sentence: str) -> Refused:
        return refuse(event.start_mark.index, sentence, self._text, self._first_line)


def _is_merge(event: Event) -> bool:
    plain = type(event) is yaml.ScalarEvent and event.value == "<<"
    return plain and (event.implicit[0] or event.tag == "tag:yaml.org,2002:merge")

"""Pure: where in a YAML text each value begins and ends, for whoever writes into it; JSON is YAML, too."""

import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import yaml
from msgspec import Struct

from webhook.text.yaml_scalars import resolve, write_key

Event: TypeAlias = Any  # the C parser and the Python one make the same events and share no type

MERGE: Final = "<<"
_Parser: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PROPERTIES: Final = re.compile(r"(?:(?:&[^\s,\[\]{}]+|!<[^>]*>|![^\s,\[\]{}]*)(?:\s|#.*\n)*)*")


class Node(Struct, frozen=True, eq=False):
    """A value: the offsets of its first character, after an anchor or a tag, and after its last one.

    ``quote`` is how a scalar is quoted, with ``|`` and ``>`` among the quotes; ``flow`` a collection in brackets or
    braces; ``origin`` what an alias stands for.
    """

    start: int
    end: int
    text: str = ""
    quote: str = ""
    flow: bool = False
    entries: tuple["Entry", ...] | None = None
    items: tuple["Node", ...] | None = None
    origin: "Node | None" = None

    @property
    def is_collection(self) -> bool:
        """Whether it is a mapping or a list, and no alias of one."""
        return self.entries is not None or self.items is not None

    @property
    def is_null(self) -> bool:
        """Whether nothing is written, or a word for nothing."""
        plain = not (self.is_collection or self.origin or self.quote)
        return plain and self.text in {"", "~", "null", "Null", "NULL"}

    @property
    def itself(self) -> "Node":
        """Give what an alias stands for, and any other value as it is."""
        return self.origin or self

    @property
    def merges(self) -> bool:
        """Whether it is a mapping that takes over the keys of another."""
        return any(entry.name == MERGE for entry in self.entries or ())

    def own(self, step: str | int) -> "Node | None":
        """Give what is written under a key, or at an index; None where nothing is."""
        if isinstance(step, int):
            return self.items[step] if self.items is not None and step < len(self.items) else None
        return next((entry.value for entry in self.entries or () if entry.name == step), None)

    def child(self, step: str | int) -> "Node | None":
        """Give what counts under a key: what is written there, else what another mapping brings."""
        found = self.own(step)
        return found or next((value for part in self._merged() if (value := part.child(step))), None)

    def _merged(self) -> Iterator["Node"]:
        for entry in self.entries or ():
            if entry.name == MERGE:
                value = entry.value.itself
                yield from [value] if value.items is None else [item.itself for item in value.items]


class Entry(Struct, frozen=True, eq=False):
    """A key of a mapping, as Kubernetes reads it, with its place, and the value."""

    name: str
    key: Node
    value: Node


def parse(text: str) -> Node:
    """Parse the first document of a text that can be read; raises yaml.YAMLError where only a JSON parser reads it."""
    return _Builder(text).document()


class _Builder:
    """Builds nodes from the events of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        events = _Parser(text)
        self._next, self._peek = events.get_event, events.peek_event
        self._anchors: dict[str, Node] = {}

    def document(self) -> Node:
        self._next()  # the start of the stream
        self._next()  # the start of the document
        return self._node()

    def _node(self) -> Node:
        event = self._next()
        if type(event) is yaml.AliasEvent:
            return self._alias(event)
        if type(event) is yaml.ScalarEvent:
            node = self._scalar(event)
        elif type(event) is yaml.MappingStartEvent:
            node = self._mapping(event)
        else:
            node = self._sequence(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Event) -> Node:
        return Node(event.start_mark.index, event.end_mark.index, origin=self._anchors[event.anchor])

    def _scalar(self, event: Event) -> Node:
        start, end = self._start(event), event.end_mark.index
        quote = event.style or ""
        if quote in {"|", ">"} and "+" not in self._text[start : self._text.index("\n", start)]:
            end = start + len(self._text[start:end].rstrip())  # the blank lines after it are not its own
        return Node(start, end, event.value, quote)

    def _mapping(self, event: Event) -> Node:
        entries = []
        while type(self._peek()) is not yaml.MappingEndEvent:
            key, value = self._node(), self._node()
            name = key.text if key.quote else write_key(resolve(key.text))
            entries.append(Entry(name, key, value))
        end = self._end(entries[-1].value if entries else None)
        return Node(self._start(event), end, flow=event.flow_style, entries=tuple(entries))

    def _sequence(self, event: Event) -> Node:
        items = []
        while type(self._peek()) is not yaml.SequenceEndEvent:
            items.append(self._node())
        return Node(
            self._start(event), self._end(items[-1] if items else None), flow=event.flow_style, items=tuple(items)
        )

    def _start(self, event: Event) -> int:
        start: int = event.start_mark.index
        if event.anchor is None and event.tag is None:
            return start
        found = _PROPERTIES.match(self._text, start)
        end: int = event.end_mark.index
        return min(found.end() if found else start, end)

    def _end(self, last: Node | None) -> int:
        """Take the end of a collection: the parser says where a block ends only after the comments that follow it."""
        event = self._next()
        end: int = event.end_mark.index
        written = self._text[event.start_mark.index : end] in {"]", "}"}
        return end if written or last is None else last.end

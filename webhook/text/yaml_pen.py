"""Pure: the changes that bring values into a text, at the places where a person would write them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from webhook.text.changes import Change
from webhook.text.yaml_nodes import Entry, Node
from webhook.text.yaml_words import Look, as_json, inline, is_long, lines, word

_INNER_COMMENT: Final = re.compile(r"(?:[ \t]*\r?\n)*( +)#.*\n")
_REST_OF_LINE: Final = re.compile(r"(,?)[ \t]*(?:#[^\r\n]*)?(?=\r?\n)")


class Pen:
    """Writes in the looks of one text, which ends with a line break."""

    def __init__(self, text: str, root: Node) -> None:
        """Look at the text."""
        self._text = text
        first = root.entries[0] if root.flow and root.entries else None
        space = text[self._line(first.key.start) : first.key.start] if first else ""
        self._look = Look(
            newline="\r\n" if "\r\n" in text else "\n",
            indent=next(self._steps(root, "entries"), 2),
            dash=next(self._steps(root, "items"), 0),
            json=first is not None and first.key.quote == '"',
            compact=first is not None and text[first.key.end : first.value.start] == ":",
            json_indent="" if space.strip() else space,
        )

    def add(self, holder: Node, keys: Mapping[str, Any]) -> Iterator[Change]:
        """Write keys that a mapping lacks."""
        if not holder.flow:
            yield from self._add_lines(holder.entries or (), keys, together=holder.merges)
        elif holder.entries:
            yield from self._add_to_flow(holder.entries, keys)
        else:
            yield Change(holder.start, holder.end, self._write(keys, self._margin(holder.start)))

    def replace(self, node: Node, holder: Node, value: object) -> Iterator[Change]:
        """Write a value in the place of another, which may be no text at all."""
        entry = next((each for each in holder.entries or () if each.value is node), None)
        in_block = node.is_collection and not node.flow
        if entry and not holder.flow and (in_block or (node.start == node.end and is_long(value))):
            yield from self._replace_lines(entry, value)
        elif in_block and is_long(value):  # behind a dash
            yield Change(node.start, node.end, self._joined(value, self._column(node)).lstrip())
        else:
            new = word(value, node.quote) if isinstance(value, str) else self._write(value, self._margin(node.start))
            glued = self._text[node.start - 1 : node.start] in {":", "-"} and not self._look.json
            yield Change(node.start, node.end, f" {new}" if glued else new)

    def _replace_lines(self, entry: Entry, value: object) -> Iterator[Change]:
        """Write a value for a key whose lines, if it has any, go; a comment behind the key stays."""
        look, node, column = self._look, entry.value, self._column(entry.key)
        step = look.indent if isinstance(value, dict) else look.dash
        if node.start == node.end:
            yield self._insert(self._below(node.end, column), lines(value, column + step, look))
            return
        colon = self._text.index(":", entry.key.end) + 1
        rest = _REST_OF_LINE.match(self._text, colon)
        end = rest.end() if rest else colon
        if is_long(value):
            yield Change(end, node.end, look.newline + self._joined(value, column + step))
        else:
            yield Change(colon, colon, f" {inline(value)}")
            yield Change(end, node.end, "")

    def _joined(self, value: object, column: int) -> str:
        return self._look.newline.join(lines(value, column, self._look))

    def _write(self, value: object, prefix: str) -> str:
        return as_json(value, self._look, prefix) if self._look.json else inline(value)

    def _add_lines(self, entries: tuple[Entry, ...], keys: Mapping[str, Any], *, together: bool) -> Iterator[Change]:
        """Put short values below the short ones, and long values at the end; all of them there if they go together."""
        column = self._column(entries[0].key)
        long = {key: value for key, value in keys.items() if together or is_long(value)}
        short = {key: value for key, value in keys.items() if key not in long}
        if short:
            yield self._insert(self._below_short(entries, column), lines(short, column, self._look))
        if long:
            yield self._insert(self._below(entries[-1].value.end, column), lines(long, column, self._look))

    def _add_to_flow(self, entries: tuple[Entry, ...], keys: Mapping[str, Any]) -> Iterator[Change]:
        text, look, end = self._text, self._look, entries[-1].value.end
        start = entries[-1].key.start
        prefix = self._margin(start)
        rest = _REST_OF_LINE.match(text, end)
        if not rest or self._line(start) + len(prefix) < start:
            new = as_json(keys, look._replace(json_indent="")) if look.json else inline(keys)
            yield Change(end, end, (",{}" if look.compact else ", {}").format(new[1:-1]))
            return
        if not rest[1]:
            yield Change(end, end, ",")
        colon = ":" if look.compact else ": "
        pairs = [f"{self._write(key, '')}{colon}{self._write(value, prefix)}" for key, value in keys.items()]
        yield Change(rest.end(), rest.end(), ",".join(f"{look.newline}{prefix}{pair}" for pair in pairs))

    def _below_short(self, entries: tuple[Entry, ...], column: int) -> int:
        """Find the place below the last value of one line; where there is none, above all that is in the mapping."""
        text = self._text
        ends = [each.value.end for each in entries if "\n" not in text[each.key.start : each.value.end]]
        if ends:
            return self._below(ends[-1], column)
        at = self._line(entries[0].key.start)
        if text[at : entries[0].key.start].strip():
            return self._below(entries[-1].value.end, column)  # the mapping begins behind a dash
        while at and text[(above := self._line(at - 1)) : at].strip()[:1] in {"", "#"}:
            at = above  # comments there are on the key below them
        return at

    def _below(self, offset: int, column: int) -> int:
        """Find the line below an offset, and below the comments there that are indented further than a column."""
        at = offset if self._text[offset - 1] == "\n" else self._text.index("\n", offset) + 1
        while (comment := _INNER_COMMENT.match(self._text, at)) and len(comment[1]) > column:
            at = comment.end()
        return at

    def _insert(self, at: int, added: Iterator[str]) -> Change:
        return Change(at, at, "".join(line + self._look.newline for line in added))

    def _line(self, offset: int) -> int:
        return self._text.rfind("\n", 0, offset) + 1

    def _margin(self, offset: int) -> str:
        """Give the white space with which the line of an offset begins."""
        line = self._text[self._line(offset) : offset]
        return line[: len(line) - len(line.lstrip())]

    def _column(self, node: Node) -> int:
        return node.start - self._line(node.start)

    def _steps(self, node: Node, kind: str) -> Iterator[int]:
        """Say how far collections of a kind are indented in the mappings that hold them."""
        for entry in node.entries or ():
            value = entry.value
            if getattr(value, kind) and not value.flow:
                first = value.entries[0].key if value.entries else value
                yield self._column(first) - self._column(entry.key)
        for child in (*(entry.value for entry in node.entries or ()), *(node.items or ())):
            yield from self._steps(child, kind)

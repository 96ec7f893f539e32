"""Writes repairs into the text of manifests, and proves by reading it again that they, and nothing else, came of it."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Final, NamedTuple, TypeAlias

from webhook.audit.repair import Repair, Write, apply
from webhook.files import Document, Unreadable, read_text
from webhook.text.changes import Change, change
from webhook.text.yaml_edit import EditError, edit

Repairing: TypeAlias = Callable[[Document], Iterable[Repair]]
Repaired: TypeAlias = list[tuple[Document, tuple[Repair, ...]]]

_SEPARATOR: Final = re.compile(r"^(?=---)", re.MULTILINE)
_HEAD: Final = re.compile(r"\ufeff?(?:---.*(?:\n|\Z))?\ufeff?")
_SHARED: Final = (
    "it would change something else, too: where an alias (*) or a merge key (<<) shares a value, write it out"
)


class RewriteError(Exception):
    """A text cannot be repaired: why, for its author."""


class Rewritten(NamedTuple):
    """What was read, how it is to change, a line for each repair, and what in the text could not be read."""

    text: str = ""
    changes: tuple[Change, ...] = ()
    lines: tuple[str, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()

    @property
    def content(self) -> bytes:
        """Give the text after its repairs."""
        return change(self.text, self.changes).encode()


def rewrite(content: bytes, source: str, repair: Repairing) -> Rewritten:
    """Work out how to repair the documents of a text; what needs no repair stays as it is, to the byte.

    Raises RewriteError where that cannot be done, or not without changing something else.
    """
    found = tuple(read_text(content, source))
    unreadable = tuple(each for each in found if isinstance(each, Unreadable))
    repaired = [(each, tuple(repair(each))) for each in found if isinstance(each, Document)]
    lines = tuple(_lines(source, repaired))
    if not lines:
        return Rewritten(unreadable=unreadable)
    try:
        text = content.decode()
        changes = tuple(_changes(text, repaired))
    except UnicodeDecodeError:
        raise RewriteError("it is not all UTF-8 text; save it as UTF-8") from None
    except EditError as error:
        raise RewriteError(str(error)) from None
    rewritten = Rewritten(text, changes, lines, unreadable)
    _prove(rewritten, source, [_after(*each) for each in repaired])
    return rewritten


def _lines(source: str, repaired: Repaired) -> Iterator[str]:
    for document, repairs in repaired:
        for each in repairs:
            yield f"{source}:{document.position(each.writes[0][0]).line}: {each.line}"


def _changes(text: str, repaired: Repaired) -> Iterator[Change]:
    chunks = _SEPARATOR.split(text)
    lines = [*accumulate((chunk.count("\n") for chunk in chunks), initial=1)][:-1]
    offsets = [*accumulate(map(len, chunks), initial=0)]
    writes: dict[int, list[Write]] = {}
    for document, repairs in repaired:
        found = [((*document.path, *path), value) for each in repairs for path, value in each.writes]
        if found:
            writes.setdefault(bisect_right(lines, document.place.line) - 1, []).extend(found)
    for at, wanted in writes.items():
        for each in _edit(chunks[at], wanted):
            yield Change(each.start + offsets[at], each.end + offsets[at], each.text)


def _edit(chunk: str, writes: list[Write]) -> Iterator[Change]:
    """Edit one document; the last one may end without a line break, and then still does."""
    head = _HEAD.match(chunk)
    start = head.end() if head else 0
    whole = chunk.endswith("\n")
    body = chunk[start:] if whole else f"{chunk[start:]}\n"
    for each in edit(body, writes):
        if not whole and each.start == len(body):
            line_break = "\r\n" if each.text.endswith("\r\n") else "\n"
            each = Change(len(body) - 1, len(body) - 1, line_break + each.text.removesuffix(line_break))  # noqa: PLW2901
        yield Change(each.start + start, each.end + start, each.text)


def _after(document: Document, repairs: tuple[Repair, ...]) -> object:
    for each in repairs:
        document = apply(document, each.writes)
    return document.value


def _prove(rewritten: Rewritten, source: str, values: list[object]) -> None:
    found = tuple(read_text(rewritten.content, source))
    read = [each.value for each in found if isinstance(each, Document)]
    reasons = [each.reason for each in found if isinstance(each, Unreadable)]
    if (read, reasons) != (values, [each.reason for each in rewritten.unreadable]):
        raise RewriteError(_SHARED)

"""Pure: changes to a text, made, or shown as a unified diff that holds these and nothing else."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

CONTEXT: Final = 3  # lines around a change, as diff -u shows them

_LINES: Final = re.compile(r"[^\n]*\n|[^\n]+\Z")
_NO_END: Final = "\\ No newline at end of file\n"


class Change(NamedTuple):
    """A stretch of a text, which may be empty, and what comes in its place."""

    start: int
    end: int
    text: str


class _Island(NamedTuple):
    """Lines, counted from 0, the last not included, that changes touch, and the lines that come in their place."""

    first: int
    last: int
    lines: list[str]


def change(text: str, changes: Iterable[Change]) -> str:
    """Make changes, which are in the order of the text and do not overlap."""
    parts, end = [], 0
    for each in changes:
        parts += [text[end : each.start], each.text]
        end = each.end
    return "".join([*parts, text[end:]])


def unified(text: str, changes: Sequence[Change], name: str) -> Iterator[str]:
    """Write changes as a unified diff, line by line, as ``git apply`` and ``patch`` take it."""
    lines = _LINES.findall(text)
    yield f"--- {name}\n"
    yield f"+++ {name}\n"
    shift = 0
    for hunk in _hunks(_islands(text, lines, changes)):
        first, last = max(hunk[0].first - CONTEXT, 0), min(hunk[-1].last + CONTEXT, len(lines))
        added = sum(len(island.lines) - (island.last - island.first) for island in hunk)
        yield f"@@ -{_range(first, last)} +{_range(first + shift, last + shift + added)} @@\n"
        shift += added
        for island in hunk:
            yield from _marked(" ", lines[first : island.first])
            yield from _marked("-", lines[island.first : island.last])
            yield from _marked("+", island.lines)
            first = island.last
        yield from _marked(" ", lines[first:last])


def _islands(text: str, lines: list[str], changes: Sequence[Change]) -> Iterator[_Island]:
    starts = [*accumulate(map(len, lines), initial=0)]
    spans: list[tuple[int, int, list[Change]]] = []
    for each in changes:
        first = bisect_right(starts, each.start) - 1
        first -= first == len(lines) and not text.endswith("\n")  # what is put behind a last line without a break
        last = min(bisect_right(starts, max(each.end - 1, each.start)), len(lines))
        if spans and first < spans[-1][1]:
            first, before, together = spans.pop()
            spans.append((first, max(before, last), [*together, each]))
        else:
            spans.append((first, last, [each]))
    for first, last, together in spans:
        start = starts[first]
        moved = [Change(each.start - start, each.end - start, each.text) for each in together]
        yield _trimmed(first, lines[first:last], _LINES.findall(change(text[start : starts[last]], moved)))


def _trimmed(first: int, before: list[str], after: list[str]) -> _Island:
    """Leave out the lines at both ends that stay as they are."""
    while before and after and before[0] == after[0]:
        first, before, after = first + 1, before[1:], after[1:]
    while before and after and before[-1] == after[-1]:
        before, after = before[:-1], after[:-1]
    return _Island(first, first + len(before), after)


def _hunks(islands: Iterable[_Island]) -> Iterator[list[_Island]]:
    hunk: list[_Island] = []
    for island in islands:
        if hunk and island.first - hunk[-1].last > 2 * CONTEXT:
            yield hunk
            hunk = []
        hunk.append(island)
    if hunk:
        yield hunk


def _range(first: int, last: int) -> str:
    return f"{first + (last > first)},{last - first}"


def _marked(mark: str, lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield f"{mark}{line}" if line.endswith("\n") else f"{mark}{line}\n{_NO_END}"

"""Pure: where in a text each value was written, and how much of a text may be read."""

import json
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from policies.fields import Path

MAX_DEPTH: Final = 100
MAX_VALUES: Final = 1_000_000
MAX_SHOWN: Final = 63


class Position(NamedTuple):
    """A line and a column, counted from 1."""

    line: int
    column: int


class Place(NamedTuple):
    """Where a value was written, its key if it has one, and the places of all that is in it."""

    line: int
    column: int
    within: "Within" = ()

    def at(self, path: Path) -> "Place":
        """Give the place of what the path leads to, or of the last thing on the way that is there."""
        place = self
        for step in path:
            try:
                place = place.within[step]  # type: ignore[index]  # a step of the wrong kind ends the way, too
            except (IndexError, KeyError, TypeError):
                break
        return place


Within: TypeAlias = Mapping[str, Place] | Sequence[Place]
NOWHERE: Final = Place(0, 0)  # of what is in no file


class Refused(Exception):  # noqa: N818 - what webhook.files makes a value of, no error of the program
    """A text cannot be read: where, and why in one sentence."""

    def __init__(self, position: Position, reason: str) -> None:
        super().__init__(reason)
        self.position = position
        self.reason = reason


class Meter:
    """Counts the values of one document, so that hostile text is refused before it costs memory."""

    def __init__(self) -> None:
        self._values = 0

    def count(self, depth: int) -> None:
        """Count one value; raises ValueError where there are too many, or nested too deeply."""
        self._values += 1
        if self._values > MAX_VALUES:
            raise ValueError(f"the document has over {MAX_VALUES} values, aliases written out; split it")
        if depth > MAX_DEPTH:
            raise ValueError(f"the document is nested over {MAX_DEPTH} levels deep; flatten it")


def shown(name: str) -> str:
    """Quote a name from a text on one line, and not at any length."""
    return json.dumps(f"{name[:MAX_SHOWN]}…" if len(name) > MAX_SHOWN else name, ensure_ascii=False)


def position_of(offset: int, text: str, first_line: int) -> Position:
    """Turn an offset into a text, which begins in that line of its file, into a position."""
    return Position(first_line + text.count("\n", 0, offset), offset - text.rfind("\n", 0, offset))

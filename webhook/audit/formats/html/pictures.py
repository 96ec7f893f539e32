"""Pure: numbers as shapes: how dark a square is, how high a bar, how a line goes."""

from collections.abc import Iterable, Sequence
from math import ceil, sqrt
from typing import Final

from webhook.audit.formats.html.days import SLOT, Span

LEVELS: Final = 6
HEIGHT: Final = 100


def level(number: int, least: int, most: int) -> int:
    """Say how dark the square of a number is, 0 for none to LEVELS, by how far it is from the least to the most.

    Where they are all but the same, none is dark: an even load is no herd.
    """
    if not number:
        return 0
    return 1 + round((LEVELS - 1) * sqrt((number - least) / max(most - least, most / 2)))


def heights(numbers: Sequence[int]) -> list[int]:
    """Say how high the bars are, the highest HEIGHT; what is more than nothing can be seen."""
    most = max(*numbers, 1)
    return [ceil(HEIGHT * number / most) for number in numbers]


def skyline(minutes: Sequence[int]) -> str:
    """Draw a day as the path of an outline, the highest of each few minutes, from the bottom left to the right."""
    slots = [max(minutes[at : at + SLOT]) for at in range(0, len(minutes), SLOT)]
    steps = (f"V{HEIGHT - height}h{SLOT}" for height in heights(slots))
    return f"M0 {HEIGHT}{''.join(steps)}V{HEIGHT}z"


def blocks(spans: Iterable[Span], *, several: bool) -> str:
    """Draw the spans of one sort as the path of blocks, as wide as they last."""
    return "".join(
        f"M{span.start} 0h{span.minutes}v{HEIGHT}h-{span.minutes}z" for span in spans if span.several is several
    )

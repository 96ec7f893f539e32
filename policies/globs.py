"""Pure: the globs of policies, as the shell writes them: ``*``, ``?`` and ``[abc]``; upper and lower case differ."""

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache


def matches(text: str, globs: Iterable[str]) -> bool:
    """Whether one of the globs is all of the text; none of them is, where there are none."""
    return any(_compiled(glob).match(text) for glob in globs)


@lru_cache(maxsize=2048)  # fnmatch itself remembers 256, fewer than many policies have
def _compiled(glob: str) -> re.Pattern[str]:
    return re.compile(translate(glob))

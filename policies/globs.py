"""Pure: the globs of policies, as the shell writes them: ``*``, ``?`` and ``[abc]``; upper and lower case differ."""

import re
from fnmatch import translate
from functools import lru_cache


def matches(text: str, globs: tuple[str, ...]) -> bool:
    """Whether one of the globs is all of the text; none of them is, where there are none."""
    return bool(globs) and _compiled(globs).match(text) is not None


@lru_cache(maxsize=1024)  # fnmatch itself remembers 256, fewer than many policies have
def _compiled(globs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, globs)))

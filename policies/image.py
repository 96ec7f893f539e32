"""Pure: references to container images, taken apart as container runtimes do.

Source: https://github.com/distribution/reference/blob/main/normalize.go
"""

from functools import lru_cache
from typing import Final, NamedTuple

MEMO_TEXT: Final = 512  # characters: hostile objects cannot fill the memo


class Image(NamedTuple):
    """An image reference: ``busybox`` is ``docker.io/library/busybox`` in full, with the tag ``latest``.

    ``ends`` are the last part of the repository, the last two, and all of it: mirrors keep the end of a name.
    """

    name: str
    registry: str
    tag: str
    digest: str
    ends: tuple[str, ...]

    @property
    def repository(self) -> str:
        """Give all of the repository."""
        return self.ends[-1]


def parse(reference: str) -> Image:
    """Take a reference apart, with what it leaves out filled in."""
    return _remembered(reference) if len(reference) <= MEMO_TEXT else _parse(reference)


def _parse(reference: str) -> Image:
    name, _, digest = reference.partition("@")
    folder, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    name = folder + slash + last
    registry, _, rest = name.partition("/")
    if not rest or not (set(".:") & set(registry) or registry == "localhost" or registry != registry.lower()):
        registry, rest = "docker.io", name
    registry = "docker.io" if registry == "index.docker.io" else registry
    library = "library/" if registry == "docker.io" and "/" not in rest else ""
    parts = (registry, *(library + rest).split("/"))
    ends = tuple("/".join(parts[-last:]) for last in (1, 2, len(parts)))
    return Image(name, registry, tag or "latest", digest, ends)


_remembered = lru_cache(maxsize=1024)(_parse)

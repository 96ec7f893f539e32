"""Pure: references to container images, taken apart as container runtimes do.

Source: https://github.com/distribution/reference/blob/main/normalize.go
"""

from functools import lru_cache
from typing import Final, NamedTuple

MEMO_TEXT: Final = 512  # characters: hostile objects cannot fill the memo


class Image(NamedTuple):
    """An image reference: ``busybox`` is ``docker.io/library/busybox`` in full, with the tag ``latest``."""

    name: str
    registry: str
    repository: str
    tag: str
    digest: str


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
    return Image(name, registry, f"{registry}/{library}{rest}", tag or "latest", digest)


_remembered = lru_cache(maxsize=1024)(_parse)

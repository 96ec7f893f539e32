"""Pure: what is wrong with how an object runs, as findings of their own kinds, each with its evidence."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple


class About(NamedTuple):
    """What is said of a kind of consequence, whatever the object."""

    summary: str
    why: str
    category: str
    severity: Literal["low", "medium", "high"]


class Consequence(NamedTuple):
    """Something that has come of a spec, or of the cluster around it.

    ``kind`` is camelCase, as the names of rules are. ``path`` is the field to look at, as Kubernetes writes it; empty
    where it is none. ``statement`` holds no counter and no time, so that it is the same at the next look; these are in
    ``evidence``. ``paste`` are lines of YAML that would help.
    """

    kind: str
    path: str
    statement: str
    evidence: Mapping[str, str]
    paste: tuple[str, ...] = ()


CONSEQUENCES: Final[Mapping[str, About]] = {}

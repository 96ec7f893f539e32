"""Pure: what parameters ask of each other, said once for both who ask: the decoder of files, and the API server."""

import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, NamedTuple, Protocol, TypeAlias

from msgspec import Struct, json, structs

from policies import quantity
from policies.cel import Schema
from policies.globs import matches


class Term(NamedTuple):
    """A parameter in CEL: its value, an expression that is true where it has none, and what is built in, in words."""

    key: str
    value: str
    absent: str
    builtin: str


class Demand(Protocol):
    """What parameters ask of each other."""

    def check(self, params: Struct) -> None:
        """Raise ValueError, with a sentence, where they do not meet it."""

    def rules(self, params: type[Struct]) -> Iterator[Schema]:
        """Write it for the API server."""


Demands: TypeAlias = tuple[Demand, ...]


class Ascending(Struct, frozen=True):
    """Numbers, by the names of their fields: each that is given is at most each later one."""

    names: tuple[str, ...]

    def check(self, params: Struct) -> None:
        """Raise ValueError for the first two that are the wrong way round."""
        given = [(key, value) for key, value in _values(params, self.names) if value is not None]
        for (low, least), (high, most) in combinations(given, 2):
            if least > most:
                raise ValueError(f"{low} {least} is over {high} {most}; change one of them")

    def rules(self, params: type[Struct]) -> Iterator[Schema]:
        """Compare each two."""
        for low, high in combinations(_terms(params, self.names), 2):
            said = f"{low.key}{low.builtin} is over {high.key}{high.builtin}; change one of them"
            yield {"rule": f"{low.absent}{high.absent}{low.value} <= {high.value}", "message": said}


class Among(Struct, frozen=True):
    """A value that is one of a list's, where both are given; with ``globs`` it may match one."""

    name: str
    of: str
    globs: bool = False

    def check(self, params: Struct) -> None:
        """Raise ValueError where it is none of them."""
        (key, value), (of, choices) = _values(params, (self.name, self.of))
        if value is None or choices is None or value in choices:
            return
        if not (self.globs and matches(value, choices)):
            raise ValueError(f"{key} {value} is not among {of}: {', '.join(choices)}; add it there")

    def rules(self, params: type[Struct]) -> Iterator[Schema]:
        """Look for the value, as far as CEL can: a list with a glob in it may hold anything."""
        one, of = _terms(params, (self.name, self.of))
        globs = f" || {of.value}.exists(glob, glob.matches('[*?[]'))" if self.globs else ""
        yield {
            "rule": f"{one.absent}{of.absent}{one.value} in {of.value}{globs}",
            "message": f"{one.key} is not among {of.key}{of.builtin}; add it there",
            "fieldPath": f".{one.key}",
        }


class Quantities(Struct, frozen=True):
    """Mappings of resources to quantities: none in ``low`` is over that of the same resource in ``high``."""

    high: str
    low: str | None = None

    def check(self, params: Struct) -> None:
        """Raise ValueError where an amount is no quantity, or over its ceiling."""
        ceilings: Mapping[str, Any] = getattr(params, self.high) or {}
        for name in (self.high, self.low) if self.low else (self.high,):
            for resource, amount in (getattr(params, name) or {}).items():
                ceiling = ceilings.get(resource, amount)
                try:
                    over = quantity.parse(amount) > quantity.parse(ceiling)
                except ValueError as error:
                    raise ValueError(f"{name}.{resource} {error}") from error
                if over:
                    raise ValueError(f"{name}.{resource} {amount} is over {self.high}.{resource} {ceiling}; lower it")

    def rules(self, params: type[Struct]) -> Iterator[Schema]:
        """Compare those of the same resource; the schema of an amount sees to it that it is one."""
        if self.low is None:
            return
        low, high = _terms(params, (self.low, self.high))
        each, most = (
            f"(type({at}) == int ? quantity('0').add(int({at})) : quantity({at}))"
            for at in (f"{low.value}[name]", f"{high.value}[name]")
        )
        yield {
            "rule": f"{low.absent}{high.absent}{low.value}.all(name, !(name in {high.value})"
            f" || {each}.compareTo({most}) <= 0)",
            "message": f"an amount in {low.key} is over that of the same resource in {high.key}; lower it",
            "fieldPath": f".{low.key}",
        }


def ascending(*names: str) -> Demands:
    """Demand that numbers, by the names of their fields, do not fall: ``ascending("min", "default", "max")``."""
    return (Ascending(names),)


def among(name: str, of: str, *, globs: bool = False) -> Demands:
    """Demand that a value is one of a list's; with ``globs`` it may match one."""
    return (Among(name, of, globs),)


def quantities(high: str, low: str | None = None) -> Demands:
    """Demand that amounts are quantities, and none in ``low`` over that of the same resource in ``high``."""
    return (Quantities(high, low),)


def _values(params: Struct, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    keys = dict(zip(params.__struct_fields__, params.__struct_encode_fields__, strict=True))
    return ((keys[name], getattr(params, name)) for name in names)


def _terms(params: type[Struct], names: tuple[str, ...]) -> Iterator[Term]:
    fields = {field.name: field for field in structs.fields(params)}
    for field in (fields[name] for name in names):
        value, key = f"self.{field.encode_name}", field.encode_name
        if field.default is None:
            yield Term(key, value, f"!has({value}) || ", "")
        else:
            builtin = json.encode(field.default).decode()
            words = re.sub('[]["]', "", builtin).replace(",", ", ")
            yield Term(key, f"(has({value}) ? {value} : {builtin})", "", f" (built in: {words})")

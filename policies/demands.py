"""Pure: what parameters ask of each other, said once for both who ask: the decoder of files, and the API server."""

import re
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any, NamedTuple, Protocol, TypeAlias

from msgspec import Struct, json, structs

from policies.cel import Schema
from policies.fields import Path
from policies.globs import matches
from policies.strict import InvalidObjectError

Faults: TypeAlias = Iterator[InvalidObjectError]


class Term(NamedTuple):
    """A parameter in CEL: its value, an expression that is true where it has none, and what is built in, in words."""

    key: str
    value: str
    absent: str
    builtin: str


class Demand(Protocol):
    """What parameters ask of each other."""

    def check(self, params: Struct) -> Faults:
        """Say where they do not meet it, and which key is to be changed."""

    def rules(self, params: type[Struct]) -> Iterator[Schema]:
        """Write it for the API server."""


Demands: TypeAlias = tuple[Demand, ...]


class Ascending(Struct, frozen=True):
    """Numbers, by the names of their fields: each that is given is at most each later one."""

    names: tuple[str, ...]

    def check(self, params: Struct) -> Faults:
        """Compare each two; what is built in is not what is to be changed."""
        given = [(key, value) for key, value in values(params, self.names) if value is not None]
        for (low, least), (high, most) in combinations(given, 2):
            if least > most:
                written = high if least == _builtin(params, low) else low
                yield InvalidObjectError((written,), f"{low} {least} is over {high} {most}; change one of them")

    def rules(self, params: type[Struct]) -> Iterator[Schema]:
        """Compare each two."""
        for low, high in combinations(terms(params, self.names), 2):
            said = f"{low.key}{low.builtin} is over {high.key}{high.builtin}; change one of them"
            yield {"rule": f"{low.absent}{high.absent}{low.value} <= {high.value}", "message": said}


class Among(Struct, frozen=True):
    """A value that is one of a list's, where both are given; with ``globs`` it may match one."""

    name: str
    of: str
    globs: bool = False

    def check(self, params: Struct) -> Faults:
        """Look for the value."""
        (key, value), (of, choices) = values(params, (self.name, self.of))
        if value is None or choices is None or value in choices:
            return
        if not (self.globs and matches(value, choices)):
            yield InvalidObjectError((key,), f"{key} {value} is not among {of}: {', '.join(choices)}; add it there")

    def rules(self, params: type[Struct]) -> Iterator[Schema]:
        """Look for the value, as far as CEL can: a list with a glob in it may hold anything."""
        one, of = terms(params, (self.name, self.of))
        globs = f" || {of.value}.exists(glob, glob.matches('[*?[]'))" if self.globs else ""
        yield {
            "rule": f"{one.absent}{of.absent}{one.value} in {of.value}{globs}",
            "message": f"{one.key} is not among {of.key}{of.builtin}; add it there",
            "fieldPath": f".{one.key}",
        }


class Readable(Struct, frozen=True):
    """Words, lists or mappings of them, that a function reads one by one; their types ask the API server to."""

    read: Callable[..., object]
    names: tuple[str, ...]

    def check(self, params: Struct) -> Faults:
        """Read each word, those of a mapping with their values."""
        for key, value in values(params, self.names):
            for path, words in entries(value):
                try:
                    self.read(*words)
                except ValueError as error:
                    yield InvalidObjectError((key, *path), str(error))

    def rules(self, _params: type[Struct]) -> Iterator[Schema]:
        """Leave it to the types."""
        return iter(())


def ascending(*names: str) -> Demands:
    """Demand that numbers, by the names of their fields, do not fall: ``ascending("min", "default", "max")``."""
    return (Ascending(names),)


def among(name: str, of: str, *, globs: bool = False) -> Demands:
    """Demand that a value is one of a list's; with ``globs`` it may match one."""
    return (Among(name, of, globs),)


def readable(read: Callable[..., object], *names: str) -> Demands:
    """Demand words of which a function makes no ValueError: each of a list, each of a mapping with its value."""
    return (Readable(read, names),)


def enforce(demands: Demands, params: Struct) -> None:
    """Raise InvalidObjectError for the first place at which parameters do not meet demands, with all others in it."""
    faults = [fault for demand in demands for fault in demand.check(params)]
    if faults:
        raise InvalidObjectError(faults[0].path, str(faults[0]), tuple(faults[1:]))


def values(params: Struct, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Give parameters by the names of their fields: the keys that people write, and the values."""
    keys = dict(zip(params.__struct_fields__, params.__struct_encode_fields__, strict=True))
    return ((keys[name], getattr(params, name)) for name in names)


def entries(value: Any) -> Iterator[tuple[Path, tuple[str, ...]]]:  # noqa: ANN401 - a word, a list, a mapping or none
    """List the words of a parameter, each with its place in there."""
    if isinstance(value, dict):
        return (((key,), (key, each)) for key, each in value.items())
    if isinstance(value, str):
        return iter([((), (value,))])
    return (((index,), (each,)) for index, each in enumerate(value or ()))


def terms(params: type[Struct], names: tuple[str, ...]) -> Iterator[Term]:
    """Write parameters, by the names of their fields, for the API server."""
    fields = {field.name: field for field in structs.fields(params)}
    for field in (fields[name] for name in names):
        value, key = f"self.{field.encode_name}", field.encode_name
        if field.default is None:
            yield Term(key, value, f"!has({value}) || ", "")
        else:
            builtin = json.encode(field.default).decode()
            words = re.sub('[]["]', "", builtin).replace(",", ", ")
            yield Term(key, f"(has({value}) ? {value} : {builtin})", "", f" (built in: {words})")


def _builtin(params: Struct, key: str) -> object:
    return next(field.default for field in structs.fields(params) if field.encode_name == key)

"""Pure: decodes plain values into typed ones, or says in words what is wrong, where, and what is allowed."""

import json
import re
from difflib import get_close_matches
from typing import Final, TypeVar

import msgspec
from msgspec import inspect

from policies.fields import Path, lookup, mapping, put

T = TypeVar("T")
MOST_SHOWN: Final = 60
UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)


class InvalidObjectError(ValueError):
    """A policy object is wrong: for whoever writes policies. ``path`` is where, ``str()`` is one sentence."""

    def __init__(self, path: Path, message: str) -> None:
        """Remember the place beside the sentence."""
        super().__init__(message)
        self.path = path


def decode(value: object, into: type[T]) -> T:
    """Convert a plain value; raise InvalidObjectError at the first thing that does not fit.

    ``Meta(extra={"allowed": …})`` on a type says what is allowed where its own words would be clumsy.
    """
    try:
        return msgspec.convert(value, into)
    except msgspec.ValidationError as error:
        fault, _, where = str(error).rpartition(" - at `")
        steps = re.findall(r"\.([^.\[`]+)|\[(\d+)\]", where.replace("[...]", ""))
        path: Path = tuple(int(index) if index else name for name, index in steps)
        if where.startswith("key` in"):
            raise InvalidObjectError(path, _explain_key(lookup(value, path))) from error
        if where.endswith("[...]`"):
            path = (*path, _culprit(value, into, path, str(error)))
        if error.__cause__ is not None:
            raise InvalidObjectError(path, fault) from error  # the sentence of a type's own __post_init__
        at = _type_at(inspect.type_info(into), path)
        unknown = UNKNOWN.fullmatch(fault or where)
        place = (*path, unknown[1]) if unknown else path
        raise InvalidObjectError(place, _explain(fault or where, path, lookup(value, path), at)) from error


def _culprit(value: object, into: type, path: Path, fault: str) -> str:
    """Find which value of a mapping is at fault, as the decoder does not tell: the one that fails alone."""
    items = mapping(lookup(value, path))
    return next(key for key in items if _fault(put(value, path, {key: items[key]}), into) == fault)


def _fault(value: object, into: type) -> str:
    try:
        msgspec.convert(value, into)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def _explain_key(holder: object) -> str:
    keys: list[object] = list(mapping(holder))
    wrong = [key for key in keys if not isinstance(key, str)]
    if not wrong:
        return "a key is empty or too long; allowed: 1 to 256 characters"
    return f"the key {_shown(wrong[0])} is no text; write it in quotes"


def _explain(fault: str, path: Path, value: object, at: inspect.Type) -> str:
    """Say it in the words of the file, with what is allowed."""
    name = _name(path)
    kind = _bare(at)
    if unknown := UNKNOWN.fullmatch(fault):
        noun = "rule" if name == "rules" else "field"
        return f"unknown {noun} {_shown(unknown[1])}{_near(unknown[1], kind)}; allowed: {_or(_choices(kind))}"
    if missing := re.fullmatch(r"Object missing required field `(.*)`", fault):
        return f"{missing[1]} is missing; it is required"
    if value is not None:
        return f"{name} is {_shown(value)}{_near(value, kind)}; allowed: {_allowed(at)}"
    if isinstance(at, inspect.StructType) and not _fault({}, at.cls):
        return f"{name} has no value; write {name}: {{}} for its built-in values"
    return f"{name} has no value; allowed: {_allowed(at)}"


def _name(path: Path) -> str:
    """Name a place by its last key, and the index of what is in a list."""
    names = [index for index, step in enumerate(path) if isinstance(step, str)]
    return "".join(f"[{step}]" if isinstance(step, int) else step for step in path[names[-1] :]) if names else "this"


def _shown(value: object) -> str:
    if isinstance(value, list | dict):
        noun = "list" if isinstance(value, list) else "mapping"
        return f"a {noun} of {len(value)}" if value else f"an empty {noun}"
    if isinstance(value, str) and len(value) > MOST_SHOWN:
        return f"{json.dumps(value[:MOST_SHOWN], ensure_ascii=False)}… ({len(value)} characters)"
    return json.dumps(value, ensure_ascii=False, default=str)


def _near(word: object, at: inspect.Type) -> str:
    near = get_close_matches(word, _choices(at), n=1) if isinstance(word, str) else []
    return f" (did you mean {near[0]}?)" if near else ""


def _choices(at: inspect.Type) -> list[str]:
    """List the words among which a type lets choose: the keys of an object, or values."""
    if isinstance(at, inspect.StructType):
        return [field.encode_name for field in at.fields]
    if isinstance(at, inspect.LiteralType):
        return [str(value) for value in at.values]
    return [item.value for item in at.cls] if isinstance(at, inspect.EnumType) else []


def _allowed(info: inspect.Type) -> str:  # noqa: C901, PLR0911 - one line for each kind of type
    """Say what a type allows."""
    match info:
        case inspect.Metadata(extra={"allowed": str(words)}):
            return words
        case inspect.Metadata() | inspect.UnionType():
            return _allowed(info.type if isinstance(info, inspect.Metadata) else _main(info))
        case inspect.StructType():
            return f"a mapping, with {_or(_choices(info))}"
        case inspect.DictType():
            size = _bounds(info.min_length, info.max_length, " of {} names")
            return f"a mapping{size}, each to {_allowed(info.value_type)}"
        case inspect.VarTupleType():
            return f"a list{_bounds(info.min_length, info.max_length, ' of {}')}, each {_allowed(info.item_type)}"
        case inspect.StrType():
            return f"text{_bounds(info.min_length, info.max_length, ' of {} characters')}"
        case inspect.IntType():
            return f"a whole number{_bounds(info.ge, info.le, ', {}')}"
        case inspect.FloatType():
            return f"a number{_bounds(info.ge, info.le, ', {}')}"
        case inspect.BoolType():
            return "true or false"
        case inspect.DateTimeType():
            return "a time with its zone, e.g. 2027-03-31T00:00:00Z"
        case _:
            return _or(_choices(info))


def _or(words: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _bounds(least: float | None, most: float | None, form: str) -> str:
    if least is None and most is None:
        return ""
    if least is not None and most is not None:
        return form.format(f"{least} to {most}")
    return form.format(f"at least {least}" if most is None else f"at most {most}")


def _type_at(info: inspect.Type, path: Path) -> inspect.Type:
    """Walk a type along a path of a value."""
    for step in path:
        match _bare(info):
            case inspect.StructType(fields=fields):
                info = next(field.type for field in fields if field.encode_name == step)
            case inspect.VarTupleType(item_type=item):
                info = item
            case mapping_type:
                info = getattr(mapping_type, "value_type", mapping_type)
    return info


def _bare(info: inspect.Type) -> inspect.Type:
    """Strip what is written about a type, and its being optional."""
    while isinstance(info, inspect.Metadata | inspect.UnionType):
        info = info.type if isinstance(info, inspect.Metadata) else _main(info)
    return info


def _main(union: inspect.UnionType) -> inspect.Type:
    """Give the member of an optional type that is not null."""
    return next(member for member in union.types if not isinstance(member, inspect.NoneType))

"""Pure: decodes plain values into typed ones, or says in words what is wrong, where, and what is allowed."""

import json
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import islice
from types import UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import inspect

from policies.fields import Path

T = TypeVar("T")
MOST_SHOWN: Final = 60
MOST_FAULTS: Final = 20


class InvalidObjectError(ValueError):
    """A policy object is wrong: for whoever writes policies. ``path`` is where, ``str()`` is one sentence.

    ``others`` are the faults at other places of the same object, in its order.
    """

    def __init__(self, path: Path, message: str, others: tuple["InvalidObjectError", ...] = ()) -> None:
        """Remember the place beside the sentence."""
        super().__init__(message)
        self.path = path
        self.others = others


def decode(value: object, into: type[T]) -> T:
    """Convert a plain value; raise InvalidObjectError for the first thing that does not fit, with all others in it.

    ``Meta(extra={"allowed": …})`` on a type says what is allowed where its own words would be clumsy.
    """
    try:
        return msgspec.convert(value, into)
    except msgspec.ValidationError as error:
        first, *others = islice(_faults(value, into, ()), MOST_FAULTS + 1)
        if len(others) == MOST_FAULTS:
            others[-1] = InvalidObjectError((), f"there are more than {MOST_FAULTS} faults; mend these first")
        raise InvalidObjectError(first.path, str(first), tuple(others)) from error


def allowed(info: inspect.Type) -> str:  # noqa: C901, PLR0911 - one line for each kind of type
    """Say in words which values a type takes, e.g. ``a whole number, at least 0``."""
    match info:
        case inspect.Metadata(extra={"allowed": str(words)}):
            return words
        case inspect.Metadata() | inspect.UnionType():
            return allowed(info.type if isinstance(info, inspect.Metadata) else _main(info))
        case inspect.StructType():
            return f"a mapping, with {_or(_choices(info))}"
        case inspect.DictType():
            size = _bounds(info.min_length, info.max_length, " of {} names")
            return f"a mapping{size}, each to {allowed(info.value_type)}"
        case inspect.VarTupleType():
            return f"a list{_bounds(info.min_length, info.max_length, ' of {}')}, each {allowed(info.item_type)}"
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


def _faults(value: object, hint: Any, path: Path) -> Iterator[InvalidObjectError]:  # noqa: ANN401 - any annotation
    """Find what is wrong inside of a value; where nothing is, what is wrong with the value itself."""
    within = _faults_within(value, _bare_hint(hint), path)
    if (first := next(within, None)) is not None:
        yield first
        yield from within
        return
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        own = error.__cause__  # of a type's own __post_init__
        if isinstance(own, InvalidObjectError):
            yield from (InvalidObjectError((*path, *fault.path), str(fault)) for fault in (own, *own.others))
        else:
            yield InvalidObjectError(path, str(own) if own else _explain(path, value, inspect.type_info(hint)))


def _faults_within(value: object, hint: Any, path: Path) -> Iterator[InvalidObjectError]:  # noqa: ANN401 - as above
    if isinstance(value, dict) and (wrong := [key for key in value if not isinstance(key, str)]):
        yield InvalidObjectError(path, f"the key {shown(wrong[0])} is no text; write it in quotes")
    elif isinstance(value, dict) and isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield from _faults_of_fields(value, hint, path)
    elif isinstance(value, dict) and get_origin(hint) is dict:
        key_hint, item_hint = get_args(hint)
        if any(True for key in value for _ in _faults(key, key_hint, path)):
            yield InvalidObjectError(path, "a key is empty or too long; allowed: 1 to 256 characters")
        for key, item in value.items():
            yield from _faults(item, item_hint, (*path, key))
    elif isinstance(value, list) and get_origin(hint) is tuple:
        for index, item in enumerate(value):
            yield from _faults(item, get_args(hint)[0], (*path, index))


def _faults_of_fields(value: dict[str, object], into: type[msgspec.Struct], path: Path) -> Iterator[InvalidObjectError]:
    config, hints = into.__struct_config__, get_type_hints(into, include_extras=True)
    fields = {field.encode_name: field for field in msgspec.structs.fields(into)}
    for key, item in value.items():
        if key in fields:
            yield from _faults(item, hints[fields[key].name], (*path, key))
        elif config.forbid_unknown_fields and key != config.tag_field:
            noun, meant = "rule" if path[-1:] == ("rules",) else "field", near(key, list(fields))
            yield InvalidObjectError((*path, key), f"unknown {noun} {shown(key)}{meant}; allowed: {_or(list(fields))}")
    for key, field in fields.items():
        if field.required and key not in value:
            yield InvalidObjectError(path, f"{key} is missing; it is required")


def _bare_hint(hint: Any) -> Any:  # noqa: ANN401 - as above
    """Strip what is written about a type, and its being optional."""
    while get_origin(hint) in {Annotated, Union, UnionType}:
        hint = next(arg for arg in get_args(hint) if arg not in {type(None), msgspec.UnsetType})
    return hint


def _explain(path: Path, value: object, at: inspect.Type) -> str:
    """Say it in the words of the file, with what is allowed."""
    name, at = _name(path), at.type if isinstance(at, inspect.Metadata) and not at.extra else at
    if value is not None:
        return f"{name} is {shown(value)}{near(value, _choices(_bare(at)))}; allowed: {allowed(at)}"
    if isinstance(at, inspect.StructType) and not any(_faults({}, at.cls, ())):
        return f"{name} has no value; write {name}: {{}} for its built-in values"
    return f"{name} has no value; allowed: {allowed(at)}"


def _name(path: Path) -> str:
    """Name a place by its last key, and the index of what is in a list."""
    names = [index for index, step in enumerate(path) if isinstance(step, str)]
    return "".join(f"[{step}]" if isinstance(step, int) else step for step in path[names[-1] :]) if names else "this"


def shown(value: object) -> str:
    """Write a value as a sentence holds it."""
    if isinstance(value, list | dict):
        noun = "list" if isinstance(value, list) else "mapping"
        return f"a {noun} of {len(value)}" if value else f"an empty {noun}"
    if isinstance(value, str) and len(value) > MOST_SHOWN:
        return f"{json.dumps(value[:MOST_SHOWN], ensure_ascii=False)}… ({len(value)} characters)"
    return json.dumps(value, ensure_ascii=False, default=str)


def near(word: object, words: Sequence[str]) -> str:
    """Ask after the word that is likely to be meant; nothing where none is near."""
    found = get_close_matches(word, words, n=1) if isinstance(word, str) else []
    return f" (did you mean {found[0]}?)" if found else ""


def _choices(at: inspect.Type) -> list[str]:
    """List the words among which a type lets choose: the keys of an object, or values."""
    if isinstance(at, inspect.StructType):
        return [field.encode_name for field in at.fields]
    if isinstance(at, inspect.LiteralType):
        return [str(value) for value in at.values]
    return [item.value for item in at.cls] if isinstance(at, inspect.EnumType) else []


def _or(words: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _bounds(least: float | None, most: float | None, form: str) -> str:
    if least is None and most is None:
        return ""
    if least is not None and most is not None:
        return form.format(f"{least} to {most}")
    return form.format(f"at least {least}" if most is None else f"at most {most}")


def _bare(info: inspect.Type) -> inspect.Type:
    """Strip what is written about a type, and its being optional."""
    while isinstance(info, inspect.Metadata | inspect.UnionType):
        info = info.type if isinstance(info, inspect.Metadata) else _main(info)
    return info


def _main(union: inspect.UnionType) -> inspect.Type:
    """Give the member of an optional type that is not null."""
    return next(member for member in union.types if not isinstance(member, inspect.NoneType))

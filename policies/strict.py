"""Pure: decodes plain values into typed ones, or says in words what is wrong, where, and what is allowed."""

import re
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

T = TypeVar("T")


class InvalidObjectError(ValueError):
    """A policy object is wrong: for whoever writes policies. ``path`` is where, ``str()`` is one sentence."""

    def __init__(self, path: tuple[str | int, ...], message: str) -> None:
        """Remember the place beside the sentence."""
        super().__init__(message)
        self.path = path


def decode(value: object, into: type[T]) -> T:
    """Convert a plain value; raise InvalidObjectError at the first thing that does not fit."""
    try:
        return msgspec.convert(value, into)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$")
        path = _path(where.rstrip("`"))
        raise InvalidObjectError(path, _explain(message, path, into)) from error


def _path(text: str) -> tuple[str | int, ...]:
    steps = re.findall(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]", text)
    return tuple(int(index) if index.isdigit() else name for name, index in steps if name or index.isdigit())


def _explain(message: str, path: tuple[str | int, ...], into: type) -> str:
    """Add what is allowed, which the type knows and the decoder's message does not say."""
    at = _type_at(inspect.type_info(into), path)
    key = str(path[-1]) if path else ""
    if unknown := re.fullmatch(r"Object contains unknown field `(.+)`", message):
        names = [field.encode_name for field in at.fields] if isinstance(at, inspect.StructType) else []
        near = get_close_matches(unknown[1], names, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"unknown field {unknown[1]}{hint} Allowed: {', '.join(names)}".replace("? ", "? ").replace("  ", " ")
    if missing := re.fullmatch(r"Object missing required field `(.+)`", message):
        return f"{missing[1]} is missing; it is required"
    if message.endswith("got `null`"):
        empty = f"; write `{key}: {{}}` for its built-in values" if isinstance(at, inspect.StructType) else ""
        return f"{key} has no value{empty or ', and needs one'}"
    if isinstance(at, inspect.LiteralType | inspect.EnumType) and message.startswith("Invalid enum"):
        values = at.values if isinstance(at, inspect.LiteralType) else [item.value for item in at.cls]
        return f"{message.removeprefix('Invalid enum value ')} is not allowed; allowed: {', '.join(map(str, values))}"
    return f"{message[:1].lower()}{message[1:]}".replace("`", "")


def _type_at(info: inspect.Type, path: tuple[str | int, ...]) -> inspect.Type:
    """Walk a type along a path of a value."""
    while isinstance(info, inspect.Metadata | inspect.UnionType):
        info = info.type if isinstance(info, inspect.Metadata) else _main(info)
    if not path:
        return info
    if isinstance(info, inspect.StructType):
        fields = {field.encode_name: field.type for field in info.fields}
        return _type_at(fields.get(str(path[0]), inspect.AnyType()), path[1:])
    if isinstance(info, inspect.VarTupleType):
        return _type_at(info.item_type, path[1:])
    return inspect.AnyType()


def _main(union: inspect.UnionType) -> inspect.Type:
    """Give the member of an optional type that is not null."""
    return next(member for member in union.types if not isinstance(member, inspect.NoneType))

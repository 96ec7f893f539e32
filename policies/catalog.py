"""Finds the rules: one is here because its file is. All else that lists rules asks this module."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple, TypeAlias

from msgspec import NODEFAULT, UNSET, Meta, Struct, UnsetType, defstruct, inspect, json

from policies import rules as package
from policies.cel import VALIDATIONS, cel
from policies.rule import Rule
from policies.strict import allowed


class Example(NamedTuple):
    """An example of a rule's page: YAML of the object, and the YAML of the parameters it assumes."""

    manifest: str
    params: str


@cache
def rules() -> Mapping[str, Rule[Any]]:
    """Map each rule's key to the rule, in order of the keys."""
    names = sorted(module.name for module in iter_modules(package.__path__))
    found = [import_module(f"{package.__name__}.{name}").RULE for name in names]
    return {rule.key: rule for rule in found}


def summary(rule: Rule[Any]) -> str:
    """Give the first sentence of the rule's page."""
    return rule.doc.strip().partition("\n")[0].replace("``", "`")


def text(rule: Rule[Any]) -> str:
    """Give the rule's page without its examples, each paragraph on one line: what editors show."""
    prose = re.split(r"^(?:Flagged|Allowed).*::$", rule.doc.replace("``", "`"), maxsplit=1, flags=re.MULTILINE)[0]
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in prose.strip().split("\n\n"))


def example(rule: Rule[Any], title: str) -> Example:
    """Take the example called ``Flagged`` or ``Allowed`` out of the rule's page."""
    shape = rf"^{title}(?:, with ``(?P<params>.+)``)?::\n\n(?P<manifest>(?:    .*\n|\n)+)"
    found = re.search(shape, rule.doc, re.MULTILINE)
    if found is None:
        raise ValueError(f"{rule.key}: the docstring has no example '{title}::'")
    return Example(re.sub(r"^ {4}", "", found["manifest"], flags=re.MULTILINE), found["params"] or "{}")


EMPTY: Final = "rules is empty; name at least one rule, e.g. restartPolicy: {}"
NOT_EMPTY: Final = {"minProperties": 1, **cel(("dyn(self).size() > 0", EMPTY))}


def _clause(rule: Rule[Any]) -> Any:  # noqa: ANN401 - a type
    about = f"{text(rule)}\n\nbatchwarden explain {rule.key}"
    demands = [asked for demand in rule.params.demands for asked in demand.rules(rule.params)]
    return Annotated[rule.params, Meta(description=about, extra_json_schema={VALIDATIONS: demands} if demands else {})]


def _refuse_empty(chosen: Struct) -> None:
    if all(getattr(chosen, key) is UNSET for key in chosen.__struct_fields__):
        raise ValueError(EMPTY)


RuleKey: TypeAlias = Literal[tuple(rules())]  # type: ignore[valid-type]  # the rules are known at run time only
if TYPE_CHECKING:
    Rules = Struct
else:  # one optional, typed field per rule
    Rules = defstruct(
        "Rules",
        [(key, _clause(rule) | UnsetType, UNSET) for key, rule in rules().items()],
        frozen=True,
        forbid_unknown_fields=True,
        namespace={"__post_init__": _refuse_empty},
    )


class Parameter(NamedTuple):
    """A parameter as people write it: its key, the values it takes in words, the built-in value, what it does."""

    key: str
    values: str
    builtin: str
    description: str


def parameters(rule: Rule[Any]) -> Iterator[Parameter]:
    """Describe a rule's parameters in the order of its file, ``action`` and ``reason``, which all rules have, last."""
    info = inspect.type_info(rule.params)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - what parameters are
    for field in info.fields:
        builtin = "" if field.default in (None, NODEFAULT) else json.encode(field.default).decode()
        about = (field.type.extra_json_schema or {}) if isinstance(field.type, inspect.Metadata) else {}
        yield Parameter(field.encode_name, allowed(field.type), builtin, about.get("description", ""))


def page(rule: Rule[Any]) -> str:
    """Write a rule's page for a terminal."""
    title = f"{rule.key}  ({', '.join(rule.kinds)}; {rule.category}, {rule.severity}; since {rule.since})"
    text = rule.doc.strip().replace("``", "`").replace("::\n", ":\n")
    lines = [f"  {each.key}: {each.values}{f' (built in: {each.builtin})' if each.builtin else ''}\n"
             f"      {each.description}" for each in parameters(rule)]  # fmt: skip
    return "\n".join([title, "", text, "", "Parameters:", "", *lines])

"""Finds the rules: one is here because its file is. All else that lists rules asks this module."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, NamedTuple

from msgspec import json

from policies import rules as package
from policies.rule import Rule


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
    return rule.doc.strip().partition("\n")[0]


def example(rule: Rule[Any], title: str) -> Example:
    """Take the example called ``Flagged`` or ``Allowed`` out of the rule's page."""
    shape = rf"^{title}(?:, with ``(?P<params>.+)``)?::\n\n(?P<manifest>(?:    .*\n|\n)+)"
    found = re.search(shape, rule.doc, re.MULTILINE)
    if found is None:
        raise ValueError(f"{rule.key}: the docstring has no example '{title}::'")
    return Example(re.sub(r"^ {4}", "", found["manifest"], flags=re.MULTILINE), found["params"] or "{}")


class Parameter(NamedTuple):
    """A parameter as people write it: its key, the values it takes in words, the built-in value, what it does."""

    key: str
    values: str
    builtin: str
    description: str


def parameters(rule: Rule[Any]) -> Iterator[Parameter]:
    """Describe a rule's parameters in the order of its file, ``action`` and ``reason``, which all rules have, last."""
    schema = json.schema(rule.params)["$defs"]["Params"]["properties"]
    for key, about in schema.items():
        builtin = about.get("default")
        text = "" if builtin is None else json.encode(builtin).decode()
        yield Parameter(key, _values(about), text, about.get("description", ""))


def _values(about: Mapping[str, Any]) -> str:
    """Say in words which values a schema allows."""
    if "anyOf" in about:
        return " or ".join(_values(choice) for choice in about["anyOf"] if choice.get("type") != "null")
    if "$ref" in about:
        return "Deny, Warn or Audit"
    if "enum" in about:
        return ", ".join(map(str, about["enum"]))
    if about["type"] == "array":
        return f"list of {_values(about['items'])}"
    if about["type"] == "object":
        return f"map of name to {_values(about['additionalProperties'])}"
    bounds = f", {about['minimum']} or more" if "minimum" in about else ""
    return f"{about['type']}{bounds}"


def page(rule: Rule[Any]) -> str:
    """Write a rule's page for a terminal."""
    title = f"{rule.key}  ({', '.join(rule.kinds)}; {rule.category}, {rule.severity}; since {rule.since})"
    text = rule.doc.strip().replace("``", "`").replace("::\n", ":\n")
    lines = [f"  {each.key}: {each.values}{f' (built in: {each.builtin})' if each.builtin else ''}\n"
             f"      {each.description}" for each in parameters(rule)]  # fmt: skip
    return "\n".join([title, "", text, "", "Parameters:", "", *lines])

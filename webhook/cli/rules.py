"""``batchwarden rules``: what there is to choose from when writing a policy."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from policies.catalog import rules, summary
from policies.rule import Rule


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(form: str) -> None:
    """List the rules.

    "default" marks those that can write what an author left out. batchwarden explain RULE tells all about one.
    """
    found = [_about(rule) for rule in rules().values()]
    if form == "json":
        from msgspec import json

        click.echo(json.format(json.encode(found), indent=2))
    else:
        click.echo("\n".join(_table(found)))


def _about(rule: Rule[Any]) -> Mapping[str, Any]:
    return {
        "rule": rule.key,
        "kinds": rule.kinds,
        "category": rule.category,
        "severity": rule.severity,
        "default": rule.defaults is not None,
        "since": rule.since,
        "summary": summary(rule),
    }


def _table(found: list[Mapping[str, Any]]) -> Iterator[str]:
    rows = [("RULE", "KINDS", "CATEGORY", "SEVERITY", "DEFAULT", "WHAT IT ASKS")]
    rows += [
        (each["rule"], ", ".join(each["kinds"]), each["category"], each["severity"],
         "yes" if each["default"] else "", each["summary"])
        for each in found
    ]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)]
        yield "  ".join(cells)

"""For people: grouped by object, in the words of the admission message, each place as editors and terminals link it."""

from collections.abc import Iterator
from typing import TextIO

import click

from policies.rule import Action
from webhook.admission.message import printable, unchecked
from webhook.audit.entries import MANIFEST, Entry, Result
from webhook.audit.report import Report
from webhook.files import Unreadable

COLOURS = {Action.DENY: "red", Action.WARN: "yellow", Action.AUDIT: "cyan"}


def write(report: Report, out: TextIO) -> None:
    """Write what is to be told of each object, then the sum of it; in colours on a terminal."""
    for entry in report:
        lines = list(_unreadable(entry) if isinstance(entry, Unreadable) else _entry(entry))
        if lines:
            click.echo("\n".join([*lines, ""]), out)
    click.echo("\n".join(_footer(report)), out)


def _unreadable(unreadable: Unreadable) -> Iterator[str]:
    yield f"{click.style('cannot read', fg='red', bold=True)} {printable(str(unreadable))}"


def _entry(entry: Entry) -> Iterator[str]:
    if not (entry.results or entry.notes or entry.crashed):
        return
    source, title = printable(entry.source), click.style(entry.title, bold=True)
    yield f"{title}  {source}:{entry.position.line}" if source else title
    for result in entry.results:
        yield from _result(source, result)
    for note in entry.notes:
        yield f"  {click.style('default', fg='green')} {note}"
    for line in unchecked(entry.crashed):
        yield f"  {click.style('error', fg='red', bold=True)} {line}"


def _result(source: str, result: Result) -> Iterator[str]:
    place = f"{source}:{result.position.line}:{result.position.column}: " if source else ""
    words = result.words
    if result.skip is not None:
        yield f"  {place}{click.style('skip', fg='green')} {words.statement}"
        yield f"    {words.why}"
        return
    yield f"  {place}{click.style(result.action, fg=COLOURS[result.action], bold=True)} {words.statement}"
    yield f"    {words.why}   {words.source}"
    yield from (f"    {line}" for line in words.not_lifted)
    yield from (click.style(f"    {line}", fg="green") for line in words.paste)


def _footer(report: Report) -> Iterator[str]:
    rules = [rule for rule in report.rules if rule != MANIFEST]
    why = f"{report.why_url}#{rules[0]}" if report.why_url and rules else f"batchwarden explain {' '.join(rules)}"
    helpers = f"    Help: {', '.join(report.contacts)}" if report.contacts else ""
    if rules:
        yield f"Why: {why}{helpers}"
    yield click.style(f"{report.summary}.", bold=True)

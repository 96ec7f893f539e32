"""For spreadsheets: RFC 4180, a row for each finding, consequence and denial, and for what is not known.

A spreadsheet runs what begins like a formula, so an apostrophe stands before that, and is shown. Every cell is quoted,
so that none ends early; and as one that separates by other characters (a semicolon, in half of Europe) ends them all
the same, what follows such a character counts as a beginning too.
Source: https://owasp.org/www-community/attacks/CSV_Injection
"""

import csv
import re
from collections.abc import Iterator
from itertools import chain
from operator import itemgetter
from typing import Final, TextIO, TypeAlias

from webhook.admission.message import unchecked
from webhook.audit.entries import READABLE, Entry, Result
from webhook.audit.report import Report, counted
from webhook.audit.values import stamp
from webhook.files import Unreadable

COLUMNS: Final = {
    "namespace": "where the object is",
    "kind": "Job or CronJob",
    "name": "of the object",
    "owner": "who answers for it, by --owner-label",
    "outcome": "Deny, Warn or Audit: what policies do about it; skip: let off by an exception; consequence: what has "
    "come of the object; error: it could not be looked at; denied or break-glass: at admission; missing: what could "
    "not be learnt",
    "failing": "yes where it makes the exit code 1",
    "severity": "high, medium or low",
    "category": "of the rule",
    "rule": "or the kind of the consequence",
    "policies": "that say so",
    "field": "as Kubernetes writes its path",
    "found": "there",
    "allowed": "there",
    "message": "the finding as a sentence",
    "why": "it matters, or for whom and why it is let off",
    "evidence": "of a consequence: what it is known by; of a denial: how often, and when",
    "paste": "lines of YAML that cure it",
    "exception": "that lets it off",
    "expires": "when that ends, UTC",
    "contacts": "where to get help",
    "source": "the file",
    "line": "in it",
    "uid": "of the object in its cluster",
}
"""The columns in their order, and what is in them; others may be added at the end."""
FORMULA: Final = re.compile(r"\A(?=[\t\r\n])|(?:\A|(?<=[,;|\t\r\n]))(?=\s*[=+\-@＝＋－＠])")  # noqa: RUF001 - wide forms count
NO_GROUP: Final = (0, "")

Row: TypeAlias = dict[str, str]


def write(report: Report, out: TextIO) -> None:
    """Write the rows as they come; where they are to be grouped, sorted by group at the end."""
    table = csv.DictWriter(out, COLUMNS, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    table.writeheader()
    found = chain.from_iterable(_rows(each, report) for each in report)
    rows = (row for _, row in (sorted(found, key=itemgetter(0)) if report.group_by else found))
    table.writerows(map(_inert, rows))
    table.writerows(map(_inert, _around(report)))


def _inert(row: Row) -> Row:
    return {column: FORMULA.sub("'", text) for column, text in row.items()}


def _around(report: Report) -> Iterator[Row]:
    around = report.context
    for denial in around.denials:
        yield {
            "namespace": denial.namespace,
            "kind": denial.kind,
            "name": denial.name,
            "outcome": denial.what,
            "rule": ", ".join(denial.rules),
            "policies": ", ".join(denial.policies),
            "message": denial.sentence,
            "evidence": f"{counted(denial.count, 'time')} from {stamp(denial.first)} to {stamp(denial.last)}",
        }
    yield from ({"outcome": "missing", "message": text} for text in around.missing)


def _rows(each: Entry | Unreadable, report: Report) -> Iterator[tuple[tuple[int, str], Row]]:
    """Give the rows, each with the rank of its group."""
    if isinstance(each, Unreadable):
        yield NO_GROUP, {"outcome": "error", "rule": READABLE, "message": each.reason, **_place(each.source, each.line)}
        return
    named = {"namespace": each.namespace, "kind": each.kind, "name": each.name, "owner": each.owner, "uid": each.uid}
    for text in unchecked(each.crashed):
        place = _place(each.source, each.position.line)
        yield NO_GROUP, {**named, "outcome": "error", "rule": READABLE, "message": text, **place}
    for result in each.told:
        by = report.group_by
        yield (
            by.rank(by.of(each, result)) if by else NO_GROUP,
            {**named, **_row(result, report), **_place(each.source, result.position.line)},
        )


def _row(result: Result, report: Report) -> Row:
    exception = result.skip.exception if result.skip else None
    return {
        "outcome": result.outcome,
        "failing": "yes" if report.fails(result) else "no",
        "severity": result.severity,
        "category": result.category,
        "rule": result.rule,
        "policies": ", ".join(result.policies),
        "field": result.path,
        "found": result.found,
        "allowed": result.allowed,
        "message": result.words.statement,
        "why": result.words.why,
        "evidence": result.seen,
        "paste": "\n".join(result.words.paste),
        "exception": exception.metadata.name if exception else "",
        "expires": stamp(exception.spec.expires_at) if exception else "",
        "contacts": ", ".join(result.contacts),
    }


def _place(source: str, line: int) -> Row:
    return {"source": source, "line": str(line or "")}

"""For CI servers: a test suite for each file, a test case for each object, failed by what should stop the pipeline."""

from itertools import groupby
from typing import TextIO

from webhook.admission.message import unchecked
from webhook.audit.entries import Entry, Result
from webhook.audit.junit_xml import Case, case, suites
from webhook.audit.report import Report, counted
from webhook.files import Unreadable


def write(report: Report, out: TextIO) -> None:
    """Write the suites; the cases of one file are held until it ends, as their number stands before them."""
    found = ((suite, [_told(each, report) for each in entries]) for suite, entries in groupby(report, _suite))
    out.writelines(suites(found, report.at))


def _suite(each: Entry | Unreadable) -> str:
    """Name the file, or the namespace in a cluster."""
    return each.source or f"namespace {each.namespace}" if isinstance(each, Entry) else each.source


def _told(each: Entry | Unreadable, report: Report) -> Case:
    return _unreadable(each) if isinstance(each, Unreadable) else _entry(each, report)


def _unreadable(unreadable: Unreadable) -> Case:
    return case(unreadable.source, f"line {unreadable.line}", [], ("error", "cannot be read", [str(unreadable)]))


def _entry(entry: Entry, report: Report) -> Case:
    failing = [result for result in entry.results if report.fails(result)]
    rest = [result for result in entry.told if not report.fails(result)]
    beside = [f"{entry.title}: {line}" for line in [*map(_first, rest), *entry.notes]]
    crashed = list(unchecked(entry.crashed))
    if crashed:
        return case(_suite(entry), entry.title, beside, ("error", "cannot be checked", crashed))
    if not failing:
        return case(_suite(entry), entry.title, beside, None)
    lines = [line for result in failing for line in (_first(result), *(f"    {each}" for each in result.lines[1:]))]
    return case(_suite(entry), entry.title, beside, ("failure", counted(len(failing), "finding"), lines))


def _first(result: Result) -> str:
    place = f"{result.position.line}:{result.position.column}: " if result.position.line else ""
    return f"{place}{result.outcome} {result.lines[0]}"

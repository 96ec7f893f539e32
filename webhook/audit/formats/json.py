"""For programs: every object that was judged with its findings, what could not be read, and the counts."""

from collections.abc import Mapping
from typing import Any, TextIO

from msgspec import json

from webhook.audit.reports import Entry, Report, Result
from webhook.files import Unreadable


def write(report: Report, out: TextIO) -> None:
    """Write one JSON object, an object that was judged on each line of it."""
    unreadable, between = [], ""
    out.write('{"objects": [')
    for entry in report:
        if isinstance(entry, Unreadable):
            unreadable.append(_unreadable(entry))
            continue
        out.write(f"{between}\n{_line(_entry(entry, report))}")
        between = ","
    summary = {
        "objects": report.objects,
        "findings": report.actions,
        "excepted": report.excepted,
        "failing": report.failing,
        "skipped": report.skipped,
        "leftOut": report.left_out,
    }
    out.write(f'\n], "unreadable": {_line(unreadable)}, "summary": {_line(summary)}}}\n')


def _line(value: object) -> str:
    return json.encode(value).decode()


def _unreadable(unreadable: Unreadable) -> Mapping[str, Any]:
    return {
        "source": unreadable.source,
        "line": unreadable.line,
        "column": unreadable.column,
        "reason": unreadable.reason,
    }


def _entry(entry: Entry, report: Report) -> Mapping[str, Any]:
    return {
        "source": entry.source,
        "line": entry.position.line,
        "kind": entry.kind,
        "namespace": entry.namespace,
        "name": entry.name,
        "findings": [_result(result, report) for result in entry.results],
        "defaults": entry.notes,
        "crashed": entry.crashed,
    }


def _result(result: Result, report: Report) -> Mapping[str, Any]:
    told = {
        "rule": result.rule,
        "action": result.action,
        "failing": report.fails(result),
        "path": result.path,
        "line": result.position.line,
        "column": result.position.column,
        "message": result.words.statement,
        "why": result.words.why,
        "notLifted": result.words.not_lifted,
        "paste": result.words.paste,
        "policies": result.policies,
        "contacts": result.contacts,
    }
    if result.skip is not None:
        exception = result.skip.exception
        told["exception"] = {
            "name": exception.metadata.name,
            "reason": exception.spec.reason,
            "owner": exception.spec.owner,
            "expiresAt": exception.spec.expires_at,
        }
    return told

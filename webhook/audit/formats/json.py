"""For programs: every object that was judged with what was found, what is known beside it, and the counts.

Its schema is ``deploy/schema/report.json``.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TextIO

from msgspec import UNSET, json, structs

from policies.verdict import Skip
from webhook.audit import report_shape as shape
from webhook.audit.denials import Denial
from webhook.audit.entries import Entry, Result, Timing
from webhook.audit.report import Grant, Report
from webhook.audit.runs.consequences import CONSEQUENCES, Consequence
from webhook.audit.values import stamp
from webhook.files import Unreadable


def write(report: Report, out: TextIO) -> None:
    """Write one JSON object, an object that was judged on each line of it."""
    unreadable, between = [], ""
    out.write('{"objects": [')
    for entry in report:
        if isinstance(entry, Unreadable):
            unreadable.append(_unread(entry))
            continue
        out.write(f"{between}\n{_line(_object(entry, report))}")
        between = ","
    rest = {"unreadable": unreadable, **_context(report), "summary": _summary(report)}
    out.write("\n]" + "".join(f', "{key}": {_line(value)}' for key, value in rest.items()) + "}\n")


def _line(value: object) -> str:
    return json.encode(value).decode()


def _summary(report: Report) -> shape.Summary:
    return shape.Summary(
        objects=report.objects,
        findings=report.actions,
        excepted=report.excepted,
        failing=report.failing,
        consequences=report.consequences,
        skipped=report.skipped,
        left_out=report.left_out,
    )


def _context(report: Report) -> Mapping[str, object]:
    around = report.context
    return {
        "at": stamp(report.at),
        "title": around.title,
        "policies": around.policies,
        "exceptions": [_grant(each) for each in around.grants],
        "denials": [_denial(each) for each in around.denials],
        "missing": around.missing,
    }


def _grant(grant: Grant) -> shape.Grant:
    return shape.Grant(**{**grant._asdict(), "expires_at": stamp(grant.expires_at)})


def _denial(denial: Denial) -> shape.Denial:
    return shape.Denial(**{**structs.asdict(denial), "first": stamp(denial.first), "last": stamp(denial.last)})


def _unread(unreadable: Unreadable) -> shape.Unread:
    return shape.Unread(
        source=unreadable.source, line=unreadable.line, column=unreadable.column, reason=unreadable.reason
    )


def _object(entry: Entry, report: Report) -> shape.Object:
    return shape.Object(
        source=entry.source,
        line=entry.position.line,
        kind=entry.kind,
        namespace=entry.namespace,
        name=entry.name,
        uid=entry.uid,
        owner=entry.owner,
        passed=entry.passed,
        findings=tuple(_finding(result, report) for result in entry.results),
        consequences=tuple(map(_consequence, entry.consequences)),
        defaults=entry.notes,
        crashed=entry.crashed,
        timing=_timing(entry.timing) if entry.timing else None,
    )


def _finding(result: Result, report: Report) -> shape.Finding:
    words = result.words
    return shape.Finding(
        rule=result.rule,
        action=result.action,
        failing=report.fails(result),
        severity=result.severity,
        category=result.category,
        path=result.path,
        line=result.position.line,
        column=result.position.column,
        message=words.statement,
        found=result.found,
        allowed=result.allowed,
        why=words.why,
        not_lifted=words.not_lifted,
        paste=words.paste,
        policies=result.policies,
        contacts=result.contacts,
        exception=_let_off(result.skip) if result.skip else UNSET,
    )


def _let_off(skip: Skip) -> shape.LetOff:
    metadata, spec = skip.exception.metadata, skip.exception.spec
    return shape.LetOff(name=metadata.name, reason=spec.reason, owner=spec.owner, expires_at=stamp(spec.expires_at))


def _consequence(consequence: Consequence) -> shape.Consequence:
    about = CONSEQUENCES[consequence.kind]
    return shape.Consequence(
        kind=consequence.kind,
        severity=about.severity,
        category=about.category,
        path=consequence.path,
        message=consequence.statement,
        why=about.why,
        evidence=consequence.evidence,
        paste=consequence.paste,
    )


def _timing(timing: Timing) -> shape.Timing:
    history = timing.history
    runs = shape.Runs(
        finished=history.finished,
        failed=history.failed,
        active=history.active,
        longest_seconds=history.longest.total_seconds() if history.longest else None,
        last_success=_moment(history.last_success),
        last_failure=_moment(history.last_failure),
    )
    return shape.Timing(
        schedule=timing.schedule,
        time_zone=timing.time_zone,
        suspended=timing.suspended,
        deadline_seconds=timing.deadline,
        runs=runs,
    )


def _moment(at: datetime | None) -> str | None:
    return stamp(at) if at else None

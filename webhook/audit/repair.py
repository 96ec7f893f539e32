"""Works out what to write into a manifest: what its policies would, and, if asked, what cures what they find. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from policies.fields import Path, put, render
from policies.rule import Action, Default
from policies.verdict import Key, Violation, Written
from webhook.admission.message import flow, printable, written
from webhook.audit.scan import Judge, Judged
from webhook.files import Document

Write: TypeAlias = tuple[Path, Any]


class Repair(NamedTuple):
    """What to write together, and a line that says what and for whom."""

    writes: tuple[Write, ...]
    line: str


def repair(judge: Judge, document: Document, *, suggested: bool) -> Iterator[Repair]:
    """Work out what to write into a document, in this order; nothing where it holds no Job and no CronJob.

    Values that the author wrote are changed only where they are ``suggested``: where exactly one value cures what a
    policy that warns or denies finds, and brings up nothing else. Ends, since a default is for an open field, and each
    cure leaves less to be found.
    """
    while judged := judge.judge(document):
        found = [Repair(each.default.writes, written(each, done=True)) for each in judged.result.written]
        found = found or ([*_cure(judge, judged)] if suggested else [])
        if not found:
            return
        yield from found
        for each in found:
            document = apply(document, each.writes)


def apply(document: Document, writes: Iterable[Write]) -> Document:
    """Give the document with values written into it."""
    value = document.value
    for path, new in writes:
        value = put(value, path, new)
    return replace(document, value=value)


def _cure(judge: Judge, judged: Judged) -> Iterator[Repair]:
    """Give a cure for the first fault that has exactly one."""
    wrong = _wrong(judged)
    for key, offers in _offers(judged):
        cures = [each for each in offers if _cures(judge, judged, each, wrong - {key})]
        if len(cures) == 1:
            yield cures[0]
            return


def _offers(judged: Judged) -> Iterator[tuple[Key, list[Repair]]]:
    for fault in judged.faults:
        if fault.fix is not None:
            yield (
                _fault_key(fault.path),
                [Repair(fault.fix.writes, f"{render(fault.path)} set to {flow(fault.fix.value)}")],
            )
    for violation in judged.verdict.violations:
        if violation.action is not Action.AUDIT:
            yield violation.key, list(_fixes(violation))


def _fixes(violation: Violation) -> Iterator[Repair]:
    """List the different values that the policies would have, but not mere examples."""
    fixes: dict[str, tuple[Default, Written]] = {}
    for judgement in violation.judgements:
        fix = judgement.finding.fix
        if fix is not None and not judgement.finding.example:
            fixes.setdefault(flow(fix.value), (fix, Written(judgement.clause, fix, judgement.place)))
    for fix, each in fixes.values():
        yield Repair(fix.writes, printable(written(each, done=True)))


def _cures(judge: Judge, judged: Judged, offer: Repair, others: set[Key]) -> bool:
    """Whether it cures its fault, and nothing is wrong then but what was wrong beside it."""
    if not all(judged.job.can_hold(path) for path, _ in offer.writes):
        return False
    after = judge.judge(apply(judged.document, offer.writes))
    return after is not None and _wrong(after) <= others


def _wrong(judged: Judged) -> set[Key]:
    told = {violation.key for violation in judged.verdict.violations if violation.action is not Action.AUDIT}
    return told | {_fault_key(fault.path) for fault in judged.faults}


def _fault_key(path: Path) -> Key:
    return "", render(path)

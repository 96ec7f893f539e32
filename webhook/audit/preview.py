"""Pure: what would become of an object under other policies: the difference alone, and the count of it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from msgspec import Struct

from policies.defaulting import defaults
from policies.engine import evaluate
from policies.fields import CLIENT_SIDE_APPLIERS, MANAGED_FIELDS, Request, lookup, mapping, sequence
from policies.rule import STRENGTH, Action
from policies.verdict import Defaulting, Key, Violation
from policies.workload import Workload
from webhook.admission import message
from webhook.audit.report import counted, listed
from webhook.audit.scan import Judge
from webhook.files import Document


class Outcome(StrEnum):
    """What a difference comes to, the gravest first."""

    DENIED = "newlyDenied"
    WARNED = "newlyWarned"
    REPORTED = "newlyReported"
    DEFAULTED = "newlyDefaulted"
    EASED = "eased"
    NOT_DEFAULTED = "noLongerDefaulted"


BY_ACTION: Final = {Action.DENY: Outcome.DENIED, Action.WARN: Outcome.WARNED, Action.AUDIT: Outcome.REPORTED}
WORDS: Final = {
    Outcome.DENIED: "newly denied",
    Outcome.WARNED: "newly warned of",
    Outcome.REPORTED: "newly reported",
    Outcome.DEFAULTED: "newly defaulted",
    Outcome.EASED: "judged more mildly",
    Outcome.NOT_DEFAULTED: "no longer defaulted",
}


class Change(Struct, frozen=True):
    """One difference: what it comes to, the rule, the action so far and then, and in words what it is about."""

    outcome: Outcome
    rule: str
    was: Action | None
    becomes: Action | None
    text: str


class Changed(Struct, frozen=True):
    """An object, and what would become of it; ``crashed`` are rules that could not be checked."""

    kind: str
    namespace: str
    name: str
    changes: tuple[Change, ...]
    crashed: tuple[str, ...]


class Tally:
    """How many objects were compared, and of how many what would become; ``told`` is how many there is to tell of."""

    def __init__(self) -> None:
        self.objects, self.changed, self.told, self.crashed, self.unreadable = 0, 0, 0, 0, 0
        self.outcomes: Counter[Outcome] = Counter()
        self.left_out: Counter[str] = Counter()

    def count(self, changed: Changed) -> None:
        """Count an object, once for each outcome."""
        self.objects += 1
        self.changed += bool(changed.changes)
        self.told += bool(changed.changes or changed.crashed)
        self.crashed += len(changed.crashed)
        self.outcomes.update({change.outcome for change in changed.changes})

    @property
    def exit_code(self) -> int:
        """Give 2 where something could not be looked at, else 0."""
        return 2 if self.unreadable or self.crashed else 0

    @property
    def summary(self) -> str:
        """Say it in one line."""
        parts = [
            f"{counted(self.objects, 'object')} compared",
            f"{self.changed or 'none'} would change",
            *(f"{self.outcomes[outcome]} {WORDS[outcome]}" for outcome in Outcome if self.outcomes[outcome]),
            f"left out: {listed(self.left_out)}" if self.left_out else "",
            f"{self.unreadable} could not be read" if self.unreadable else "",
            f"{counted(self.crashed, 'rule')} could not be checked" if self.crashed else "",
        ]
        return "; ".join(part for part in parts if part)


class _Side(NamedTuple):
    job: Workload
    result: Defaulting
    found: Mapping[Key, Violation]
    crashed: tuple[str, ...]


def compare(document: Document, before: Judge, after: Judge) -> Changed:
    """Judge a Job or CronJob of a cluster as if it were made today, by two judges, and give the difference."""
    raw = document.value
    job = Workload(raw, request=Request(_applier(raw)))
    was, becomes = _side(job, before), _side(job, after)
    changes = (*_findings(was, becomes), *_defaults(was.result, becomes.result))
    crashed = tuple(dict.fromkeys((*was.crashed, *becomes.crashed)))
    return Changed(job.kind, message.quoted(job.namespace), message.quoted(job.name), changes, crashed)


def _applier(raw: object) -> str:
    """Name who would send it again, as far as the origin of fields depends on it."""
    managers = [mapping(entry).get("manager") for entry in sequence(lookup(raw, MANAGED_FIELDS))]
    return next((str(manager) for manager in managers if manager in CLIENT_SIDE_APPLIERS), "")


def _side(job: Workload, judge: Judge) -> _Side:
    result = defaults(job, judge.select)
    verdict = evaluate(result.job, result.selection)
    crashed = tuple(failure.clause.rule.key for failure in (*result.failures, *verdict.failures))
    return _Side(result.job, result, {violation.key: violation for violation in verdict.violations}, crashed)


def _findings(was: _Side, becomes: _Side) -> Iterator[Change]:
    for key, violation in becomes.found.items():
        so_far = was.found[key].action if key in was.found else None
        if so_far is not violation.action:
            yield _change(becomes.job, violation, so_far, violation.action)
    for key, violation in was.found.items():
        if key not in becomes.found:
            yield _change(was.job, violation, violation.action, None)


def _change(job: Workload, violation: Violation, was: Action | None, becomes: Action | None) -> Change:
    milder = becomes is None or (was is not None and STRENGTH[was] < STRENGTH[becomes])
    told = message.Told(job, violation)
    outcome = Outcome.EASED if milder or becomes is None else BY_ACTION[becomes]
    return Change(outcome, violation.rule, was, becomes, f"{told.statement} ({told.source})")


def _defaults(was: Defaulting, becomes: Defaulting) -> Iterator[Change]:
    old, fresh = _written(was), _written(becomes)
    for outcome, found, known in ((Outcome.DEFAULTED, fresh, old), (Outcome.NOT_DEFAULTED, old, fresh)):
        for place, (rule, text) in found.items():
            if place not in known:
                yield Change(outcome, rule, None, None, text)


def _written(result: Defaulting) -> Mapping[tuple[str, str], tuple[str, str]]:
    """Put what is written into words, by place and value."""
    return {
        (each.place, message.flow(each.default.value)): (each.clause.rule.key, message.written(each, done=False))
        for each in result.written
    }


def in_lines(changed: Changed) -> Iterable[str]:
    """Write an object's changes down for people."""
    yield f"{changed.kind} {changed.namespace}/{changed.name}"
    for change in changed.changes:
        if change.becomes is not None:
            so_far = f"{change.becomes} instead of {change.was}" if change.was is not None else f"{change.becomes}"
            yield f"  {so_far} {change.text}"
        elif change.was is not None:
            yield f"  no longer {change.was} {change.text}"
        else:
            yield f"  {'default' if change.outcome is Outcome.DEFAULTED else 'no longer default'} {change.text}"
    yield from (f"  error {line}" for line in message.unchecked(changed.crashed))

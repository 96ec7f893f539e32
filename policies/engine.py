"""Pure: judges an object by the clauses that concern it; it and ``defaulting``, which asks it, alone call rules."""

from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal
from itertools import product
from operator import attrgetter
from typing import TypeAlias

from msgspec import structs

from policies.clauses import Clause, Clauses, Question
from policies.fields import Path, child
from policies.rule import STRENGTH, Finding
from policies.selection import Selection
from policies.verdict import Before, Failure, Identity, Judgement, Key, Skip, Verdict, Violation
from policies.workload import Workload

Extent: TypeAlias = Callable[[Clauses], Mapping[str, tuple[Question, ...]]]
EVERYTHING: Extent = attrgetter("asked")
WHAT_WEIGHS: Extent = attrgetter("weighed")
WHAT_IS_REFUSED: Extent = attrgetter("refusable")


def evaluate(job: Workload, selection: Selection, before: Before | None = None, extent: Extent = EVERYTHING) -> Verdict:
    """Judge an object; on an update what the old object had already is known, and warns.

    So is what a rule finds that crashed on the old object: nobody knows better. A smaller ``extent`` leaves out what
    can neither deny nor be refused by the API server, or judges only what it may refuse.
    """
    judgements, skips, failures = _judge(job, selection, extent)
    if before is not None and judgements:
        was, _, broken = _judge(before.job, before.selection, extent)
        old, unsure = _by_clause(was), {failure.clause for failure in broken}
        judgements = [_ratchet(judgement, old, unsure) for judgement in judgements]
        failed = {failure.clause for failure in failures}
        failures += [failure for failure in broken if failure.clause not in failed]
    return Verdict(_unite(job, judgements), tuple(skips), tuple(failures))


def _judge(job: Workload, selection: Selection, extent: Extent) -> tuple[list[Judgement], list[Skip], list[Failure]]:
    judgements: list[Judgement] = []
    skips: list[Skip] = []
    failures = []
    facts = selection.facts
    for rule, params, clauses in extent(selection.clauses).get(job.kind, ()):
        try:
            findings = [*rule.check(job, params, facts)]
        except Exception as error:  # noqa: BLE001 - whatever a rule raises, the others still judge
            failures += [Failure(clause, error) for clause in clauses]
            continue
        for clause, finding in product(clauses, findings) if findings else ():
            exception, why = selection.claim(clause)
            if exception is not None:
                skips.append(Skip(clause, finding, exception))
            else:
                judgements.append(Judgement(clause, finding, job.place(finding.path), not_lifted=why))
    return judgements, skips, failures


def _by_clause(judgements: Iterable[Judgement]) -> Mapping[Identity, list[Finding]]:
    found: dict[Identity, list[Finding]] = {}
    for judgement in judgements:
        found.setdefault(judgement.identity, []).append(judgement.finding)
    return found


def _ratchet(judgement: Judgement, old: Mapping[Identity, list[Finding]], unsure: Collection[Clause]) -> Judgement:
    found = old.get(judgement.identity, ())
    known = judgement.clause in unsure or any(judgement.finding.as_bad_as(finding) for finding in found)
    return structs.replace(judgement, known=True) if known else judgement


def _unite(job: Workload, judgements: list[Judgement]) -> tuple[Violation, ...]:
    groups: dict[Key, list[Judgement]] = {}
    for judgement in judgements:
        groups.setdefault((judgement.clause.rule.key, judgement.place), []).append(judgement)
    violations = [
        Violation(tuple(sorted(group, key=_weight) if len(group) > 1 else group)) for group in groups.values()
    ]
    if len(violations) > 1:
        violations.sort(key=lambda violation: document_order(job.raw, violation.finding.path))
    return tuple(violations)


def document_order(raw: object, path: Path) -> list[int]:
    """Give a sort key that puts paths in the order of the document, missing fields after their siblings."""
    order = []
    for step in path:
        if type(raw) is dict:
            order.append([*raw].index(step) if step in raw else len(raw))
            raw = raw.get(step)
        else:
            order.append(step if type(step) is int else 0)
            raw = child(raw, step)
    return order


def _weight(judgement: Judgement) -> tuple[int, Decimal | float, int]:
    """Put the strongest action first, and the tightest bound: what cures that cures the others."""
    excess = judgement.finding.excess
    return STRENGTH[judgement.action], -excess[1] if excess else 0, judgement.clause.rank

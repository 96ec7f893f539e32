"""Pure: judges an object by the clauses that concern it, and works out which defaults to write. The only caller of a rule."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from msgspec import json, structs

from policies.fields import DEFAULTED_ANNOTATION, defaulted, document_order, place, put
from policies.rule import STRENGTH, Action, Default, Finding, Phase
from policies.selection import Clause, Selection
from policies.verdict import Before, Defaulting, Failure, Judgement, Key, Skip, Verdict, Violation, Written
from policies.workload import Workload

Select: TypeAlias = Callable[[Workload], Selection]
Accept: TypeAlias = Callable[[Workload, Workload, str], bool]
Identity: TypeAlias = tuple[str, str, str, str]


def evaluate(job: Workload, selection: Selection, before: Before | None = None) -> Verdict:
    """Judge an object; on an update what the old object had already is known, and warns."""
    judgements, skips, failures = _judge(job, selection)
    if before is not None and judgements:
        old = _by_clause(_judge(before.job, before.selection)[0])
        judgements = [_ratchet(judgement, old) for judgement in judgements]
    return Verdict(_unite(job, judgements), tuple(skips), tuple(failures))


def refusals(job: Workload, selection: Selection, before: Before | None = None) -> Verdict:
    """Judge only what the API server's own validation may refuse; where there is such a thing, everything."""
    risky = structs.replace(selection, clauses=tuple(clause for clause in selection.clauses if clause.rule.refusable))
    if any(violation.finding.refused for violation in evaluate(job, risky).violations):
        return evaluate(job, selection, before)
    return Verdict()


def _judge(job: Workload, selection: Selection) -> tuple[list[Judgement], list[Skip], list[Failure]]:
    judgements, skips, failures = [], [], []
    for clause in selection.clauses:
        if job.kind not in clause.rule.kinds:
            continue
        try:
            findings = list(clause.rule.check(job, clause.params, selection.facts))
        except Exception as error:  # noqa: BLE001 - whatever a rule raises, the others still judge
            failures.append(Failure(clause, error))
            continue
        if not findings:
            continue
        exception = selection.lifting(clause)
        if exception is not None:
            skips += [Skip(clause, finding, exception) for finding in findings]
        else:
            judgements += [Judgement(clause, finding, place(job.raw, finding.path)) for finding in findings]
    return judgements, skips, failures


def _by_clause(judgements: Iterable[Judgement]) -> Mapping[Identity, list[Finding]]:
    found: dict[Identity, list[Finding]] = {}
    for judgement in judgements:
        found.setdefault(_identity(judgement), []).append(judgement.finding)
    return found


def _identity(judgement: Judgement) -> Identity:
    policy = judgement.clause.policy
    return policy.namespace, policy.name, judgement.clause.rule.key, judgement.place


def _ratchet(judgement: Judgement, old: Mapping[Identity, list[Finding]]) -> Judgement:
    known = any(judgement.finding.as_bad_as(finding) for finding in old.get(_identity(judgement), ()))
    return structs.replace(judgement, known=True) if known else judgement


def _unite(job: Workload, judgements: list[Judgement]) -> tuple[Violation, ...]:
    groups: dict[Key, list[Judgement]] = {}
    for judgement in judgements:
        groups.setdefault((judgement.clause.rule.key, judgement.place), []).append(judgement)
    violations = [Violation(tuple(sorted(group, key=lambda each: STRENGTH[each.action]))) for group in groups.values()]
    return tuple(sorted(violations, key=lambda violation: document_order(job.raw, violation.finding.path)))


def defaults(job: Workload, select: Select, before: Before | None = None) -> Defaulting:
    """Work out which defaults to write; on an update only what cures a fault that the old object did not have.

    ``select`` is asked again once labels were written, since they may bring further policies. The common way writes the first
    candidate for each field and judges once; only where that would be denied for something new are they tried one by one.
    """
    cures = None
    if before is not None:
        cures = {violation.key for violation in evaluate(job, select(job), before).violations if not violation.known}
    offer = _Offer(select, cures)
    written, after = offer.write(job)
    verdict = None
    if written:
        verdict = evaluate(after, select(after), before)
        allowed = _denied(evaluate(job, select(job), before)) if _denied(verdict) else set()
        if not _improves(_denied(verdict), allowed, {each.place for each in written}):
            written, after = offer.write(job, lambda was, becomes, at: _improves(
                _denied(evaluate(becomes, select(becomes), before)), _denied(evaluate(was, select(was), before)), {at}))  # fmt: skip
            verdict = evaluate(after, select(after), before)
    return Defaulting(written, after, verdict, offer.audited(job, written), tuple(offer.failures))


def _denied(verdict: Verdict) -> set[Key]:
    return {violation.key for violation in verdict.having(Action.DENY)}


def _improves(after: set[Key], before: set[Key], written: set[str]) -> bool:
    """Whether nothing would be denied on the fields written, and nothing new elsewhere."""
    return after <= before and not any(at in written for _, at in after)


class _Offer:
    """The candidates for each field, and the writing of them."""

    def __init__(self, select: Select, cures: set[Key] | None) -> None:
        """Take how clauses are selected, and to which faults an update limits the defaults."""
        self.select = select
        self.cures = cures
        self.failures: list[Failure] = []

    def write(self, job: Workload, accept: Accept = lambda *_: True) -> tuple[tuple[Written, ...], Workload]:
        """Write the first acceptable candidate for each field; ``accept`` is given the object before, after, and the place."""
        written: list[Written] = []
        selection = self.select(job)
        for phase in Phase:
            for at, candidates in self._candidates(job, selection, phase).items():
                becomes = ((candidate, _write(job, candidate)) for candidate in candidates)
                chosen = next(((candidate, after) for candidate, after in becomes if accept(job, after, at)), None)
                if chosen is not None and chosen[1] is not job:
                    written.append(chosen[0])
                    job = chosen[1]
            if phase is Phase.LABELS and written:
                selection = self.select(job)
        return tuple(written), job

    def audited(self, job: Workload, written: Iterable[Written]) -> tuple[Written, ...]:
        """List what policies in Audit would write where nothing is written."""
        selection, taken = self.select(job), {each.place for each in written}
        if all(clause.action is not Action.AUDIT for clause in selection.clauses):
            return ()
        offers = [self._candidates(job, selection, phase, audit=True) for phase in Phase]
        return tuple(found[at][0] for found in offers for at in found if at not in taken)

    def _candidates(
        self, job: Workload, selection: Selection, phase: Phase, *, audit: bool = False
    ) -> Mapping[str, list[Written]]:
        """Collect what clauses want written into fields about which the user said nothing: by place, in order."""
        found: dict[str, list[Written]] = {}
        for clause in selection.clauses:
            rule = clause.rule
            if rule.defaults is None or rule.phase is not phase or job.kind not in rule.kinds:
                continue
            if (clause.action is Action.AUDIT) is audit and not _held_back(job, clause, selection):
                for default in self._defaults(job, clause, selection):
                    at = place(job.raw, default.path)
                    if self.cures is None or (rule.key, at) in self.cures:
                        found.setdefault(at, []).append(Written(clause, default, at))
        return found

    def _defaults(self, job: Workload, clause: Clause, selection: Selection) -> list[Default]:
        try:
            wanted = list(clause.rule.defaults(job, clause.params, selection.facts)) if clause.rule.defaults else []
        except Exception as error:  # noqa: BLE001 - whatever a rule raises, the others still write
            self.failures.append(Failure(clause, error))
            return []
        return [default for default in wanted if all(job.is_open(path) for path, _ in default.writes)]


def _held_back(job: Workload, clause: Clause, selection: Selection) -> bool:
    """Whether an exception, or an owner that knows better, keeps a clause's defaults out."""
    if clause.rule.stops_work and (job.controller is not None or selection.lifts_rule(clause.rule)):
        return True
    return selection.lifting(clause) is not None


def _write(job: Workload, candidate: Written) -> Workload:
    """Write a default and our note of it into a copy; the same object where nothing changes."""
    raw = job.raw
    for path, value in candidate.default.writes:
        raw = put(raw, path, value)
    if raw == job.raw:
        return job
    noted = {**defaulted(raw), **{place(raw, path): value for path, value in candidate.default.writes}}
    note = json.encode(noted, order="sorted").decode()
    raw = put(raw, ("metadata", "annotations", DEFAULTED_ANNOTATION), note)
    return Workload(raw, job.namespace, job.request)

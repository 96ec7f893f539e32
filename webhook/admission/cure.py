"""Pure: which of several cures for one fault to show first, where policies ask for different things."""

from collections.abc import Callable
from typing import Any

from policies.fields import put
from policies.rule import Action, Default
from policies.verdict import Key, Verdict, Violation
from policies.workload import Workload


def best_cure_first(job: Workload, judge: Callable[[Workload], Verdict], violation: Violation) -> Violation:
    """Put the finding first whose cure satisfies every policy that does as much about it: denies, or warns."""
    action = violation.action
    strongest = [judgement for judgement in violation.judgements if judgement.action is action]
    if all(judgement.finding.fix == strongest[0].finding.fix for judgement in strongest):
        return violation
    cured = (each for each in strongest if _cures(judge, job, each.finding.fix, (violation.key, action)))
    best = next(cured, strongest[0])
    return Violation((best, *(judgement for judgement in violation.judgements if judgement is not best)))


def _cures(judge: Callable[[Workload], Verdict], job: Workload, fix: Default | None, fault: tuple[Key, Action]) -> bool:
    if fix is None or not all(job.can_hold(path) for path, _ in fix.writes):
        return False
    raw: Any = job.raw
    for path, value in fix.writes:
        raw = put(raw, path, value)
    after = judge(job.rewritten(raw))
    return all((violation.key, violation.action) != fault for violation in after.violations)

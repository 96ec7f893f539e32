"""Pure: what a scan has found, in numbers; they grow with policies and rules, however many objects there are."""

from collections import Counter
from collections.abc import Iterable
from enum import IntEnum
from typing import TypeAlias

from policies.census import Name
from policies.objects import Policy
from policies.rule import Action
from webhook.audit.standing import Standing

Violations: TypeAlias = dict[Name, Counter[str]]
"""Of each policy, how many findings there are by each of its rules; 0 where there is none."""


class Rank(IntEnum):
    """The worst that is found of an object; where not all can be told, the first of these are."""

    FAIL = 0
    WARN = 1
    SKIP = 2
    PASS = 3
    UNJUDGED = 4


def rank(standing: Standing) -> Rank:
    """Say the worst of an object: a rule that broke counts as one that failed; UNJUDGED where no policy concerns it."""
    judged = standing.judged
    if judged.failures or any(violation.action is Action.DENY for violation in judged.verdict.violations):
        return Rank.FAIL
    if judged.verdict.violations or standing.consequences:
        return Rank.WARN
    if judged.verdict.skips:
        return Rank.SKIP
    return Rank.PASS if judged.result.selection.clauses.asked[judged.job.kind] else Rank.UNJUDGED


class Tally:
    """Counts standings; ``findings`` are by rule and result, ``consequences`` by kind, ``ranks`` are of objects.

    ``kept_bytes`` is the size of the finished Jobs that nothing will delete.
    """

    def __init__(self, policies: Iterable[Policy]) -> None:
        """Begin at none, for each policy."""
        self.violations: Violations = {(each.namespace, each.name): Counter() for each in policies}
        self.findings: Counter[tuple[str, str]] = Counter()
        self.consequences: Counter[str] = Counter()
        self.ranks: Counter[Rank] = Counter()
        self.kept_bytes = 0

    def add(self, standing: Standing) -> Rank:
        """Count one, and give its rank."""
        judged = standing.judged
        for violation in judged.verdict.violations:
            self.findings[violation.rule, "fail" if violation.action is Action.DENY else "warn"] += 1
            for judgement in violation.judgements:
                policy = judgement.clause.policy
                self.violations[policy.namespace, policy.name][violation.rule] += 1
        self.findings.update((skip.clause.rule.key, "skip") for skip in judged.verdict.skips)
        self.findings.update((failure.clause.rule.key, "error") for failure in judged.failures)
        for each in standing.consequences:
            self.consequences[each.kind] += 1
            self.kept_bytes += int(each.evidence.get("bytes", 0))
        found = rank(standing)
        self.ranks[found] += 1
        return found

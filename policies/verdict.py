"""Pure: what judging comes to. Every door, be it admission, a scan or a file check, hands these on in its own words."""

from typing import TypeAlias

from msgspec import Struct

from policies.clauses import Clause
from policies.objects import BatchPolicyException
from policies.rule import Action, Default, Finding
from policies.selection import Selection
from policies.workload import Workload

Key: TypeAlias = tuple[str, str]
"""Rule and place: what makes two findings the same fault."""
Identity: TypeAlias = tuple[str, str, str, str]
"""Policy, by namespace and name, rule and place: what makes a finding the same as one before an update."""


class Judgement(Struct, frozen=True):
    """A clause's finding.

    ``known`` where the object already had it before this update, so that it only warns; ``not_lifted`` says why an
    exception that names it does not hold.
    """

    clause: Clause
    finding: Finding
    place: str
    known: bool = False
    not_lifted: str = ""

    @property
    def identity(self) -> Identity:
        """Give what tells it from the judgements of other clauses on other places."""
        policy = self.clause.policy
        return policy.namespace, policy.name, self.clause.rule.key, self.place

    @property
    def action(self) -> Action:
        """Give what is done about it."""
        spared = self.known or self.finding.hint
        return Action.WARN if spared and self.clause.action is Action.DENY else self.clause.action


class Violation(Struct, frozen=True):
    """All judgements of one rule on one place, the strongest first."""

    judgements: tuple[Judgement, ...]

    @property
    def finding(self) -> Finding:
        """Give the strongest finding."""
        return self.judgements[0].finding

    @property
    def rule(self) -> str:
        """Give the rule's key."""
        return self.judgements[0].clause.rule.key

    @property
    def key(self) -> Key:
        """Give rule and place."""
        return self.rule, self.judgements[0].place

    @property
    def action(self) -> Action:
        """Give the strongest action."""
        return self.judgements[0].action

    @property
    def known(self) -> bool:
        """Whether the object had all of it before."""
        return all(judgement.known for judgement in self.judgements)


class Skip(Struct, frozen=True):
    """A finding that an exception lifts."""

    clause: Clause
    finding: Finding
    exception: BatchPolicyException


class Failure(Struct, frozen=True):
    """A rule crashed on this object: our bug, and not the user's outage."""

    clause: Clause
    error: Exception


class Verdict(Struct, frozen=True):
    """What the policies say of an object: violations in the order of the document."""

    violations: tuple[Violation, ...] = ()
    skips: tuple[Skip, ...] = ()
    failures: tuple[Failure, ...] = ()

    @property
    def denied(self) -> set[Key]:
        """Give rule and place of all that is denied."""
        return {violation.key for violation in self.having(Action.DENY)}

    def having(self, action: Action) -> list[Violation]:
        """List the violations about which this is done."""
        return [violation for violation in self.violations if violation.action is action]


class Written(Struct, frozen=True):
    """A default and the clause that wants it written."""

    clause: Clause
    default: Default
    place: str


class Defaulting(Struct, frozen=True):
    """What defaults come to: what is written, the object after it, what judges it then, and what Audit would write.

    ``verdict`` holds what weighs: what is denied, or refused by the API server. It is None where no field took a
    default: then nobody had to judge.
    """

    written: tuple[Written, ...]
    job: Workload
    selection: Selection
    verdict: Verdict | None = None
    audited: tuple[Written, ...] = ()
    failures: tuple[Failure, ...] = ()


class Before(Struct, frozen=True):
    """The object that an update replaces, and what it is judged by today."""

    job: Workload
    selection: Selection

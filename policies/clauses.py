"""Pure: the clauses that concern an object, sorted once by what is asked of them, for the many objects they judge."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias, get_args

from msgspec import Struct, json, structs

from policies.objects import Policy
from policies.rule import Action, Kind, Phase, Rule, RuleParams


class Clause(Struct, frozen=True, eq=False):
    """One rule of one policy, which is judged by itself; ``writes`` where it names a default."""

    policy: Policy
    rule: Rule[Any]
    params: RuleParams
    action: Action
    rank: int
    writes: bool
    question: tuple[str, bytes]

    @property
    def reason(self) -> str | None:
        """Give the admin's own words for why."""
        return self.params.reason


class Question(NamedTuple):
    """What clauses of several policies ask alike: a rule with the same parameters. It is put to an object once."""

    rule: Rule[Any]
    params: RuleParams
    clauses: tuple[Clause, ...]


ByPhase: TypeAlias = tuple[tuple[Clause, ...], ...]


class Clauses(NamedTuple):
    """Clauses in the order of their policies, and by what is asked of them.

    ``asked`` maps a kind of object to all its questions, ``weighed`` to those that may deny it or that the API server
    may refuse it for, ``refusable`` to the latter alone. By phase, ``writing`` holds the clauses that write a default,
    ``previewing`` those that would but for their action, which is Audit.
    """

    every: tuple[Clause, ...]
    asked: Mapping[str, tuple[Question, ...]]
    weighed: Mapping[str, tuple[Question, ...]]
    refusable: Mapping[str, tuple[Question, ...]]
    writing: ByPhase
    previewing: ByPhase


def clauses_of(policy: Policy, rank: int) -> tuple[Clause, ...]:
    """Take a policy apart; ``rank`` is its place among the policies."""
    return tuple(
        Clause(
            policy=policy,
            rule=rule,
            params=params,
            action=action,
            rank=rank,
            writes=rule.defaults is not None and params.has_default,
            question=(rule.key, json.encode(structs.replace(params, action=None, reason=None))),
        )
        for rule, params, action in policy.rules
    )


def sort(clauses: Iterable[Clause]) -> Clauses:
    """Sort clauses by what is asked of them."""
    every = tuple(sorted(clauses, key=lambda clause: clause.rank))
    refusable = [clause for clause in every if clause.rule.refusable]
    weighed = [clause for clause in every if clause.rule.refusable or clause.action is Action.DENY]
    writing = [clause for clause in every if clause.writes and clause.action is not Action.AUDIT]
    previewing = [clause for clause in every if clause.writes and clause.action is Action.AUDIT]
    return Clauses(
        every=every,
        asked=_questions(every),
        weighed=_questions(weighed),
        refusable=_questions(refusable),
        writing=_by_phase(writing),
        previewing=_by_phase(previewing),
    )


def _by_phase(clauses: list[Clause]) -> ByPhase:
    return tuple(tuple(clause for clause in clauses if clause.rule.phase is phase) for phase in Phase)


def _questions(clauses: Iterable[Clause]) -> Mapping[str, tuple[Question, ...]]:
    alike: dict[tuple[str, bytes], list[Clause]] = {}
    for clause in clauses:
        alike.setdefault(clause.question, []).append(clause)
    questions = [Question(found[0].rule, found[0].params, tuple(found)) for found in alike.values()]
    return {kind: tuple(each for each in questions if kind in each.rule.kinds) for kind in get_args(Kind)}

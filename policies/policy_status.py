"""Pure: what the status of a policy says, from what is known of it at one moment."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import structs

from policies.clauses import Clause, clauses_of
from policies.objects import CROWDED, Policy
from policies.rule import Action
from policies.status import Known, PolicyStatus, RuleStatus, Saying, conditions, counted, cut, invalid
from policies.strict import InvalidObjectError

READY: Final = "Ready"
DEFAULTS_ACTIVE: Final = "DefaultsActive"
MOST_RULES: Final = 64
MOST_NAME: Final = 64


def policy_status(policy: Policy, known: Known, before: PolicyStatus) -> PolicyStatus:
    """Say what a policy does; ``before`` is what its status says, which stands where nothing else is known."""
    clauses = clauses_of(policy, 0)
    if known.covered is None:
        known = structs.replace(known, covered=_covered(known, before))
    if known.crowded:  # then nothing is judged by it, and what was counted before is no more
        known, before = structs.replace(known, violations=None), structs.replace(before, violations=None, rules=())
    found, told = known.violations, {each.rule: each.violations for each in before.rules}
    ready = Saying(READY, "True", "InForce", "all of its rules are in force")
    if known.crowded:
        ready = Saying(READY, "False", "TooMany", CROWDED)
    return PolicyStatus(
        observed_generation=known.generation,
        rules_in_force=f"{0 if known.crowded else len(clauses)}/{len(clauses)}",
        namespaces=counted(known.namespaces, before.namespaces),
        workloads=counted(known.workloads, before.workloads),
        violations=counted(None if found is None else sum(found.values()), before.violations),
        rules=tuple(_rule(clause, known, told.get(clause.rule.key)) for clause in clauses),
        conditions=conditions([ready, *_defaults(clauses, known)], known, before.conditions),
    )


def faulty_policy_status(
    rules: Mapping[str, object], error: InvalidObjectError, known: Known, before: PolicyStatus
) -> PolicyStatus:
    """Say what is wrong with a policy that cannot be used; ``rules`` are as they are written."""
    wrong = dict(_by_rule((error, *error.others)))
    return PolicyStatus(
        observed_generation=known.generation,
        rules_in_force=f"0/{len(rules)}",
        rules=tuple(
            RuleStatus(rule=key[:MOST_NAME], in_force=False, message=cut(wrong[key]) if key in wrong else None)
            for key in [*rules][:MOST_RULES]
        ),
        conditions=conditions([invalid(READY, error)], known, before.conditions),
    )


def is_same(policy: Policy, other: Policy | None) -> bool:
    """Whether two policies ask for the same in every point."""
    return other is not None and structs.astuple(policy) == structs.astuple(other)


def _by_rule(faults: Iterable[InvalidObjectError]) -> Iterator[tuple[str, str]]:
    for fault in faults:
        match fault.path:
            case ("spec", "rules", str(key), *_):
                yield key, str(fault)
            case _:
                pass


def _covered(known: Known, before: PolicyStatus) -> bool | None:
    """Tell from the status of this very generation whether the API server asked for the defaults."""
    wanted = (DEFAULTS_ACTIVE, known.generation)
    said = [each.status for each in before.conditions if (each.type, each.observed_generation) == wanted]
    return {"True": True, "False": False}.get(said[0]) if said else None


def _rule(clause: Clause, known: Known, before: int | None) -> RuleStatus:
    active, found = None, known.violations
    if clause.writes:
        active = False if known.crowded or clause.action is Action.AUDIT else known.covered
    return RuleStatus(
        rule=clause.rule.key,
        in_force=not known.crowded,
        action=clause.action,
        defaults_active=active,
        violations=counted(None if found is None else found.get(clause.rule.key, 0), before),
        message=CROWDED if known.crowded else None,
    )


def _defaults(clauses: tuple[Clause, ...], known: Known) -> Iterator[Saying]:
    """Say of a policy that names defaults whether they are written."""
    writing = [clause for clause in clauses if clause.writes]
    if not writing:
        return
    if known.crowded:
        yield Saying(DEFAULTS_ACTIVE, "False", "TooMany", CROWDED)
    elif all(clause.action is Action.AUDIT for clause in writing):
        yield Saying(DEFAULTS_ACTIVE, "False", "Audit", "with the action Audit they are only reported")
    elif known.covered is None:
        yield Saying(DEFAULTS_ACTIVE, "Unknown", "Unknown", "no mutating webhook configuration of ours is known")
    elif known.covered:
        yield Saying(DEFAULTS_ACTIVE, "True", "Registered", "they are written")
    else:
        told = "the mutating webhook configuration does not ask for them yet"
        yield Saying(DEFAULTS_ACTIVE, "False", "NotRegistered", told)

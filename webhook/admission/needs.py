"""Where the mutating webhook may have something to say, in CEL: of more objects than need be, never of fewer. Pure.

What it says is a default, whatever the action, or a warning or denial of what the API server is about to refuse. Each
begins with something that a policy finds in the object as it came: a field of ``Rule.gaps`` that is open, or what
``Rule.refusable`` tells of. Only that is asked here, and not who sent it, which labels its namespace has, what an
exception or a LimitRange says, or what stood there before an update.

An expression that fails is a webhook that is not called, under ``failurePolicy: Ignore``: so each holds for objects
that lack optional fields. And who was passed over is not asked once more where a webhook after it changes the object:
validation then finds what that one left open. Sources: ``Match`` in k8s.io/apiserver
pkg/admission/plugin/webhook/matchconditions/matcher.go, ``Dispatch`` in mutating/dispatcher.go beside it
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from msgspec import json

from policies.cel import quote
from policies.clauses import clauses_of
from policies.defaulting import MOST_CONTAINERS
from policies.fields import NOTHING
from policies.objects import Policy
from policies.rule import Action, Gap
from policies.server_defaults import CRON_JOB_SPEC_DEFAULTS, JOB_SPEC_DEFAULTS, POD_SPEC_DEFAULTS

# Characters. cel-go parses at most 100,000 (ExpressionSizeCodePointLimit), and one object may cost 1,000,000 units, or
# 2,500,000 under all conditions of a webhook (PerCallLimit and RuntimeCELCostBudgetMatchConditions in k8s.io/apiserver
# pkg/apis/cel/config.go): a unit is some ten characters, and may be asked of every container. The first request after
# a change waits until all is compiled: under half a second for as many.
MOST: Final = 16_384
HOLDERS: Final = {"metadata": "object.metadata", "cronJob": "object.spec"}
FILLED: Final = {"cronJob": CRON_JOB_SPEC_DEFAULTS, "job": JOB_SPEC_DEFAULTS, "pod": POD_SPEC_DEFAULTS}
BINDINGS: Final = {
    "job": "request.kind.kind == 'CronJob' ? object.spec.?jobTemplate.?spec.orValue({}) : object.spec",
    "pod": "job.?template.?spec.orValue({})",
    "owned": "object.metadata.?ownerReferences.orValue([]).exists(owner, owner.?controller.orValue(false))",
    "ofCronJob": "object.metadata.?ownerReferences.orValue([]).exists(owner, owner.?kind.orValue('') == 'CronJob')",
    # no longer than it takes to read it cheaply: what matches nothing stands for what is longer
    "schedule": "size(object.spec.?schedule.orValue('')) > 999 ? '\\u2026' : object.spec.?schedule.orValue('')",
    # null where a manifest has none at all
    "containers": "(has(pod.containers) && pod.containers != null ? pod.containers : [])"
    " + pod.?initContainers.orValue([])",
}


class Term(NamedTuple):
    """Something that may have to be said; ``each`` where it is asked of each container."""

    expression: str
    each: bool = False


class Scope(NamedTuple):
    """Where a policy holds, as far as it can be asked cheaply: in a namespace, empty for all, and for which labels."""

    namespace: str = ""
    labels: tuple[tuple[str, str], ...] = ()


Asked: TypeAlias = Mapping[Scope, frozenset[Term]]
EVERYWHERE: Final = Scope()
ALWAYS: Final = frozenset({Term("true")})


def mutation_condition(policies: Sequence[Policy]) -> str:
    """Write what is true of every object that ``mutate`` would answer with anything but a bare yes.

    The same policies in any order give the same text. Where that grows too long, it no longer asks what a namespace's
    own policies look for, nor for labels; then, not for namespaces either; where it is too long even so, it is empty.
    So it is where a rule writes and names no gaps.
    """
    if any(clause.writes and not clause.rule.gaps for policy in policies for clause in clauses_of(policy, 0)):
        return ""
    exact = _unite((_scope(policy), frozenset(_terms(policy))) for policy in policies)
    rough = _unite((Scope(scope.namespace), ALWAYS if scope.namespace else terms) for scope, terms in exact.items())
    wide = _unite((EVERYWHERE, terms) for terms in exact.values())
    return next((text for text in map(_write, (exact, rough, wide)) if len(text) <= MOST), "")


def _scope(policy: Policy) -> Scope:
    return Scope(policy.namespace, tuple(sorted(policy.object_selector.match_labels.items())))


def _terms(policy: Policy) -> Iterator[Term]:
    for clause in clauses_of(policy, 0):
        rule = clause.rule
        for gap in rule.gaps(clause.params) if clause.writes and rule.gaps else ():
            if gap.value is not None:
                kinds = ("CronJob",) if gap.path[0] == "cronJob" else rule.kinds
                held_back = "!owned" if rule.stops_work else ""
                yield Term(_all(kinds, held_back, gap.where, _open(gap)), each=gap.path[0] == "container")
        if rule.refusable and clause.action is not Action.AUDIT:
            yield Term(_all(rule.kinds, rule.refusable))


def _all(kinds: tuple[str, ...], *demands: str) -> str:
    kind = f"request.kind.kind == {quote(kinds[0])}" if len(kinds) == 1 else ""
    return " && ".join(filter(None, (kind, *demands)))


def _open(gap: Gap) -> str:
    """Write that nothing stands in a field, or what the API server may have filled in; what is wanted may stay."""
    holder, *steps = gap.path
    field = HOLDERS.get(holder, holder) + "".join(f"[?{quote(step)}]" for step in steps)
    filled = FILLED.get(holder, NOTHING).get(".".join(steps))
    literal = json.encode(filled).decode()
    return f"!{field}.hasValue()" if filled in (None, gap.value) else f"{field}.orValue({literal}) == {literal}"


def _unite(asked: Iterator[tuple[Scope, frozenset[Term]]]) -> Asked:
    """Collect what is asked in each scope, less what is asked everywhere."""
    united: dict[Scope, frozenset[Term]] = {}
    for scope, terms in asked:
        united[scope] = united.get(scope, frozenset()) | terms
    common = united.pop(EVERYWHERE, frozenset())
    rest = {scope: terms - common for scope, terms in united.items()}
    return {scope: terms for scope, terms in {EVERYWHERE: common, **rest}.items() if terms}


def _write(asked: Asked) -> str:
    namespaces: dict[tuple[tuple[tuple[str, str], ...], frozenset[Term]], list[str]] = {}
    for scope, terms in asked.items():
        namespaces.setdefault((scope.labels, terms), []).append(scope.namespace)
    parts = sorted(_guard(labels, among) + _any(terms) for (labels, terms), among in namespaces.items())
    condition = " || ".join(parts)
    for name, value in reversed(BINDINGS.items()):
        if re.search(rf"\b{name}\b", condition):  # each costs the API server about as much as a term
            condition = f"[{value}].exists({name}, {condition})"
    return condition or "false"


def _guard(labels: tuple[tuple[str, str], ...], namespaces: list[str]) -> str:
    guard = ""
    if "" not in namespaces:
        guard = f"request.namespace in [{', '.join(map(quote, sorted(namespaces)))}] && "
    if labels:  # those of the CronJob that owns a Job count as well
        own = [f"object.metadata.?labels[?{quote(key)}].orValue('') == {quote(value)}" for key, value in labels]
        guard += f"({' && '.join(own)} || ofCronJob) && "
    return guard


def _any(terms: frozenset[Term]) -> str:
    plain, each = (sorted(term.expression for term in terms if term.each is kind) for kind in (False, True))
    if each:  # of an object with more containers nothing is defaulted
        plain.append(f"size(containers) <= {MOST_CONTAINERS} && containers.exists(container, {' || '.join(each)})")
    return f"({' || '.join(plain)})"

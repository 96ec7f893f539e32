"""Which clauses and exceptions concern an object. Pure, save for a memo of what was already worked out.

A ``Snapshot`` is everything that decides, at one moment; it is never changed, only replaced whole.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

from msgspec import Struct

from policies.clauses import Clause, Clauses, clauses_of, sort
from policies.fields import NOTHING
from policies.globs import matches
from policies.objects import BatchPolicyException, Exclude, Policy
from policies.rule import Facts, LimitRange, Rule
from policies.workload import Workload


class Subject(Struct, frozen=True):
    """Who sends a request, as far as a policy's ``exclude`` asks; a file and a scan have none."""

    user: str = ""
    groups: tuple[str, ...] = ()


NOBODY = Subject()
NO_FACTS = Facts()
NO_OWNERS: Mapping[tuple[str, str], Mapping[str, str]] = {}
# https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name
NAME_LABEL = "kubernetes.io/metadata.name"


class Selection(Struct, frozen=True):
    """What one object is judged by: its clauses, the exceptions it may claim, and what rules may know beside it."""

    clauses: Clauses
    facts: Facts
    exceptions: tuple[BatchPolicyException, ...] = ()
    at: datetime | None = None

    def claim(self, clause: Clause) -> tuple[BatchPolicyException | None, str]:
        """Find the exception that lifts a clause, or say why one that names it does not; empty where there is none."""
        if not self.exceptions or self.at is None:
            return None, ""
        why_not = ""
        for exception in self.exceptions:
            if exception.names(clause.rule.key, clause.policy):
                why_inert = exception.why_inert(clause.policy, self.at)
                if why_inert is None:
                    return exception, ""
                why_not = why_not or f"Exception {exception.metadata.name}: {why_inert}"
        return None, why_not

    def lifting(self, clause: Clause) -> BatchPolicyException | None:
        """Find the exception that lifts a clause."""
        return self.claim(clause)[0]

    def lifts_rule(self, rule: Rule[Any]) -> bool:
        """Whether any exception lifts this rule of any policy here."""
        return bool(self.exceptions) and any(
            clause.rule is rule and self.lifting(clause) for clause in self.clauses.every
        )


class Conditional(Struct, frozen=True):
    """A policy that asks for labels of the object, or excludes somebody, with its clauses."""

    policy: Policy
    clauses: tuple[Clause, ...]
    rank: int

    def binds(self, labels: Mapping[str, Any], subject: Subject) -> bool:
        """Whether it concerns an object with these labels, sent by this subject."""
        return self.policy.object_selector.matches(labels) and not _excluded(self.policy.exclude, subject)


class Scope(NamedTuple):
    """The policies that concern a namespace, sorted by how much must be asked before they apply.

    ``met`` remembers what was sorted for the ranks of the conditional policies that were found to apply together.
    """

    always: tuple[Clause, ...]
    by_label: Mapping[tuple[str, str], list[Conditional]]
    others: tuple[Conditional, ...]
    met: dict[tuple[int, ...], Clauses]

    def clauses(self, labels: Iterable[Mapping[str, Any]], subject: Subject) -> Clauses:
        """Collect the clauses for an object that has several sets of labels, each of which may meet a selector."""
        binding: dict[int, Conditional] = {}
        if self.by_label or self.others:
            binding = {each.rank: each for own in labels for each in self._asked(own) if each.binds(own, subject)}
        ranks = tuple(sorted(binding))
        found = self.met.get(ranks)
        if found is None:
            if len(self.met) >= MOST_MET:
                self.met.clear()
            met = (clause for each in binding.values() for clause in each.clauses)
            found = self.met[ranks] = sort((*self.always, *met))
        return found

    def _asked(self, labels: Mapping[str, Any]) -> Iterable[Conditional]:
        if not self.by_label:
            return self.others
        return chain(self.others, *(self.by_label.get(pair, ()) for pair in labels.items()))


MOST_MET = 64  # combinations of conditional policies remembered for each scope: tenants choose the labels
MEMO = 20_000  # scopes remembered; namespaces are few, but anybody who reaches the port may name one


class Near:
    """Policies by name, for the many exceptions that name some."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        """Sort them."""
        self._by_name: dict[str, list[Policy]] = {}
        for policy in policies:
            self._by_name.setdefault(policy.name, []).append(policy)

    def named_by(self, exception: BatchPolicyException) -> list[Policy]:
        """List the policies that an exception names, of the cluster and of its namespace."""
        named = (self._by_name.get(name, ()) for name in dict.fromkeys(exception.spec.policies))
        homes = {"", exception.metadata.namespace}
        return [policy for found in named for policy in found if policy.namespace in homes]


class Snapshot:
    """Policies, exceptions, and what is known of namespaces: name to labels, and name to what its LimitRanges say.

    ``owners`` are CronJobs, from namespace and uid to labels: a Job that one of them made is matched by these as well.
    """

    def __init__(
        self,
        policies: Iterable[Policy] = (),
        exceptions: Iterable[BatchPolicyException] = (),
        namespaces: Mapping[str, Mapping[str, str]] = NOTHING,
        limit_ranges: Mapping[str, LimitRange] = NOTHING,
        owners: Mapping[tuple[str, str], Mapping[str, str]] = NO_OWNERS,
    ) -> None:
        """Sort the policies: a namespace's own first, then the cluster's, which is the order of defaults."""
        self.policies = tuple(sorted(policies, key=lambda each: (not each.namespace, each.namespace, each.name)))
        self.namespaces, self.owners = namespaces, owners
        self._facts = {name: Facts(limits) for name, limits in limit_ranges.items()}
        self.exceptions = tuple(exceptions)
        exceptions_by_home: dict[str, list[BatchPolicyException]] = {}
        for exception in self.exceptions:
            exceptions_by_home.setdefault(exception.metadata.namespace, []).append(exception)
        self._exceptions = {home: tuple(found) for home, found in exceptions_by_home.items()}
        self._conditionals = [
            Conditional(policy, clauses_of(policy, rank), rank) for rank, policy in enumerate(self.policies)
        ]
        self._scopes: dict[str, Scope] = {}

    def binding(self, namespace: str) -> tuple[Policy, ...]:
        """List the policies that concern a namespace, whatever the object."""
        return tuple(each.policy for each in self._concerning(namespace))

    def facts(self, namespace: str) -> Facts:
        """Give what rules may know of a namespace."""
        return self._facts.get(namespace, NO_FACTS)

    def select(self, job: Workload, subject: Subject = NOBODY, at: datetime | None = None) -> Selection:
        """Collect what an object is judged by; without a moment no exception counts."""
        labels = self._labels(job)
        exceptions = self._exceptions.get(job.namespace, ())
        if exceptions:
            exceptions = tuple(each for each in exceptions if any(each.spec.selector.matches(own) for own in labels))
        return Selection(self.scope(job.namespace).clauses(labels, subject), self.facts(job.namespace), exceptions, at)

    def remarks(self) -> Iterator[str]:
        """Say which exceptions name a policy that is not here, or a rule that no policy they name has."""
        near = Near(self.policies)
        for exception in self.exceptions:
            home = f"{exception.metadata.namespace}/{exception.metadata.name}"
            for _, text in exception.unmet(near.named_by(exception)):
                yield f"exception {home}: {text}"

    def scope(self, namespace: str) -> Scope:
        """Sort the policies that concern a namespace; one that is not known exists without labels."""
        scope = self._scopes.get(namespace)
        if scope is None:
            if len(self._scopes) >= MEMO:
                self._scopes.clear()
            scope = self._scopes[namespace] = _scope(self._concerning(namespace))
        return scope

    def _labels(self, job: Workload) -> tuple[Mapping[str, Any], ...]:
        """Give the labels that may meet a selector: the object's own, and those of the CronJob that made it."""
        owner = job.controller if self.owners else None
        if owner is None or owner.get("kind") != "CronJob":
            return (job.labels,)
        theirs = self.owners.get((job.namespace, str(owner.get("uid"))))
        return (job.labels,) if theirs is None else (job.labels, theirs)

    def _concerning(self, namespace: str) -> list[Conditional]:
        labels = {**self.namespaces.get(namespace, NOTHING), NAME_LABEL: namespace}
        return [
            each
            for each in self._conditionals
            if each.policy.namespace in ("", namespace) and each.policy.namespace_selector.matches(labels)
        ]


def _scope(concerning: Iterable[Conditional]) -> Scope:
    always: list[Clause] = []
    by_label: dict[tuple[str, str], list[Conditional]] = {}
    others = []
    for each in concerning:
        wanted = each.policy.object_selector
        if wanted.match_labels:
            by_label.setdefault(next(iter(wanted.match_labels.items())), []).append(each)
        elif wanted.match_expressions or each.policy.exclude != Exclude():
            others.append(each)
        else:
            always.extend(each.clauses)
    return Scope(tuple(always), by_label, tuple(others), {})


def _excluded(exclude: Exclude, subject: Subject) -> bool:
    if subject == NOBODY:
        return False
    return matches(subject.user, exclude.users) or any(matches(group, exclude.groups) for group in subject.groups)

"""Pure: how many namespaces and workloads each policy selects, and how many each exception covers."""

from collections import Counter
from collections.abc import Iterable
from typing import TypeAlias

from msgspec import json

from policies.objects import BatchPolicyException, Policy
from policies.selection import NAME_LABEL, Selection, Snapshot
from policies.workload import Workload

Name: TypeAlias = tuple[str, str]
"""Namespace, empty for what is the cluster's, and name."""


class Census:
    """Counts in the namespaces that a snapshot knows, for the policies and exceptions that it holds.

    ``namespaces`` and ``selected`` are of policies, ``covered`` is of exceptions: those that are selected and bound by
    a rule that the exception names, be it in force or not. It grows with these alone, however many are counted.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        """Count the namespaces."""
        self._snapshot = snapshot
        self.namespaces = _namespaces(snapshot)
        self.selected = dict.fromkeys(self.namespaces, 0)
        self.covered = {(each.metadata.namespace, each.metadata.name): 0 for each in snapshot.exceptions}

    def take(self, jobs: Iterable[Workload]) -> None:
        """Count some more; all that are bound by the same clauses at one blow."""
        alike: dict[int, list[Selection]] = {}
        for job in jobs:
            if job.namespace in self._snapshot.namespaces:
                found = self._snapshot.select(job)
                alike.setdefault(id(found.clauses), []).append(found)
        for group in alike.values():
            self._count(group)

    def _count(self, alike: list[Selection]) -> None:
        bound = {(clause.policy.name, clause.rule.key) for clause in alike[0].clauses.every}
        for name in {_name(clause.policy) for clause in alike[0].clauses.every}:
            self.selected[name] += len(alike)
        claimed = [exception for selection in alike for exception in selection.exceptions]
        number = Counter(id(exception) for exception in claimed)
        for exception in {id(each): each for each in claimed}.values():
            if _names_any(exception, bound):
                self.covered[exception.metadata.namespace, exception.metadata.name] += number[id(exception)]


def _name(policy: Policy) -> Name:
    return policy.namespace, policy.name


def _names_any(exception: BatchPolicyException, bound: set[tuple[str, str]]) -> bool:
    return any((policy, rule) in bound for policy in exception.spec.policies for rule in exception.spec.rules)


def _namespaces(snapshot: Snapshot) -> dict[Name, int]:
    """Count the namespaces of each policy; policies with the same selector ask once."""
    met: dict[bytes, int] = {}
    counted = {}
    for policy in snapshot.policies:
        if policy.namespace:
            counted[_name(policy)] = int(policy.namespace in snapshot.namespaces)
            continue
        selector = json.encode(policy.namespace_selector)
        if selector not in met:
            named = ({**labels, NAME_LABEL: name} for name, labels in snapshot.namespaces.items())
            met[selector] = sum(map(policy.namespace_selector.matches, named))
        counted[_name(policy)] = met[selector]
    return counted

"""Pure: what the page shows, gathered one object at a time: sums over all of them, and the worst ones whole."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, tzinfo
from heapq import heappop, heappush
from operator import attrgetter
from typing import Final, NamedTuple, TypeAlias

from msgspec import Struct, field

from policies.catalog import rules, summary
from webhook.audit.entries import MANIFEST, Entry, Result
from webhook.audit.formats.html.agenda import Agenda
from webhook.audit.formats.html.grade import COSTS, Grade, costs
from webhook.audit.runs.consequences import CONSEQUENCES
from webhook.files import Unreadable

MOST_FINDINGS: Final = 20_000
MOST_OF_ONE: Final = 500  # findings of one object
MOST_OFFENDERS: Final = 10
MOST_GROUPS: Final = 200
MOST_UNREADABLE: Final = 200
OUTCOMES: Final = ("Deny", "Warn", "Audit", "skip", "consequence")

Heap: TypeAlias = list[tuple[int, int, "Shown"]]


class Group(Struct):
    """What was found of objects that have something in common; ``points`` are those that they lose."""

    name: str
    objects: int = 0
    faulty: int = 0
    points: int = 0
    grade: Grade = field(default_factory=Grade)
    outcomes: Counter[str] = field(default_factory=Counter)


class RuleCount(Struct):
    """How often a rule is broken, or how often something has come of objects."""

    rule: str
    about: str
    severity: str
    category: str
    is_rule: bool
    objects: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)


class Shown(NamedTuple):
    """An object as it is shown: what is found of it, and how many findings of it are too many to be shown."""

    entry: Entry
    told: tuple[Result, ...]
    more: int
    points: int

    @property
    def size(self) -> int:
        """Give how much there is to show."""
        return len(self.told) + len(self.entry.notes) + len(self.entry.crashed)


class Gathering:
    """Takes what a report goes through; ``told`` counts all findings, ``cut`` those that are too many to be shown."""

    def __init__(self, at: datetime, zone: tzinfo) -> None:
        """Begin with nothing."""
        self.agenda = Agenda(at, zone)
        self.grade = Grade()
        self.cron_jobs, self.told, self.unread = 0, 0, 0
        self.unreadable: list[Unreadable] = []
        self.severities: dict[str, Counter[str]] = {severity: Counter() for severity in COSTS}
        self._namespaces: dict[str, Group] = {}
        self._owners: dict[str, Group] = {}
        self._rule_counts: dict[tuple[bool, str], RuleCount] = {}
        self._heap: Heap = []
        self._room = MOST_FINDINGS

    def add(self, found: Entry | Unreadable) -> None:
        """Take one into account."""
        if isinstance(found, Unreadable):
            self.unread += 1
            if len(self.unreadable) < MOST_UNREADABLE:
                self.unreadable.append(found)
            return
        told = found.told
        cost = costs(found)
        self.grade.add(cost)
        for groups, name in ((self._namespaces, found.namespace), (self._owners, found.owner)):
            self._group(groups.setdefault(name, Group(name)), told, cost)
        self._count_rules(told)
        self.told += len(told)
        if found.timing is not None:
            self.cron_jobs += 1
            self.agenda.add(found.namespace, found.name, found.timing)
        if told or found.notes or found.crashed:
            self._keep(Shown(found, told[:MOST_OF_ONE], len(told[MOST_OF_ONE:]), cost.total()))

    @property
    def shown(self) -> list[Shown]:
        """List the objects that are shown, the worst first."""
        by_name = sorted((shown for *_, shown in self._heap), key=lambda each: (each.entry.namespace, each.entry.name))
        return sorted(by_name, key=attrgetter("points"), reverse=True)

    @property
    def cut(self) -> int:
        """Give how many findings are not shown."""
        return self.told - sum(len(shown.told) for *_, shown in self._heap)

    @property
    def namespaces(self) -> list[Group]:
        """List the namespaces, those that lose most first."""
        return _worst(self._namespaces.values())

    @property
    def owners(self) -> list[Group]:
        """List the owners, if any is known."""
        return _worst(self._owners.values()) if self._owners.keys() - {""} else []

    @property
    def rule_counts(self) -> list[RuleCount]:
        """List the rules that are broken, then what has come of objects, the most frequent first."""
        return sorted(
            self._rule_counts.values(), key=lambda each: (not each.is_rule, -each.outcomes.total(), each.rule)
        )

    def _group(self, group: Group, told: Iterable[Result], cost: Counter[str]) -> None:
        group.objects += 1
        group.faulty += bool(cost)
        group.points += cost.total()
        group.grade.add(cost)
        group.outcomes.update(result.outcome for result in told)

    def _count_rules(self, told: tuple[Result, ...]) -> None:
        for result in told:
            key = result.evidence is None, result.rule
            if key not in self._rule_counts:
                self._rule_counts[key] = RuleCount(
                    result.rule, _about(result), result.severity, result.category, is_rule=result.evidence is None
                )
            self._rule_counts[key].outcomes[result.outcome] += 1
            self.severities[result.severity][result.outcome] += 1
        for key in {(result.evidence is None, result.rule) for result in told}:
            self._rule_counts[key].objects += 1

    def _keep(self, shown: Shown) -> None:
        """Keep an object, and drop the least bad ones where there are too many findings; the later of two alike."""
        heappush(self._heap, (shown.points, -self.grade.objects, shown))
        self._room -= shown.size
        while self._room < 0:
            *_, dropped = heappop(self._heap)
            self._room += dropped.size


def _worst(groups: Iterable[Group]) -> list[Group]:
    return sorted(groups, key=lambda group: (-group.points, -group.outcomes.total(), group.name))


def _about(result: Result) -> str:
    if result.evidence is not None:
        return CONSEQUENCES[result.rule].summary
    if result.rule == MANIFEST:
        return "The API server takes it as it is written."
    return summary(rules()[result.rule]).replace("`", "")

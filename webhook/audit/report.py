"""Pure: what a look at manifests comes to, told one object at a time and counted on the way. Formats write it down."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

from policies.fields import mapping
from policies.rule import SEVERITIES, STRENGTH, Action
from webhook.admission import message
from webhook.audit.denials import Denial
from webhook.audit.entries import Entry, Owners, Result, tell
from webhook.audit.runs.history import History
from webhook.audit.scan import Judged, LeftOut
from webhook.audit.standing import Standing
from webhook.files import Document, Unreadable


class Grant(NamedTuple):
    """An exception, for those who ask who is let off; ``covers`` is how many of the objects looked at it lets off."""

    namespace: str
    name: str
    policies: tuple[str, ...]
    rules: tuple[str, ...]
    reason: str
    owner: str
    expires_at: datetime
    state: str
    covers: int = 0


class Context(NamedTuple):
    """What is told beside the objects: of which cluster or files, by which policies, who is let off, who was refused.

    ``missing`` says, a sentence each, what could not be learnt.
    """

    title: str
    policies: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()
    denials: tuple[Denial, ...] = ()
    missing: tuple[str, ...] = ()


class Missing(NamedTuple):
    """What could not be learnt, in a sentence; what else there is to tell is whole without it."""

    what: str


class Grouping(StrEnum):
    """By what findings can be put together."""

    NAMESPACE = "namespace"
    RULE = "rule"
    OWNER = "owner"
    SEVERITY = "severity"

    def of(self, entry: Entry, result: Result) -> str:
        """Name the group of a finding; empty where nobody is known to own the object."""
        match self:
            case Grouping.NAMESPACE:
                return entry.namespace
            case Grouping.RULE:
                return result.rule
            case Grouping.OWNER:
                return entry.owner
            case Grouping.SEVERITY:
                return result.severity

    def rank(self, group: str) -> tuple[int, str]:
        """Give the place of a group among others: severities by weight, the rest by name."""
        return (SEVERITIES.index(group) if self is Grouping.SEVERITY else 0, group)


class Options(NamedTuple):
    """What a report tells beside the objects, by what it is grouped, if it is, how owners are found, and its zone."""

    context: Context = Context("")
    group_by: Grouping | None = None
    owners: Owners = Owners()
    zone: tzinfo = UTC


PLAIN: Final = Options()


Found: TypeAlias = Standing | Judged | Document | LeftOut | Unreadable | Missing
"""What was judged, is of another kind, is not judged by itself, cannot be read, or could not be learnt beside it."""


class Report:
    """What was found at a moment, to be gone through once; the counts are whole at the end.

    ``fail_on`` is the weakest action that counts as failing; None: none does. ``why_url`` is a page whose anchors are
    the names of rules.
    """

    def __init__(
        self, found: Iterable[Found], at: datetime, fail_on: Action | None, why_url: str = "", options: Options = PLAIN
    ) -> None:
        self._found = found
        self._fail_on = fail_on
        self._options = options
        self._missing: dict[str, None] = {}
        self._covers: Counter[tuple[str, str]] = Counter()
        self.at = at
        self.why_url = why_url
        self.objects = 0
        self.actions: Counter[Action] = Counter()
        self.rules: dict[str, None] = {}
        self.contacts: dict[str, None] = {}
        self.excepted, self.failing, self.unreadable, self.crashed = 0, 0, 0, 0
        self.consequences: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Entry | Unreadable]:
        for found in self.pairs():
            yield found if isinstance(found, Unreadable) else found[0]

    def pairs(self) -> Iterator[tuple[Entry, Standing] | Unreadable]:
        """Go through it as by iteration, for those who put what was judged into words of their own."""
        for found in self._found:
            match found:
                case Judged() | Standing():
                    standing = Standing(found, History()) if isinstance(found, Judged) else found
                    entry = tell(standing, self._options.owners)
                    self._count(entry)
                    yield entry, standing
                case Unreadable():
                    self.unreadable += 1
                    yield found
                case Missing():
                    self._missing.setdefault(found.what)
                case LeftOut():
                    self.left_out[found.why] += 1
                case Document():
                    self.skipped[_kind(found)] += 1

    @property
    def group_by(self) -> Grouping | None:
        """By what to group, if by anything."""
        return self._options.group_by

    @property
    def zone(self) -> tzinfo:
        """Give the zone in which people are told when things happen; programs read UTC."""
        return self._options.zone

    @property
    def context(self) -> Context:
        """Give what is told beside the objects; how many each exception lets off, and what is missing, at the end."""
        found = self._options.context
        grants = (each._replace(covers=self._covers[each.namespace, each.name]) for each in found.grants)
        return found._replace(grants=tuple(grants), missing=(*found.missing, *self._missing))

    def fails(self, result: Result) -> bool:
        """Whether a finding is one that should stop what comes next; what has come of an object is none."""
        weakest, is_open = self._fail_on, result.skip is None and result.evidence is None
        return weakest is not None and is_open and STRENGTH[result.action] <= STRENGTH[weakest]

    @property
    def looked(self) -> bool:
        """Whether all could be looked at."""
        return not (self.unreadable or self.crashed)

    @property
    def exit_code(self) -> int:
        """Give 2 where something could not be looked at, 1 where something failed, else 0."""
        return int(self.failing > 0) if self.looked else 2

    @property
    def summary(self) -> str:
        """Say in one line what was looked at and what was found."""
        found = [f"{self.actions[action]} {action}" for action in Action if self.actions[action]]
        parts = [
            f"{counted(self.objects, 'object')} checked",
            counted(sum(self.actions.values()), "finding") + (f" ({', '.join(found)})" if found else ""),
            f"{self.excepted} let off by exceptions" if self.excepted else "",
            counted(self.consequences.total(), "consequence") if self.consequences else "",
            f"skipped: {listed(self.skipped)}" if self.skipped else "",
            f"left out: {listed(self.left_out)}" if self.left_out else "",
            f"{self.unreadable} could not be read" if self.unreadable else "",
            f"{counted(self.crashed, 'rule')} could not be checked" if self.crashed else "",
        ]
        return "; ".join(part for part in parts if part)

    def _count(self, entry: Entry) -> None:
        self.objects += 1
        self.crashed += len(entry.crashed)
        self.consequences.update(each.kind for each in entry.consequences)
        for result in entry.results:
            if result.skip is not None:
                continue
            self.actions[result.action] += 1
            self.failing += self.fails(result)
            self.rules.setdefault(result.rule)
            self.contacts.update(dict.fromkeys(result.contacts))
        metadata = [result.skip.exception.metadata for result in entry.results if result.skip is not None]
        self.excepted += len(metadata)
        self._covers.update({(each.namespace, each.name) for each in metadata})


def listed(counts: Counter[str]) -> str:
    """Say how many there are of each, the most first."""
    return ", ".join(f"{count} {word}" for word, count in counts.most_common())


def counted(number: int, noun: str) -> str:
    """Write a number of things."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _kind(document: Document) -> str:
    kind = mapping(document.value).get("kind")
    return message.quoted(kind) if isinstance(kind, str) and kind else "without a kind"

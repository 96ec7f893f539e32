"""Pure: what a look at manifests comes to, told one object at a time and counted on the way. Formats write it down."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias

from policies.fields import mapping, render
from policies.rule import STRENGTH, Action, Finding
from policies.verdict import Skip, Violation
from policies.workload import Workload
from webhook.admission import message
from webhook.audit.denials import Denial
from webhook.audit.runs.consequences import Consequence
from webhook.audit.runs.history import History
from webhook.audit.scan import Judged, LeftOut
from webhook.audit.standing import Standing
from webhook.files import Document, Unreadable
from webhook.text.places import Position

MANIFEST: Final = "manifest"
"""The name under which what no API server takes is told, beside the names of rules."""
READABLE: Final = "readable"
"""The name under which formats that know only rules tell what cannot be read."""


class Result(NamedTuple):
    """A finding: what is done about it, where it is, and what admission would say of it.

    ``path`` is as Kubernetes writes it, ``place`` the same with list items under their names; ``policies`` and
    ``contacts`` are those that decide, none where it is the API server; ``skip`` is the exception that lifts it.
    """

    rule: str
    action: Action
    path: str
    place: str
    position: Position
    words: message.Words
    policies: tuple[str, ...] = ()
    contacts: tuple[str, ...] = ()
    skip: Skip | None = None
    severity: str = "high"
    category: str = ""
    found: str = ""
    allowed: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """Say all of it, a sentence or a line to paste in each line."""
        words = self.words
        why = words.why if self.skip is not None else f"{words.why} ({words.source})"
        return (words.statement, why, *words.not_lifted, *words.paste)


class Timing(NamedTuple):
    """When a CronJob runs: its schedule and zone (empty: that of the cluster's controller), and what its runs took.

    ``deadline`` is in seconds; None where nothing ends a run.
    """

    schedule: str
    time_zone: str
    suspended: bool
    deadline: int | None
    history: History


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


class Surroundings(NamedTuple):
    """What is told beside the objects: of which cluster or files, by which policies, who is let off, who was refused.

    ``missing`` says, a sentence each, what could not be learnt.
    """

    title: str
    policies: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()
    denials: tuple[Denial, ...] = ()
    missing: tuple[str, ...] = ()


class Entry(NamedTuple):
    """An object that was judged; ``notes`` are the defaults that would be written, ``crashed`` the rules that broke.

    Its source is empty, and its line 0, where it is from a cluster.
    """

    source: str
    position: Position
    kind: str
    namespace: str
    name: str
    results: tuple[Result, ...]
    notes: tuple[str, ...]
    crashed: tuple[str, ...]
    uid: str = ""
    owner: str = ""
    passed: int = 0
    timing: Timing | None = None
    consequences: tuple[Consequence, ...] = ()

    @property
    def title(self) -> str:
        """Name the object."""
        return f"{self.kind} {self.namespace}/{self.name}"


Found: TypeAlias = Standing | Judged | Document | LeftOut | Unreadable
"""What was judged, what is of another kind, what is not judged by itself, and what cannot be read."""


class Report:
    """What was found at a moment, to be gone through once; the counts are whole at the end.

    ``fail_on`` is the weakest action that counts as failing; None: none does. ``why_url`` is a page whose anchors are
    the names of rules.
    """

    def __init__(self, found: Iterable[Found], at: datetime, fail_on: Action | None, why_url: str = "") -> None:
        self._found = found
        self._fail_on = fail_on
        self.at = at
        self.why_url = why_url
        self.objects = 0
        self.actions: Counter[Action] = Counter()
        self.rules: dict[str, None] = {}
        self.contacts: dict[str, None] = {}
        self.excepted, self.failing, self.unreadable, self.crashed = 0, 0, 0, 0
        self.skipped: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Entry | Unreadable]:
        for found in self._found:
            if isinstance(found, Judged):
                entry = _entry(found)
                self._count(entry)
                yield entry
            elif isinstance(found, Unreadable):
                self.unreadable += 1
                yield found
            elif isinstance(found, Standing):
                entry = _entry(found.judged)
                self._count(entry)
                yield entry
            elif isinstance(found, LeftOut):
                self.left_out[found.why] += 1
            else:
                self.skipped[_kind(found)] += 1

    def fails(self, result: Result) -> bool:
        """Whether a finding is one that should stop what comes next."""
        weakest = self._fail_on
        return weakest is not None and result.skip is None and STRENGTH[result.action] <= STRENGTH[weakest]

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
            f"skipped: {listed(self.skipped)}" if self.skipped else "",
            f"left out: {listed(self.left_out)}" if self.left_out else "",
            f"{self.unreadable} could not be read" if self.unreadable else "",
            f"{counted(self.crashed, 'rule')} could not be checked" if self.crashed else "",
        ]
        return "; ".join(part for part in parts if part)

    def _count(self, entry: Entry) -> None:
        self.objects += 1
        self.crashed += len(entry.crashed)
        for result in entry.results:
            if result.skip is not None:
                self.excepted += 1
                continue
            self.actions[result.action] += 1
            self.failing += self.fails(result)
            self.rules.setdefault(result.rule)
            self.contacts.update(dict.fromkeys(result.contacts))


def listed(counts: Counter[str]) -> str:
    """Say how many there are of each, the most first."""
    return ", ".join(f"{count} {word}" for word, count in counts.most_common())


def counted(number: int, noun: str) -> str:
    """Write a number of things."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _kind(document: Document) -> str:
    kind = mapping(document.value).get("kind")
    return message.quoted(kind) if isinstance(kind, str) and kind else "without a kind"


def _entry(judged: Judged) -> Entry:
    job, document = judged.result.job, judged.document
    results = [
        *(_fault(document, fault) for fault in judged.faults),
        *(_result(document, job, violation) for violation in judged.verdict.violations),
        *(_skip(document, job, skip) for skip in judged.verdict.skips),
    ]
    return Entry(
        document.source,
        document.position(()),
        str(job.kind),
        message.quoted(job.namespace),
        message.quoted(job.name),
        tuple(results),
        tuple(message.written(each, done=False) for each in judged.result.written),
        tuple(dict.fromkeys(failure.clause.rule.key for failure in judged.failures)),
    )


def _result(document: Document, job: Workload, violation: Violation) -> Result:
    finding = violation.finding
    strongest = [each.clause.policy for each in violation.judgements if each.action is violation.action]
    return Result(
        violation.rule,
        violation.action,
        message.printable(render(finding.path)),
        violation.key[1],
        document.position(finding.path),
        message.Told(job, violation).words(),
        tuple(dict.fromkeys(policy.name for policy in strongest)),
        tuple(dict.fromkeys(message.printable(policy.contact) for policy in strongest if policy.contact)),
    )


def _fault(document: Document, fault: Finding) -> Result:
    path = message.printable(render(fault.path))
    statement = message.printable(f"{path} {message.quoted(fault.found)}; allowed: {fault.allowed}")
    pasted = tuple(message.paste(path, value) for path, value in fault.fix.writes) if fault.fix else ()
    words = message.Words(statement, fault.why, MANIFEST, (), pasted)
    return Result(MANIFEST, Action.DENY, path, path, document.position(fault.path), words)


def _skip(document: Document, job: Workload, skip: Skip) -> Result:
    finding, exception, rule = skip.finding, skip.exception.spec, skip.clause.rule.key
    path, policy = message.printable(render(finding.path)), skip.clause.policy
    why = message.printable(f"{exception.reason} ({exception.owner}, until {exception.expires_at:%Y-%m-%d})")
    words = message.Words(message.excepted(skip), why, f"{rule}, policy {policy.name}", (), ())
    place, position = job.place(finding.path), document.position(finding.path)
    return Result(rule, skip.clause.action, path, place, position, words, (policy.name,), skip=skip)

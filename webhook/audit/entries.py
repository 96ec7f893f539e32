"""Pure: what is told of one object: its findings in the words of admission, what has come of it, and whose it is."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from policies import timing
from policies.fields import NOTHING, render
from policies.rule import Action, Finding
from policies.verdict import Skip, Violation
from policies.workload import Workload
from webhook.admission import message
from webhook.audit.runs.consequences import CONSEQUENCES, Consequence
from webhook.audit.runs.history import History
from webhook.audit.scan import Judged
from webhook.audit.standing import Standing
from webhook.files import Document
from webhook.text.places import Position

MANIFEST: Final = "manifest"
"""The name under which what no API server takes is told, beside the names of rules."""
READABLE: Final = "readable"
"""The name under which formats that know only rules tell what cannot be read."""
OWNER_LABELS: Final = ("owner", "team")


class Result(NamedTuple):
    """A finding: what is done about it, where it is, and what admission would say of it.

    ``path`` is as Kubernetes writes it, ``place`` the same with list items under their names; ``policies`` and
    ``contacts`` are those that decide, none where it is the API server; ``skip`` is the exception that lifts it.
    What has come of an object is told as a result as well, by ``evidence``, which no rule's finding has.
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
    category: str = "Correctness"
    found: str = ""
    allowed: str = ""
    evidence: Mapping[str, str] | None = None

    @property
    def outcome(self) -> str:
        """Say in a word what it comes to: an action, ``skip`` or ``consequence``."""
        if self.evidence is not None:
            return "consequence"
        return self.action.value if self.skip is None else "skip"

    @property
    def lines(self) -> tuple[str, ...]:
        """Say all of it, a sentence or a line to paste in each line."""
        words = self.words
        why = words.why if self.skip is not None else f"{words.why} ({words.source})"
        seen = (self.seen,) if self.seen else ()
        return (words.statement, why, *words.not_lifted, *seen, *words.paste)

    @property
    def seen(self) -> str:
        """Say in words what a consequence is known by, and what Kubernetes said of it; empty for a finding."""
        evidence = self.evidence or {}
        return "; ".join(evidence[key] for key in ("basis", "message") if key in evidence)


class Timing(NamedTuple):
    """When a CronJob runs: its schedule and zone (empty: that of the cluster's controller), and what its runs took.

    ``deadline`` is in seconds; None where nothing ends a run.
    """

    schedule: str
    time_zone: str
    suspended: bool
    deadline: int | None
    history: History


class Entry(NamedTuple):
    """An object that was judged; ``notes`` are the defaults that would be written, ``crashed`` the rules that broke.

    Its source is empty, and its line 0, where it is from a cluster. ``passed`` is of how many policies how many rules
    found nothing.
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

    @property
    def told(self) -> tuple[Result, ...]:
        """List the findings, and what has come of the object as if it were one of them."""
        return (*self.results, *(_of_consequence(self.position, each) for each in self.consequences))


class Owners(NamedTuple):
    """How it is found who answers for an object: by these labels or annotations, its own or its namespace's."""

    keys: tuple[str, ...] = OWNER_LABELS
    namespaces: Mapping[str, Mapping[str, str]] = NOTHING

    def of(self, job: Workload) -> str:
        """Name the owner: by the object's labels, else its annotations, else the namespace's labels, else nobody."""
        places = (job.labels, job.annotations, self.namespaces.get(job.namespace, NOTHING))
        found = (place.get(key) for place in places for key in self.keys)
        return next((message.quoted(text) for text in found if isinstance(text, str) and text.strip()), "")


def tell(standing: Standing, owners: Owners) -> Entry:
    """Put an object into words."""
    judged = standing.judged
    job, document = judged.result.job, judged.document
    uid = job.metadata.text("uid").value
    return Entry(
        document.source,
        document.position(()),
        str(job.kind),
        message.quoted(job.namespace),
        message.quoted(job.name),
        tuple(_results(judged)),
        tuple(message.written(each, done=False) for each in judged.result.written),
        tuple(dict.fromkeys(failure.clause.rule.key for failure in judged.failures)),
        message.quoted(uid or ""),
        owners.of(job),
        len(judged.passed),
        _timing(job, standing.history) if job.kind == "CronJob" else None,
        standing.consequences,
    )


def _results(judged: Judged) -> Iterator[Result]:
    job, document = judged.result.job, judged.document
    yield from (_fault(document, fault) for fault in judged.faults)
    yield from (_result(document, job, violation) for violation in judged.verdict.violations)
    yield from (_skip(document, job, skip) for skip in judged.verdict.skips)


def _timing(job: Workload, history: History) -> Timing:
    spec = job.cron_job_spec
    schedule, zone = spec.text("schedule").value, spec.text("timeZone").value
    suspended = spec.raw.get("suspend") is True
    return Timing(
        message.quoted(schedule or ""), message.quoted(zone or ""), suspended, timing.deadline(job).value, history
    )


def _result(document: Document, job: Workload, violation: Violation) -> Result:
    finding, rule = violation.finding, violation.judgements[0].clause.rule
    told = message.Told(job, violation)
    strongest = [each.clause.policy for each in told.strongest]
    return Result(
        violation.rule,
        violation.action,
        message.printable(render(finding.path)),
        violation.key[1],
        document.position(finding.path),
        told.words(),
        tuple(dict.fromkeys(policy.name for policy in strongest)),
        tuple(dict.fromkeys(message.printable(policy.contact) for policy in strongest if policy.contact)),
        severity=rule.severity,
        category=rule.category,
        found=message.printable(told.found),
        allowed=message.printable(told.allowed),
    )


def _fault(document: Document, fault: Finding) -> Result:
    path, found, allowed = message.printable(render(fault.path)), message.quoted(fault.found), fault.allowed
    statement = message.printable(f"{path} {found}; allowed: {allowed}")
    pasted = tuple(message.paste(path, value) for path, value in fault.fix.writes) if fault.fix else ()
    words = message.Words(statement, fault.why, MANIFEST, (), pasted)
    position = document.position(fault.path)
    return Result(MANIFEST, Action.DENY, path, path, position, words, found=found, allowed=message.printable(allowed))


def _skip(document: Document, job: Workload, skip: Skip) -> Result:
    finding, exception, rule = skip.finding, skip.exception.spec, skip.clause.rule
    path, policy = message.printable(render(finding.path)), skip.clause.policy
    why = message.printable(f"{exception.reason} ({exception.owner}, until {exception.expires_at:%Y-%m-%d})")
    return Result(
        rule.key,
        skip.clause.action,
        path,
        job.place(finding.path),
        document.position(finding.path),
        message.Words(message.excepted(skip), why, f"{rule.key}, policy {policy.name}", (), ()),
        (policy.name,),
        skip=skip,
        severity=rule.severity,
        category=rule.category,
        found=message.quoted(finding.found),
        allowed=message.quoted(finding.allowed),
    )


def _of_consequence(position: Position, consequence: Consequence) -> Result:
    about = CONSEQUENCES[consequence.kind]
    words = message.Words(consequence.statement, about.why, consequence.kind, (), consequence.paste)
    return Result(
        consequence.kind,
        Action.AUDIT,
        consequence.path,
        f"{consequence.path} {consequence.statement}",
        position,
        words,
        severity=about.severity,
        category=about.category,
        evidence=consequence.evidence,
    )

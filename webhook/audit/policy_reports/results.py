"""Pure: what is said of an object in a policy report: a result for each policy, rule and place."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from msgspec import json

from policies.catalog import summary
from policies.clauses import Clause
from policies.fields import NOTHING, Path, render
from policies.rule import SEVERITIES, Action, Finding, Rule
from policies.verdict import Judgement, Skip, Violation
from policies.workload import Workload
from webhook.admission import message
from webhook.audit.runs.consequences import CONSEQUENCES, About, Consequence
from webhook.audit.standing import Standing
from webhook.audit.values import stamp

SOURCE: Final = "batchwarden"
# Beside the policies' own names, of which none begins like this: no namespace has a dot in its name.
OF_CONSEQUENCES: Final = "batchwarden.io/consequences"
OF_MANIFESTS: Final = "batchwarden.io/manifest"
MALFORMED: Final = About("", "", "Correctness", "high")
ORDER: Final = ("fail", "error", "warn", "skip", "pass")
MOST_TEXT: Final = 1024  # bytes of a message, and of a property

Result: TypeAlias = dict[str, Any]
"""A result in the shape that both API groups have; its time is given to it later."""


class _Draft(NamedTuple):
    policy: str
    rule: str
    about: About | Rule[Any]
    result: str
    message: str
    properties: Mapping[str, str]
    place: str = ""
    scored: bool = False


def results(standing: Standing) -> list[Result]:
    """Say what is wrong, or let off, or could not be checked: the gravest first, then in the order of the object."""
    judged, job = standing.judged, standing.judged.result.job
    drafts = [
        *(_fault(job, fault) for fault in judged.faults),
        *(_judgement(job, each) for violation in judged.verdict.violations for each in violation.judgements),
        *(_skip(job, skip) for skip in judged.verdict.skips),
        *(_failure(clause) for clause in dict.fromkeys(failure.clause for failure in judged.failures)),
        *(_consequence(each) for each in standing.consequences),
    ]
    drafts.sort(key=lambda draft: (ORDER.index(draft.result), SEVERITIES.index(draft.about.severity)))
    return list(_signed(job, drafts))


def passed(job: Workload, clauses: Iterable[Clause]) -> Iterator[Result]:
    """Say that these clauses found nothing."""
    return _signed(job, (_draft(clause, "pass", summary(clause.rule), NOTHING) for clause in clauses))


def result_id(*parts: object) -> str:
    """Make an ID that no other result in the cluster has, if nothing else has these parts.

    Policy Reporter stores results of all reports under their IDs alone, and drops one whose ID is taken.
    """
    return hashlib.sha256(json.encode(parts)).hexdigest()[:32]


def bounded(text: str) -> str:
    """Fold white space, drop what a terminal might obey, and cut to what a report has room for."""
    return message.cut(message.printable(text), MOST_TEXT)


def properties(texts: Mapping[str, str | None]) -> dict[str, str]:
    """Make properties of texts, without those that say nothing."""
    return {name: bounded(text) for name, text in texts.items() if text}


def _signed(job: Workload, drafts: Iterable[_Draft]) -> Iterator[Result]:
    """Write drafts as results, each with its ID.

    The ID holds the object, as above, and the result: Policy Reporter tells nobody of an ID that it has seen, and a
    finding whose exception ends, ``skip`` until then, is worth telling. It does not hold the message, so that a value
    which changes and stays wrong is no other finding.
    """
    whom = (job.kind, *(bounded(text) for text in (job.namespace, job.name, _uid(job))))
    met: Counter[tuple[str, ...]] = Counter()
    for draft in drafts:
        what = (draft.policy, draft.rule, draft.place, draft.result)
        met[what] += 1
        yield {
            "source": SOURCE,
            "policy": draft.policy,
            "rule": draft.rule,
            "category": draft.about.category,
            "severity": draft.about.severity,
            "result": draft.result,
            "scored": draft.scored,
            "message": bounded(draft.message),
            "properties": {**draft.properties, "resultID": result_id(*whom, *what, met[what])},
        }


def _uid(job: Workload) -> str:
    return job.metadata.text("uid").value or ""


def _draft(clause: Clause, result: str, text: str, told: Mapping[str, str], place: str = "") -> _Draft:
    policy, rule = clause.policy, clause.rule
    shown = {**told, **properties({"action": clause.action.value, "contact": policy.contact})}
    scored = clause.action is Action.DENY and result != "warn"
    return _Draft(message.policy_name(policy), rule.key, rule, result, text, shown, bounded(place), scored)


def _judgement(job: Workload, judgement: Judgement) -> _Draft:
    """Tell of one policy's finding, with its own cure."""
    finding, denied = judgement.finding, judgement.action is Action.DENY
    words = message.Told(job, Violation((judgement,))).words()
    told = {**_seen(job, finding), **properties({"notLifted": " ".join(words.not_lifted)}), **_fix(words.paste)}
    text = _sentences(words.statement, words.why)
    return _draft(judgement.clause, "fail" if denied else "warn", text, told, judgement.place)


def _skip(job: Workload, skip: Skip) -> _Draft:
    name, spec = skip.exception.metadata.name, skip.exception.spec
    granted = {"exception": name, "reason": spec.reason, "owner": spec.owner, "expires": stamp(spec.expires_at)}
    told = {**_seen(job, skip.finding), **properties(granted)}
    text = _sentences(message.excepted(skip), spec.reason)
    return _draft(skip.clause, "skip", text, told, job.place(skip.finding.path))


def _failure(clause: Clause) -> _Draft:
    return _draft(clause, "error", next(message.unchecked([clause.rule.key])), NOTHING)


def _fault(job: Workload, fault: Finding) -> _Draft:
    """Tell of what no API server takes: only a file holds it."""
    text = _sentences(f"{render(fault.path)} {message.quoted(fault.found)}; allowed: {fault.allowed}", fault.why)
    pasted = [message.paste(path, value) for path, value in fault.fix.writes] if fault.fix else []
    told, place = {**_seen(job, fault), **_fix(pasted)}, bounded(job.place(fault.path))
    return _Draft(OF_MANIFESTS, "manifest", MALFORMED, "fail", text, told, place, scored=True)


def _consequence(consequence: Consequence) -> _Draft:
    about, path = CONSEQUENCES[consequence.kind], bounded(consequence.path)
    told = {**properties({**consequence.evidence, "field": path}), **_fix(consequence.paste)}
    text = _sentences(consequence.statement, about.why)
    return _Draft(OF_CONSEQUENCES, consequence.kind, about, "warn", text, told, path)


def _seen(job: Workload, finding: Finding) -> dict[str, str]:
    """Say where it is, what was found, whose that is, and what is allowed."""
    path = finding.path
    seen = {"field": render(path), "found": finding.found, "allowed": finding.allowed, "basis": _basis(job, path)}
    return properties(seen)


def _basis(job: Workload, path: Path) -> str:
    if job.value(path) is None:
        return ""
    return message.WHOSE[job.origin(path)].strip(" ()") or "yours"


def _sentences(first: str, second: str) -> str:
    return f"{first.removesuffix('.')}. {second}"


def _fix(lines: Iterable[str]) -> dict[str, str]:
    """Give the lines to paste, whole or not at all: half of one would be wrong."""
    text = "\n".join(map(message.printable, lines))
    return {"fix": text} if text and len(text.encode()) <= MOST_TEXT else {}

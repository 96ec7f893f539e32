"""Allowed? With which patch? Pure, given a snapshot of the policies and the time; the one place that builds a patch."""

from collections.abc import Callable, Collection, Iterable, Mapping
from copy import copy
from datetime import datetime
from functools import lru_cache
from itertools import chain, islice
from typing import Any

from jsonpatch import AddOperation, JsonPointer, PatchOperation, ReplaceOperation
from msgspec import Struct, json, structs

from policies.defaulting import defaults
from policies.engine import WHAT_IS_REFUSED, evaluate
from policies.fields import DEFAULTED, Path, Request, child, lookup, put
from policies.rule import Action
from policies.selection import Selection, Snapshot, Subject
from policies.verdict import Before, Defaulting, Failure, Verdict, Violation
from policies.workload import Workload
from webhook.admission import message
from webhook.admission.cure import best_cure_first
from webhook.admission.exempt import exemption
from webhook.admission.review import AdmissionRequest, Decision
from webhook.admission.settings import Settings

MOST_TOLD = 100  # lines of one, the rest being cut anyway
MOST_AUDITED = 4096  # characters of an audit annotation


class Context(Struct, frozen=True):
    """What decides beside the request."""

    snapshot: Snapshot
    settings: Settings
    at: datetime


class Case(Struct, frozen=True):
    """A request as the engine sees it."""

    job: Workload
    select: Callable[[Workload], Selection]
    before: Before | None

    def evaluate(self) -> Verdict:
        """Judge the object as it came."""
        return self.judge(self.job)

    def judge(self, job: Workload) -> Verdict:
        """Judge what would come in its place."""
        return evaluate(job, self.select(job), self.before)

    def defaults(self) -> Defaulting:
        """Work out the defaults for it."""
        return defaults(self.job, self.select, self.before)


def mutate(request: AdmissionRequest, context: Context) -> Decision:
    """Write defaults, and say so; deny only what the API server will refuse anyway, with all else that is wrong."""
    if reason := exemption(request, context.settings):
        return Decision(exempt=reason)
    case = open_case(request, context)
    result = case.defaults()
    verdict = result.verdict or evaluate(result.job, result.selection, case.before, WHAT_IS_REFUSED)
    refused = [each for each in verdict.violations if each.finding.refused and not each.known]
    if request.operation == "CREATE" and any(violation.action is Action.DENY for violation in refused):
        whole = evaluate(result.job, result.selection, case.before)
        whole = structs.replace(whole, failures=(*whole.failures, *result.failures))
        return _deny(structs.replace(case, job=result.job), whole, context, lines=_written(result, done=False))
    done = not (request.dry_run or refused or verdict.having(Action.DENY))
    lines = _written(result, done=done)
    mentioned = tuple(violation for violation in refused if violation.action is not Action.AUDIT)
    wrong = [message.Told(result.job, violation) for violation in mentioned]
    return Decision(
        warnings=_warnings(wrong, result.failures, lines),
        patch=_patch(case.job.raw, result),
        audit=_audit(defaulted=lines, would_default=_audited(result)),
        violations=mentioned,
        written=result.written,
        failures=result.failures,
    )


def validate(request: AdmissionRequest, context: Context) -> Decision:
    """Judge the final object: deny, warn, or only report."""
    if reason := exemption(request, context.settings):
        return Decision(exempt=reason)
    case = open_case(request, context)
    verdict = case.evaluate()
    if denied := verdict.having(Action.DENY):
        cured = case.defaults().written if _may_be_cured(case, denied) else ()
        return _deny(case, verdict, context, cured={written.place for written in cured})
    found = _in_words(case.job, verdict.violations)
    return Decision(
        warnings=_warnings(found[Action.WARN], verdict.failures),
        audit=_audit(**_reported(found, verdict)),
        violations=verdict.violations,
        failures=verdict.failures,
    )


def open_case(request: AdmissionRequest, context: Context) -> Case:
    """View a request as a workload, how its clauses are selected, and what it was before."""
    subject = Subject(request.user_info.username, request.user_info.groups)

    def select(job: Workload) -> Selection:
        return context.snapshot.select(job, subject, context.at)

    manager = (request.options or {}).get("fieldManager")
    sent = Request(manager if isinstance(manager, str) else "", request.old_object)
    job = Workload(request.object or {}, request.namespace, sent)
    if request.old_object is None:
        return Case(job, select, None)
    was = Workload(request.old_object, request.namespace, sent)
    return Case(job, select, Before(was, select(was)))


def _may_be_cured(case: Case, denied: Iterable[Violation]) -> bool:
    """Whether a rule that writes defaults here finds a field open: only then was one perhaps not applied."""
    writing = {clause.rule.key for clause in case.select(case.job).clauses.every if clause.writes}
    return any(each.rule in writing and case.job.is_open(each.finding.path) for each in denied)


def _deny(
    case: Case, verdict: Verdict, context: Context, *, lines: Iterable[str] = (), cured: Collection[str] = ()
) -> Decision:
    job, violations = case.job, verdict.violations
    if len(violations) <= message.MOST_SHOWN:
        violations = tuple(
            best_cure_first(job, case.judge, each) if each.action is Action.DENY else each for each in violations
        )
    found = _in_words(job, violations)
    denied = found[Action.DENY]
    return Decision(
        allowed=False,
        message=message.denial(job, verdict.having(Action.DENY), denied, context.settings.why_url, cured),
        causes=tuple(told.cause for told in denied[: message.MOST_SHOWN]),
        warnings=_warnings(found[Action.WARN], verdict.failures, lines),
        audit=_audit(**_reported(found, verdict)),
        violations=verdict.violations,
        failures=verdict.failures,
    )


def _in_words(job: Workload, violations: Iterable[Violation]) -> Mapping[Action, list[message.Told]]:
    """Put violations into words by what is done about them: the first of them, and before all what is not known."""
    found: dict[Action, list[message.Told]] = {action: [] for action in Action}
    for violation in sorted(violations, key=lambda each: each.known):
        told = found[violation.action]
        if len(told) < MOST_TOLD:
            told.append(message.Told(job, violation))
    return found


def _warnings(wrong: Iterable[message.Told], failures: Iterable[Failure], lines: Iterable[str] = ()) -> tuple[str, ...]:
    """Tell what is wrong, what was written, what could not be checked, and last what is no worse than it was."""
    fresh = (told.warning for told in wrong if not told.violation.known)
    known = (told.warning for told in wrong if told.violation.known)
    crashed = message.unchecked(failure.clause.rule.key for failure in failures)
    return message.bounded(chain(fresh, lines, crashed, known))


def _written(result: Defaulting, *, done: bool) -> list[str]:
    return [message.written(each, done=done) for each in result.written]


def _audited(result: Defaulting) -> list[str]:
    return [message.written(each, done=False) for each in result.audited]


def _reported(found: Mapping[Action, Iterable[message.Told]], verdict: Verdict) -> Mapping[str, Iterable[str]]:
    """Put into words what goes into the audit log, where programs look for it: all that is wrong, by what is done."""
    names = {Action.DENY: "denied", Action.WARN: "warned", Action.AUDIT: "audited"}
    lines: dict[str, Iterable[str]] = {name: (told.warning for told in found[action]) for action, name in names.items()}
    return {**lines, "excepted": (message.excepted(skip) for skip in verdict.skips)}


def _audit(**lines: Iterable[str]) -> Mapping[str, str]:
    """Make audit annotations: a key, which the API server prefixes with the webhook's name, and lines in one."""
    told = {key.replace("_", "-"): "; ".join(islice(found, MOST_TOLD))[:MOST_AUDITED] for key, found in lines.items()}
    return {key: text for key, text in told.items() if text}


def _patch(raw: Mapping[str, Any], result: Defaulting) -> bytes | None:
    """Build the JSON patch, and prove it by applying it, to an object that shares with the one sent what stays."""
    if not result.written:
        return None
    writes = [write for each in result.written for write in each.default.writes]
    becomes: Any = raw
    operations = []
    for path, value in [*writes, (DEFAULTED, lookup(result.job.raw, DEFAULTED))]:
        depth = _reach(becomes, path)
        operation = _operation(becomes, path, depth, value)
        operations.append({**operation.operation, "path": operation.location})
        holder = path[: depth - 1]
        becomes = operation.apply(put(becomes, holder, copy(lookup(becomes, holder))))
    if becomes != result.job.raw:
        raise AssertionError(f"the patch {operations} does not give the object that was judged")
    return json.encode(operations)


def _reach(raw: object, path: Path) -> int:
    """Count the steps of a path until nothing stands there, that one included."""
    for depth, step in enumerate(path, start=1):
        raw = child(raw, step)
        if raw is None:
            return depth
    return len(path)


def _operation(raw: object, path: Path, depth: int, value: object) -> PatchOperation:
    """Write one field; where parents are absent, the topmost brings the rest along, for a patch makes none."""
    replaces = lookup(raw, path[:depth]) is not None or isinstance(path[depth - 1], int)  # add would push items on
    kind, verb = (ReplaceOperation, "replace") if replaces else (AddOperation, "add")
    return kind({"op": verb, "path": _pointer(path[:depth]), "value": put(None, path[depth:], value)})


@lru_cache(maxsize=256)
def _pointer(path: Path) -> JsonPointer:
    return JsonPointer.from_parts(path)

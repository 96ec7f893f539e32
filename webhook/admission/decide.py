"""Allowed? With which patch? Pure, given a snapshot of the policies and the time; the one place that builds a patch."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from itertools import chain, islice
from typing import Any

from jsonpatch import JsonPatch
from msgspec import Struct, json, structs

from policies import engine
from policies.defaulting import defaults
from policies.fields import DEFAULTED, Path, Request, lookup, put
from policies.rule import Action, Default
from policies.selection import Selection, Snapshot, Subject
from policies.verdict import Before, Defaulting, Failure, Key, Verdict, Violation
from policies.workload import Workload
from webhook.admission import message
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
        return engine.evaluate(self.job, self.select(self.job), self.before)

    def defaults(self) -> Defaulting:
        """Work out the defaults for it."""
        return defaults(self.job, self.select, self.before)


def mutate(request: AdmissionRequest, context: Context) -> Decision:
    """Write defaults, and say so; deny only what the API server will refuse anyway, with all else that is wrong."""
    if reason := exemption(request, context.settings):
        return Decision(exempt=reason)
    case = open_case(request, context)
    result = case.defaults()
    verdict = result.verdict or engine.refusals(result.job, case.select(result.job), case.before)
    refused = [each for each in verdict.violations if each.finding.refused and not each.known]
    if request.operation == "CREATE" and any(violation.action is Action.DENY for violation in refused):
        whole = structs.replace(verdict, failures=(*verdict.failures, *result.failures))
        return _deny(structs.replace(case, job=result.job), whole, context, lines=_written(result, done=False))
    done = not (request.dry_run or refused or verdict.having(Action.DENY))
    lines = _written(result, done=done)
    told = tuple(violation for violation in refused if violation.action is not Action.AUDIT)
    return Decision(
        warnings=_warnings(result.job, result.failures, told, lines),
        patch=_patch(case.job.raw, result),
        audit=_audit(defaulted=lines, would_default=_audited(result)),
        violations=told,
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
    return Decision(
        warnings=_warnings(case.job, verdict.failures, verdict.having(Action.WARN)),
        audit=_audit(**_reported(case.job, verdict)),
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
    writing = {clause.rule.key for clause in case.select(case.job).clauses if clause.writes}
    return any(each.rule in writing and case.job.is_open(each.finding.path) for each in denied)


def _deny(
    case: Case, verdict: Verdict, context: Context, *, lines: Iterable[str] = (), cured: Collection[str] = ()
) -> Decision:
    job, denied = case.job, verdict.having(Action.DENY)
    if len(denied) <= message.MOST_SHOWN:
        denied = [_best_cure_first(case, violation) for violation in denied]
    return Decision(
        allowed=False,
        message=message.denial(job, denied, context.settings.why_url, cured=cured),
        causes=message.causes(job, denied),
        warnings=_warnings(job, verdict.failures, verdict.having(Action.WARN), lines),
        audit=_audit(**_reported(job, verdict)),
        violations=verdict.violations,
        failures=verdict.failures,
    )


def _best_cure_first(case: Case, violation: Violation) -> Violation:
    """Put the finding first whose cure satisfies every policy that denies, where they ask for different things."""
    denying = [judgement for judgement in violation.judgements if judgement.action is Action.DENY]
    if all(judgement.finding.fix == denying[0].finding.fix for judgement in denying):
        return violation
    best = next((judgement for judgement in denying if _cures(case, judgement.finding.fix, violation.key)), denying[0])
    return Violation((best, *(judgement for judgement in violation.judgements if judgement is not best)))


def _cures(case: Case, fix: Default | None, key: Key) -> bool:
    job = case.job
    if fix is None or not all(job.can_hold(path) for path, _ in fix.writes):
        return False
    raw: Any = job.raw
    for path, value in fix.writes:
        raw = put(raw, path, value)
    after = structs.replace(case, job=Workload(raw, job.namespace, job.request)).evaluate()
    return all(violation.key != key for violation in after.having(Action.DENY))


def _warnings(
    job: Workload, failures: Iterable[Failure], wrong: Collection[Violation], lines: Iterable[str] = ()
) -> tuple[str, ...]:
    """Tell what is wrong, what was written, what could not be checked, and last what is no worse than it was."""
    fresh = (message.warning(job, violation) for violation in wrong if not violation.known)
    known = (message.warning(job, violation) for violation in wrong if violation.known)
    crashed = message.unchecked(failure.clause.rule.key for failure in failures)
    return message.bounded(chain(fresh, lines, crashed, known))


def _written(result: Defaulting, *, done: bool) -> list[str]:
    return [message.written(each, done=done) for each in result.written]


def _audited(result: Defaulting) -> list[str]:
    return [message.written(each, done=False) for each in result.audited]


def _reported(job: Workload, verdict: Verdict) -> Mapping[str, Iterable[str]]:
    """Put into words what goes into the audit log, where programs look for it: all that is wrong, by what is done."""
    names = {Action.DENY: "denied", Action.WARN: "warned", Action.AUDIT: "audited"}
    lines: dict[str, Iterable[str]] = {
        name: (message.warning(job, each) for each in verdict.having(action)) for action, name in names.items()
    }
    return {**lines, "excepted": (message.excepted(skip) for skip in verdict.skips)}


def _audit(**lines: Iterable[str]) -> Mapping[str, str]:
    """Make audit annotations: a key, which the API server prefixes with the webhook's name, and lines in one."""
    told = {key.replace("_", "-"): "; ".join(islice(found, MOST_TOLD))[:MOST_AUDITED] for key, found in lines.items()}
    return {key: text for key, text in told.items() if text}


def _patch(raw: Mapping[str, Any], result: Defaulting) -> bytes | None:
    """Build the JSON patch, and prove it by applying it."""
    if not result.written:
        return None
    writes = [write for each in result.written for write in each.default.writes]
    operations: list[Any] = []
    becomes: Any = raw
    for path, value in [*writes, (DEFAULTED, lookup(result.job.raw, DEFAULTED))]:
        operations.append(_operation(becomes, path, value))
        becomes = put(becomes, path, value)
    patch = JsonPatch(operations)
    copy = json.decode(json.encode(raw))  # a quarter of the time that jsonpatch takes to copy
    if patch.apply(copy, in_place=True) != result.job.raw:
        raise AssertionError(f"the patch {patch} does not give the object that was judged")
    return patch.to_string().encode()


def _operation(raw: Mapping[str, Any], path: Path, value: object) -> Mapping[str, Any]:
    """Write one field; where parents are absent, the topmost brings the rest along, for a patch makes none."""
    depth = next((depth for depth in range(1, len(path)) if lookup(raw, path[:depth]) is None), len(path))
    present = lookup(raw, path[:depth]) is not None or isinstance(path[depth - 1], int)  # add would push items on
    pointer = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path[:depth])
    return {"op": "replace" if present else "add", "path": pointer, "value": put(None, path[depth:], value)}

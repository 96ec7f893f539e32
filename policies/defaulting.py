"""Pure: works out which defaults to write into an object, by trying them and having the engine judge."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from msgspec import json

from policies.clauses import Clause
from policies.engine import WHAT_WEIGHS, evaluate
from policies.fields import DEFAULTED, Path, defaulted, lookup, place, put
from policies.rule import Default, Phase
from policies.selection import Selection
from policies.verdict import Before, Defaulting, Failure, Key, Verdict, Written
from policies.workload import Workload

Select: TypeAlias = Callable[[Workload], Selection]
Accept: TypeAlias = Callable[[Workload, str], bool]

# Anybody may send a manifest without end, and each default costs a walk through all of it.
MOST_CONTAINERS = 64
MOST_TRIES = 64
PHASES = tuple(Phase)  # an enumeration itself is slow to go through


def defaults(job: Workload, select: Select, before: Before | None = None) -> Defaulting:
    """Work out which defaults to write; on an update only what cures a new fault, or restores our own.

    ``select`` is asked again once labels were written, since they may bring further policies. The common way writes the
    first candidate for each field and judges once; only where that would be denied for something new are they tried one
    by one, at most ``MOST_TRIES`` of them. An object of more than ``MOST_CONTAINERS`` is judged, but not defaulted.
    """
    offer = _Offer(job, select, before)
    if len(job.containers) + len(job.init_containers) > MOST_CONTAINERS or not job.can_hold(DEFAULTED):
        return Defaulting((), job, offer.selection)
    attempt = offer.write(None)
    verdict = attempt.weigh(before) if attempt.settled else None
    if verdict is not None and verdict.denied:
        careful = _Careful(offer.judge, offer.judge(job).denied)
        if not careful.approves(verdict.denied, attempt.settled):
            attempt = offer.write(careful)
            verdict = attempt.weigh(before)
    audited = offer.audited(attempt)
    return Defaulting(attempt.written, attempt.job, attempt.selection, verdict, audited, tuple(offer.failures.values()))


class _Careful:
    """Accepts a candidate that leaves nothing denied on its own field, and nothing new elsewhere."""

    def __init__(self, judge: Callable[[Workload], Verdict], denied: set[Key]) -> None:
        """Take how an object is judged, and what is denied of it so far."""
        self.judge = judge
        self.denied = denied
        self.tries = MOST_TRIES

    def __call__(self, after: Workload, at: str) -> bool:
        self.tries -= 1
        if self.tries < 0:
            return False
        denied = self.judge(after).denied
        accepted = self.approves(denied, {at})
        if accepted:
            self.denied = denied
        return accepted

    def approves(self, denied: set[Key], settled: Collection[str]) -> bool:
        """Whether what is denied then is nothing on the fields settled, and nothing new elsewhere."""
        return denied <= self.denied and not any(at in settled for _, at in denied)


class _Attempt(NamedTuple):
    """What was written, the fields with a candidate accepted (it may be what stands there), and the object after it."""

    written: tuple[Written, ...]
    settled: Collection[str]
    job: Workload
    selection: Selection

    def weigh(self, before: Before | None) -> Verdict:
        """Judge what may deny the object as it is then."""
        return evaluate(self.job, self.selection, before, WHAT_WEIGHS)


class _Draft:
    """An object with the defaults written so far; it is viewed anew only where somebody looks."""

    def __init__(self, job: Workload) -> None:
        self.job = job
        self.raw = job.raw
        self.values: dict[Path, Any] = {}

    def view(self) -> Workload:
        """Look at the object as written so far."""
        if self.raw is not self.job.raw:
            self.job = _noted(self.job, self.raw, self.values)
            self.raw = self.job.raw
        return self.job

    def attempt(self, default: Default) -> Mapping[str, Any] | None:
        """Give the object with a default, whose own field is open: None where somebody said something else beside it.

        It is the same object where the value stands there.
        """
        raw, values = self.raw, self.values
        for path, value in default.writes:
            if values[path] != value if path in values else path != default.path and not self.job.is_open(path):
                return None
            if lookup(raw, path) != value:
                raw = put(raw, path, value)
        return raw

    def would_be(self, raw: Mapping[str, Any], default: Default) -> Workload:
        """Look at the object that ``attempt`` gave."""
        return self.job if raw is self.job.raw else _noted(self.job, raw, {**self.values, **dict(default.writes)})

    def write(self, default: Default, raw: Mapping[str, Any]) -> None:
        """Go on with the object that ``attempt`` gave."""
        self.raw = raw
        self.values.update(default.writes)


def _noted(job: Workload, raw: Mapping[str, Any], values: Mapping[Path, Any]) -> Workload:
    """View an object into which values were written, with our note of them."""
    noted = {**defaulted(raw), **{place(raw, path): value for path, value in values.items()}}
    raw = put(raw, DEFAULTED, json.encode(noted, order="sorted").decode())
    return job.rewritten(raw)


class _Offer:
    """The candidates for each field, and the writing of them."""

    def __init__(self, job: Workload, select: Select, before: Before | None) -> None:
        """Take the object, how clauses are selected, and what an update replaces."""
        self.original = job
        self.select = select
        self.before = before
        self.failures: dict[Clause, Failure] = {}
        self._look(job)

    def judge(self, job: Workload) -> Verdict:
        """Judge what may deny the object as written so far."""
        return evaluate(job, self.select(job), self.before, WHAT_WEIGHS)

    def write(self, accept: Accept | None) -> _Attempt:
        """Write the first acceptable candidate for each field; ``accept`` sees the object after it, and the place."""
        draft = _Draft(self.original)
        written: list[Written] = []
        settled = []
        if accept is not None:  # the attempt before may have written labels
            self._look(self.original)
        for phase in PHASES:
            if not self.selection.clauses.writing[phase]:
                continue
            for at, candidates in self._candidates(draft.view(), self.selection.clauses.writing[phase]).items():
                chosen, raw = _first(draft, candidates, accept)
                if chosen is None:
                    continue
                settled.append(at)
                if raw is not draft.raw:
                    written.append(chosen)
                    draft.write(chosen.default, raw)
            if phase is Phase.LABELS and written:
                self._look(draft.view())
        return _Attempt(tuple(written), settled, draft.view(), self.selection)

    def audited(self, attempt: _Attempt) -> tuple[Written, ...]:
        """List what policies in Audit would write where nothing is written."""
        if not any(attempt.selection.clauses.previewing):
            return ()
        self._look(attempt.job)
        draft = _Draft(attempt.job)
        taken = {each.place for each in attempt.written}
        offers = [self._candidates(attempt.job, clauses) for clauses in attempt.selection.clauses.previewing]
        first = [candidates[0] for found in offers for at, candidates in found.items() if at not in taken]
        return tuple(each for each in first if draft.attempt(each.default) not in (None, draft.raw))

    def _look(self, job: Workload) -> None:
        """Select the clauses for the object as it stands, and, on an update, the faults to cure."""
        self.selection = self.select(job)
        self.cures: Collection[Key] = ()
        if self.before is not None:
            verdict = evaluate(job, self.selection, self.before)
            self.cures = {violation.key for violation in verdict.violations if not violation.known}

    def _candidates(self, job: Workload, clauses: Iterable[Clause]) -> Mapping[str, list[Written]]:
        """Collect what clauses want written: by place, in their order."""
        found: dict[str, list[Written]] = {}
        for clause in clauses:
            if job.kind not in clause.rule.kinds or _held_back(job, clause, self.selection):
                continue
            for default in self._defaults(job, clause):
                if not job.is_open(default.path):
                    continue
                written = Written(clause, default, job.place(default.path))
                if self._is_due(job, written):
                    found.setdefault(written.place, []).append(written)
        return found

    def _is_due(self, job: Workload, written: Written) -> bool:
        """Whether it may be written: always on creation; on an update if it cures, or restores what we had written.

        A move to server-side apply and a replace drop what a webhook had put in. A Job is given back just that, and is
        not cured: its template is immutable.
        """
        if self.before is None:
            return True
        if job.kind == "CronJob" and (written.clause.rule.key, written.place) in self.cures:
            return True
        old, path = self.before.job.raw, written.default.path
        ours = defaulted(old).get(written.place)
        stood = ours is not None and lookup(old, path) == ours and place(old, path) == written.place
        return stood and (job.kind == "CronJob" or written.default.value == ours)

    def _defaults(self, job: Workload, clause: Clause) -> list[Default]:
        wanted = clause.rule.defaults
        try:
            return list(wanted(job, clause.params, self.selection.facts)) if wanted else []
        except Exception as error:  # noqa: BLE001 - whatever a rule raises, the others still write
            self.failures[clause] = Failure(clause, error)
            return []


def _held_back(job: Workload, clause: Clause, selection: Selection) -> bool:
    """Whether an exception, or an owner that knows better, keeps a clause's defaults out."""
    if clause.rule.stops_work and (job.controller is not None or selection.lifts_rule(clause.rule)):
        return True
    return selection.lifting(clause) is not None


def _first(
    draft: _Draft, candidates: Iterable[Written], accept: Accept | None
) -> tuple[Written | None, Mapping[str, Any]]:
    for candidate in candidates:
        after = draft.attempt(candidate.default)
        if after is not None and (accept is None or accept(draft.would_be(after, candidate.default), candidate.place)):
            return candidate, after
    return None, draft.raw

"""Pure: works out which defaults to write into an object, by trying them and having the engine judge."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple, TypeAlias

from msgspec import json

from policies.engine import evaluate
from policies.fields import DEFAULTED, defaulted, lookup, place, put
from policies.rule import Action, Default, Phase
from policies.selection import Clause, Selection
from policies.verdict import Before, Defaulting, Failure, Key, Verdict, Written
from policies.workload import Workload

Select: TypeAlias = Callable[[Workload], Selection]
Accept: TypeAlias = Callable[[Workload, str], bool]

# Anybody may send a manifest without end, and each default costs a walk through all of it.
MOST_CONTAINERS = 64
MOST_TRIES = 64


def defaults(job: Workload, select: Select, before: Before | None = None) -> Defaulting:
    """Work out which defaults to write; on an update only what cures a new fault, or restores our own.

    ``select`` is asked again once labels were written, since they may bring further policies. The common way writes the
    first candidate for each field and judges once; only where that would be denied for something new are they tried one
    by one, at most ``MOST_TRIES`` of them. An object of more than ``MOST_CONTAINERS`` is judged, but not defaulted.
    """
    if len(job.containers) + len(job.init_containers) > MOST_CONTAINERS or not job.can_hold(DEFAULTED):
        return Defaulting((), job)
    offer = _Offer(select, before)
    attempt = offer.write(job, lambda _after, _at: True)
    verdict = offer.judge(attempt.job) if attempt.settled else None
    if verdict is not None and verdict.denied:
        careful = _Careful(offer.judge, offer.judge(job).denied)
        if not careful.approves(verdict.denied, attempt.settled):
            attempt = offer.write(job, careful)
            verdict = offer.judge(attempt.job)
    audited = offer.audited(job, {each.place for each in attempt.written})
    return Defaulting(attempt.written, attempt.job, verdict, audited, tuple(offer.failures.values()))


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


class _Offer:
    """The candidates for each field, and the writing of them."""

    def __init__(self, select: Select, before: Before | None) -> None:
        """Take how clauses are selected, and what an update replaces."""
        self.select = select
        self.before = before
        self.failures: dict[Clause, Failure] = {}

    def judge(self, job: Workload) -> Verdict:
        """Judge the object as written so far."""
        return evaluate(job, self.select(job), self.before)

    def write(self, job: Workload, accept: Accept) -> _Attempt:
        """Write the first acceptable candidate for each field; ``accept`` sees the object after it, and the place."""
        written: list[Written] = []
        settled = []
        self._look(job)
        for phase in Phase:
            for at, candidates in self._candidates(job, phase).items():
                chosen, after = _first(job, candidates, accept)
                if chosen is not None:
                    settled.append(at)
                if chosen is not None and after is not job:
                    written.append(chosen)
                    job = after
            if phase is Phase.LABELS and written:
                self._look(job)
        return _Attempt(tuple(written), settled, job)

    def audited(self, job: Workload, taken: Collection[str]) -> tuple[Written, ...]:
        """List what policies in Audit would write where nothing is written."""
        if all(clause.action is not Action.AUDIT for clause in self.select(job).clauses):
            return ()
        self._look(job)
        offers = [self._candidates(job, phase, audit=True) for phase in Phase]
        first = [candidates[0] for found in offers for at, candidates in found.items() if at not in taken]
        return tuple(each for each in first if _write(job, each.default) not in (None, job))

    def _look(self, job: Workload) -> None:
        """Select the clauses for the object as it stands, and, on an update, the faults to cure."""
        self.selection = self.select(job)
        self.clauses: dict[Phase, list[Clause]] = {phase: [] for phase in Phase}
        for clause in self.selection.clauses:
            if clause.writes:
                self.clauses[clause.rule.phase].append(clause)
        self.cures: Collection[Key] = ()
        if self.before is not None:
            self.cures = {violation.key for violation in self.judge(job).violations if not violation.known}

    def _candidates(self, job: Workload, phase: Phase, *, audit: bool = False) -> Mapping[str, list[Written]]:
        """Collect what clauses want written: by place, in their order."""
        found: dict[str, list[Written]] = {}
        for clause in self.clauses[phase]:
            rule = clause.rule
            concerned = job.kind in rule.kinds and (clause.action is Action.AUDIT) is audit
            if not concerned or _held_back(job, clause, self.selection):
                continue
            for default in self._defaults(job, clause):
                written = Written(clause, default, job.place(default.path))
                if job.is_open(default.path) and self._is_due(job, written):
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


def _first(job: Workload, candidates: Iterable[Written], accept: Accept) -> tuple[Written | None, Workload]:
    for candidate in candidates:
        after = _write(job, candidate.default)
        if after is not None and accept(after, candidate.place):
            return candidate, after
    return None, job


def _write(job: Workload, default: Default) -> Workload | None:
    """Write a default and our note of it into a copy: None where the user said something, the same where it stands."""
    if not all(job.is_open(path) for path, _ in default.writes):
        return None
    if all(lookup(job.raw, path) == value for path, value in default.writes):
        return job
    raw = job.raw
    for path, value in default.writes:
        raw = put(raw, path, value)
    noted = {**defaulted(raw), **{place(raw, path): value for path, value in default.writes}}
    raw = put(raw, DEFAULTED, json.encode(noted, order="sorted").decode())
    return Workload(raw, job.namespace, job.request)

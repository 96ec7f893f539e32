"""Pure, given a snapshot and a time: the one place outside of admission that makes a judged object of a manifest."""

from datetime import datetime
from typing import Any, Final, NamedTuple

from msgspec import structs

from policies.clauses import Clause
from policies.defaulting import defaults
from policies.engine import evaluate
from policies.fields import Request, lookup, mapping
from policies.rule import Finding
from policies.selection import NOBODY, Selection, Snapshot, Subject
from policies.verdict import Before, Defaulting, Failure, Verdict
from policies.workload import Workload
from webhook.admission.cure import best_cure_first
from webhook.audit.manifest import faults, kind_of
from webhook.files import Document

MADE: Final = "made by a CronJob"
STORED: Final = Request()
"""How an object came that is read from a cluster: what wrote it last is not known, but by its managedFields."""


class Judged(NamedTuple):
    """An object as it was written, what defaults come to, and what is wrong.

    ``faults`` are those of its form, for which the API server would refuse it, whatever the policies; ``verdict`` is
    on ``result.job``, the object after defaults.
    """

    document: Document
    job: Workload
    faults: tuple[Finding, ...]
    result: Defaulting
    verdict: Verdict

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Give the rules that crashed."""
        return (*self.result.failures, *self.verdict.failures)

    @property
    def passed(self) -> list[Clause]:
        """List the clauses that concern such an object and found nothing."""
        verdict, kind = self.verdict, self.result.job.kind
        told = {judgement.clause for violation in verdict.violations for judgement in violation.judgements}
        told |= {skip.clause for skip in verdict.skips} | {failure.clause for failure in self.failures}
        asked = (clause for clause in self.result.selection.clauses.every if kind in clause.rule.kinds)
        return [clause for clause in asked if clause not in told]


class LeftOut(NamedTuple):
    """An object of a cluster that is not judged, and why in some words."""

    why: str


class Judge(NamedTuple):
    """What manifests are judged by; an object that names no namespace is in this one.

    Files and scans have no user; a case of an admin's own may name one as ``subject``.
    """

    snapshot: Snapshot
    at: datetime
    namespace: str = ""
    subject: Subject = NOBODY

    def select(self, job: Workload) -> Selection:
        """Collect what an object is judged by."""
        return self.snapshot.select(job, self.subject, self.at)

    def judge(self, document: Document, old: dict[str, Any] | None = None) -> Judged | None:
        """Judge what a document holds, as an update if there is an old one; None where it is no Job and no CronJob.

        What is absent counts as absent provably, as ``kubectl apply`` would send it; defaults that would be written
        are written first, and the object after them is judged.
        """
        kind = kind_of(document.value)
        if kind is None:
            return None
        job = self._view(document.value)
        before = self._before(old)
        result = defaults(job, self.select, before)
        verdict = evaluate(result.job, result.selection, before)
        wrong = tuple(faults(document.value, kind))
        return Judged(document, job, wrong, result, self._shown(result.job, verdict, wrong, before))

    def judge_standing(self, document: Document) -> Judged | LeftOut:
        """Judge a Job or CronJob of a cluster as it stands there: nothing is written into it first.

        What admission leaves alone is left out, and so is a Job of a CronJob: it is mended there, and told of there.
        """
        if why := not_judged(document.value):
            return LeftOut(why)
        job = Workload(document.value, request=STORED)
        standing = Defaulting((), job, self.select(job))
        verdict = evaluate(job, standing.selection)
        return Judged(document, job, (), standing, self._shown(job, verdict))

    def _shown(
        self, job: Workload, verdict: Verdict, wrong: tuple[Finding, ...] = (), before: Before | None = None
    ) -> Verdict:
        """Put the best cure first, and leave out what is told as a fault of the form already."""
        told = {fault.path for fault in wrong}  # where rules see no value, since it is of another type
        shown = tuple(
            best_cure_first(job, lambda other: evaluate(other, self.select(other), before), violation)
            for violation in verdict.violations
            if violation.finding.path not in told
        )
        return structs.replace(verdict, violations=shown)

    def _before(self, old: dict[str, Any] | None) -> Before | None:
        if old is None:
            return None
        was = self._view(old)
        return Before(was, self.select(was))

    def _view(self, raw: dict[str, Any]) -> Workload:
        own, kind = lookup(raw, ("metadata", "namespace")), kind_of(raw)
        named = raw if raw.get("kind") == kind else {**raw, "kind": kind}
        return Workload(named, own if isinstance(own, str) and own else self.namespace)


def not_judged(raw: dict[str, Any]) -> str:
    """Say why an object of a cluster is not judged by itself; empty where it is."""
    job = Workload(raw)
    if job.metadata.raw.get("deletionTimestamp") is not None:
        return "being deleted"
    owner = mapping(job.controller)
    made = job.kind == "Job" and owner.get("kind") == "CronJob" and str(owner.get("apiVersion")).startswith("batch/")
    return MADE if made else ""

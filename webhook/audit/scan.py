"""Pure, given a snapshot and a time: the one place outside of admission that makes a judged object of a manifest."""

from datetime import datetime
from typing import Any, NamedTuple

from msgspec import structs

from policies.defaulting import defaults
from policies.engine import evaluate
from policies.fields import lookup
from policies.rule import Finding
from policies.selection import Selection, Snapshot
from policies.verdict import Defaulting, Failure, Verdict
from policies.workload import Workload
from webhook.admission.cure import best_cure_first
from webhook.audit.manifest import faults, kind_of
from webhook.files import Document


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


class Judge(NamedTuple):
    """What manifests are judged by; an object that names no namespace is in this one."""

    snapshot: Snapshot
    at: datetime
    namespace: str = ""

    def select(self, job: Workload) -> Selection:
        """Collect what an object is judged by: files and scans have no user."""
        return self.snapshot.select(job, at=self.at)

    def judge(self, document: Document) -> Judged | None:
        """Judge what a document holds; None where that is no Job and no CronJob.

        What is absent counts as absent provably, as ``kubectl apply`` would send it; defaults that would be written
        are written first, and the object after them is judged.
        """
        kind = kind_of(document.value)
        if kind is None:
            return None
        raw = document.value if document.value.get("kind") == kind else {**document.value, "kind": kind}
        job = Workload(raw, self._home(raw))
        result = defaults(job, self.select)
        verdict = evaluate(result.job, result.selection)
        wrong = tuple(faults(document.value, kind))
        told = {fault.path for fault in wrong}  # where rules see no value, since it is of another type
        shown = tuple(
            best_cure_first(result.job, self._evaluate, violation)
            for violation in verdict.violations
            if violation.finding.path not in told
        )
        return Judged(document, job, wrong, result, structs.replace(verdict, violations=shown))

    def _evaluate(self, job: Workload) -> Verdict:
        return evaluate(job, self.select(job))

    def _home(self, raw: dict[str, Any]) -> str:
        own = lookup(raw, ("metadata", "namespace"))
        return own if isinstance(own, str) and own else self.namespace

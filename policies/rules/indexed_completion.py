"""A Job whose containers read the completion index is Indexed.

``JOB_COMPLETION_INDEX`` and the annotation ``batch.kubernetes.io/job-completion-index`` are there only under
``completionMode: Indexed``. Without it they are empty: every Pod does the same share of the work, or fails. Passed
over: who defines the variable, tests for it, or has a value ready where it is empty.

Sources: https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode,
https://kubernetes.io/docs/tasks/job/indexed-parallel-processing-static/

Flagged::

    kind: Job
    spec: {completions: 3, template: {spec: {containers: [{name: work, args: ["--part=$(JOB_COMPLETION_INDEX)"]}]}}}

Allowed::

    kind: Job
    spec:
      completions: 3
      completionMode: Indexed
      template: {spec: {containers: [{name: work, args: ["--part=$(JOB_COMPLETION_INDEX)"]}]}}
"""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from policies.completion_index import mounts_index, reads_index
from policies.fields import Path
from policies.pods import INDEXED, is_indexed
from policies.rule import Default, Facts, Finding, Rule, RuleParams
from policies.workload import Workload


class Params(RuleParams, frozen=True):
    """Which Jobs must be Indexed."""

    require_index: Annotated[
        bool, Meta(description="Find Jobs of several completions that nothing tells apart, too.")
    ] = False


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find readers of an index that is not there."""
    if is_indexed(job):
        return
    readers = [f'Container "{container.name}"' for container in job.all_containers if reads_index(container)]
    readers += ["A volume"] * mounts_index(job.pod_spec)
    if readers:
        yield _finding(job, f"{readers[0]} reads the completion index, which is empty.", ("readers", len(readers)))
    elif params.require_index:
        completions = job.job_spec.integer("completions").value or 0
        if completions > 1:
            why = f"Nothing tells the {completions} completions apart: each Pod does the same."
            yield _finding(job, why, ("alike", completions))


def _finding(job: Workload, why: str, excess: tuple[str, float]) -> Finding:
    mode, completions = job.job_spec.text("completionMode"), job.job_spec.integer("completions")
    also: tuple[tuple[Path, int], ...] = ()
    if not completions.written:  # the API server asks it of an Indexed Job, and fills in none in a CronJob's template
        also = ((completions.path, completions.value or job.job_spec.integer("parallelism").value or 1),)
    return Finding(path=mode.path, found=f"is {mode.value}", allowed=INDEXED, why=why, excess=excess,
                   fix=Default(mode.path, INDEXED, also), example=completions.value is None)  # fmt: skip


RULE = Rule(__name__, __doc__, Params, check, category="Correctness", severity="high")

"""A Job's name leaves room for what Kubernetes adds to it, and is one that the cluster expects.

A Job's name is a label of its Pods, and under ``completionMode: Indexed`` part of their host names, ``NAME-INDEX``;
both end at 63 characters; a CronJob's Jobs are called ``NAME-MINUTES``. A policy may ask for a pattern, and of one-off
Jobs for a name that changes: a fixed one cannot be applied again, as a Job's template never changes. Where Argo CD,
Flux or Helm tracks the Job it may stay. What a controller names is not judged.

Source: ``validateNameAllowsCompletions`` in kubernetes pkg/apis/batch/validation/validation.go

Flagged, with ``{requireUnique: true}``::

    kind: Job
    metadata: {name: import}

Allowed::

    kind: Job
    metadata: {name: import-20270131}
    spec: {}
"""

import re
from collections.abc import Iterator
from typing import Annotated, Final

from msgspec import Meta

from policies.globs import matches
from policies.pods import INDEXED, is_indexed
from policies.rule import Default, Facts, Finding, Rule, RuleParams, Text
from policies.workload import Field, Workload

LABEL, CRON_JOB, BASE, FIT = 63, 52, 58, 38  # longest label, CronJob's name, generateName; what fits with an index
TAIL, MINUTES = "xxxxx", "-30000000"  # added to generateName; by the CronJob controller: minutes since 1970, 2 spare
UNIQUE: Final = re.compile(r"[-.](?=(?:[a-z]*\d){2})[a-z\d]{5,}$|[-.]v?\d+(?:[-.]\d+)+$")  # a date, hash or version
ONCE = "The same name cannot be applied again, as a Job's template never changes."


class Params(RuleParams, frozen=True):
    """Which names Jobs and CronJobs may have."""

    pattern: Annotated[Text | None, Meta(description="What names look like; a glob, e.g. team-a-*.")] = None
    require_unique: Annotated[bool, Meta(description="Find one-off Jobs whose name is the same each time.")] = False


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find names that are too long, not of the pattern, or the same each time."""
    given = job.metadata.text("name")
    field, tail = (given, "") if given.value else (job.metadata.text("generateName"), TAIL)
    if not field.value or job.controller:
        return
    yield from _judge_length(job, field, tail) if len(field.value) > FIT else ()
    if params.pattern and not matches(field.value + tail, (params.pattern,)):
        wanted = params.pattern.replace("*", field.value, 1)
        fix = None if set("*?[") & set(wanted) else Default(field.path, wanted)
        yield Finding(path=field.path, found=f"is {field.value}", allowed=params.pattern, judged=field.value, fix=fix,
                      why="Names here follow a pattern.", example=True)  # fmt: skip
    if params.require_unique and job.kind == "Job" and not (tail or job.tracker or UNIQUE.search(field.value)):
        yield Finding(path=field.path, found=f"is {field.value} each time", why=ONCE, judged=field.value, example=True,
                      allowed="a date, hash or version at the end, or kubectl create with generateName",
                      fix=Default(field.path, f"{field.value}-20270131"))  # fmt: skip


def _judge_length(job: Workload, field: Field[str], tail: str) -> Iterator[Finding]:
    name, cron_job = field.value or "", job.kind == "CronJob"
    completions = (job.job_spec.integer("completions").value or 0) if is_indexed(job) else 0
    added = MINUTES * cron_job + f"-{completions - 1}" * (completions > 0)
    most = min(LABEL - len(added), CRON_JOB if cron_job else LABEL) - len(tail)
    by = len(name[:BASE] if tail else name) - most
    if by > 0 and (added or job.job_spec.raw.get("manualSelector") is not True):  # which keeps names out of labels
        refused = not cron_job or len(name) > CRON_JOB
        then = "the API server refuses this" if refused else "no run would ever start"
        yield Finding(path=field.path, found=f"has {len(name)} characters", allowed=f"at most {most}", refused=refused,
                      why=f"Host names and labels as {name[:8]}...{tail}{added} end at {LABEL} characters: {then}.",
                      excess=("over", by), fix=Default(field.path, name[:most].rstrip("-.")), example=True)  # fmt: skip


RULE = Rule(__name__, __doc__, Params, check, category="Correctness",
    refusable="size(object.metadata.?name.or(object.metadata.?generateName).orValue('')) > (job.?completionMode"
    f".orValue('') == '{INDEXED}' ? {FIT} : request.kind.kind == 'Job' ? {BASE} : {CRON_JOB - len(TAIL)})")  # fmt: skip

"""A Job or CronJob carries the labels that say whose it is.

Who finds a Job that misbehaves must know whom to ask. What counts are the object's own labels, with a value. Neither
Pods nor the Jobs of a CronJob inherit them: ``templates`` asks for them in both templates as well.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/

Flagged, with ``{keys: [team]}``::

    kind: Job
    metadata: {labels: {app: import}}

Allowed::

    kind: Job
    metadata: {labels: {team: payments}}
    spec: {}
"""

from collections.abc import Iterator
from itertools import product
from typing import Annotated

from msgspec import Meta

from policies.demands import readable
from policies.fields import NOTHING, mapping
from policies.rule import Default, Facts, Finding, Gap, Phase, Rule, RuleParams, Text
from policies.selector import KEY, KEYS, VALUE, check_label
from policies.workload import Section, Workload

Keys = Annotated[tuple[Annotated[Text, Meta(extra_json_schema=KEY)], ...], Meta(max_length=64)]
Value = Annotated[str, Meta(min_length=1, max_length=63, extra_json_schema=VALUE)]
HOLDERS = (("metadata",), ("cronJob", "jobTemplate", "metadata"), ("job", "template", "metadata"))
Labels = Annotated[dict[Text, Value], Meta(min_length=1, max_length=64, extra_json_schema=KEYS)]


class Params(RuleParams, frozen=True):
    """Which labels an object must have."""

    demands = readable(check_label, "keys", "defaults")

    keys: Annotated[Keys, Meta(description="Labels that must be there, e.g. example.com/team.")] = ()
    defaults: Annotated[Labels | None, Meta(description="Written where there is no such label.")] = None
    templates: Annotated[bool, Meta(description="Ask the same of the Jobs and Pods that it makes.")] = False


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find labels that are missing, or that say nothing."""
    for holder, key in product(_holders(job, params), params.keys):
        value = mapping(holder.raw.get("labels")).get(key)
        if type(value) is not str or not value:
            yield _finding(holder, key, value, params)


def _finding(holder: Section, key: str, value: object, params: Params) -> Finding:
    path, default = (*holder.path, "labels", key), (params.defaults or NOTHING).get(key)
    fault = "is missing" if value is None else "is empty" if value == "" else "is no text; write it in quotes"
    return Finding(path=path, found=fault, allowed="", why="Who finds this must know whose it is.", judged=fault,
                   fix=Default(path, default or "VALUE"), example=default is None)  # fmt: skip


def defaults(job: Workload, params: Params, _facts: Facts) -> Iterator[Default]:
    """Write the labels that are not there."""
    for holder, (key, value) in product(_holders(job, params), (params.defaults or NOTHING).items()):
        yield Default((*holder.path, "labels", key), value)


def _holders(job: Workload, params: Params) -> Iterator[Section]:
    yield job.metadata
    if params.templates:
        if job.kind == "CronJob":
            yield job.cron_job_spec.section("jobTemplate").section("metadata")
        yield job.job_spec.section("template").section("metadata")


RULE = Rule(__name__, __doc__, Params, check, defaults, phase=Phase.LABELS, gaps=lambda params: [
    Gap((*holder, "labels", key), value) for holder, (key, value) in product(
        HOLDERS[: None if params.templates else 1], (params.defaults or NOTHING).items())])  # fmt: skip

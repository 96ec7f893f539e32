"""An image names a version that stays what it is.

``latest``, which no tag means as well, is another image tomorrow: a Job that worked yesterday fails, and nobody knows
what ran. A digest is the surest name. What holds ``://`` is no image yet: ``ko`` and its like put one in its place.

Source: https://kubernetes.io/docs/concepts/containers/images/#image-names

Flagged::

    kind: Job
    spec: {template: {spec: {containers: [{name: work, image: busybox}]}}}

Allowed::

    kind: Job
    spec: {template: {spec: {containers: [{name: work, image: "busybox:1.36"}]}}}
"""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from policies import image
from policies.globs import matches
from policies.rule import Default, Facts, Finding, Rule, RuleParams, Text, Texts
from policies.workload import Field, Workload

Tags = Annotated[tuple[Text, ...], Meta(max_length=64)]


class Params(RuleParams, frozen=True):
    """Which images may run."""

    forbidden_tags: Annotated[Tags, Meta(description="Tags that move; globs.")] = ("latest",)
    require_digest: Annotated[bool, Meta(description="Demand name@sha256:... everywhere.")] = False
    allowed_registries: Annotated[Texts | None, Meta(description="Registries, or repositories there; globs.")] = None


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find tags that move, missing digests, and registries that are not allowed."""
    for container in job.all_containers:
        field = container.section.text("image")
        if field.value and "://" not in field.value:
            yield from _judge(field, field.value, params)


def _judge(field: Field[str], written: str, params: Params) -> Iterator[Finding]:
    reference, registries, faults = image.parse(written), params.allowed_registries, []
    name, version = reference.name, written.removeprefix(reference.name)
    if params.require_digest and not reference.digest:
        version = "@sha256:DIGEST"
        faults.append((", which has no digest", "a digest", "Only a digest says which image will run."))
    elif not reference.digest and matches(reference.tag, params.forbidden_tags):
        version = ":VERSION"
        means = f", which means {written}:latest" if written == name else ""
        faults.append((means, "a tag that stays or a digest", f"The tag {reference.tag} is another image tomorrow."))
    if registries and not any(matches(at, registries) for at in (reference.registry, reference.repository)):
        whole = "/" in registries[0] and not registries[0].endswith("*")
        name = registries[0] if whole else f"{registries[0].rstrip('/*')}/{name.rpartition('/')[2]}"
        known, origin = " or ".join(registries), reference.registry
        faults.append((f", from {origin}", f"from {known}", f"Nobody here answers for {origin}."))
    if faults:
        found, allowed, why = zip(*faults, strict=True)
        yield Finding(
            path=field.path,
            found=f"is {written}{''.join(found)}",
            allowed=", ".join(allowed),
            why=" ".join(why),
            excess=(reference.repository, len(faults)),  # the same image with no more faults is no worse
            fix=Default(field.path, name + version),
            example=True,
        )


RULE = Rule(__name__, __doc__, Params, check, category="Reliability")

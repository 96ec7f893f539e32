"""An image names a version that stays what it is.

``latest``, which no tag means as well, is another image tomorrow: a Job that worked yesterday fails, and nobody knows what
ran. A digest is the surest name. Registries may be limited to those that somebody answers for.

Source: https://kubernetes.io/docs/concepts/containers/images/#image-names

Flagged::

    kind: Job
    spec: {template: {spec: {containers: [{name: work, image: busybox}]}}}

Allowed::

    kind: Job
    spec: {template: {spec: {containers: [{name: work, image: "busybox:1.36"}]}}}
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Annotated, NamedTuple

from msgspec import Meta

from policies.rule import Default, Facts, Finding, Rule, RuleParams, Texts
from policies.workload import Workload


class Params(RuleParams, frozen=True):
    """Which images may run."""

    forbidden_tags: Annotated[Texts | None, Meta(description="Tags that move; globs.")] = ("latest",)
    require_digest: Annotated[bool, Meta(description="Demand name@sha256:... everywhere.")] = False
    allowed_registries: Annotated[
        Texts | None, Meta(description="Registries, or repositories in them, that images may come from; globs.")
    ] = None


class Image(NamedTuple):
    """An image reference in full: ``busybox`` is ``docker.io/library/busybox:latest``."""

    registry: str
    repository: str
    tag: str
    digest: str


def parse(reference: str) -> Image:
    """Take a reference apart as container runtimes do (github.com/distribution/reference, normalize.go)."""
    name, _, digest = reference.partition("@")
    head, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    name = head + slash + last
    registry, _, rest = name.partition("/")
    if not rest or not (set(".:") & set(registry) or registry == "localhost"):
        registry, rest = "docker.io", name if "/" in name else f"library/{name}"
    return Image(registry, f"{registry}/{rest}", tag or ("" if digest else "latest"), digest)


def check(job: Workload, params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find tags that move, missing digests, and registries that are not allowed."""
    for container in job.all_containers():
        field = container.section.text("image")
        if field.value:
            for fault, allowed, why in _faults(parse(field.value), params):
                yield Finding(path=field.path, found=f"is {field.value}{fault}", allowed=allowed, why=why, judged=field.value,
                              fix=Default(field.path, _example(field.value, params)), example=True)  # fmt: skip


def _faults(image: Image, params: Params) -> Iterator[tuple[str, str, str]]:
    if params.require_digest and not image.digest:
        yield ", which has no digest", "name@sha256:...", "Only a digest says which image will run."
    elif not image.digest and any(fnmatchcase(image.tag, tag) for tag in params.forbidden_tags or ()):
        yield "", "a tag that stays, or a digest", f"The tag {image.tag} is another image tomorrow."
    registries = params.allowed_registries
    if registries and not any(fnmatchcase(name, glob) for glob in registries for name in (image.registry, image.repository)):
        yield f" (from {image.registry})", ", ".join(registries), "Nobody here answers for images from elsewhere."


def _example(reference: str, params: Params) -> str:
    name = reference.partition("@")[0]
    name = name if ":" not in name.rpartition("/")[2] else name.rpartition(":")[0]
    return f"{name}@sha256:DIGEST" if params.require_digest else f"{name}:VERSION"


RULE = Rule(__name__, __doc__, Params, check, category="Reliability")

"""Pure: views over a raw Job or CronJob in which each value knows its field path.

The object stays the dict it was decoded to: nothing is copied, and fields that Batchwarden has never heard of survive.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from msgspec import Struct

from policies.fields import FILE, NOTHING, Origin, Path, Request, child, lookup, mapping, origin, place, sequence
from policies.quantity import Amount, amounts
from policies.server_defaults import CRON_JOB_SPEC_DEFAULTS, POD_SPEC_DEFAULTS, job_spec_defaults
from policies.tracking import tracker

KINDS = ("Job", "CronJob")
_OBJECT_OR_ABSENT = (dict, type(None))
T = TypeVar("T", int, str, bool)


class Field(Struct, Generic[T], frozen=True, gc=False):
    """A value and its place; ``value`` is what counts, be it what the API server fills in where nothing is written."""

    holder: Path
    key: str
    value: T | None
    written: bool

    @property
    def path(self) -> Path:
        """Give its place, which is asked for where something is wrong."""
        return (*self.holder, self.key)


class Section(Struct, frozen=True, gc=False):
    """A part of an object, and what the API server fills in there; a value of a wrong type reads as absent."""

    path: Path
    raw: Mapping[str, Any]
    filled: Mapping[str, Any] = NOTHING

    def integer(self, key: str) -> Field[int]:
        """Read a number, e.g. seconds or a count."""
        value = self.raw.get(key)
        if type(value) is int:
            return Field(self.path, key, value, written=True)
        return Field(self.path, key, self.filled.get(key), written=False)

    def text(self, key: str) -> Field[str]:
        """Read a string."""
        value = self.raw.get(key)
        if type(value) is str and value:  # an empty one is absent to the API server, too
            return Field(self.path, key, value, written=True)
        return Field(self.path, key, self.filled.get(key), written=False)

    def section(self, key: str) -> "Section":
        """Go down into an object; where it is absent, the section is empty."""
        return Section((*self.path, key), mapping(self.raw.get(key)))

    def items(self, key: str) -> Iterator["Section"]:
        """Go through a list of objects."""
        for index, item in enumerate(sequence(self.raw.get(key))):
            yield Section((*self.path, key, index), mapping(item))


class Container(Struct, frozen=True, gc=False):
    """A container of the pod template, with its own limits and requests: resource to quantity.

    ``words`` are all that it is told: its command, its arguments, the names and values of its variables.
    A ``sidecar`` is an init container that runs beside the work to its end.
    Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
    """

    section: Section
    name: str
    limits: Mapping[str, Amount] = NOTHING
    requests: Mapping[str, Amount] = NOTHING
    words: Sequence[str] = ()
    init: bool = False
    sidecar: bool = False

    @property
    def path(self) -> Path:
        """Give the container's own place."""
        return self.section.path


class Workload:
    """A Job or a CronJob as rules see it.

    ``job_spec`` and ``pod_spec`` are the Job's own, or those of the CronJob's template: most rules need not know which.
    ``all_containers`` are the init containers, sidecars among them, then the main ones.
    """

    __slots__ = (
        "_origins",
        "_places",
        "all_containers",
        "containers",
        "cron_job_spec",
        "init_containers",
        "job_spec",
        "kind",
        "metadata",
        "namespace",
        "pod_spec",
        "raw",
        "request",
    )

    def __init__(
        self,
        raw: Mapping[str, Any],
        namespace: str = "",
        request: Request | None = FILE,
        like: "Workload | None" = None,
    ) -> None:
        """Take the object, its namespace if it names none, and how it came; what it shares with another is kept."""
        self.raw = raw
        self._origins: dict[Path, Origin] = {}  # asked again and again, by each clause and for each text
        self._places: dict[Path, str] = {}
        kind = raw.get("kind")
        self.kind = kind if isinstance(kind, str) else ""
        self.request = request
        self.metadata = Section(("metadata",), mapping(raw.get("metadata")))
        self.namespace = namespace or self.metadata.text("namespace").value or "default"
        spec = mapping(raw.get("spec"))
        self.cron_job_spec = Section(("spec",), spec, CRON_JOB_SPEC_DEFAULTS)
        path: Path = ("spec", "jobTemplate", "spec") if self.kind == "CronJob" else ("spec",)
        spec = mapping(lookup(raw, path))
        self.job_spec = Section(path, spec, job_spec_defaults(spec))
        pod_spec = mapping(mapping(spec.get("template")).get("spec"))
        self.pod_spec = Section((*path, "template", "spec"), pod_spec, POD_SPEC_DEFAULTS)
        if like is not None and like.pod_spec.raw is pod_spec and like.pod_spec.path == self.pod_spec.path:
            self.containers: tuple[Container, ...] = like.containers
            self.init_containers: tuple[Container, ...] = like.init_containers
        else:
            self.containers = _containers(self.pod_spec, "containers")
            self.init_containers = _containers(self.pod_spec, "initContainers")
        self.all_containers = self.init_containers + self.containers

    def rewritten(self, raw: Mapping[str, Any]) -> "Workload":
        """View a changed copy of the object, which came the same way."""
        return Workload(raw, self.namespace, self.request, self)

    @property
    def labels(self) -> Mapping[str, Any]:
        """Give the object's own labels; what is no text, which only a file can hold, is none."""
        labels = mapping(self.metadata.raw.get("labels"))
        return {key: value for key, value in labels.items() if isinstance(value, str)}

    @property
    def annotations(self) -> Mapping[str, Any]:
        """Give the object's annotations."""
        return mapping(self.metadata.raw.get("annotations"))

    @property
    def name(self) -> str:
        """Give the name; ``nightly-(generated)`` where the API server has yet to make one up."""
        name = self.metadata.text("name").value
        return name or f"{self.metadata.text('generateName').value or ''}(generated)"

    @property
    def controller(self) -> Mapping[str, Any] | None:
        """Give the owner reference of the controller that made this object and cleans it up, if one did."""
        for owner in sequence(self.metadata.raw.get("ownerReferences")):
            if mapping(owner).get("controller") is True:
                return mapping(owner)
        return None

    @property
    def tracker(self) -> str | None:
        """Name the tool that would create this object again if it vanished; None where none is seen."""
        entries = sequence(self.metadata.raw.get("managedFields"))
        return tracker(self.labels, self.annotations, [mapping(entry).get("manager") for entry in entries])

    def origin(self, path: Path) -> Origin:
        """Say who wrote what stands at a path; what is absent is the API server's to fill in."""
        found = self._origins.get(path)
        if found is None:
            in_template = self.kind == "CronJob" and path[:-1] == self.job_spec.path
            # a jobTemplate's own fields stay empty until the controller makes a Job of it
            filled = None if in_template else self._filled(path)
            found = self._origins[path] = origin(self.raw, path, filled, self.request)
        return found

    def place(self, path: Path) -> str:
        """Write a path with list items under their names: what tells one fault from another across updates."""
        found = self._places.get(path)
        if found is None:
            found = self._places[path] = place(self.raw, path)
        return found

    def value(self, path: Path) -> object:
        """Read what counts at a path: what is written there, else what the API server fills in."""
        found = lookup(self.raw, path)
        return self._filled(path) if found is None else found

    def is_open(self, path: Path) -> bool:
        """Whether the user provably said nothing there, so that a default may be written."""
        found = lookup(self.raw, path)
        if found is None:
            return self.can_hold(path)
        return found == self._filled(path) and self.origin(path) is Origin.DEFAULT

    def can_hold(self, path: Path) -> bool:
        """Whether something can be written there: nothing of another shape stands in the way."""
        holder: object = self.raw
        for step in path:
            if not isinstance(holder, list if isinstance(step, int) else _OBJECT_OR_ABSENT):
                return False
            holder = child(holder, step)
        return True

    def _filled(self, path: Path) -> object:
        sections = (self.pod_spec, self.job_spec, self.cron_job_spec)
        return next((section.filled.get(str(path[-1])) for section in sections if section.path == path[:-1]), None)


def _words(container: Mapping[str, Any]) -> list[str]:
    told = [*sequence(container.get("command")), *sequence(container.get("args"))]
    for variable in sequence(container.get("env")):
        if isinstance(variable, dict):
            told += variable.get("name"), variable.get("value")
    return [word for word in told if isinstance(word, str)]


def _containers(pod: Section, key: str) -> tuple[Container, ...]:
    return tuple([_container(section, init=key == "initContainers") for section in pod.items(key)])


def _container(section: Section, *, init: bool) -> Container:
    raw = section.raw
    name, resources = raw.get("name"), mapping(raw.get("resources"))
    limits, requests = amounts(resources.get("limits")), amounts(resources.get("requests"))
    sidecar = init and raw.get("restartPolicy") == "Always"
    return Container(section, name if isinstance(name, str) else "", limits, requests, _words(raw), init, sidecar)

"""Policies, exceptions and what they need to know, from files, as one snapshot.

Beside our own objects the files may hold ``Namespace`` and ``LimitRange`` manifests, so that labels and limits are
known without a cluster.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from msgspec import structs

import policies
from policies.fields import mapping
from policies.objects import (
    CROWDED,
    EVERYTHING,
    MOST_IN_NAMESPACE,
    TYPES,
    BatchObject,
    BatchPolicyException,
    ClusterBatchPolicy,
    LimitRangeObject,
    Namespace,
    Policy,
    decode_object,
    is_ours,
    policy,
)
from policies.resources import unite_limits
from policies.selection import Snapshot
from policies.strict import InvalidObjectError, decode
from webhook.files import Document, Unreadable, legible, read_paths

LIBRARY: Final = Path(policies.__file__).parent / "library"


class PolicyFilesError(Exception):
    """Policy files are wrong: for whoever writes them, a line for each fault, with its place."""

    def __init__(self, faults: Iterable[str]) -> None:
        """Remember the faults."""
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class Collection:
    """What was found so far; ``faults`` says what is wrong with it."""

    def __init__(self) -> None:
        self.faults: list[Unreadable] = []
        self._ready: list[Policy] = []
        self._ours: dict[tuple[str, str, str], BatchObject] = {}
        self._documents: dict[tuple[str, str, str], Document] = {}
        self._tenants = Counter[str]()
        self._namespaces: dict[str, Mapping[str, str]] = {}
        self._limit_ranges: dict[tuple[str, str], Mapping[str, Any]] = {}

    def take(self, document: Document | Unreadable) -> None:
        """Take one of our objects, a Namespace or a LimitRange; other kinds are nobody's fault."""
        if isinstance(document, Unreadable):
            self.faults.append(document)
            return
        manifest = mapping(document.value)
        kind = manifest.get("kind")
        if not isinstance(manifest.get("apiVersion"), str) or not isinstance(kind, str):
            self._fault(
                document, (), "this is no Kubernetes object: apiVersion or kind is missing; add them, or remove it"
            )
        elif not is_ours(manifest) and kind not in TYPES:
            self.take_surroundings(document)
        else:
            try:
                self._take_ours(document)
            except InvalidObjectError as error:
                self._invalid(document, error)

    def take_surroundings(self, document: Document, namespace: str = "default") -> None:
        """Take a Namespace, or a LimitRange, which is in that namespace where it names none; nothing else."""
        manifest = mapping(document.value)
        try:
            match manifest.get("apiVersion"), manifest.get("kind"):
                case "v1", "Namespace":
                    known = decode(manifest, Namespace).metadata
                    self._namespaces[known.name] = known.labels or {}
                case "v1", "LimitRange":
                    decode(manifest, LimitRangeObject)
                    metadata = mapping(manifest.get("metadata"))
                    home, name = str(metadata.get("namespace") or namespace), str(metadata.get("name") or "")
                    self._limit_ranges[home, name] = manifest
                case _:
                    pass
        except InvalidObjectError as error:
            self._invalid(document, error)

    def bind(self, ready: Policy) -> None:
        """Let a ready policy bind every namespace; whether it concerns an object is still for the object's labels."""
        self._ready.append(structs.replace(ready, namespace_selector=EVERYTHING))

    @property
    def objects(self) -> list[BatchObject]:
        """List what was taken of our own objects, as they are written."""
        return list(self._ours.values())

    @property
    def policies(self) -> list[Policy]:
        """List the policies, the ready ones first."""
        return [*self._ready, *(policy(each) for each in self.objects if not isinstance(each, BatchPolicyException))]

    @property
    def exceptions(self) -> list[BatchPolicyException]:
        """List the exceptions."""
        return [each for each in self.objects if isinstance(each, BatchPolicyException)]

    @property
    def namespaces(self) -> Mapping[str, Mapping[str, str]]:
        """Give the labels of the namespaces that were taken."""
        return self._namespaces

    def snapshot(self) -> Snapshot:
        """Put together what was taken."""
        return Snapshot(self.policies, self.exceptions, self._namespaces, unite_limits(self._limit_ranges))

    def remarks(self, snapshot: Snapshot) -> Iterator[str]:
        """Say, with file, line and column, which exceptions name what is not in the snapshot."""
        for key, found in self._ours.items():
            if isinstance(found, BatchPolicyException):
                for path, text in found.unmet(snapshot.policies):
                    yield f"{_place(self._documents[key], path)}: exception {found.metadata.name}: {text}"

    def _take_ours(self, document: Document) -> None:
        found = decode_object(document.value)
        kind, name = type(found).__name__, found.metadata.name
        key = (kind, "" if kind == "ClusterBatchPolicy" else found.metadata.namespace, name)
        if first := self._documents.get(key):
            at = _place(first, ("metadata", "name"))
            self._fault(document, ("metadata", "name"), f"{kind} {name} is there already, at {at}; rename one")
        if kind == "BatchPolicy":
            self._tenants[found.metadata.namespace] += 1
            if self._tenants[found.metadata.namespace] == MOST_IN_NAMESPACE + 1:
                self._fault(document, ("kind",), f"{kind} {name} is one too many: {CROWDED}")
        self._ours[key], self._documents[key] = found, document

    def _invalid(self, document: Document, error: InvalidObjectError) -> None:
        for fault in (error, *error.others):
            self._fault(document, fault.path, str(fault))

    def _fault(self, document: Document, path: tuple[str | int, ...], text: str) -> None:
        self.faults.append(Unreadable(document.source, *document.position(path), text))


def placed(document: Document, namespace: str) -> Document:
    """Give one of our objects that names no namespace the one that is meant, as ``kubectl apply -n`` does."""
    value, metadata = document.value, mapping(document.value).get("metadata")
    if not is_ours(value) or not isinstance(metadata, dict) or metadata.get("namespace"):
        return document
    return replace(document, value={**value, "metadata": {**metadata, "namespace": namespace}})


def _place(document: Document, path: tuple[str | int, ...]) -> str:
    position = document.position(path)
    return f"{legible(document.source)}:{position.line}:{position.column}"


def collect(paths: Iterable[str | Path]) -> Collection:
    """Take all that is in files and folders; raise PolicyFilesError with the faults."""
    collection = Collection()
    for document in read_paths(paths):
        collection.take(document)
    if collection.faults:
        raise PolicyFilesError(map(str, collection.faults))
    return collection


def load(paths: Iterable[Path]) -> Snapshot:
    """Read policies, exceptions and what they need to know; raise PolicyFilesError with the faults."""
    return collect(paths).snapshot()


def ready_names() -> list[str]:
    """Name the ready policies."""
    return sorted(file.stem for file in LIBRARY.glob("*.yaml"))


def ready(name: str) -> Policy:
    """Read a ready policy by its name, as it is written."""
    (document,) = read_paths([LIBRARY / f"{name}.yaml"])
    found = decode_object(document.value) if isinstance(document, Document) else None
    assert isinstance(found, ClusterBatchPolicy)  # noqa: S101 - our own files
    return policy(found)

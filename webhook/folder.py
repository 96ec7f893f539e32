"""A folder of policies as one snapshot: a change is taken over whole, or not at all and the last good one stays.

Beside our own objects it may hold ``Namespace`` and ``LimitRange`` manifests, so that labels and limits are known
without a cluster.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Event
from typing import Any, TypeAlias

from policies.fields import mapping
from policies.objects import (
    KINDS,
    BatchPolicyException,
    LimitRangeObject,
    Namespace,
    decode_object,
    is_ours,
    policy,
)
from policies.resources import limit_range
from policies.selection import Snapshot
from policies.strict import InvalidObjectError, decode
from webhook.files import Document, Unreadable, find_files, read_paths

Note: TypeAlias = tuple[str, int, int, int]
"""Name, inode, size and time of a file: one state of it."""


class PolicyFilesError(Exception):
    """Policy files are wrong: for whoever writes them, a line for the first fault of each document, with its place."""

    def __init__(self, faults: Iterable[str]) -> None:
        """Remember the faults."""
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class _Collection:
    """What was found so far, and what is wrong with it."""

    def __init__(self) -> None:
        self.ours: dict[tuple[str, str, str], Any] = {}
        self.places: dict[tuple[str, str, str], str] = {}
        self.namespaces: dict[str, Mapping[str, str]] = {}
        self.limit_ranges: dict[str, list[Mapping[str, Any]]] = {}
        self.faults: list[str] = []

    def take(self, document: Document) -> None:
        try:
            self._take(document)
        except InvalidObjectError as error:
            self._fault(document, error.path, str(error))

    def _take(self, document: Document) -> None:
        manifest = mapping(document.value)
        version, kind, metadata = (manifest.get(key) for key in ("apiVersion", "kind", "metadata"))
        if not isinstance(version, str) or not isinstance(kind, str):
            self._fault(
                document, (), "this is no Kubernetes object: apiVersion or kind is missing; add them, or remove it"
            )
        elif is_ours(manifest) or kind in KINDS:
            self._take_ours(document)
        elif (version, kind) == ("v1", "Namespace"):
            namespace = decode(manifest, Namespace).metadata
            self.namespaces[namespace.name] = namespace.labels or {}
        elif (version, kind) == ("v1", "LimitRange"):
            decode(manifest, LimitRangeObject)
            self.limit_ranges.setdefault(str(mapping(metadata).get("namespace") or "default"), []).append(manifest)

    def _take_ours(self, document: Document) -> None:
        found = decode_object(document.value)
        kind, name = type(found).__name__, found.metadata.name
        key = (kind, "" if kind == "ClusterBatchPolicy" else found.metadata.namespace, name)
        first = self.places.setdefault(key, _place(document, ("metadata", "name")))
        if key in self.ours:
            self._fault(document, ("metadata", "name"), f"{kind} {name} is there already, at {first}; rename one")
        self.ours[key] = found

    def _fault(self, document: Document, path: tuple[str | int, ...], text: str) -> None:
        self.faults.append(f"{_place(document, path)}: {text}")


def _place(document: Document, path: tuple[str | int, ...]) -> str:
    position = document.position(path)
    return f"{document.source}:{position.line}:{position.column}"


def load(paths: Iterable[Path]) -> Snapshot:
    """Read policies, exceptions and what they need to know; raise PolicyFilesError with the faults."""
    found = _Collection()
    for document in read_paths(paths):
        if isinstance(document, Unreadable):
            found.faults.append(str(document))
        else:
            found.take(document)
    if found.faults:
        raise PolicyFilesError(found.faults)
    exceptions = [each for each in found.ours.values() if isinstance(each, BatchPolicyException)]
    policies = [policy(each) for each in found.ours.values() if not isinstance(each, BatchPolicyException)]
    limits = {namespace: limit_range(manifests) for namespace, manifests in found.limit_ranges.items()}
    return Snapshot(policies, exceptions, found.namespaces, limits)


class WatchedFolder:
    """Policies in files, read again when one changes."""

    def __init__(
        self, paths: Iterable[Path], loaded: Callable[[Snapshot], None], failed: Callable[[str], None]
    ) -> None:
        """Read once, which may raise PolicyFilesError; ``loaded`` and ``failed`` are told of all that follows."""
        self._paths = tuple(paths)
        self._loaded, self._failed = loaded, failed
        self._state = self._look()
        self.snapshot = load(self._paths)
        loaded(self.snapshot)

    def watch(self, stop: Event, seconds: float = 1.0) -> None:
        """Look every so often until told to stop; a snapshot is swapped whole, and a broken change leaves it."""
        while not stop.wait(seconds):
            state = self._look()
            if state != self._state:
                self._state = state
                self._reload()

    def _reload(self) -> None:
        try:
            self.snapshot = load(self._paths)
        except PolicyFilesError as error:
            self._failed(str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the watch goes on, and the next change may be whole
            self._failed(f"an error in Batchwarden while reading: {error!r}")
        else:
            self._loaded(self.snapshot)

    def _look(self) -> frozenset[Note]:
        """Note name, inode, size and time of each file: a ConfigMap that is mounted changes by a swapped link."""
        return frozenset(_note(file) for file in find_files(self._paths))


def _note(file: Path | Unreadable) -> Note:
    if isinstance(file, Unreadable):
        return str(file), 0, 0, 0
    try:
        stat = file.stat()
    except OSError:  # gone while we look; the next look will tell
        return str(file), 0, 0, 0
    return str(file), stat.st_ino, stat.st_size, stat.st_mtime_ns

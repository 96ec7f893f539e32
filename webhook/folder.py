"""A folder of policies as one snapshot: a change is taken over whole, or not at all and the last good one stays.

Beside our own objects it may hold ``Namespace`` and ``LimitRange`` manifests, so that labels and limits are known
without a cluster.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from threading import Event
from typing import Any

from policies.fields import mapping
from policies.objects import KINDS, BatchPolicyException, decode_object, is_ours, policy
from policies.resources import limit_range
from policies.selection import Snapshot
from policies.strict import InvalidObjectError
from webhook.files import Document, Unreadable, read_paths


class PolicyFilesError(Exception):
    """Policy files are wrong: for whoever writes them, one line for each fault, with file, line and column."""

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
        manifest = mapping(document.value)
        version, kind, metadata = (manifest.get(key) for key in ("apiVersion", "kind", "metadata"))
        if not isinstance(version, str) or not isinstance(kind, str):
            self._fault(
                document, (), "this is no Kubernetes object: apiVersion or kind is missing; add them, or remove it"
            )
        elif is_ours(manifest) or kind in KINDS:
            self._take_ours(document)
        elif (version, kind) == ("v1", "Namespace"):
            self.namespaces[str(mapping(metadata).get("name"))] = mapping(mapping(metadata).get("labels"))
        elif (version, kind) == ("v1", "LimitRange"):
            self.limit_ranges.setdefault(str(mapping(metadata).get("namespace") or "default"), []).append(manifest)

    def _take_ours(self, document: Document) -> None:
        try:
            found = decode_object(document.value)
        except InvalidObjectError as error:
            self._fault(document, error.path, str(error))
            return
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
    """Read policies, exceptions and what they need to know; raise PolicyFilesError with every fault."""
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
        except (PolicyFilesError, OSError) as error:
            self._failed(str(error))
        else:
            self._loaded(self.snapshot)

    def _look(self) -> frozenset[tuple[str, int, int, int]]:
        """Note name, inode, size and time of each file: a ConfigMap that is mounted changes by a swapped link."""
        return frozenset(_note(file) for path in self._paths for file in _walk(path))


def _walk(path: Path) -> Iterator[Path]:
    """Go through a file, or a folder and all in it; what vanishes meanwhile is left out."""
    yield path
    for folder, folders, files in os.walk(path):
        yield from (Path(folder, name) for name in (*folders, *files))


def _note(file: Path) -> tuple[str, int, int, int]:
    try:
        stat = file.stat()
    except OSError:  # gone while we look; the next look will tell
        return str(file), 0, 0, 0
    return str(file), stat.st_ino, stat.st_size, stat.st_mtime_ns

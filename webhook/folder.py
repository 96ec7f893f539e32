"""A folder of policies as one snapshot: a change is taken over whole, or not at all and the last good one stays."""

from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event
from typing import TypeAlias

from policies.selection import Snapshot
from webhook.files import Unreadable, find_files
from webhook.snapshots import PolicyFilesError, collect

Note: TypeAlias = tuple[str, int, int, int]
"""Name, inode, size and time of a file: one state of it."""


class WatchedFolder:
    """Policies in files, read again when one changes."""

    def __init__(
        self,
        paths: Iterable[Path],
        loaded: Callable[[Snapshot], None],
        failed: Callable[[str], None],
        remarked: Callable[[str], None],
    ) -> None:
        """Read once, which may raise PolicyFilesError; the others are told of it, and of all that follows.

        ``remarked`` is told what is strange and yet no fault.
        """
        self._paths = tuple(paths)
        self._loaded, self._failed, self._remarked = loaded, failed, remarked
        self._state = self._look()
        self._load()

    def watch(self, stop: Event, seconds: float = 1.0) -> None:
        """Look every so often until told to stop; a snapshot is swapped whole, and a broken change leaves it."""
        while not stop.wait(seconds):
            state = self._look()
            if state != self._state:
                self._state = state
                self._reload()

    def _reload(self) -> None:
        try:
            self._load()
        except PolicyFilesError as error:
            self._failed(str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the watch goes on, and the next change may be whole
            self._failed(f"an error in Batchwarden while reading: {error!r}")

    def _load(self) -> None:
        found = collect(self._paths)
        self.snapshot = found.snapshot()
        self._loaded(self.snapshot)
        for remark in found.remarks(self.snapshot):
            self._remarked(remark)

    def _look(self) -> frozenset[Note]:
        """Note name, inode, size and time of each file: a ConfigMap that is mounted changes by a swapped link."""
        return frozenset(note_state(file) for file in find_files(self._paths))


def note_state(file: Path | Unreadable) -> Note:
    """Tell one state of a file from another."""
    if isinstance(file, Unreadable):
        return str(file), 0, 0, 0
    try:
        stat = file.stat()
    except OSError:  # gone while we look; the next look will tell
        return str(file), 0, 0, 0
    return str(file), stat.st_ino, stat.st_size, stat.st_mtime_ns

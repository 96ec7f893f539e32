"""What people name on a command line to be looked at: files, folders, ``-``. Read as often as need be, memory flat."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, TextIO, TypeAlias

from webhook.files import Document, Unreadable, find_files, read_file, read_stream
from webhook.snapshots import Collection

STDIN: Final = "-"

_IN_MEMORY: Final = 2**22
_SURROUNDINGS: Final = ("Namespace", "LimitRange")


class Kept(NamedTuple):
    """What can be read only once, such as a pipe, set aside; with its name."""

    name: str
    content: BinaryIO


Source: TypeAlias = Path | Kept | Unreadable


class Inputs(AbstractContextManager["Inputs"]):
    """The sources that were found; what was set aside is gone at the end of a ``with``."""

    def __init__(self, paths: Iterable[str], stdin: TextIO | None) -> None:
        """Look for the files; ``-`` is the standard input, of which Python knows none where it is closed."""
        named = list(paths)
        self.sources: list[Source] = [_standard(stdin)] if STDIN in named else []
        self.sources += map(_lasting, find_files(path for path in named if path != STDIN))

    def __exit__(self, *_raised: object) -> None:
        """Drop what was set aside."""
        for source in self.sources:
            if isinstance(source, Kept):
                source.content.close()

    def leave_out(self, file: Path) -> None:
        """Leave out a file that is about to be written over, such as the report of the run before."""
        if file.exists():
            self.sources = [each for each in self.sources if not (isinstance(each, Path) and each.samefile(file))]

    def tell(self, collection: Collection, namespace: str) -> None:
        """Hand over Namespaces and LimitRanges: what a Job lives in may be told after the Job.

        What cannot be read is not told of here.
        """
        for source in self.sources:
            for document in read(source, _SURROUNDINGS):
                if isinstance(document, Document):
                    collection.take_surroundings(document, namespace or "default")


def read(source: Source, mention: tuple[str, ...] = ()) -> Iterator[Document | Unreadable]:
    """Read a source; given words, only documents in whose text one is found."""
    match source:
        case Unreadable():
            yield source
        case Kept(name, content):
            content.seek(0)
            yield from read_stream(content, name, mention)
        case Path():
            yield from read_file(source, mention)


def _lasting(source: Path | Unreadable) -> Source:
    """Set aside what is no plain file, such as the pipe of a shell's ``<(…)``."""
    if isinstance(source, Unreadable) or source.is_file():
        return source
    with source.open("rb") as pipe:
        return _keep(str(source), pipe)


def _standard(stdin: TextIO | None) -> Source:
    return Unreadable("stdin", 0, 0, "it is closed") if stdin is None else _keep("stdin", stdin.buffer)


def _keep(name: str, stream: BinaryIO) -> Kept:
    from shutil import copyfileobj  # noqa: PLC0415 - slow to load, and seldom needed
    from tempfile import SpooledTemporaryFile  # noqa: PLC0415 - as well

    content = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - it lives as long as the process
    copyfileobj(stream, content)
    return Kept(name, content)  # type: ignore[arg-type]  # as good as a file, says the documentation of tempfile

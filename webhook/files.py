"""The only reader of files: manifests and policies, in YAML and JSON, as values that know where they were written.

What cannot be read is a value, too, so that a bad document hides no other.
"""

import errno
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path as FilePath
from stat import S_ISDIR, S_ISREG
from typing import Any, BinaryIO, Final

from policies.fields import Path
from webhook.text.chunks import MAX_BYTES, Chunk, split
from webhook.text.json_tree import read_json
from webhook.text.places import Place, Position, Refused
from webhook.text.yaml_tree import read_yaml

SUFFIXES: Final = frozenset({".json", ".yaml", ".yml"})

_SEPARATOR: Final = re.compile(r"---(.*)")
_BRACE: Final = re.compile(r"\s*\{")
_JSON: Final = re.compile(r'\s*\{\s*["}]')
_WHY: Final = {
    errno.ENOENT: "there is no such file or folder",
    errno.EACCES: "this user may not read it",
    errno.ELOOP: "its symbolic links lead in a circle",
}


@dataclass(frozen=True, slots=True)
class Document:
    """A value, the name of the text it was written in, and where in it; ``path`` leads to an item of a list."""

    source: str
    value: Any
    place: Place
    path: Path = ()

    def position(self, path: Path) -> Position:
        """Say where the thing at a path was written, or the nearest one around it that is there."""
        place = self.place.at(path)
        return Position(place.line, place.column)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What could not be read, and why in one sentence; in line 0 where it is the file as a whole."""

    source: str
    line: int
    column: int
    reason: str

    def __str__(self) -> str:
        at = f":{self.line}:{self.column}" if self.line else ""
        return f"{legible(self.source)}{at}: {self.reason}"


def legible(name: str) -> str:
    """Give the name of a file for a line of text: there may be line breaks in it, and what terminals obey."""
    return name if name.isprintable() else repr(name)[1:-1]


def read_paths(paths: Iterable[str | FilePath]) -> Iterator[Document | Unreadable]:
    """Read files and folders, these with all that is in them and in the order of names; no file is read twice.

    In folders only the names of YAML and JSON count, and no hidden ones: a mounted ConfigMap keeps its files in
    ``..2026_01_01_…`` and links to them.
    """
    for file in find_files(paths):
        yield from read_file(file) if isinstance(file, FilePath) else [file]


def read_file(path: FilePath, mention: tuple[str, ...] = ()) -> Iterator[Document | Unreadable]:
    """Read a file document by document; given words, only documents in whose text one is found."""
    try:
        with path.open("rb") as file:
            yield from read_stream(file, str(path), mention)
    except OSError as error:
        yield _unreadable(path, error)


def read_content(path: FilePath) -> bytes | Unreadable:
    """Read a file as it is; of one that is too large, more than ``read_text`` takes."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        return _unreadable(path, error)


def find_files(paths: Iterable[str | FilePath]) -> Iterator[FilePath | Unreadable]:
    """Name the files that ``read_paths`` would read, and the places where it cannot look."""
    seen: set[tuple[int, int]] = set()
    for path in paths:
        if path == "":  # an unset variable of a shell; pathlib would take it for the current folder
            yield Unreadable('""', 0, 0, _WHY[errno.ENOENT])
        else:
            yield from _find(FilePath(path), seen, named=True)


def read_text(text: str | bytes, source: str) -> Iterator[Document | Unreadable]:
    """Read a text of any number of documents; the items of a list are documents of their own, empty ones are none."""
    content = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    yield from _read(split(BytesIO(content), "surrogatepass" if isinstance(text, str) else "strict"), source)


def read_stream(stream: BinaryIO, source: str, mention: tuple[str, ...] = ()) -> Iterator[Document | Unreadable]:
    """Read a stream as ``read_text`` reads a text, holding one document at a time."""
    yield from _read(split(stream), source, mention)


def _read(
    chunks: Iterable[Chunk | Refused], source: str, mention: tuple[str, ...] = ()
) -> Iterator[Document | Unreadable]:
    for chunk in chunks:
        try:
            if isinstance(chunk, Refused):
                raise chunk
            if mention and not any(word in chunk.text for word in mention):
                continue
            for value, place in _read_chunk(*chunk):
                yield from _flatten(Document(source, value, place))
        except Refused as refused:
            yield Unreadable(source, *refused.position, refused.reason)


def _find(path: FilePath, seen: set[tuple[int, int]], *, named: bool) -> Iterator[FilePath | Unreadable]:
    try:
        status = path.stat()
        folder = S_ISDIR(status.st_mode)
        entries = sorted(path.iterdir()) if folder else []
    except OSError as error:
        yield _unreadable(path, error)
        return
    identity = (status.st_dev, status.st_ino)
    if identity in seen:
        return
    seen.add(identity)
    if not folder and (named or S_ISREG(status.st_mode)):
        yield path
    for entry in entries:
        if not entry.name.startswith(".") and (entry.suffix.lower() in SUFFIXES or FilePath(entry).is_dir()):
            yield from _find(entry, seen, named=False)


def _unreadable(path: FilePath, error: OSError) -> Unreadable:
    return Unreadable(str(path), 0, 0, _WHY.get(error.errno or 0, f"it cannot be read: {error.strerror}"))


def _read_chunk(chunk: str, line: int) -> Iterator[tuple[Any, Place]]:
    separator = _SEPARATOR.match(chunk)
    if separator:
        if separator[1].strip() and not separator[1].lstrip().startswith("#"):
            raise Refused(
                Position(line, 4), "kubectl takes only a comment after ---; begin the document in the next line"
            )
        chunk = chunk[separator.end() :]
    if not _BRACE.match(chunk):
        yield from read_yaml(chunk, line)
        return
    documents = read_json(chunk, line)
    try:
        first = next(documents)
    except Refused as refused:
        yield from _read_flow(chunk, line, refused)
        return
    yield first
    yield from documents


def _read_flow(chunk: str, line: int, no_json: Refused) -> list[tuple[Any, Place]]:
    """Read as YAML what begins like JSON and is none, as kubectl does."""
    try:
        return list(read_yaml(chunk, line))
    except Refused as no_yaml:
        raise (no_json if _JSON.match(chunk) else no_yaml) from None


def _flatten(document: Document) -> Iterator[Document]:
    """Take lists apart; the items of a typed one, such as a JobList, may leave their kind out."""
    value = document.value
    kind = str(value.get("kind")) if isinstance(value, dict) else ""
    items = value.get("items") if kind.endswith("List") else None
    if isinstance(items, list):
        head = {} if kind == "List" else {"apiVersion": value.get("apiVersion"), "kind": kind.removesuffix("List")}
        for index, item in enumerate(items):
            typed = {**head, **item} if isinstance(item, dict) else item
            at = ("items", index)
            yield from _flatten(Document(document.source, typed, document.place.at(at), (*document.path, *at)))
    elif value is not None:
        yield document

"""The only reader of files: manifests and policies, in YAML and JSON, as values that know where they were written.

What cannot be read is a value, too, so that a bad document hides no other. Documents are told apart as kubectl does it,
in pkg/util/yaml/decoder.go of https://github.com/kubernetes/apimachinery.
"""

import codecs
import errno
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path as FilePath
from stat import S_ISDIR, S_ISREG
from typing import Any, Final

from policies.fields import Path
from webhook.text.json_tree import read_json
from webhook.text.places import Place, Position, Refused
from webhook.text.yaml_tree import read_yaml

MAX_BYTES: Final = 16 * 2**20
SUFFIXES: Final = frozenset({".json", ".yaml", ".yml"})

_SEPARATOR: Final = re.compile(r"^---(.*)", re.MULTILINE)
_PUT_TOGETHER: Final = re.compile("^(---.*\n)\ufeff", re.MULTILINE)  # files that each begin with a byte order mark
_BRACE: Final = re.compile(r"\s*\{")
_JSON: Final = re.compile(r'\s*\{\s*["}]')
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_WHY: Final = {
    errno.ENOENT: "there is no such file or folder",
    errno.EACCES: "this user may not read it",
    errno.ELOOP: "its symbolic links lead in a circle",
}


@dataclass(frozen=True, slots=True)
class Document:
    """A value, the name of the text it was written in, and where in it."""

    source: str
    value: Any
    place: Place

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
        return (
            f"{self.source}:{self.line}:{self.column}: {self.reason}" if self.line else f"{self.source}: {self.reason}"
        )


def read_paths(paths: Iterable[str | FilePath]) -> Iterator[Document | Unreadable]:
    """Read files and folders, these with all that is in them and in the order of names; no file is read twice.

    In folders only the names of YAML and JSON count, and no hidden ones: a mounted ConfigMap keeps its files in
    ``..2026_01_01_…`` and links to them.
    """
    for file in find_files(paths):
        yield from _read_file(file) if isinstance(file, FilePath) else [file]


def find_files(paths: Iterable[str | FilePath]) -> Iterator[FilePath | Unreadable]:
    """Name the files that ``read_paths`` would read, and the places where it cannot look."""
    seen: set[tuple[int, int]] = set()
    for path in paths:
        yield from _find(FilePath(path), seen, named=True)


def read_text(text: str | bytes, source: str) -> Iterator[Document | Unreadable]:
    """Read a text of any number of documents; the items of a list are documents of their own, empty ones are none."""
    try:
        decoded = _decode(text)
    except Refused as refused:
        yield Unreadable(source, *refused.position, refused.reason)
        return
    line = 1
    starts = [0, *(separator.start() for separator in _SEPARATOR.finditer(decoded)), len(decoded)]
    for start, end in pairwise(starts):
        try:
            for value, place in _read_chunk(decoded[start:end], line):
                yield from _flatten(Document(source, value, place))
        except Refused as refused:
            yield Unreadable(source, *refused.position, refused.reason)
        line += decoded.count("\n", start, end)


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


def _read_file(path: FilePath) -> Iterator[Document | Unreadable]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        yield _unreadable(path, error)
        return
    yield from read_text(content, str(path))


def _unreadable(path: FilePath, error: OSError) -> Unreadable:
    return Unreadable(str(path), 0, 0, _WHY.get(error.errno or 0, f"it cannot be read: {error.strerror}"))


def _decode(content: str | bytes) -> str:
    if len(content) > MAX_BYTES:
        raise Refused(Position(0, 0), f"it is larger than {MAX_BYTES // 2**20} MiB; split it")
    text = content if isinstance(content, str) else _decode_bytes(content)
    text = _PUT_TOGETHER.sub(r"\1", text.removeprefix("\ufeff"))
    return text if text.endswith("\n") else text + "\n"  # as for kubectl: a block of text at the end is a line, too


def _decode_bytes(content: bytes) -> str:
    encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(encoding, errors="replace")
        position = Position(before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise Refused(position, "this is not UTF-8 text; save the file as UTF-8") from None


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
            yield from _flatten(Document(document.source, typed, document.place.at(("items", index))))
    elif value is not None:
        yield document

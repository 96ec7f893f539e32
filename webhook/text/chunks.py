"""A stream cut into documents as kubectl does it, each with its line and none above a size, so that memory stays flat.

Source: pkg/util/yaml/decoder.go of https://github.com/kubernetes/apimachinery.
"""

import codecs
import re
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO, Final, NamedTuple

from webhook.text.places import Position, Refused

MAX_BYTES: Final = 16 * 2**20

_BLOCK: Final = 2**20
_SEPARATOR: Final = b"\n---"
_MARK: Final = re.compile("(---.*\n)?\ufeff")  # files put together may each begin with a byte order mark
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_TOO_LARGE: Final = f"it is larger than {MAX_BYTES // 2**20} MiB; split it"


class Chunk(NamedTuple):
    """A document's text, with the line of ``---`` before it, and the line of the stream in which that begins."""

    text: str
    line: int


class _Piece(NamedTuple):
    """A document, or a part of one that is too large."""

    content: bytes
    begins: bool
    ends: bool


def split(stream: BinaryIO, errors: str = "strict") -> Iterator[Chunk | Refused]:
    """Give the documents of a stream; of one that cannot be decoded or is too large, why. ``errors`` is a codec's."""
    line = 1
    try:
        for piece in _cut(_utf_8(stream)):
            if piece.begins:
                whole = piece.ends and len(piece.content) <= MAX_BYTES
                yield _decode(piece.content, line, errors) if whole else Refused(Position(line, 1), _TOO_LARGE)
            line += piece.content.count(b"\n")
    except Refused as refused:
        yield refused


def _utf_8(stream: BinaryIO) -> Iterator[bytes]:
    first = stream.read(_BLOCK)
    if first.startswith(_UTF_16):
        content = first + stream.read(MAX_BYTES)
        if len(content) > MAX_BYTES:
            raise Refused(Position(1, 1), _TOO_LARGE)
        stream = BytesIO(_strictly(content, "utf-16", 1).encode())
    elif first:
        yield first
    while block := stream.read(_BLOCK):
        yield block


def _cut(blocks: Iterator[bytes]) -> Iterator[_Piece]:
    """Cut before each line that begins with ``---``."""
    kept, begins = b"", True
    for block in blocks:
        look = max(len(kept) - len(_SEPARATOR) + 1, 0)
        kept += block
        start = 0
        while found := kept.find(_SEPARATOR, look) + 1:
            yield _Piece(kept[start:found], begins, ends=True)
            start, look, begins = found, found, True
        kept = kept[start:]
        if len(kept) > MAX_BYTES or not begins:
            rest = len(kept) - len(_SEPARATOR) + 1
            yield _Piece(kept[:rest], begins, ends=False)
            kept, begins = kept[rest:], False
    yield _Piece(kept, begins, ends=True)


def _decode(content: bytes, line: int, errors: str) -> Chunk | Refused:
    try:
        text = content.decode("utf-8", errors) if errors != "strict" else _strictly(content, "utf-8", line)
    except Refused as refused:
        return refused
    if mark := _MARK.match(text):
        text = (mark[1] or "") + text[mark.end() :]
    return Chunk(text if text.endswith("\n") else text + "\n", line)  # for kubectl a block of text at the end is a line


def _strictly(content: bytes, encoding: str, line: int) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(encoding, errors="replace")
        position = Position(line + before.count("\n"), len(before) - before.rfind("\n"))
        raise Refused(position, "this is not UTF-8 text; save the file as UTF-8") from None

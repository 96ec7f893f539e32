"""A stream is cut as kubectl cuts it wherever its blocks end, and no document of it costs more than its bound."""

import tracemalloc
from io import BytesIO, RawIOBase

import pytest

from webhook.text import chunks
from webhook.text.chunks import MAX_BYTES, Chunk, split
from webhook.text.places import Refused


def told(content: bytes) -> list[tuple[int, str]]:
    return [
        (part.line, part.text) if isinstance(part, Chunk) else (part.position.line, part.reason)
        for part in split(BytesIO(content))
    ]


CONTENT = "a: é\n---\n---\n# x\nb: 1\n--- # c\n\n\nc: ---\n ---\n----".encode()
PARTS = [(1, "a: é\n"), (2, "---\n"), (3, "---\n# x\nb: 1\n"), (6, "--- # c\n\n\nc: ---\n ---\n"), (11, "----\n")]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 11, 2**20])
def test_documents_are_cut_wherever_the_blocks_of_the_stream_end(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(chunks, "_BLOCK", size)
    assert told(CONTENT) == PARTS
    assert "".join(text for _, text in told(CONTENT)) == CONTENT.decode() + "\n"


def test_a_document_that_is_too_large_hides_no_other() -> None:
    lines = 2**14 + 1
    large = (b"x" * 1023 + b"\n") * lines
    reason = "it is larger than 16 MiB; split it"
    assert told(b"a\n---\n" + large + b"---\nb\n") == [(1, "a\n"), (2, reason), (lines + 3, "---\nb\n")]
    assert told(large + b"---\n" + large) == [(1, reason), (lines + 1, reason)]
    assert told("a".encode("utf-16") * (MAX_BYTES // 4 + 1)) == [(1, reason)]


def test_what_is_no_text_hides_no_other() -> None:
    reason = "this is not UTF-8 text; save the file as UTF-8"
    assert told(b"a\n---\nb\n\xff\n---\nc") == [(1, "a\n"), (3 + 1, reason), (5, "---\nc\n")]


class Endless(RawIOBase):
    """A stream of so many bytes that nobody holds."""

    def __init__(self, block: bytes, count: int) -> None:
        self.blocks = [block] * count

    def read(self, _size: int = -1) -> bytes:
        return self.blocks.pop() if self.blocks else b""


def peak(stream: Endless) -> int:
    tracemalloc.start()
    for part in split(stream):  # type: ignore[arg-type]  # it reads, and that is all that is asked
        assert isinstance(part, Chunk | Refused)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def test_memory_is_bounded_whatever_comes() -> None:
    assert peak(Endless(b"x" * 2**20, 100)) < 3 * MAX_BYTES
    assert peak(Endless(b"a: 1\n---\n" * 2000, 20)) < 2**18

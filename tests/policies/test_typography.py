"""Typographic characters are mended where a program stumbles over them, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.typography import DASHES, LONGEST, QUOTES, mend_arguments, mend_schedule, mend_value

pieces = st.sampled_from(
    [*QUOTES, *DASHES, *"'\"\\;|&()#<=$- \n", "<<E", "E", "\nE\n", "echo ", "import ", "a", "—all"]
)
texts = st.lists(pieces, max_size=24).map("".join)


@given(texts)
def test_what_is_mended_is_whole_and_needs_no_more_mending(text: str) -> None:
    """Only quotes and dashes are another, so that what else was written stays."""
    plain = str.maketrans(dict.fromkeys([*QUOTES, *DASHES, "'", '"', "-"], ""))
    for _, mend in mend_arguments(["sh", "-c", text]):
        assert mend.text.translate(plain) == text.translate(plain)
        assert mend.wrong in text
    for mend in filter(None, (mend_value(text), mend_schedule(text))):
        assert mend.text.translate(plain).split() == text.translate(plain).split()


@given(st.lists(texts.filter(str.isascii), max_size=4))
def test_what_is_plain_stays(arguments: list[str]) -> None:
    assert list(mend_arguments(arguments)) == []
    assert [mend_value(text) or mend_schedule(text) for text in arguments] == [None] * len(arguments)


@pytest.mark.parametrize(
    "text", ["<<E\n" * 9999, "“" * 9999, "\\“" * 9999, '"\\' * 9999, "— " * 9999, "<<E\n\n E" * 999]
)
def test_a_text_made_to_take_long_does_not(text: str) -> None:
    assert list(mend_arguments(["sh", "-c", f"{text}—"])) == []


def test_a_script_without_end_is_left_alone() -> None:
    assert [index for index, _ in mend_arguments(["sh", "-c", "import —all"])] == [2]
    assert list(mend_arguments(["sh", "-c", f"import —all #{'.' * LONGEST}"])) == []

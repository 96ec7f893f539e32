"""What is written in CEL is read there as it was meant; the real API server reads more of it in tests/cluster."""

import pytest

from policies.cel import quote


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", "''"),
        ("cpu", "'cpu'"),
        ("it's", r"'it\'s'"),
        ("a\\b", r"'a\\b'"),
        ("a\nb\r\t", r"'a\u000ab\u000d\u0009'"),
        ("\x00\x1b\x7f\x85\u2028", r"'\u0000\u001b\u007f\u0085\u2028'"),
        ("ü 𝄞", "'ü 𝄞'"),
    ],
)
def test_a_string_stays_one_line_and_whole(text: str, written: str) -> None:
    assert quote(text) == written

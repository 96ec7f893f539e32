"""Amounts are read and written as Kubernetes' own resource.Quantity does."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import quantity

GIBI = 2**30
MOST_NANOS = 10**27


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "0"),
        ("0", "0Ki"),
        ("0", "-0"),
        ("1", "1"),
        ("7", "007"),
        ("5", "+5"),
        ("-5", "-5"),
        ("5", "5."),
        ("0.5", ".5"),
        ("5E9", "5.G"),
        ("0.000000005", "5n"),
        ("0.000004", "4u"),
        ("0.003", "3m"),
        ("8E3", "8k"),
        ("7123456", "7.123456M"),
        ("6E9", "6G"),
        ("40.1E12", "40.1T"),
        ("2.5E15", "2.5P"),
        ("1.01E18", "1.01E"),
        ("1024", "1Ki"),
        (7 * 2**20, "7Mi"),
        (1.5 * GIBI, "1.5Gi"),
        (-1.5 * GIBI, "-1.5Gi"),
        (5 * 2**40, "5Ti"),
        (4 * 2**50, "4Pi"),
        (3 * 2**60, "3Ei"),
        ("102435.84", "100.035Ki"),
        ("1E3", "1e3"),
        ("0.001", "1E-3"),
        ("1.3E6", "1.3E+6"),
        ("500", "0.00050M"),
        ("1E18", "1E"),
        (512 * 2**20, "  512Mi "),
    ],
)
def test_reads_every_form(amount: Any, text: str) -> None:
    assert Decimal(amount) == quantity.parse(text)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("4E-9", "3.001n"),
        ("2E-9", "1.1E-9"),
        ("1E-9", "0.0000000001"),
        ("-1E-9", "-0.0000000001"),
        ("1E-9", "1e-4000"),
        ("1E-9", "0." + "0" * 5000 + "1"),
        ("1.24E-7", "0.00000012345"),
        ("2E-9", "0.000000000001Ki"),
        (2**63 - 1, "9Ei"),
        (-(2**63) + 1, "-9Ei"),
        (2**63 - 1, "9223372036854775807Ki"),
        ("12E18", "12E"),
        (quantity.MOST_DECIMAL, "1e31"),
        (quantity.MOST_DECIMAL, "1e999999"),
        (quantity.MOST_DECIMAL, "9" * 5000),
    ],
)
def test_rounds_away_from_zero_and_caps(amount: Any, text: str) -> None:
    assert Decimal(amount) == quantity.parse(text)


@pytest.mark.parametrize(
    ("amount", "text"),
    [("1E9", "1e-4294967287"), ("1E3", "1e4294967299"), (quantity.MOST_DECIMAL, "1.5e-2147483648")],
)
def test_exponents_wrap_around_as_in_go_so_that_no_huge_amount_looks_tiny(amount: Any, text: str) -> None:
    assert Decimal(amount) == quantity.parse(text)


@pytest.mark.parametrize("text", ["Gi", "k", "-", ".", "e3"])
def test_a_unit_without_a_number_is_zero_as_in_go(text: str) -> None:
    assert quantity.parse(text) == 0


@pytest.mark.parametrize(
    ("amount", "number"),
    [("5", 5), ("-3", -3), ("0.5", 0.5), ("2", 2.0), ("1E-7", 1e-7), ("1E22", 1e22), (quantity.MOST_DECIMAL, 10**400)],
)
def test_reads_plain_numbers(amount: Any, number: float) -> None:
    assert Decimal(amount) == quantity.parse(number)


@pytest.mark.parametrize(
    ("example", "text"),
    [
        ("512Mi", ""),
        ("512Mi", " "),
        ("512Mi", "lots"),
        ("512Mi", "512MB"),
        ("512Mi", "512mb"),
        ("1Gi", "1gi"),
        ("1.5Gi", "1,5 GiB"),
        ("500m", "500 m"),
        ("100", "100b"),
        ("0.5", "0,5"),
        ("512Mi", "1.1.M"),
        ("512Mi", "1+1.0M"),
        ("512Mi", "0.1am"),
        ("512Mi", "-3.01e-"),
        ("512Mi", "1e5.5"),
        ("1Ei", "1e"),
        ("512Mi", "1e9223372036854775808"),
        ("512Mi", "1e" + "9" * 5000),
        ("512Mi", "1_000"),
        ("512Mi", "٣"),
        ("1", "1\n"),
    ],
)
def test_refuses_what_go_refuses_and_says_what_to_write(example: str, text: str) -> None:
    with pytest.raises(ValueError, match=r" is not a quantity; write a number and at most one unit") as refusal:
        quantity.parse(text)
    assert str(refusal.value).endswith(f", e.g. {example}")
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_refuses_what_is_no_number(number: float) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        quantity.parse(number)


@pytest.mark.parametrize("thing", [None, True, [], {"cpu": 1}, b"1"])
def test_refuses_what_is_neither_text_nor_number(thing: object) -> None:
    with pytest.raises(ValueError, match="a quantity is text or a number"):
        quantity.parse(thing)


@pytest.mark.parametrize(
    ("text", "amount", "like"),
    [
        ("0", "0", "1Gi"),
        ("0", "-0", ""),
        ("1", "1", ""),
        ("1500m", "1.5", ""),
        ("1k", "1000", ""),
        ("1100", "1100", ""),
        ("100T", "1E14", ""),
        ("1000E", "1E21", ""),
        ("-250m", "-0.25", "1"),
        ("1n", "1E-10", "1"),
        ("-1n", "-1E-10", "1"),
        ("1Gi", GIBI, "512Mi"),
        ("1536Mi", 3 * GIBI // 2, "1Gi"),
        ("2048Ei", 2**71, "1Gi"),
        ("-2Ki", -2048, "1Gi"),
        ("1k", "1000", "1.5Gi"),
        ("102435840m", "102435.84", "1Ki"),
        ("1073741824", GIBI, ""),
        ("1073741824", GIBI, "1G"),
        ("1073741824", GIBI, "nonsense"),
        ("1e3", "1000", "1E6"),
        ("100e18", "1E20", "1e3"),
        ("5e-3", "0.005", "1e0"),
        ("5", "5", "1e0"),
    ],
)
def test_writes_the_canonical_form(text: str, amount: Any, like: str) -> None:
    assert text == quantity.format(Decimal(amount), like)


@given(nanos=st.integers(-MOST_NANOS, MOST_NANOS), like=st.sampled_from(["", "1", "1m", "1Gi", "1e3"]))
def test_what_is_written_reads_the_same(nanos: int, like: str) -> None:
    amount = Decimal(f"{nanos}E-9")
    assert amount == quantity.parse(quantity.format(amount, like))


@given(number=st.integers(0, 2**63 - 1), unit=st.sampled_from(["", *quantity.BINARY_UNITS, *quantity.DECIMAL_UNITS]))
def test_more_of_a_unit_is_never_less(number: int, unit: str) -> None:
    assert quantity.parse(f"{number}{unit}") <= quantity.parse(f"{number + 1}{unit}")


@given(text=st.text(alphabet="0123456789.eEinumkKMGTP+-_ x", max_size=12))
def test_raises_nothing_but_value_errors(text: str) -> None:
    try:
        amount = quantity.parse(text)
    except ValueError:
        return
    assert amount.is_finite()

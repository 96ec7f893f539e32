"""Whatever does not fit a type is told in the words of the file: what is wrong, where, and what is allowed."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct, inspect

from policies.fields import lookup
from policies.strict import InvalidObjectError, allowed, decode


class Inner(Struct, frozen=True, forbid_unknown_fields=True):
    size: int | None = None

    def __post_init__(self) -> None:
        if self.size == 13:
            raise ValueError("size is 13; allowed: anything else - at `$.size`")


class Pair(Struct, frozen=True):
    low: int = 0
    high: int = 9

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise InvalidObjectError(("low",), "low is high", (InvalidObjectError(("high",), "high is low"),))


class Outer(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    whole: Annotated[int, Meta(ge=1, le=5)] = 1
    least: Annotated[int, Meta(ge=1)] = 1
    ratio: Annotated[float, Meta(le=2)] = 1
    some_text: Annotated[str, Meta(min_length=1, max_length=100)] = "x"
    any_text: str = ""
    flag: bool = False
    moment: Annotated[datetime, Meta(tz=True)] = datetime(2027, 1, 1, tzinfo=UTC)
    choice: Literal["Deny", "Warn"] = "Warn"
    inner: Inner = Inner()
    optional: Annotated[Inner | None, Meta(description="Maybe.")] = None
    items: Annotated[tuple[Inner, ...], Meta(max_length=2)] = ()
    words: tuple[str, ...] = ()
    sizes: Annotated[dict[str, Annotated[int, Meta(ge=0)]], Meta(min_length=1)] = {}
    named: dict[Annotated[str, Meta(min_length=1)], str] = {}
    special: Annotated[str, Meta(pattern="^a$", extra={"allowed": "the letter a"})] = "a"


KEYS = Outer.__struct_encode_fields__


class Pairs(Struct, frozen=True):
    pairs: tuple[Pair, ...] = ()


class Needy(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    outer: Outer = Outer()


@pytest.mark.parametrize(
    ("value", "path", "sentence"),
    [
        ({"whole": 9}, ("whole",), "whole is 9; allowed: a whole number, 1 to 5"),
        ({"whole": "3"}, ("whole",), 'whole is "3"; allowed: a whole number, 1 to 5'),
        ({"whole": 3.5}, ("whole",), "whole is 3.5; allowed: a whole number, 1 to 5"),
        ({"whole": True}, ("whole",), "whole is true; allowed: a whole number, 1 to 5"),
        ({"whole": 2**80}, ("whole",), f"whole is {2**80}; allowed: a whole number, 1 to 5"),
        ({"whole": None}, ("whole",), "whole has no value; allowed: a whole number, 1 to 5"),
        ({"least": 0}, ("least",), "least is 0; allowed: a whole number, at least 1"),
        ({"ratio": 3}, ("ratio",), "ratio is 3; allowed: a number, at most 2"),
        ({"ratio": float("nan")}, ("ratio",), "ratio is NaN; allowed: a number, at most 2"),
        ({"someText": ""}, ("someText",), 'someText is ""; allowed: text of 1 to 100 characters'),
        (
            {"someText": "x" * 101},
            ("someText",),
            f'someText is "{"x" * 60}"… (101 characters); allowed: text of 1 to 100 characters',
        ),
        ({"anyText": 5}, ("anyText",), "anyText is 5; allowed: text"),
        ({"flag": "yes"}, ("flag",), 'flag is "yes"; allowed: true or false'),
        ({"choice": "deny"}, ("choice",), 'choice is "deny" (did you mean Deny?); allowed: Deny or Warn'),
        ({"choice": "Stop"}, ("choice",), 'choice is "Stop"; allowed: Deny or Warn'),
        ({"choice": 5}, ("choice",), "choice is 5; allowed: Deny or Warn"),
        ({"special": "b"}, ("special",), 'special is "b"; allowed: the letter a'),
        ({"inner": []}, ("inner",), "inner is an empty list; allowed: a mapping, with size"),
        ({"inner": [1, 2]}, ("inner",), "inner is a list of 2; allowed: a mapping, with size"),
        ({"inner": None}, ("inner",), "inner has no value; write inner: {} for its built-in values"),
        ({"inner": {"size": "1"}}, ("inner", "size"), 'size is "1"; allowed: a whole number'),
        ({"inner": {"size": 13}}, ("inner",), "size is 13; allowed: anything else - at `$.size`"),
        ({"inner": {"sise": 1}}, ("inner", "sise"), 'unknown field "sise" (did you mean size?); allowed: size'),
        ({"inner": {"x\n`$": 1}}, ("inner", "x\n`$"), 'unknown field "x\\n`$"; allowed: size'),
        ({"optional": 5}, ("optional",), "optional is 5; allowed: a mapping, with size"),
        ({"optional": {"size": []}}, ("optional", "size"), "size is an empty list; allowed: a whole number"),
        (
            {"items": {}},
            ("items",),
            "items is an empty mapping; allowed: a list of at most 2, each a mapping, with size",
        ),
        ({"items": [{}, {"size": {"a": 1}}]}, ("items", 1, "size"), "size is a mapping of 1; allowed: a whole number"),
        ({"items": [{}, 5]}, ("items", 1), "items[1] is 5; allowed: a mapping, with size"),
        ({"items": [None]}, ("items", 0), "items[0] has no value; write items[0]: {} for its built-in values"),
        ({"words": "x"}, ("words",), 'words is "x"; allowed: a list, each text'),
        ({"words": ["x", 5]}, ("words", 1), "words[1] is 5; allowed: text"),
        (
            {"sizes": {}},
            ("sizes",),
            "sizes is an empty mapping; allowed: a mapping of at least 1 names, each to a whole number, at least 0",
        ),
        ({"sizes": {"a": 1, "b": -1, "c": -1}}, ("sizes", "b"), "b is -1; allowed: a whole number, at least 0"),
        ({"sizes": {"a": "x", "b": -1}}, ("sizes", "a"), 'a is "x"; allowed: a whole number, at least 0'),
        ({"sizes": {"a": None}}, ("sizes", "a"), "a has no value; allowed: a whole number, at least 0"),
        ({"sizes": {"a": 1, 2: 1}}, ("sizes",), "the key 2 is no text; write it in quotes"),
        ({"named": {"": "x"}}, ("named",), "a key is empty or too long; allowed: 1 to 256 characters"),
        ({5: "x"}, (), "the key 5 is no text; write it in quotes"),
        (
            [],
            (),
            f"this is an empty list; allowed: a mapping, with {', '.join(KEYS[:-1])} or special",
        ),
    ],
    ids=range(40),
)
def test_what_does_not_fit_is_said_in_one_sentence(value: Any, path: tuple[str | int, ...], sentence: str) -> None:
    with pytest.raises(InvalidObjectError) as error:
        decode(value, Outer)
    assert (path, sentence) == (error.value.path, str(error.value))


NAIVE = datetime(2027, 3, 31)  # noqa: DTZ001 - what YAML makes of a time without a zone


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2027-03-31T00:00:00", '"2027-03-31T00:00:00"'),
        ("2027-03-31", '"2027-03-31"'),
        ("tomorrow", '"tomorrow"'),
        (NAIVE, '"2027-03-31 00:00:00"'),
        (date(2027, 3, 31), '"2027-03-31"'),
        (5, "5"),
    ],
)
def test_a_time_needs_its_zone(value: object, shown: str) -> None:
    with pytest.raises(InvalidObjectError) as error:
        decode({"moment": value}, Outer)
    assert f"moment is {shown}; allowed: a time with its zone, e.g. 2027-03-31T00:00:00Z" == str(error.value)


@pytest.mark.parametrize(
    ("value", "path", "sentence"),
    [
        ({}, (), "name is missing; it is required"),
        (None, (), "this has no value; allowed: a mapping, with name or outer"),
        (
            {"name": "x", "outer": {"inner": {"size": 0.5}}},
            ("outer", "inner", "size"),
            "size is 0.5; allowed: a whole number",
        ),
        (
            {"name": "x", "outer": {"sizes": {"a": []}}},
            ("outer", "sizes", "a"),
            "a is an empty list; allowed: a whole number, at least 0",
        ),
    ],
    ids=range(4),
)
def test_what_is_required_is_asked_for(value: Any, path: tuple[str | int, ...], sentence: str) -> None:
    with pytest.raises(InvalidObjectError) as error:
        decode(value, Needy)
    assert (path, sentence) == (error.value.path, str(error.value))


def test_all_that_does_not_fit_is_told_each_at_its_place_in_the_order_of_the_object() -> None:
    inner = {"size": "1", "x": 1, "y": 2}
    value = {"name": 5, "nam": 1, "outer": {"whole": 9, "inner": inner, "items": [{}, {"size": 13}, 5], "flag": 1}}
    with pytest.raises(InvalidObjectError) as error:
        decode(value, Needy)
    assert [(fault.path, str(fault)) for fault in (error.value, *error.value.others)] == [
        (("name",), "name is 5; allowed: text"),
        (("nam",), 'unknown field "nam" (did you mean name?); allowed: name or outer'),
        (("outer", "whole"), "whole is 9; allowed: a whole number, 1 to 5"),
        (("outer", "inner", "size"), 'size is "1"; allowed: a whole number'),
        (("outer", "inner", "x"), 'unknown field "x"; allowed: size'),
        (("outer", "inner", "y"), 'unknown field "y"; allowed: size'),
        (("outer", "items", 1), "size is 13; allowed: anything else - at `$.size`"),
        (("outer", "items", 2), "items[2] is 5; allowed: a mapping, with size"),
        (("outer", "flag"), "flag is 1; allowed: true or false"),
    ]


def test_what_a_type_itself_refuses_is_told_at_each_place_that_it_names() -> None:
    with pytest.raises(InvalidObjectError) as error:
        decode({"pairs": [{}, {"low": 10}]}, Pairs)
    assert [(fault.path, str(fault)) for fault in (error.value, *error.value.others)] == [
        (("pairs", 1, "low"), "low is high"),
        (("pairs", 1, "high"), "high is low"),
    ]


def test_of_very_many_faults_the_first_are_told() -> None:
    with pytest.raises(InvalidObjectError) as error:
        decode({"words": list(range(1000))}, Outer)
    last = error.value.others[-1]
    assert [fault.path for fault in error.value.others[:-1]] == [("words", index) for index in range(1, 20)]
    assert (last.path, str(last)) == ((), "there are more than 20 faults; mend these first")
    with pytest.raises(InvalidObjectError) as error:
        decode({"words": list(range(20))}, Outer)
    assert [fault.path for fault in error.value.others] == [("words", index) for index in range(1, 20)]


def test_what_a_type_takes_is_said_in_words() -> None:
    assert allowed(inspect.type_info(Annotated[int, Meta(ge=0)] | None)) == "a whole number, at least 0"


def test_what_fits_is_decoded() -> None:
    assert decode({"moment": "2027-01-01T00:00:00Z", "optional": None, "sizes": {"a": 1}}, Outer) == Outer(
        sizes={"a": 1}
    )


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*KEYS, "unknown"]), anything, max_size=4))
def test_nothing_else_is_ever_raised_and_the_path_leads_somewhere(value: Any) -> None:
    error = refusal(value)
    for fault in (error, *error.others) if error else ():
        assert fault.path == () or lookup(value, fault.path[:-1]) is not None
        assert re.search(r"; allowed: |; write ", str(fault))


def refusal(value: Any) -> InvalidObjectError | None:
    """Decode it, and give what was raised."""
    try:
        decode(value, Outer)
    except InvalidObjectError as error:
        return error
    return None

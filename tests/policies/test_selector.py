"""Label selectors mean what they mean to Kubernetes."""

from typing import Any

import msgspec
import pytest

from policies.selector import LabelSelector, Requirement


def selector(**said: Any) -> LabelSelector:
    """Decode a selector as policies do."""
    return msgspec.convert(said, LabelSelector)


def expression(operator: str, *values: str, key: str = "tier") -> dict[str, Any]:
    """Return one expression as people write it."""
    return {"key": key, "operator": operator} | ({"values": list(values)} if values else {})


@pytest.mark.parametrize(
    ("matches", "labels", "said"),
    [
        (True, {}, {}),
        (True, {"tier": "web"}, {}),
        (True, {"tier": "web"}, {"matchLabels": {}, "matchExpressions": []}),
        (True, {"tier": "web", "app": "a"}, {"matchLabels": {"tier": "web"}}),
        (False, {"tier": "db"}, {"matchLabels": {"tier": "web"}}),
        (False, {}, {"matchLabels": {"tier": "web"}}),
        (False, {"tier": "web"}, {"matchLabels": {"tier": "web", "app": "a"}}),
        (True, {"tier": ""}, {"matchLabels": {"tier": ""}}),
        (False, {}, {"matchLabels": {"tier": ""}}),
        (True, {"tier": "web"}, {"matchExpressions": [expression("In", "db", "web")]}),
        (False, {"tier": "web"}, {"matchExpressions": [expression("In", "db")]}),
        (False, {}, {"matchExpressions": [expression("In", "db", "")]}),
        (True, {"tier": "web"}, {"matchExpressions": [expression("NotIn", "db")]}),
        (False, {"tier": "db"}, {"matchExpressions": [expression("NotIn", "db")]}),
        (True, {}, {"matchExpressions": [expression("NotIn", "db")]}),
        (True, {"tier": ""}, {"matchExpressions": [expression("Exists")]}),
        (False, {}, {"matchExpressions": [expression("Exists")]}),
        (False, {"tier": ""}, {"matchExpressions": [expression("DoesNotExist")]}),
        (True, {}, {"matchExpressions": [expression("DoesNotExist")]}),
        (False, {"tier": "web"}, {"matchLabels": {"tier": "web"}, "matchExpressions": [expression("NotIn", "web")]}),
        (True, {"tier": "web"}, {"matchLabels": {"tier": "web"}, "matchExpressions": [expression("Exists")]}),
    ],
)
def test_matches(matches: bool, labels: dict[str, str], said: dict[str, Any]) -> None:  # noqa: FBT001 - a column
    assert matches is selector(**said).matches(labels)


@pytest.mark.parametrize("value", [None, True, 1, 1.5, ["web"], {"web": "web"}])
def test_a_label_that_is_no_text_equals_nothing_and_breaks_nothing(value: Any) -> None:
    labels = {"tier": value}
    assert not selector(matchLabels={"tier": "1"}).matches(labels)
    assert not selector(matchExpressions=[expression("In", "1", "")]).matches(labels)
    assert selector(matchExpressions=[expression("NotIn", "1", "")]).matches(labels)
    assert selector(matchExpressions=[expression("Exists")]).matches(labels)


@pytest.mark.parametrize(
    "key",
    ["a", "A-b_c.d", "9", "x" * 63, "example.com/team", f"{'a.' * 126}a/x", "1.2/3"],
)
def test_takes_the_label_keys_that_kubernetes_takes(key: str) -> None:
    assert selector(matchLabels={key: "x"}).matches({key: "x"})
    assert selector(matchExpressions=[expression("Exists", key=key)]).matches({key: "x"})


@pytest.mark.parametrize(
    "key",
    [
        "", "-a", "a-", "a b", "a\n", "é", "x" * 64, "/a", "a/", "a/b/c", "Example.com/team", "a..b/c", "-a/b", "a_b/c",
        f"{'a' * 254}/x",
    ],
)  # fmt: skip
def test_refuses_the_label_keys_that_kubernetes_refuses(key: str) -> None:
    for said in ({"matchLabels": {key: "x"}}, {"matchExpressions": [expression("Exists", key=key)]}):
        with pytest.raises(msgspec.ValidationError, match=r"is not a label key; allowed.*, e\.g\. example\.com/team"):
            selector(**said)


@pytest.mark.parametrize("value", ["", "a", "A-b_c.d", "9", "x" * 63])
def test_takes_the_label_values_that_kubernetes_takes(value: str) -> None:
    assert selector(matchLabels={"tier": value}).matches({"tier": value})
    assert selector(matchExpressions=[expression("In", value)]).matches({"tier": value})


@pytest.mark.parametrize("value", ["-a", "a-", "a b", "a\n", "é", "x" * 64, "a/b"])
def test_refuses_the_label_values_that_kubernetes_refuses(value: str) -> None:
    for said in ({"matchLabels": {"tier": value}}, {"matchExpressions": [expression("In", value)]}):
        with pytest.raises(msgspec.ValidationError, match="is not a label value; allowed: nothing, or at most 63"):
            selector(**said)


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("In needs at least one", expression("In")),
        ("NotIn needs at least one", expression("NotIn")),
        ("Exists takes no values; remove them", expression("Exists", "x")),
        ("DoesNotExist takes no values; remove them", expression("DoesNotExist", "x")),
        ("Invalid enum value", expression("in", "x")),
        ("unknown field `value`", expression("In", "x") | {"value": "x"}),
        ("missing required field `key`", {"operator": "Exists"}),
        ("values has 65 entries; allowed: at most 64", expression("In", *map(str, range(65)))),
    ],
)
def test_refuses_expressions_that_make_no_sense(sentence: str, said: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError, match=sentence):
        selector(matchExpressions=[said])


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("unknown field `matchLabel`", {"matchLabel": {}}),
        ("got `null`", {"matchLabels": None}),
        ("got `bool`", {"matchLabels": {"tier": True}}),
        ("matchLabels has 65 entries; allowed: at most 64", {"matchLabels": {f"k{n}": "" for n in range(65)}}),
        (
            "matchExpressions has 65 entries; allowed: at most 64",
            {"matchExpressions": [expression("Exists")] * 65},
        ),
    ],
)
def test_refuses_selectors_of_another_shape(sentence: str, said: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError, match=sentence):
        selector(**said)


def test_is_checked_wherever_it_is_made() -> None:
    with pytest.raises(ValueError, match="is not a label key"):
        LabelSelector({"a b": "c"})
    with pytest.raises(ValueError, match="takes no values"):
        Requirement("a", "Exists", ("b",))


def test_a_long_name_is_cut_in_its_refusal() -> None:
    with pytest.raises(ValueError, match="is not a label value") as refusal:
        LabelSelector({"a": "x" * 100_000})
    assert len(str(refusal.value)) < 250

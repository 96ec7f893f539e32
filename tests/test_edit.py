"""What is written into a text changes nothing else of it: not a line, not a comment, not the looks."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from policies.fields import Path as Route
from policies.fields import put
from webhook.files import Document, read_text
from webhook.text.changes import change
from webhook.text.yaml_edit import EditError, edit

Writes = list[tuple[Route, Any]]


def written(text: str, *writes: tuple[Route, Any]) -> str:
    """Write into a text."""
    return change(text, edit(text, writes))


def meaning(text: str) -> Any:
    """Read the one document of a text."""
    (document,) = read_text(text, "text")
    assert isinstance(document, Document), document
    return document.value


CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "edits.yaml").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_only_what_is_written_changes(case: dict[str, Any]) -> None:
    writes: Writes = [(tuple(path), value) for path, value in case["writes"]]
    assert case["after"] == written(case["before"], *writes)
    wanted = meaning(case["before"])
    for path, value in writes:
        wanted = put(wanted, path, value)
    assert wanted == meaning(case["after"])


@pytest.mark.parametrize(
    ("text", "path", "why"),
    [
        ("a: 1\n", ("a", "b"), "a.b has no place there"),
        ("a: [1]\n", ("a", 3), "a[3] has no place there"),
        ('{"a": "\\ud83d\\ude00"}\n', ("b",), "only a JSON parser can read it; format it anew"),
    ],
)
def test_what_cannot_be_written_is_said(text: str, path: Route, why: str) -> None:
    with pytest.raises(EditError) as caught:
        edit(text, [(path, 1)])
    assert why == str(caught.value)


words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"]), max_size=8) | st.sampled_from(
    ["no", "1e3", "null", "64Mi", "a: b", "# x", "- y", "<", "12:30", "0o7", "{}", "'", '"', "batchwarden.io/x", "|"]
)
scalars = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | words
keys = st.from_regex(r"[a-zA-Z][a-zA-Z0-9./-]{1,6}", fullmatch=True)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=12
)
styles = st.sampled_from(["block", "wide", "flow", "json", "compact", "pretty", "tabs"])


def dumped(value: object, style: str) -> str:
    """Write a value in one of the looks that people and tools give it."""
    match style:
        case "json":
            return json.dumps(value) + "\n"
        case "compact":
            return json.dumps(value, separators=(",", ":"), ensure_ascii=False) + "\n"
        case "pretty" | "tabs":
            return json.dumps(value, indent=4 if style == "pretty" else "\t", ensure_ascii=False) + "\n"
        case _:
            indent, flow = (4 if style == "wide" else 2), style == "flow"
            return yaml.safe_dump(value, default_flow_style=flow, indent=indent, sort_keys=False, allow_unicode=True)


def paths(value: object, path: Route = ()) -> list[Route]:
    """List the places where a value can be written: there is one, or a mapping may take a key."""
    found = [path] if path else []
    if isinstance(value, dict):
        found += [(*path, "new"), (*path, "further", "in")]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in items:
        found += paths(item, (*path, step))
    return found


@given(st.data(), st.dictionaries(keys, values, min_size=1, max_size=4), styles)
def test_any_value_is_written_anywhere_in_any_style(data: st.DataObject, value: dict[str, Any], style: str) -> None:
    text = dumped(value, style)
    if meaning(text) != value:  # a number of a shape that Kubernetes reads otherwise
        return
    chosen = data.draw(st.lists(st.sampled_from(paths(value)), min_size=1, max_size=3, unique=True))
    wanted: Any = value
    writes: Writes = []
    for path in chosen:
        if any(path[: len(other)] == other or other[: len(path)] == path for other, _ in writes):
            continue  # one write inside of another
        new = data.draw(values.filter(lambda new: new is not None))
        writes.append((path, new))
        wanted = put(wanted, path, new)
    try:
        assert wanted == meaning(written(text, *writes))
    except EditError as error:
        assert str(error) == "only a JSON parser can read it; format it anew"  # noqa: PT017 - where it is raised, just this
        assert style == "json"

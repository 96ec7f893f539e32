"""Files are read as Kubernetes reads them, each thing with its place; what is wrong is told in a sentence."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from webhook.files import Document, read_paths, read_text
from webhook.text import yaml_tree
from webhook.text.chunks import MAX_BYTES

UNTIDY = """\
# a comment
apiVersion: v1
kind: List
items:
  - kind: Job
    spec: &spec
      template: {spec: {containers: [{name: a}, {name: b}]}}
  -
    kind: CronJob
    "quoted": 1
    spec:
      <<: *spec
      schedule: "* * * * *"
---
kind: JobList
apiVersion: batch/v1
items: [{metadata: {name: bare}}]
"""


def value(text: str | bytes) -> Any:
    """Return the one value of a text."""
    (read,) = read_text(text, "f")
    assert isinstance(read, Document), str(read)
    return read.value


def told(text: str | bytes) -> list[Any]:
    """Return the values of a text, and a sentence for each part that cannot be read."""
    return [read.value if isinstance(read, Document) else str(read) for read in read_text(text, "f")]


def paths(thing: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Return the path of everything in an object."""
    steps = enumerate(thing) if isinstance(thing, list) else thing.items() if isinstance(thing, dict) else ()
    for step, inner in steps:
        yield (*path, step)
        yield from paths(inner, (*path, step))


def test_every_real_manifest_reads_as_pyyaml_reads_it(corpus: Path) -> None:
    read = {document.source: document for document in read_paths([corpus / "manifests"])}
    manifests = sorted(corpus.glob("manifests/**/*.yaml"))
    assert [str(path) for path in manifests] == sorted(read)
    for path in manifests:
        document = read[str(path)]
        assert isinstance(document, Document), str(document)
        assert yaml.load(path.read_bytes(), yaml.CSafeLoader) == document.value


def test_every_key_of_a_real_manifest_is_where_it_says(corpus: Path) -> None:
    seen = 0
    for document in read_paths([corpus / "manifests"]):
        assert isinstance(document, Document)
        lines = Path(document.source).read_text().splitlines()
        for path in paths(document.value):
            line, column = document.position(path)
            if isinstance(path[-1], str):
                written = lines[line - 1][column - 1 :].replace("\\", "").lstrip("'\"")
                assert written.startswith(path[-1]), f"{document.source}: {path}"
                seen += 1
    assert seen > 10_000


@pytest.mark.parametrize(
    ("position", "index", "path"),
    [
        ((5, 5), 0, ()),
        ((5, 5), 0, ("kind",)),
        ((6, 5), 0, ("spec",)),
        ((7, 38), 0, ("spec", "template", "spec", "containers", 0)),
        ((7, 50), 0, ("spec", "template", "spec", "containers", 1, "name")),
        ((7, 25), 0, ("spec", "template", "spec", "containers", 2, "name")),
        ((7, 25), 0, ("spec", "template", "spec", "containers", "name")),
        ((6, 5), 0, ("spec", "ttlSecondsAfterFinished")),
        ((5, 5), 0, ("kind", "nothing", "below")),
        ((9, 5), 1, ()),
        ((10, 5), 1, ("quoted",)),
        ((11, 5), 1, ("spec",)),
        ((13, 7), 1, ("spec", "schedule")),
        ((7, 7), 1, ("spec", "template")),
        ((17, 9), 2, ()),
        ((17, 21), 2, ("metadata", "name")),
        ((17, 9), 2, ("kind",)),
    ],
)
def test_a_place_is_that_of_the_key_or_of_what_is_around_it(
    position: tuple[int, int], index: int, path: tuple[str | int, ...]
) -> None:
    document = list(read_text(UNTIDY, "f"))[index]
    assert isinstance(document, Document)
    assert position == document.position(path)


def test_lists_are_taken_apart_and_name_the_kind_of_bare_items() -> None:
    job, cron_job, bare = told(UNTIDY)
    assert job["kind"] == "Job"
    assert job["spec"]["template"] == cron_job["spec"]["template"]
    assert bare == {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "bare"}}


def test_a_list_of_lists_is_taken_apart_and_what_only_looks_like_a_list_is_not() -> None:
    assert told('{"kind": "List", "items": [{"kind": "List", "items": [{"a": 1}, null, 2]}]}') == [{"a": 1}, 2]
    assert told("kind: List") == [{"kind": "List"}]
    assert told("kind: Job\nitems: []") == [{"kind": "Job", "items": []}]
    assert told("kind: 1\nitems: []") == [{"kind": 1, "items": []}]


# Each as https://github.com/yaml/go-yaml/tree/v2 and https://github.com/kubernetes-sigs/yaml answer it.
@pytest.mark.parametrize(
    ("meant", "scalar"),
    [
        *((True, word) for word in ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")),
        *((False, word) for word in ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")),
        *((None, word) for word in ("", "~", "null", "Null", "NULL")),
        *((word, word) for word in ("yEs", "tRUE", "nULL", "oN", "~a", "none", "Nan", "inf", "word", "a:b", "=")),
        (0, "0"),
        (0, "-0"),
        (7, "+7"),
        (-7, "-7"),
        (1000, "1_000"),
        (15, "017"),
        (15, "0o17"),
        (-15, "-017"),
        (8, "08"),
        (31, "0x1F"),
        (-31, "-0X1f"),
        (5, "0b101"),
        (-5, "-0B101"),
        (2**63 - 1, "9223372036854775807"),
        (2**64 - 1, "18446744073709551615"),
        (-(2**63), "-9223372036854775808"),
        (18446744073709551616.0, "18446744073709551616"),
        (18446744073709551615.0, "+18446744073709551615"),
        (1.5, "1.5"),
        (0.5, ".5"),
        (-0.5, "-.5"),
        (6, "6.0"),
        (1000, "1e3"),
        (0.0015, "1.5E-3"),
        (1e20, "1e20"),
        *((text, text) for text in ("+", ".", "1.2.3", "0x", "0xG", "1e", "1e400", "._5", "1,5", "0o8", "--1")),
        *((text, text) for text in ("12:30:45", "2026-01-02", "2026-01-02T03:04:05Z", "0x1FFFFFFFFFFFFFFFF")),
        ("1", "'1'"),
        ("yes", '"yes"'),
        ("", "''"),
        ("5", "!!str 5"),
        ("5", "! 5"),
        ("x", "!Ref x"),
        (5, '!!int "5"'),
        (5, "!!float 5"),
        (True, '!!bool "on"'),
        (None, '!!null "~"'),
        ("é", "!!binary w6k="),
        ("2026-01-02", "!!timestamp 2026-01-02"),
    ],
)
def test_a_scalar_means_what_it_means_to_kubernetes(meant: Any, scalar: str) -> None:
    read = value(f"a: {scalar}")["a"]
    assert (type(meant), meant) == (type(read), read)


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("a b", "a b"),
        ("1", "1"),
        ("8", "010"),
        ("1.5", "1.5"),
        ("1.1", "1.10"),
        ("true", "on"),
        ("false", "n"),
        ("on", '"on"'),
    ],
)
def test_a_key_becomes_text(written: str, key: str) -> None:
    assert {written: "x"} == value(f"{key}: x")


@pytest.mark.parametrize(
    ("meant", "text"),
    [
        ({"a": [1, 2], "b": [1, 2]}, "a: &x [1, 2]\nb: *x"),
        ({"a": "k", "k": 1}, "a: &x k\n*x : 1"),
        ({"a": 1, "b": 2, "c": 2}, "a: &x 1\nb: &x 2\nc: *x"),
        ({"a": {"p": 1}, "b": {"p": 1, "q": 2}}, "a: &x {p: 1}\nb: {<<: *x, q: 2}"),
        ({"a": {"p": 1}, "b": {"p": 2}}, "a: &x {p: 1}\nb: {<<: *x, p: 2}"),
        ({"a": {"p": 1}, "b": {"p": 1}}, "a: &x {p: 1}\nb: {p: 2, <<: *x}"),
        ({"a": {"p": 1}, "b": {"p": 1, "q": 2}}, "a: &x {p: 1}\nb: {<<: [*x, {p: 2, q: 2}]}"),
        ({"a": {"p": 1}}, "a: {!!merge <<: {p: 1}}"),
        ({"a": {"<<": 1}}, 'a: {"<<": 1}'),
    ],
)
def test_anchors_and_merge_keys(meant: Any, text: str) -> None:
    assert meant == value(text)


def test_an_alias_is_written_out_so_that_changing_one_place_changes_no_other() -> None:
    read = value("a: &x {p: [1]}\nb: *x\nc: {<<: *x}")
    read["a"]["p"].append(2)
    assert [read["b"]["p"], read["c"]["p"]] == [[1], [1]]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], ""),
        ([], "# nothing\n---\n---\n  # nothing\n"),
        ([], "---\nnull\n---\n~"),
        ([{"a": 1}, {"b": 2}], "a: 1\n---\nb: 2"),
        ([{"a": 1}, {"b": 2}], "---\r\na: 1\r\n---   # two\r\nb: 2\r\n"),
        ([{"a": "x\n---\ny\n"}], "a: |\n  x\n  ---\n  y"),
        ([{"a": 1}], "a: 1\n..."),
        ([{"a": 1}, {"b": 2, "c": 3}], "\ufeffa: 1\n---\n\ufeffb: 2\nc: 3"),
        (["just text"], "just text"),
        ([[1]], "[1]"),
        ([{"a": 1}, {"b": [True, None]}, 3], '{"a": 1}\n{"b": [true, null]} 3'),
        ([{"a": 1}, {"b": 2}, {"c": 3}], '{"a": 1}\n---\n{"b": 2}\n---\nc: 3'),
        ([{"a": 1}], '\n\t{\t"a":\t1\r\n}'),
        ([{"kind": "Job"}], "{kind: Job}"),
        ([{"a": 1}], '{"a": 1,}'),
        (
            [{"a": 6, "b": -0.5, "c": 2**64 - 1, "d": 1e30}],
            '{"a": 6.0, "b": -5e-1, "c": 18446744073709551615, "d": 1e30}',
        ),
        ([{"a": 10.0**25}], '{"a": 10000000000000000000000000}'),
        ([{"a": '"\\/\n😀 \ufffd\u2028', "": {}}], '{"a": "\\"\\\\\\/\\n\\ud83d\\ude00 \\ud800\u2028", "": {}}'),
        ([{"<<": {}, "yes": "no"}], '{"<<": {}, "yes": "no"}'),
    ],
)
def test_documents(values: list[Any], text: str) -> None:
    assert values == told(text)


@given(
    thing=st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=9,
    )
)
def test_what_is_written_reads_the_same(thing: Any) -> None:
    assert {"a": thing} == value(json.dumps({"a": thing}))
    assert {"a": thing} == value(yaml.safe_dump({"a": thing}, default_style='"'))


@given(text=st.text(alphabet="ab1 \n\t:-[]{},'\"&*!|>#%@.<~\\\x00\ud800") | st.binary(max_size=40))
def test_whatever_it_is_it_is_read_or_told(text: str | bytes) -> None:
    for read in read_text(text, "f"):
        assert isinstance(read, Document) or "\n" not in str(read)


@pytest.mark.parametrize(
    "text",
    [
        "a: é",
        "\ufeffa: é",
        "a: é".encode(),
        "a: é".encode("utf-8-sig"),
        "a: é".encode("utf-16"),
        b"\xfe\xff" + "a: é".encode("utf-16-be"),
    ],
)
def test_encodings(text: str | bytes) -> None:
    assert value(text) == {"a": "é"}


SLIPS = [
    ("2:1: YAML is indented with spaces; replace the tab", "a:\n\tb: 1"),
    ("2:1: YAML is indented with spaces; replace the tab", "a: 1\n\tb: 1"),
    ('2:13: quote a value that begins with *, e.g. schedule: "*/5 * * * *"', "spec:\n  schedule: */5 * * * *"),
    ('1:11: quote a value that begins with *, e.g. schedule: "*/5 * * * *"', "schedule: * * * * *"),
    ('1:4: the alias "x" has no anchor above; quote the value if it begins with *', "a: *x"),
    ('1:8: the alias "x" stands inside its own anchor; write the value out', "a: &x [*x]"),
    ("1:6: quote a value that begins with &", "cmd: && b"),
    ("1:11: quote a value that begins with @", "schedule: @daily"),
    ("1:1: remove the line: ``` is Markdown, and no YAML", "```yaml\na: 1\n```"),
    ("2:2: a comma is missing here, or the { that opens in line 1 is not closed", "a: {b: 1\nc: 2"),
    ("2:2: a comma is missing here, or the [ that opens in line 1 is not closed", "a: [1, 2\nb: 3"),
    ("2:4: a value is missing here, or a bracket or brace is one too many", "a: 1}\nb: ]"),
    ("1:4: a list begins in the line after its key; quote a value that begins with -", "a: - b"),
    ("1:4: the quote that opens here is never closed", "a: 'b\nc: 1"),
    ("1:4: the quote that opens here is never closed", 'a: "b\nc: 1'),
    ("1:5: YAML knows no such escape; write \\\\ for a backslash, or use single quotes", 'a: "\\d"'),
    (
        "1:18: a colon is not allowed here; quote the value, or mend the indentation or the line above",
        "command: echo foo: 1",
    ),
    ("2:2: a colon is not allowed here; quote the value, or mend the indentation or the line above", "a:b\nc: 1"),
    ("3:2: this does not fit the block that begins in line 1; mend the indentation or the quotes", "a:\n  b: 1\n c: 2"),
    ("1:8: this does not fit the block that begins in line 1; mend the indentation or the quotes", "a: 'it's'"),
    ("2:1: this line has no colon; write key: value, or indent it", "a: 1\nb\nc: 2"),
    ("2:7: replace the typographic quotes: YAML knows only \" and '", "a: 1\nname: “a: b”"),
    ("1:7: replace the typographic quotes: YAML knows only \" and '", "a: [- “c: d”]"),
    ("2:1: replace the typographic dash: an item of a list begins with a hyphen -", "a:\n\u2013 b: c\n  d: e"),
    ("2:3: replace the typographic dash: an item of a list begins with a hyphen -", "a:\n  — b: c\n    d: e"),
    ("2:1: replace the typographic dash: documents are parted by a line --- of hyphens", "a: 1\n—\nb: 2"),
    (
        "2:1: Kubernetes ignores everything from here on; indent it as far as line 1, or that one less",
        " a: 1\nb: 2",
    ),
    ("1:5: what follows | or > begins in the next line", "a: |x\n  y"),
    ("2:1: Kubernetes reads no YAML directives; remove the line that begins with %", "%YAML 1.1\n"),
    ("1:5: Kubernetes reads no YAML directives; remove the line that begins with %", "%FOO\n"),
    ("1:4: the tag is not declared; remove it, or quote a value that begins with !", "a: !x!y z"),
    ("1:4: this does not fit its tag !!int; remove the tag", "a: !!int x"),
    ("1:4: this does not fit its tag !!binary, which wants base64; remove the tag", "a: !!binary x"),
    ("1:4: Kubernetes knows no number .inf; quote it if it is text", "a: .inf"),
    ("1:4: Kubernetes knows no number .NaN; quote it if it is text", "a: .NaN"),
    ("1:4: remove the character U+0007, which YAML does not allow", "a: \x07"),
    ("1:4: remove the character U+D800, which YAML does not allow", "a: \ud800"),
    ('3:1: "a" is already in line 1 of the same object; keep one, or mend the indentation', "a: 1\nb: 2\na: 3"),
    ('2:1: "1" is already in line 1 of the same object; keep one, or mend the indentation', "1: 1\n'1': 2"),
    ("1:1: a key must be text; quote it", "~: 1"),
    ("1:3: a key must be text; quote it", "? [a]\n: b"),
    ("1:5: << takes an object, or a list of objects", "<<: 3"),
    ("1:5: << takes an object, or a list of objects", "<<: [{}, 3]"),
    ("1:5: this is a template; render it first, e.g. helm template . | batchwarden check -", "a: {{ .Values.a }}"),
    (
        "2:1: this is a template; render it first, e.g. helm template . | batchwarden check -",
        "a: 1\n{{- if .b }}\nb: 1",
    ),
    ("1:9: a comma or } is missing here", '{"a": 1 "b": 2}'),
    ("1:10: a comma or ] is missing here", '{"a": [1 2, "b": 3}'),
    ("1:6: a colon is missing here", '{"a" 1}'),
    ("2:1: a value is missing here", '{"a": '),
    ("1:10: a key in double quotes is missing here", '{"a": 1, 2}]'),
    ("1:7: JSON knows no such escape; write \\\\ for a backslash", '{"a": "\\d"}'),
    ("1:7: this is no JSON; write text in double quotes and on one line", '{"a": "b\n"} "'),
    ("1:7: Kubernetes takes no number as large as this; quote it if it is text", '{"a": 1e400, "a": 1}'),
    ('2:1: "a" is already in line 1 of the same object; keep one', '{"a": 1,\n"a": 2}'),
    ("2:2: a comma is missing here, or the { that opens in line 1 is not closed", "{a: b\nc: d"),
    ("1:4: this is not UTF-8 text; save the file as UTF-8", b"a: \xe9"),
    ("3:3: this is not UTF-8 text; save the file as UTF-8", "é: 1\né\n".encode() + b"\xc3\xa9 \xff"),
    ("1:4: kubectl takes only a comment after ---; begin the document in the next line", "--- {a: 1}"),
    ("1:4: kubectl takes only a comment after ---; begin the document in the next line", "-----BEGIN CERTIFICATE-----"),
]


@pytest.mark.parametrize(("sentence", "text"), SLIPS)
def test_a_slip_is_told_with_its_place_and_what_to_do(sentence: str, text: str | bytes) -> None:
    assert f"f:{sentence}" in told(text)


def test_one_bad_document_hides_no_other() -> None:
    assert told("a: 1\n---\n\nb: @\n---\nc: 3") == [{"a": 1}, "f:4:4: quote a value that begins with @", {"c": 3}]
    rest = "Kubernetes ignores everything from here on; put a line --- between documents"
    assert [{"a": 1}, f"f:3:1: {rest}", {"c": 3}] == told("a: 1\n...\nb: 2\n---\nc: 3")
    assert [[1], f"f:2:1: {rest}"] == told("[1]\nb")
    assert told('{"a": 1} b') == [{"a": 1}, "f:1:10: this is no JSON; write text in double quotes and on one line"]


def test_a_name_is_cut_and_quoted_where_it_is_told() -> None:
    key = f'"\\e{"x" * 1000}"'
    (sentence,) = told(f"{key}: 1\n{key}: 2")
    assert sentence.startswith('f:2:1: "\\u001bxxx')
    assert len(sentence) < 200


def test_without_libyaml_all_is_read_and_told_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    text = UNTIDY + "---\na: */5\n---\na:\n\tb: 1"
    expected = told(text)
    monkeypatch.setattr(yaml_tree, "_Parser", yaml.SafeLoader)
    assert expected == told(text)


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("f:1:1: it is larger than 16 MiB; split it", b" " * (MAX_BYTES + 1)),
        ("f:1:1: it is larger than 16 MiB; split it", " " * (MAX_BYTES + 1)),
        ("f:1:101: the document is nested over 100 levels deep; flatten it", "[" * 100_000),
        ("f:1:201: the document is nested over 100 levels deep; flatten it", "- " * 100_000),
        ("f:1:106: the document is nested over 100 levels deep; flatten it", '{"a": ' + "[" * 100_000),
    ],
)
def test_what_is_too_large_or_too_deep_is_refused(reason: str, text: str | bytes) -> None:
    assert [reason] == told(text)


def test_aliases_make_nothing_too_deep() -> None:
    chain = "a0: &a0 []\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}]\n" for n in range(200))
    assert told(chain) == ["f:100:12: the document is nested over 100 levels deep; flatten it"]


def test_no_alias_bomb_goes_off() -> None:
    levels = "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n" for n in range(20))
    (sentence,) = told(f"a0: &a0 {{x: x}}\n{levels}")
    assert sentence.endswith(": the document has over 1000000 values, aliases written out; split it")


def test_folders_are_read_by_name_and_only_what_is_yaml_or_json(tmp_path: Path) -> None:
    for name in ("b/2.yml", "b/1.json", "a.yaml", "c.YAML", ".hidden.yaml", ".git/d.yaml", "notes.txt", "b/.b.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps({"name": name}))
    os.mkfifo(tmp_path / "pipe.yaml")
    read = list(read_paths([tmp_path]))
    assert [str(tmp_path / name) for name in ("a.yaml", "b/1.json", "b/2.yml", "c.YAML")] == [
        one.source for one in read
    ]


def test_a_mounted_config_map_is_read_once(tmp_path: Path) -> None:
    data = tmp_path / "..2026_01_01_00_00_00.123"
    (data / "sub").mkdir(parents=True)
    (data / "policy.yaml").write_text("a: 1")
    (data / "sub" / "other.yaml").write_text("b: 2")
    (tmp_path / "..data").symlink_to(data.name)
    (tmp_path / "policy.yaml").symlink_to("..data/policy.yaml")
    (tmp_path / "sub").symlink_to("..data/sub")
    read = {one.source: one.value for one in read_paths([tmp_path]) if isinstance(one, Document)}
    assert {str(tmp_path / "policy.yaml"): {"a": 1}, str(tmp_path / "sub" / "other.yaml"): {"b": 2}} == read


def test_no_file_is_read_twice_and_no_circle_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: 1")
    (tmp_path / "circle").symlink_to(tmp_path)
    assert len(list(read_paths([tmp_path / "a.yaml", tmp_path, str(tmp_path / "circle" / "a.yaml")]))) == 1


def test_a_file_that_is_named_is_read_whatever_its_name_and_kind(tmp_path: Path) -> None:
    (tmp_path / ".policy").write_text("a: 1")
    reader, writer = os.pipe()
    os.write(writer, b"b: 2")
    os.close(writer)
    read = list(read_paths([tmp_path / ".policy", f"/dev/fd/{reader}"]))
    os.close(reader)
    assert [one.value for one in read if isinstance(one, Document)] == [{"a": 1}, {"b": 2}]


def test_what_is_not_there_is_told_and_the_rest_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("nowhere.yaml")
    (tmp_path / "b.yaml").symlink_to("b.yaml")
    (tmp_path / "c.yaml").write_text("c: 3")
    missing, dangling, circle, read = read_paths([tmp_path / "gone", tmp_path])
    assert f"{tmp_path / 'gone'}: there is no such file or folder" == str(missing)
    assert f"{tmp_path / 'a.yaml'}: there is no such file or folder" == str(dangling)
    assert f"{tmp_path / 'b.yaml'}: its symbolic links lead in a circle" == str(circle)
    assert isinstance(read, Document)


def test_what_cannot_be_read_is_told() -> None:
    (unreadable,) = read_paths(["/proc/self/mem"])
    assert str(unreadable).startswith("/proc/self/mem: it cannot be read: ")

"""The schema for editors takes what the decoder takes, and refuses what can be told without reckoning."""

from collections.abc import Iterator
from pathlib import Path as File
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

import policies
from policies.catalog import rules, summary
from policies.fields import Path, put
from policies.objects import TYPES, decode_object
from policies.schema import schemas
from policies.strict import InvalidObjectError
from tests.policies.build import LET_OFF, manifest

SCHEMAS = schemas()
FOLDERS = (File(policies.__file__).parent / "library", File(__file__).parents[2] / "deploy" / "examples" / "policies")
SPEC: Path = ("spec",)
RULES: Path = (*SPEC, "rules")
POLICY = manifest("ClusterBatchPolicy", {"name": "everywhere", "labels": {"a": "b"}}, {"rules": {"restartPolicy": {}}})
LOCAL = manifest("BatchPolicy", {"name": "here", "namespace": "team-a"}, {"rules": {"restartPolicy": {}}})
EXCEPTION = manifest("BatchPolicyException", {"name": "e", "namespace": "team-a"}, dict(LET_OFF))


def valid(raw: Any, name: str = "all.json") -> bool:
    schema = SCHEMAS[name]
    if "oneOf" in schema:  # of the files beside it
        schema = {**schema, "oneOf": [SCHEMAS[each["$ref"]] for each in schema["oneOf"]]}
    return Draft7Validator(schema).is_valid(raw)


def own(raw: Any) -> str:
    """Name the schema of an object's kind."""
    return f"{raw['kind'].lower()}_v1alpha1.json"


def written() -> Iterator[Any]:
    """Read the ready policies, and those of the examples."""
    for file in (file for folder in FOLDERS for file in sorted(folder.glob("*.yaml"))):
        for raw in yaml.safe_load_all(file.read_text()):
            if raw["kind"] in TYPES:
                yield raw


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one(name: str) -> None:
    Draft7Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("raw", [*written(), POLICY, LOCAL, EXCEPTION], ids=lambda raw: raw["metadata"]["name"])
def test_what_is_right_is_taken_by_its_own_schema_and_by_the_one_of_all(raw: Any) -> None:
    assert type(decode_object(raw)).__name__ == raw["kind"]
    assert [name for name in SCHEMAS if valid(raw, name)] == [own(raw), "all.json"]


@pytest.mark.parametrize("key", rules())
def test_a_rule_is_taken_with_its_built_in_values_and_refused_without_any(key: str) -> None:
    assert valid(put(POLICY, RULES, {key: {}}))
    assert not valid(put(POLICY, RULES, {key: None}))


@pytest.mark.parametrize(
    ("base", "at", "value"),
    [
        (POLICY, ("apiVersion",), "batchwarden.io/v2"),
        (POLICY, ("kind",), "BatchPolicies"),
        (POLICY, ("specs",), {}),
        (POLICY, ("metadata",), {}),
        (POLICY, ("metadata", "name"), "My_Policy"),
        (POLICY, SPEC, None),
        (POLICY, SPEC, {}),
        (POLICY, RULES, {}),
        (POLICY, RULES, []),
        (POLICY, (*RULES, "restart_policy"), {}),
        (POLICY, (*RULES, "restartPolicy", "allow"), ["Never"]),
        (POLICY, (*RULES, "restartPolicy", "allowed"), ["Never", "Always"]),
        (POLICY, (*RULES, "restartPolicy", "allowed"), []),
        (POLICY, (*RULES, "restartPolicy", "action"), "deny"),
        (POLICY, (*RULES, "restartPolicy", "reason"), ""),
        (POLICY, (*RULES, "activeDeadline"), {"maxSeconds": "1h"}),
        (POLICY, (*RULES, "activeDeadline"), {"maxSeconds": 0}),
        (POLICY, (*RULES, "activeDeadline"), {"maxSeconds": 2**31}),
        (POLICY, (*RULES, "resourceLimits"), {"defaults": {"memory": "512MB"}}),
        (POLICY, (*RULES, "resourceLimits"), {"defaults": {"memory": True}}),
        (POLICY, (*RULES, "resourceLimits"), {"defaults": {}}),
        (POLICY, (*SPEC, "action"), "Block"),
        (POLICY, (*SPEC, "objectSelector"), {"matchLabels": {"tier": 1}}),
        (POLICY, (*SPEC, "objectSelector"), {"labels": {}}),
        (POLICY, (*SPEC, "exclude"), {"users": ["x"] * 65}),
        (POLICY, (*SPEC, "exceptions"), {"maxDays": 0}),
        (LOCAL, (*SPEC, "namespaceSelector"), {}),
        (EXCEPTION, (*SPEC, "expiresAt"), "2027-03-31T00:00:00"),
        (EXCEPTION, (*SPEC, "expiresAt"), "2027-03-31"),
        (EXCEPTION, (*SPEC, "rules"), []),
        (EXCEPTION, (*SPEC, "rules"), ["activeDeadlines"]),
        (EXCEPTION, (*SPEC, "selector"), None),
    ],
    ids=range(32),
)
def test_what_is_wrong_is_refused_by_schema_and_decoder_alike(base: Any, at: Path, value: Any) -> None:
    raw = put(base, at, value)
    assert valid(base, own(base))
    assert not valid(raw, own(base))
    assert not valid(raw)
    with pytest.raises(InvalidObjectError):
        decode_object(raw)


@pytest.mark.parametrize("key", ["expiresAt", "owner", "reason", "selector", "policies", "rules"])
def test_what_is_required_is_asked_for(key: str) -> None:
    assert not valid({**EXCEPTION, "spec": {name: value for name, value in EXCEPTION["spec"].items() if name != key}})


@pytest.mark.parametrize("kind", ["ClusterBatchPolicy", "BatchPolicy"])
def test_an_editor_explains_each_rule_and_completes_its_values(kind: str) -> None:
    chosen = SCHEMAS[f"{kind.lower()}_v1alpha1.json"]["properties"]["spec"]["properties"]["rules"]["properties"]
    assert list(chosen) == list(rules())
    for key, rule in rules().items():
        assert chosen[key]["description"].startswith(f"{summary(rule).replace('``', '`')}\n\n")
        assert chosen[key]["description"].endswith(f"\n\nbatchwarden explain {key}")
        assert chosen[key]["properties"]["action"]["enum"] == ["Audit", "Deny", "Warn"]
    assert chosen["restartPolicy"]["properties"]["allowed"]["default"] == ("Never", "OnFailure")
    assert chosen["backoffLimit"]["properties"]["default"]["minimum"] == 0


def test_nothing_is_referred_to_but_by_the_schema_of_all_and_nothing_may_be_null() -> None:
    def parts(node: Any) -> Iterator[Any]:
        yield node
        for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            yield from parts(inner)

    for name, schema in SCHEMAS.items():
        found = list(parts(schema))
        assert ("$ref" in str(schema)) is (name == "all.json")
        assert "null" not in [part for part in found if isinstance(part, str)]

"""The definitions are structural, bounded, and hold every rule with what it takes."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from policies.catalog import rules, summary
from policies.crd import RESOURCES, definitions
from policies.objects import TYPES
from policies.status import Condition, ExceptionStatus, PolicyStatus, RuleStatus

DEFINITIONS = {each["spec"]["names"]["kind"]: each for each in definitions().values()}
FORBIDDEN = {
    "$ref",
    "anyOf",
    "allOf",
    "definitions",
    "dependencies",
    "oneOf",
    "patternProperties",
    "propertyNames",
    "title",
}
UNBOUNDED = {"apiVersion", "kind"}  # which Kubernetes bounds


def schema(kind: str) -> dict[str, Any]:
    (version,) = DEFINITIONS[kind]["spec"]["versions"]
    whole: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return whole


def nodes(node: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """List each node of a schema with its path."""
    yield path, node
    for key, about in node.get("properties", {}).items():
        yield from nodes(about, f"{path}.{key}")
    for key in ("items", "additionalProperties"):
        if key in node:
            yield from nodes(node[key], f"{path}[]")


NODES = [(f"{kind}{path}", node) for kind in DEFINITIONS for path, node in nodes(schema(kind))]


def test_every_kind_is_defined_under_the_name_that_kubernetes_wants() -> None:
    assert set(DEFINITIONS) == set(TYPES) == set(RESOURCES)
    for each in DEFINITIONS.values():
        assert each["metadata"]["name"] == f"{each['spec']['names']['plural']}.{each['spec']['group']}"
        assert f"{each['metadata']['name'].partition('.')[0]}.yaml" in "".join(definitions())


@pytest.mark.parametrize(("path", "node"), NODES, ids=[path for path, _ in NODES])
def test_a_node_is_structural_and_bounded(path: str, node: Mapping[str, Any]) -> None:
    """Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/."""
    assert not FORBIDDEN & node.keys()
    assert not ("properties" in node and "additionalProperties" in node)
    assert isinstance(node.get("additionalProperties", {}), Mapping)
    assert ("type" in node) is not ("x-kubernetes-int-or-string" in node)
    assert node.get("type") in {None, "array", "boolean", "integer", "number", "object", "string"}
    assert isinstance(node.get("exclusiveMinimum", True), bool)
    assert ("default" in node) is (path.endswith(".spec.action"))
    assert ("x-kubernetes-validations" in node) is (re.fullmatch(r"\w+\.spec", path) is not None)
    if node.get("type") == "string" and path.partition(".")[2] not in UNBOUNDED and node.get("format") != "date-time":
        assert "maxLength" in node
    if node.get("type") == "array":
        assert "maxItems" in node
    if "additionalProperties" in node:
        assert "maxProperties" in node


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_a_rule_for_the_api_server_says_in_a_sentence_what_to_write_and_where(kind: str) -> None:
    spec = schema(kind)["properties"]["spec"]
    places = {path for path, _ in nodes(spec)}
    for said in spec["x-kubernetes-validations"]:
        assert said.keys() == {"rule", "message", "fieldPath"}
        assert said["fieldPath"] in places
        assert said["rule"].count("(") == said["rule"].count(")")
        assert re.search(r"; |, or |e\.g\. ", said["message"])


@pytest.mark.parametrize("kind", ["ClusterBatchPolicy", "BatchPolicy"])
def test_every_rule_is_there_with_its_page(kind: str) -> None:
    chosen = schema(kind)["properties"]["spec"]["properties"]["rules"]["properties"]
    assert list(chosen) == list(rules())
    for key, rule in rules().items():
        assert chosen[key]["description"].startswith(summary(rule).replace("``", "`"))
        assert chosen[key]["description"].endswith(f"batchwarden explain {key}")


def test_what_is_built_in_is_said_and_not_stored() -> None:
    chosen = schema("BatchPolicy")["properties"]["spec"]["properties"]["rules"]["properties"]
    least = chosen["startingDeadline"]["properties"]["minSeconds"]
    assert least["description"] == "The shortest deadline allowed. Built in: 10."
    assert chosen["safeToEvict"]["properties"]["minCpuHours"]["exclusiveMinimum"] is True


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_columns_lead_to_what_the_schema_holds(kind: str) -> None:
    (version,) = DEFINITIONS[kind]["spec"]["versions"]
    places = {path for path, _ in nodes(schema(kind))} | {".metadata.creationTimestamp"}
    for column in version["additionalPrinterColumns"]:
        assert re.sub(r"\[\?\(.*\)\]", "[]", column["jsonPath"]) in places


SINCE = datetime(2026, 11, 21, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (
            PolicyStatus(
                observed_generation=1,
                rules_in_force="1/1",
                namespaces=3,
                workloads=7,
                rules=(RuleStatus(rule="restartPolicy", in_force=True),),
                conditions=(
                    Condition(type="Ready", status="True", last_transition_time=SINCE, reason="InForce", message=""),
                ),
            ),
            "ClusterBatchPolicy",
        ),
        (ExceptionStatus(state="Active", workloads=1), "BatchPolicyException"),
    ],
)
def test_a_status_is_written_with_the_fields_that_are_defined(status: msgspec.Struct, kind: str) -> None:
    wanted = schema(kind)["properties"]["status"]["properties"]
    built = msgspec.to_builtins(status)
    assert built.keys() <= wanted.keys()
    for key in ("conditions", "rules"):
        for item in built.get(key, ()):
            assert item.keys() <= wanted[key]["items"]["properties"].keys()
            assert set(wanted[key]["items"]["required"]) <= item.keys()

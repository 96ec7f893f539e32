"""Pure: the CustomResourceDefinitions of the objects people write, from the types that files are decoded by.

``make generate`` writes them to ``deploy/crds/``. A structural schema takes no ``$ref``, no null, and no
``additionalProperties`` beside ``properties``; unknown keys are refused by kubectl and pruned for other clients.
Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from msgspec import Struct

from policies.cel import VALIDATIONS, Schema
from policies.objects import TYPES
from policies.schema import VERSION, plain
from policies.status import ExceptionStatus, PolicyStatus

GROUP: Final = "batchwarden.io"
MOST: Final = 32  # characters of a quantity
READY: Final = '.status.conditions[?(@.type=="Ready")]'
ACTIVE: Final = '.status.conditions[?(@.type=="Active")]'
AGE: Final = ("Age", "date", ".metadata.creationTimestamp")
POLICY: Final = (
    ("Action", "string", ".spec.action"),
    ("Rules", "string", ".status.rulesInForce"),
    ("Namespaces", "integer", ".status.namespaces"),
    ("Violations", "integer", ".status.violations"),
    ("Ready", "string", f"{READY}.status"),
    AGE,
)
WIDE_POLICY: Final = (("Workloads", "integer", ".status.workloads"), ("Why", "string", f"{READY}.message"))
EXCEPTION: Final = (
    ("Owner", "string", ".spec.owner"),
    ("Expires", "string", ".spec.expiresAt"),
    ("State", "string", ".status.state"),
    AGE,
)
WIDE_EXCEPTION: Final = (("Workloads", "integer", ".status.workloads"), ("Why", "string", f"{ACTIVE}.message"))
# What only an editor or a decoder needs; additionalProperties stays where it holds a schema.
UNSAID: Final = {"additionalProperties", "anyOf", "default", "items", "properties", "propertyNames"}
SELF: Final = re.compile(r"\bself\b")


class Resource(NamedTuple):
    """How a kind is served: its names, where its objects live, what ``kubectl get`` prints, what its status says."""

    plural: str
    short: str
    scope: str
    columns: tuple[tuple[str, str, str], ...]
    wide: tuple[tuple[str, str, str], ...]
    status: type[Struct]


RESOURCES: Final[Mapping[str, Resource]] = {
    "ClusterBatchPolicy": Resource("clusterbatchpolicies", "cbp", "Cluster", POLICY, WIDE_POLICY, PolicyStatus),
    # a namespace's own policies select in that namespace alone
    "BatchPolicy": Resource("batchpolicies", "bp", "Namespaced", (*POLICY[:2], *POLICY[3:]), WIDE_POLICY, PolicyStatus),
    "BatchPolicyException": Resource(
        "batchpolicyexceptions", "bpx", "Namespaced", EXCEPTION, WIDE_EXCEPTION, ExceptionStatus
    ),
}


def definitions() -> Mapping[str, Mapping[str, Any]]:
    """Map names of files to definitions, one for each kind."""
    return {f"{GROUP}_{resource.plural}.yaml": _definition(kind, resource) for kind, resource in RESOURCES.items()}


def _definition(kind: str, resource: Resource) -> Mapping[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "singular": kind.lower(),
                "plural": resource.plural,
                "shortNames": [resource.short],
                "categories": ["batchwarden"],
            },
            "scope": resource.scope,
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [*_columns(resource)],
                    "schema": {"openAPIV3Schema": _schema(kind, resource.status)},
                }
            ],
        },
    }


def _columns(resource: Resource) -> list[Mapping[str, Any]]:
    everyday = [{"name": name, "type": kind, "jsonPath": path} for name, kind, path in resource.columns]
    wide = [{"name": name, "type": kind, "jsonPath": path, "priority": 1} for name, kind, path in resource.wide]
    return [*everyday, *wide]


def _schema(kind: str, status: type[Struct]) -> Schema:
    whole = _structural(plain(TYPES[kind]))
    spec = whole["properties"]["spec"]
    if "action" in spec["properties"]:
        spec["properties"]["action"]["default"] = "Warn"  # the one default that is stored, so that kubectl get shows it
    spec[VALIDATIONS] = [*_gathered(spec)]
    said = {"type": "string"}
    properties = {"apiVersion": said, "kind": said, "metadata": {"type": "object"}, "spec": spec}
    return {
        "description": whole["description"],
        "type": "object",
        "required": ["spec"],
        "properties": {**properties, "status": _structural(plain(status))},
    }


def _structural(node: Mapping[str, Any]) -> Schema:
    """Say in the words of a structural schema what a type takes."""
    found = {key: value for key, value in node.items() if key not in UNSAID} | _reworded(node)
    if VALIDATIONS in node:  # which says in a sentence what to write
        found.pop("minProperties" if "properties" in node else "format", None)
    if "format" in node:
        found.pop("pattern", None)
    if "properties" in node:
        found["properties"] = {key: _structural(about) for key, about in node["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), Mapping):
            found[key] = _structural(node[key])
    return found


def _reworded(node: Mapping[str, Any]) -> Schema:
    found: Schema = {}
    if node.get("default"):  # not stored: who leaves it out follows what is built in
        found["description"] = f"{node.get('description', '')} Built in: {json.dumps(node['default'])}.".strip()
    if "exclusiveMinimum" in node:
        found |= {"minimum": node["exclusiveMinimum"], "exclusiveMinimum": True}
    if "anyOf" in node:  # text or a whole number: a quantity
        found |= {"x-kubernetes-int-or-string": True, "maxLength": MOST}
    if "enum" in node:  # the cost of CEL is reckoned by length
        found["maxLength"] = max(map(len, node["enum"]))
    return found


def _gathered(node: Schema, place: str = "", at: str = "self", unless: str = "", depth: int = 0) -> Iterator[Schema]:
    """Take the rules out of a schema and write them as rules of its root.

    Each node that has rules costs the API server an environment of its own, for as long as it runs, and each message
    that is an expression a program: some 50 KiB each.
    """
    for said in node.pop(VALIDATIONS, ()):
        asked = {**said, "rule": f"{unless}({SELF.sub(at, said['rule'])})"}
        yield {**asked, "fieldPath": f"{place}{said.get('fieldPath', '')}"}
    for key, about in node.get("properties", {}).items():
        absent = "" if key in node.get("required", ()) else f"!has({at}.{key}) || "
        yield from _gathered(about, f"{place}.{key}", f"{at}.{key}", f"{unless}{absent}", depth)
    each = f"each{depth or ''}"
    for key, value in (("items", each), ("additionalProperties", f"{at}[{each}]")):
        for said in _gathered(node[key], at=value, depth=depth + 1) if key in node else ():
            yield {**said, "rule": f"{unless}{at}.all({each}, {said['rule']})", "fieldPath": place}

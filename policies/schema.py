"""Pure: JSON Schema of the objects people write, for editors; ``make generate`` writes it to ``deploy/schema/``.

Draft 7, which is what the YAML language server understands, and each schema whole, without ``$ref``: that draft lets
nothing stand beside one, and the schema of a custom resource may hold none.
Sources: https://github.com/redhat-developer/yaml-language-server#readme,
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct, json

from policies.objects import TYPES

DRAFT: Final = "http://json-schema.org/draft-07/schema#"
VERSION: Final = "v1alpha1"
REF: Final = "#/$defs/"
MOMENT: Final = r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)$"


def schemas() -> Mapping[str, Mapping[str, Any]]:
    """Map names of files to schemas: one for each kind, named as kubeconform looks for it, and one of all."""
    each = {f"{kind.lower()}_{VERSION}.json": _root(kind) for kind in TYPES}
    return {**each, "all.json": {"$schema": DRAFT, "oneOf": [{"$ref": name} for name in each]}}


def _root(kind: str) -> Mapping[str, Any]:
    return {"$schema": DRAFT, "title": kind, **plain(TYPES[kind])}


def plain(of: type[Struct]) -> dict[str, Any]:
    """Write the schema of a type in the words that editors and custom resources share: no ``$ref``, no null."""
    (root,), definitions = json.schema_components([of], ref_template=f"{REF}{{name}}")
    return _plain(root, definitions)


def _plain(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Put definitions in the place of references, and leave out what only a decoder needs; what stands beside wins."""
    choices = [choice for choice in node.get("anyOf", ()) if choice != {"type": "null"}]
    if "$ref" in node:
        choices = [definitions[node["$ref"].removeprefix(REF)]]
    found = _plain(choices[0], definitions) if len(choices) == 1 else {}
    if len(choices) > 1:
        found["anyOf"] = [_plain(choice, definitions) for choice in choices]
    for key, value in node.items():
        if key not in {"$ref", "anyOf", "title"} and not _is_empty(key, value):
            found[key] = _translated(key, value, definitions)
    if found.get("format") == "date-time":
        found["pattern"] = MOMENT  # with a zone, which the format asks for as well, where it is checked at all
    return {"type": "string", **found} if "enum" in found else found


def _is_empty(key: str, value: object) -> bool:
    """Whether a keyword says nothing to an editor: no value, or a whole object, is no default to offer."""
    return (key == "default" and (value is None or isinstance(value, dict))) or (key == "required" and not value)


def _translated(key: str, value: Any, definitions: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any part of a schema
    if key == "properties":
        return {name: _plain(about, definitions) for name, about in value.items()}
    if key in {"items", "additionalProperties"} and isinstance(value, dict):
        return _plain(value, definitions)
    if key == "pattern":
        return value.replace(r"\Z", "$")  # Python's word for the end
    return value.replace("``", "`") if key == "description" else value

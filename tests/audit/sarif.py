"""What the JSON Schema of SARIF 2.1.0 asks of the parts that we write, and no part beside them.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json, not copied but told
again; of what that leaves optional, what code scanning needs is required.
"""

from typing import Any

TEXT = {"type": "string", "minLength": 1}


def shape(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """Describe an object that has all of some properties, may have others, and no more."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": {**required, **optional},
    }


def many(items: dict[str, Any], least: int = 0) -> dict[str, Any]:
    """Describe a list."""
    return {"type": "array", "minItems": least, "items": items}


LEVEL = {"enum": ["none", "note", "warning", "error"]}
URI = {"type": "string", "format": "uri-reference", "pattern": r"^[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+$"}
MESSAGE = shape({"text": TEXT}, markdown=TEXT)
REGION = shape({"startLine": {"type": "integer", "minimum": 1}, "startColumn": {"type": "integer", "minimum": 1}})
LOCATION = {
    **shape(
        {},
        physicalLocation=shape({"artifactLocation": shape({"uri": URI})}, region=REGION),
        logicalLocations=many(shape({"fullyQualifiedName": TEXT, "kind": TEXT}), 1),
    ),
    "minProperties": 1,  # what is in a cluster has no file
}
RULE = shape({"id": TEXT, "name": TEXT, "shortDescription": MESSAGE, "help": MESSAGE}, helpUri={**URI, "format": "uri"})
SUPPRESSION = shape({"kind": {"enum": ["inSource", "external"]}}, status={"enum": ["accepted"]}, justification=TEXT)
RESULT = shape(
    {
        "ruleId": TEXT,
        "level": LEVEL,
        "message": MESSAGE,
        "locations": many(LOCATION, 1),
        "partialFingerprints": {"type": "object", "minProperties": 1, "additionalProperties": TEXT},
    },
    suppressions=many(SUPPRESSION),
)
INVOCATION = shape(
    {"executionSuccessful": {"type": "boolean"}, "exitCode": {"type": "integer"}},
    toolExecutionNotifications=many(shape({"level": LEVEL, "message": MESSAGE}), 1),
)
RUN = shape(
    {
        "tool": shape({"driver": shape({"name": TEXT, "version": TEXT, "rules": many(RULE)})}),
        "invocations": many(INVOCATION),
        "results": many(RESULT),
        "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    }
)
SCHEMA = shape({"$schema": {**URI, "format": "uri"}, "version": {"const": "2.1.0"}, "runs": many(RUN)})

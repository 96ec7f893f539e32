"""Pure: CEL, as the API server is to ask it; of custom resources it is written on the types that files are decoded by.

There each rule must be true of ``self``, the value that holds it. Source:
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
"""

from typing import Any, Final, TypeAlias

Schema: TypeAlias = dict[str, Any]
VALIDATIONS: Final = "x-kubernetes-validations"


def cel(*demands: tuple[str, str]) -> Schema:
    """Write rules, each with the sentence for whoever breaks it, as ``Meta(extra_json_schema=...)`` takes them."""
    return {VALIDATIONS: [{"rule": rule, "message": message} for rule, message in demands]}


def quote(text: str) -> str:
    """Write a string."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

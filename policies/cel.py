"""Pure: CEL, as the API server is to ask it; of custom resources it is written on the types that files are decoded by.

There each rule must be true of ``self``, the value that holds it. Source:
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
"""

import re
from typing import Any, Final, TypeAlias

Schema: TypeAlias = dict[str, Any]
VALIDATIONS: Final = "x-kubernetes-validations"


def cel(*demands: tuple[str, str]) -> Schema:
    """Write rules, each with the sentence for whoever breaks it, as ``Meta(extra_json_schema=...)`` takes them."""
    return {VALIDATIONS: [{"rule": rule, "message": message} for rule, message in demands]}


def quote(text: str) -> str:
    """Write a string; what CEL takes only escaped, or a terminal might obey, is written by its number.

    Source: https://github.com/google/cel-spec/blob/master/doc/langdef.md#string-and-bytes-values
    """
    return "'" + re.sub(r"[\\'\x00-\x1f\x7f-\x9f\u2028\u2029]", _escape, text) + "'"


def _escape(match: re.Match[str]) -> str:
    found = match[0]
    return f"\\{found}" if found in "\\'" else f"\\u{ord(found):04x}"

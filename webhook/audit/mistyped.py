"""Pure: values of a type that no API server takes there, such as what YAML makes of a word without quotes.

Source of the types: api/batch/v1/types.go, api/core/v1/types.go of https://github.com/kubernetes/api/tree/v0.37.1.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.fields import Path
from policies.rule import Default, Finding

_TYPES: Final[Mapping[str, type]] = {
    **dict.fromkeys(
        (
            "parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "backoffLimitPerIndex",
            "maxFailedIndexes", "ttlSecondsAfterFinished", "startingDeadlineSeconds", "successfulJobsHistoryLimit",
            "failedJobsHistoryLimit", "terminationGracePeriodSeconds",
        ),
        int,
    ),
    **dict.fromkeys(("suspend", "manualSelector"), bool),
    **dict.fromkeys(
        (
            "name", "generateName", "namespace", "schedule", "timeZone", "concurrencyPolicy", "completionMode",
            "podReplacementPolicy", "managedBy", "restartPolicy", "image", "value",
        ),
        str,
    ),
    **dict.fromkeys(
        ("metadata", "labels", "annotations", "spec", "jobTemplate", "template", "nodeSelector", "resources"), dict
    ),
    **dict.fromkeys(("containers", "initContainers", "command", "args", "env"), list),
}  # fmt: skip
_PARTS: Final[Mapping[str, type]] = {
    **dict.fromkeys(("labels", "annotations", "nodeSelector", "command", "args"), str),
    **dict.fromkeys(("containers", "initContainers", "env"), dict),
}
_DIGITS: Final = re.compile("[0-9]{1,9}")  # as many as any int32 may have
_INSIDE: Final = frozenset(("metadata", "spec", "jobTemplate", "template"))
_ALLOWED: Final[Mapping[type, str]] = {
    int: "a whole number, without quotes",
    bool: "true or false, without quotes",
    str: "text; put a number, and words such as yes and no, in quotes",
    dict: "fields, each with a value",
    list: "a list, each item behind a hyphen",
}


def mistyped(fields: Mapping[str, Any], path: Path = ()) -> Iterator[Finding]:
    """Find values of another type than Kubernetes decodes; null is of each."""
    for key, value in fields.items():
        wanted, parts, given = _TYPES.get(key), _PARTS.get(key), type(value)
        if wanted is None or value is None:
            continue
        if given is not wanted:
            yield _finding(value, wanted, (*path, key))
        elif parts is not None:
            yield from _mistyped_parts(value, parts, (*path, key))
        elif key in _INSIDE:
            yield from mistyped(value, (*path, key))


def _mistyped_parts(value: dict[str, Any] | list[Any], wanted: type, path: Path) -> Iterator[Finding]:
    """Look at all values of a map, or at all items of a list."""
    for step, part in value.items() if isinstance(value, dict) else enumerate(value):
        if part is not None and type(part) is not wanted:
            yield _finding(part, wanted, (*path, step))
        elif isinstance(part, dict):
            yield from mistyped(part, (*path, step))


def _finding(value: object, wanted: type, path: Path) -> Finding:
    fix = None
    if isinstance(value, dict | list):
        found = "is a list" if isinstance(value, list) else "is a group of fields"
    else:
        found = f"is {json.dumps(value, ensure_ascii=False)}"
    if wanted is int and isinstance(value, str) and _DIGITS.fullmatch(value):
        fix = Default(path, int(value))
    why = "The API server cannot read the object."
    return Finding(path=path, found=found, allowed=_ALLOWED[wanted], why=why, fix=fix, refused=True)

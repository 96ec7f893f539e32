"""Pure: label selectors, with Kubernetes' own syntax, operators and meaning.

Sources, in https://github.com/kubernetes/apimachinery: pkg/apis/meta/v1/validation/validation.go,
pkg/api/validate/content/kube.go and pkg/labels/selector.go.
"""

import json
import re
from collections.abc import Mapping, Sized
from typing import Annotated, Any, Final, Literal, TypeAlias

from msgspec import Meta, Struct

from policies.cel import cel

MOST: Final = 64
MOST_NAME: Final = 63
MOST_PREFIX: Final = 253

Operator: TypeAlias = Literal["In", "NotIn", "Exists", "DoesNotExist"]

_NAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_ALLOWED = "at most 63 letters, digits, '-', '_' and '.', first and last a letter or digit"
_PREFIX = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")

_WHAT = f"allowed: {_ALLOWED}, after an optional domain and '/', e.g. example.com/team"
KEY: Final = cel(("!format.qualifiedName().validate(self).hasValue()", f"not a label key; {_WHAT}"))
KEYS: Final = cel(("self.all(key, !format.qualifiedName().validate(key).hasValue())", f"not a label key; {_WHAT}"))
VALUE: Final = cel(
    ("!format.labelValue().validate(self).hasValue()", f"not a label value; allowed: nothing, or {_ALLOWED}")
)
NO_VALUES: Final = "self.operator in ['Exists', 'DoesNotExist']"
VALUES: Final = cel(
    (
        f"{NO_VALUES} || has(self.values) && self.values.size() > 0",
        "In and NotIn need at least one of values, e.g. values: [batch]",
    ),
    (
        f"!({NO_VALUES}) || !has(self.values) || self.values.size() == 0",
        "Exists and DoesNotExist take no values; remove them, or use In or NotIn",
    ),
)
Value: TypeAlias = Annotated[str, Meta(extra_json_schema={"maxLength": MOST_NAME, **VALUE})]


class Requirement(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One demand on a label: ``In`` and ``NotIn`` name values, ``Exists`` and ``DoesNotExist`` none."""

    key: Annotated[
        str,
        Meta(description="Of which label.", extra_json_schema={"maxLength": MOST_PREFIX + 1 + MOST_NAME, **KEY}),
    ]
    operator: Annotated[Operator, Meta(description="What is asked of it.")]
    values: Annotated[
        tuple[Value, ...], Meta(description="Of In and NotIn: among what.", extra_json_schema={"maxItems": MOST})
    ] = ()

    def __post_init__(self) -> None:
        """Raise ValueError where the API server would refuse this, or where it is too long."""
        _check_key(self.key)
        if self.operator in {"In", "NotIn"} and not self.values:
            raise ValueError(f"{self.operator} needs at least one of values, e.g. values: [batch]")
        if self.operator in {"Exists", "DoesNotExist"} and self.values:
            raise ValueError(f"{self.operator} takes no values; remove them, or use In or NotIn")
        _check_size("values", self.values)
        for value in self.values:
            _check_value(value)

    def matches(self, labels: Mapping[str, Any]) -> bool:
        """Tell whether labels meet this; an absent label meets ``NotIn`` and ``DoesNotExist``."""
        if self.operator == "Exists":
            return self.key in labels
        if self.operator == "DoesNotExist":
            return self.key not in labels
        return (labels.get(self.key) in self.values) == (self.operator == "In")


class LabelSelector(Struct, frozen=True, forbid_unknown_fields=True, rename="camel", gc=False):
    """What labels something must have to be chosen; a selector that says nothing chooses everything."""

    match_labels: Annotated[
        dict[str, Value],
        Meta(description="Labels to have, each with its value.", extra_json_schema={"maxProperties": MOST, **KEYS}),
    ] = {}
    match_expressions: Annotated[
        tuple[Annotated[Requirement, Meta(extra_json_schema=VALUES)], ...],
        Meta(description="Further demands, all to be met.", extra_json_schema={"maxItems": MOST}),
    ] = ()

    def __post_init__(self) -> None:
        """Raise ValueError where the API server would refuse this, or where it is too long."""
        _check_size("matchLabels", self.match_labels)
        _check_size("matchExpressions", self.match_expressions)
        for key, value in self.match_labels.items():
            check_label(key, value)

    def matches(self, labels: Mapping[str, Any]) -> bool:
        """Tell whether labels meet every demand; values that are no text, as in a broken file, equal none."""
        if self.match_labels:
            for key, value in self.match_labels.items():
                if labels.get(key) != value:
                    return False
        if self.match_expressions:
            for requirement in self.match_expressions:
                if not requirement.matches(labels):
                    return False
        return True


def check_label(key: str, value: str = "") -> None:
    """Raise ValueError where the API server would refuse a label."""
    _check_key(key)
    _check_value(value)


def _check_size(name: str, things: Sized) -> None:
    if len(things) > MOST:
        raise ValueError(f"{name} has {len(things)} entries; allowed: at most {MOST}")


def _check_key(key: str) -> None:
    prefix, slash, name = key.rpartition("/")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{_shown(key)} is not a label key; allowed: {_ALLOWED}, after an optional domain and '/', "
            "e.g. example.com/team",
        )
    if slash and (len(prefix) > MOST_PREFIX or not _PREFIX.fullmatch(prefix)):
        raise ValueError(
            f"{_shown(key)} is not a label key; allowed before its '/': a domain in lower case of at most "
            f"{MOST_PREFIX} characters, e.g. example.com/team",
        )


def _check_value(value: str) -> None:
    if value and not _NAME.fullmatch(value):
        raise ValueError(f"{_shown(value)} is not a label value; allowed: nothing, or {_ALLOWED}")


def _shown(text: str) -> str:
    return json.dumps(text if len(text) <= MOST else f"{text[:MOST]}…", ensure_ascii=False)

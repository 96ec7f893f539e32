"""Pure: what the controller says of the objects people write, in their ``status``.

``conditions`` are Kubernetes' own: ``Condition`` in apimachinery pkg/apis/meta/v1/types.go.
"""

from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Struct

from policies.rule import Action

MOST: Final = 8
Said: TypeAlias = Annotated[str, Meta(max_length=1024)]
Number: TypeAlias = Annotated[int, Meta(ge=0)]


class Condition(Struct, frozen=True, kw_only=True, rename="camel"):
    """One thing that is so or not, since when, and why."""

    type: Annotated[str, Meta(max_length=316, description="What may be so, e.g. Ready.")]
    status: Annotated[Literal["True", "False", "Unknown"], Meta(description="Whether it is so.")]
    last_transition_time: Annotated[datetime, Meta(tz=True, description="Since when.")]
    reason: Annotated[str, Meta(min_length=1, max_length=1024, description="Why, in one word, for programs.")]
    message: Annotated[str, Meta(max_length=32768, description="Why, in a sentence.")]
    observed_generation: Annotated[Number | None, Meta(description="The generation of the object that it is of.")] = (
        None
    )


Conditions: TypeAlias = Annotated[
    tuple[Condition, ...],
    Meta(
        max_length=MOST,
        description="What is so, and since when.",
        extra_json_schema={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    ),
]


class RuleStatus(Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of one rule of a policy."""

    rule: Annotated[str, Meta(max_length=64, description="The rule's key in spec.rules.")]
    in_force: Annotated[bool, Meta(description="Whether it is judged by.")]
    action: Annotated[Action | None, Meta(description="What is done about a finding.")] = None
    defaults_active: Annotated[bool | None, Meta(description="Whether its defaults are written, if any.")] = None
    message: Annotated[Said | None, Meta(description="Why it is not in force.")] = None


RuleStatuses: TypeAlias = Annotated[
    tuple[RuleStatus, ...],
    Meta(
        max_length=64,
        description="Each rule, and whether it is in force. Not here: one without a value, as Kubernetes drops it.",
        extra_json_schema={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["rule"]},
    ),
]


class PolicyStatus(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a policy does in this cluster."""

    observed_generation: Annotated[Number | None, Meta(description="The generation of the spec that this is of.")] = (
        None
    )
    rules_in_force: Annotated[Said | None, Meta(description="How many of its rules are, e.g. 18/18.")] = None
    namespaces: Annotated[Number | None, Meta(description="How many namespaces it selects.")] = None
    workloads: Annotated[Number | None, Meta(description="How many Jobs and CronJobs it selects.")] = None
    rules: RuleStatuses = ()
    conditions: Conditions = ()


class ExceptionStatus(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What an exception lifts."""

    observed_generation: Annotated[Number | None, Meta(description="The generation of the spec that this is of.")] = (
        None
    )
    state: Annotated[
        Literal["Active", "ExpiringSoon", "Expired", "Inert"] | None,
        Meta(description="Whether it lifts anything; Inert: not, and the condition Active says why."),
    ] = None
    workloads: Annotated[Number | None, Meta(description="How many Jobs and CronJobs it covers.")] = None
    conditions: Conditions = ()

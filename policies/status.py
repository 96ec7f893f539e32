"""Pure: what the controller says of the objects people write, in their ``status``.

Nothing is remembered: since when something is so is read from the status that is there. No sentence holds what changes
by itself, such as a count or the days that are left, so that a status is written only where something has happened.
``conditions`` are Kubernetes' own: ``Condition`` in apimachinery pkg/apis/meta/v1/types.go.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Final, Literal, NamedTuple, TypeAlias

from msgspec import Meta, Struct

from policies.fields import render
from policies.rule import Action
from policies.strict import InvalidObjectError

MOST: Final = 8
MOST_SAID: Final = 1024  # characters
LAST_GOOD: Final = "a replica goes by the last version that it could use, and one started since by none"
Said: TypeAlias = Annotated[str, Meta(max_length=MOST_SAID)]
Number: TypeAlias = Annotated[int, Meta(ge=0)]
Truth: TypeAlias = Literal["True", "False", "Unknown"]


class Condition(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One thing that is so or not, since when, and why."""

    type: Annotated[str, Meta(max_length=316, description="What may be so, e.g. Ready.")]
    status: Annotated[Truth, Meta(description="Whether it is so.")]
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


class RuleStatus(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What became of one rule of a policy."""

    rule: Annotated[str, Meta(max_length=64, description="The rule's key in spec.rules.")]
    in_force: Annotated[bool, Meta(description="Whether it is judged by.")]
    action: Annotated[Action | None, Meta(description="What is done about a finding.")] = None
    defaults_active: Annotated[bool | None, Meta(description="Whether its defaults are written, if any.")] = None
    violations: Annotated[Number | None, Meta(description="How many findings it has, by the last scan.")] = None
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
    violations: Annotated[
        Number | None, Meta(description="How many findings there are by its rules, by the last scan.")
    ] = None
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
    reminded_at: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="When its owner was last reminded of its end, by an Event."),
    ] = None
    conditions: Conditions = ()


class Known(Struct, frozen=True, kw_only=True):
    """What is known of an object beside what is written in it; what nobody has counted yet, or knows, is None.

    ``violations`` are of each rule of a policy, none of one that is not there. ``covered`` is whether the API server
    asks us for the defaults of a policy, ``crowded`` whether its namespace has too many policies.
    """

    generation: int
    at: datetime
    namespaces: int | None = None
    workloads: int | None = None
    violations: Mapping[str, int] | None = None
    crowded: bool = False
    covered: bool | None = None


class Saying(NamedTuple):
    """A condition without its times."""

    type: str
    status: Truth
    reason: str
    message: str


def conditions(said: Iterable[Saying], known: Known, before: Conditions) -> Conditions:
    """Date conditions: one whose status is as before stays since then."""
    since = {(each.type, each.status): each.last_transition_time for each in before}
    return tuple(
        Condition(
            type=each.type,
            status=each.status,
            last_transition_time=since.get((each.type, each.status), known.at.replace(microsecond=0)),
            reason=each.reason,
            message=cut(each.message),
            observed_generation=known.generation,
        )
        for each in said
    )


def invalid(type_: str, error: InvalidObjectError) -> Saying:
    """Say why an object cannot be used."""
    return Saying(type_, "False", "Invalid", f"{'; '.join(faults(error))} ({LAST_GOOD})")


def faults(error: InvalidObjectError) -> Iterator[str]:
    """Say what is wrong, each with its place."""
    for fault in (error, *error.others):
        yield f"{render(fault.path)}: {fault}" if fault.path else str(fault)


def counted(known: int | None, before: int | None) -> int | None:
    """Give a count; until there is one, that of before."""
    return before if known is None else known


def cut(text: str) -> str:
    """Shorten a sentence to what a status may hold."""
    return text if len(text) <= MOST_SAID else f"{text[: MOST_SAID - 1]}…"

"""Pure: the objects people write, decoded strictly. The same YAML works as a file and in a cluster.

``ClusterBatchPolicy`` is the cluster admin's; ``BatchPolicy`` is a namespace's own and may only add and tighten;
``BatchPolicyException`` lets off what an admin agreed to let off, with a reason, an owner and an end.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct

from policies import quantity
from policies.catalog import NOT_EMPTY, RuleKey, Rules, rules
from policies.cel import cel
from policies.fields import Path, mapping
from policies.rule import Action, Quantity, Rule, RuleParams, Text, Texts
from policies.selector import LabelSelector
from policies.strict import InvalidObjectError, decode

EVERYTHING = LabelSelector()
MOST_IN_NAMESPACE: Final = 32  # BatchPolicies: what tenants write, every admission in their namespace pays for
CROWDED: Final = f"its namespace has over {MOST_IN_NAMESPACE} BatchPolicies, of which the oldest count; unite some"
Name: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\Z",
        max_length=253,
        extra={"allowed": "at most 253 lower-case letters, digits, '-' and '.', first and last a letter or digit"},
    ),
]
Selector: TypeAlias = Annotated[
    LabelSelector,
    Meta(
        extra={"allowed": "a label selector; {} chooses everything"},
        extra_json_schema={"x-kubernetes-map-type": "atomic"},  # as in Kubernetes' own objects
    ),
]
NO_MOMENT: Final = "no time with its zone; write e.g. 2027-03-31T00:00:00Z"
FIRST_YEAR: Final = 1000
ZONED: Final = "^[1-9][0-9]{3}-[^,]+([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"  # what Kubernetes takes is more
MOMENT: Final = cel((f"!format.datetime().validate(self).hasValue() && self.matches('{ZONED}')", NO_MOMENT))
Moment: TypeAlias = Annotated[datetime, Meta(tz=True, extra_json_schema={"maxLength": 64, **MOMENT})]
ApiVersion: TypeAlias = Literal["batchwarden.io/v1alpha1"]


class _Strict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    pass


class ObjectMeta(Struct, frozen=True, kw_only=True, rename="camel"):
    """What we read of an object's metadata; the rest is Kubernetes' business."""

    name: Name
    namespace: Name = "default"
    creation_timestamp: Moment | None = None


class Exclude(_Strict, frozen=True):
    """Who is not judged by a policy at admission."""

    users: Annotated[tuple[Text, ...], Meta(max_length=64, description="User names; globs.")] = ()
    groups: Annotated[tuple[Text, ...], Meta(max_length=64, description="Groups; globs.")] = ()


class Terms(_Strict, frozen=True):
    """On which terms exceptions may lift a policy."""

    max_days: Annotated[int, Meta(ge=1, le=3660, description="The longest life of an exception, in days.")] = 90


class BatchPolicySpec(_Strict, frozen=True):
    """What a policy asks, and of what."""

    rules: Annotated[Rules, Meta(description="Each with its parameters.", extra_json_schema=NOT_EMPTY)]
    object_selector: Annotated[Selector, Meta(description="Labels of the Jobs and CronJobs concerned.")] = EVERYTHING
    exclude: Exclude = Exclude()
    action: Annotated[Action, Meta(description="For each rule that names none.")] = Action.WARN
    contact: Annotated[Text | None, Meta(description="Where to get help: printed in denials.")] = None
    exceptions: Annotated[Terms | None, Meta(description="Left out: no exception can lift this policy.")] = None


class ClusterBatchPolicySpec(BatchPolicySpec, frozen=True):
    """What a policy asks, of what, and in which namespaces."""

    namespace_selector: Annotated[Selector, Meta(description="Labels of the namespaces concerned.")] = EVERYTHING


class BatchPolicyExceptionSpec(_Strict, frozen=True):
    """What is let off, why, for whom, and until when."""

    policies: Annotated[Texts, Meta(description="Names of policies, of either kind.")]
    rules: Annotated[tuple[RuleKey, ...], Meta(min_length=1, max_length=64, description="Which of their rules.")]
    selector: Annotated[Selector, Meta(description="Labels of the objects let off; {} is every one.")]
    reason: Annotated[str, Meta(min_length=1, max_length=512, description="Why, for auditors, e.g. a ticket.")]
    owner: Annotated[Text, Meta(description="Who answers for it, and is reminded of its end.")]
    expires_at: Annotated[Moment, Meta(description="Until when it lifts anything, e.g. 2027-03-31T00:00:00Z.")]

    def __post_init__(self) -> None:
        """Refuse what cannot be told in UTC, and Go's zero time."""
        try:
            year = self.expires_at.astimezone(UTC).year
        except OverflowError:
            year = 0
        if year < FIRST_YEAR:
            raise InvalidObjectError(("expiresAt",), f"expiresAt is {NO_MOMENT}")


class ClusterBatchPolicy(_Strict, frozen=True, tag_field="kind", tag="ClusterBatchPolicy"):
    """A policy of the cluster's admin."""

    api_version: ApiVersion
    metadata: ObjectMeta
    spec: ClusterBatchPolicySpec
    status: Any = None


class BatchPolicy(_Strict, frozen=True, tag_field="kind", tag="BatchPolicy"):
    """A policy of a namespace: it may add and tighten, never loosen."""

    api_version: ApiVersion
    metadata: ObjectMeta
    spec: BatchPolicySpec
    status: Any = None


class BatchPolicyException(_Strict, frozen=True, tag_field="kind", tag="BatchPolicyException"):
    """An exception from named rules of named policies, for selected objects of its namespace."""

    api_version: ApiVersion
    metadata: ObjectMeta
    spec: BatchPolicyExceptionSpec
    status: Any = None

    def names(self, rule: str, policy: "Policy") -> bool:
        """Whether it is about this rule of this policy; ``why_inert`` tells whether it lifts it."""
        return rule in self.spec.rules and policy.name in self.spec.policies

    def why_inert(self, policy: "Policy", at: datetime) -> str | None:
        """Say why it lifts nothing of a policy that it names; None where it does."""
        if self.spec.expires_at <= at:
            return f"expired on {self.spec.expires_at:%Y-%m-%d}"
        if policy.max_days is None:
            return f"policy {policy.name} permits no exceptions"
        if self.spec.expires_at - (self.metadata.creation_timestamp or at) > timedelta(days=policy.max_days):
            return f"expiresAt is more than the {policy.max_days} days away that policy {policy.name} permits"
        return None

    def unmet(self, policies: Iterable["Policy"]) -> Iterator[tuple[Path, str]]:
        """Say where it names a policy that is not among these, or a rule that no policy it names has."""
        near = [policy for policy in policies if policy.namespace in {"", self.metadata.namespace}]
        for index, name in enumerate(self.spec.policies):
            if name not in {policy.name for policy in near}:
                yield ("spec", "policies", index), f"there is no policy {name} here"
        named = [policy for policy in near if policy.name in self.spec.policies]
        for index, key in enumerate(self.spec.rules):
            if named and key not in {rule.key for policy in named for rule, *_ in policy.rules}:
                yield ("spec", "rules", index), f"no policy that it names has the rule {key}"


class NamespaceMeta(Struct, frozen=True):
    """What selects a namespace."""

    name: Name
    labels: dict[str, str] | None = None


class Namespace(Struct, frozen=True):
    """Kubernetes' own Namespace, as far as selectors ask."""

    metadata: NamespaceMeta


class LimitRangeItem(Struct, frozen=True, rename="camel"):
    """What a LimitRange says of one type of thing."""

    type: str
    default: dict[Text, Quantity | float] | None = None
    default_request: dict[Text, Quantity | float] | None = None
    min: dict[Text, Quantity | float] | None = None
    max: dict[Text, Quantity | float] | None = None

    def __post_init__(self) -> None:
        """Refuse what is no quantity."""
        for amounts in (self.default, self.default_request, self.min, self.max):
            for amount in (amounts or {}).values():
                quantity.parse(amount)


class LimitRangeSpec(Struct, frozen=True):
    """The items."""

    limits: tuple[LimitRangeItem, ...]


class LimitRangeObject(Struct, frozen=True):
    """Kubernetes' own LimitRange, as far as rules ask."""

    spec: LimitRangeSpec


BatchObject: TypeAlias = ClusterBatchPolicy | BatchPolicy | BatchPolicyException
TYPES: Final[Mapping[str, type[BatchObject]]] = {
    kind.__name__: kind for kind in (ClusterBatchPolicy, BatchPolicy, BatchPolicyException)
}


class Policy(Struct, frozen=True, kw_only=True, eq=False):
    """A policy of either kind, ready to be applied; ``namespace`` is empty for a cluster's."""

    name: str
    namespace: str
    namespace_selector: LabelSelector
    object_selector: LabelSelector
    exclude: Exclude
    contact: str | None
    max_days: int | None
    rules: tuple[tuple[Rule[Any], RuleParams, Action], ...]


def is_ours(manifest: object) -> bool:
    """Whether a manifest belongs to our API group, whatever its version or kind."""
    return str(mapping(manifest).get("apiVersion")).startswith("batchwarden.io/")


def decode_object(manifest: object) -> BatchObject:
    """Decode one of our objects; raise InvalidObjectError with place and sentence."""
    kind = mapping(manifest).get("kind")
    into = TYPES.get(kind) if isinstance(kind, str) else None
    if into is None:
        found = "missing" if kind is None else f"{kind}, which is not known"
        raise InvalidObjectError(("kind",), f"kind is {found}; allowed: {', '.join(TYPES)}")
    return decode(manifest, into)


def policy(source: ClusterBatchPolicy | BatchPolicy) -> Policy:
    """Bring a policy object of either kind into the form in which it is applied."""
    spec = source.spec
    chosen = [(rule, getattr(spec.rules, key)) for key, rule in rules().items()]
    return Policy(
        name=source.metadata.name,
        namespace=source.metadata.namespace if isinstance(source, BatchPolicy) else "",
        namespace_selector=spec.namespace_selector if isinstance(spec, ClusterBatchPolicySpec) else EVERYTHING,
        object_selector=spec.object_selector,
        exclude=spec.exclude,
        contact=spec.contact,
        max_days=spec.exceptions.max_days if spec.exceptions else None,
        rules=tuple((rule, params, params.action or spec.action) for rule, params in chosen if params is not UNSET),
    )

"""Pure: what a rule is, what it is told, and what it yields."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import IntEnum, StrEnum
from math import inf
from typing import Annotated, Any, ClassVar, Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar, get_args

from msgspec import Meta, Struct, structs

from policies.cel import cel
from policies.demands import Demands, enforce
from policies.fields import NOTHING, Path
from policies.quantity import ALLOWED, GRAMMAR, Amount
from policies.workload import Field, Workload

Kind: TypeAlias = Literal["Job", "CronJob"]
Severity: TypeAlias = Literal["high", "medium", "low"]
SEVERITIES: Final = get_args(Severity)
Text: TypeAlias = Annotated[str, Meta(min_length=1, max_length=256)]
Texts: TypeAlias = Annotated[tuple[Text, ...], Meta(min_length=1, max_length=64)]
Seconds: TypeAlias = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**31 - 1)]
WANTED: Final = f"not a quantity, or under 0; write {ALLOWED}, e.g. 512Mi"
Quantity: TypeAlias = Annotated[
    Annotated[str, Meta(min_length=1, max_length=32, extra_json_schema={"pattern": f"^ *{GRAMMAR.pattern} *$"})] | int,
    Meta(
        extra={"allowed": 'a quantity, e.g. 512Mi or "0.5"'},  # no field of a custom resource is fraction or text
        extra_json_schema=cel(
            ("type(self) == int ? int(self) >= 0 : isQuantity(self) && !self.startsWith('-')", WANTED)
        ),
    ),
]
Amounts: TypeAlias = Annotated[dict[Text, Quantity], Meta(min_length=1, max_length=15)]
"""Resource name to Kubernetes quantity, e.g. ``{"memory": "512Mi"}``.

Kubernetes 1.33 takes each amount for 3 MiB of text: no more than 15 may be compared there, and none by ``string()``.
"""


class Action(StrEnum):
    """What a policy does about a finding; each is stronger than the one after it."""

    DENY = "Deny"
    WARN = "Warn"
    AUDIT = "Audit"


STRENGTH = {Action.DENY: 0, Action.WARN: 1, Action.AUDIT: 2}


class RuleParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What every clause of a policy may say, whatever its rule; ``demands`` are of the parameters beside each other."""

    demands: ClassVar[Demands] = ()
    action: Annotated[Action | None, Meta(description="What is done about it; left out: the policy's own action.")] = (
        None
    )
    reason: Annotated[
        Annotated[str, Meta(min_length=1, max_length=512)] | None,
        Meta(description="Why, in your words: printed to tenants instead of the rule's own sentence."),
    ] = None

    @property
    def has_default(self) -> bool:
        """Whether a parameter called ``default…`` is given; a rule that has none by such a name is always asked."""
        given = [getattr(self, name) for name in self.__struct_fields__ if name.startswith("default")]
        return not given or any(value is not None and value is not False for value in given)

    def __post_init__(self) -> None:
        """Raise InvalidObjectError where the parameters do not meet what they ask of each other."""
        enforce(self.demands, self)


class LimitRange(Struct, frozen=True, gc=False):
    """What a namespace's LimitRanges give to, and ask of, each container: resource name to quantity.

    Source: https://kubernetes.io/docs/concepts/policy/limit-range/
    """

    default: Mapping[str, Amount] = NOTHING
    default_request: Mapping[str, Amount] = NOTHING
    min: Mapping[str, Amount] = NOTHING
    max: Mapping[str, Amount] = NOTHING

    def admits(self, resource: str, amount: Decimal) -> bool:
        """Whether a container may have this much of a resource."""
        least, most = self.min.get(resource), self.max.get(resource)
        return (least is None or least.value <= amount) and (most is None or amount <= most.value)


class Facts(Struct, frozen=True, gc=False):
    """What a rule may know beside the object."""

    limit_range: LimitRange = LimitRange()


class Default(Struct, frozen=True, gc=False):
    """A value for a field that says nothing; ``also`` holds what the API server demands beside it."""

    path: Path
    value: Any
    also: tuple[tuple[Path, Any], ...] = ()

    @property
    def writes(self) -> tuple[tuple[Path, Any], ...]:
        """List all that is written together."""
        return ((self.path, self.value), *self.also)


class Gap(NamedTuple):
    """A field that a rule writes where nobody said anything, and the value; None: it is not written after all.

    ``path`` begins with what holds the field: ``metadata``, ``cronJob`` for its spec, ``job`` and ``pod`` for theirs,
    be they in a template or not, ``container`` for each one, init containers included. ``where`` is CEL on ``job``,
    ``pod``, ``container``, ``schedule``, ``owned`` (by a controller) and what match conditions know: true wherever the
    rule writes.
    """

    path: tuple[str, ...]
    value: Any
    where: str = ""


class Finding(Struct, frozen=True, kw_only=True, gc=False):
    """One thing wrong at one place.

    ``found`` follows the path in a sentence ("is missing"), ``allowed`` follows "allowed:". ``judged`` is all that the
    finding rests on; where it can be measured, ``excess`` is a direction and an amount, and less of it is better.
    ``fix`` is a value that cures it; ``example`` marks one among many. ``refused`` marks what the API server's own
    validation refuses as well, ``hint`` what may be meant as it is: a policy that denies only warns of it.
    """

    path: Path
    found: str
    allowed: str
    why: str
    judged: Any = None
    excess: tuple[str, Decimal | float] | None = None
    fix: Default | None = None
    example: bool = False
    refused: bool = False
    hint: bool = False

    def as_bad_as(self, other: "Finding") -> bool:
        """Whether this is no worse than the other: the same, or measured and less."""
        if self.excess and other.excess:
            return self.excess[0] == other.excess[0] and self.excess[1] <= other.excess[1]
        return self.excess == other.excess and self.judged == other.judged


class Range(Struct, frozen=True, gc=False):
    """Bounds of a number, both included; None: unbounded."""

    least: int | None = None
    most: int | None = None

    def __str__(self) -> str:
        """Write the bounds as they follow "allowed:"; nothing where there are none."""
        if self.least is None and self.most is None:
            return ""
        if self.least is None:
            return f"at most {self.most}"
        return f"at least {self.least}" if self.most is None else f"{self.least} to {self.most}"

    def check(self, field: Field[int], why: str) -> tuple[Finding, ...]:
        """Find a value out of bounds; an absent one is none of a range's business."""
        value = field.value
        if value is None:
            return ()
        if self.most is not None and value > self.most:
            return (self._finding(field, self.most, ("over", value - self.most), why),)
        if self.least is not None and value < self.least:
            return (self._finding(field, self.least, ("under", self.least - value), why),)
        return ()

    def _finding(self, field: Field[int], bound: int, excess: tuple[str, float], why: str) -> Finding:
        fix = Default(field.path, bound)
        return Finding(path=field.path, found=f"is {field.value}", allowed=str(self), why=why, excess=excess, fix=fix)


def missing(path: Path, value: object, *, limits: object = "", why: str, example: bool) -> Finding:
    """Find that nothing is written; it counts as infinitely over any ceiling, so that any value is an improvement."""
    return Finding(path=path, found="is missing", allowed=str(limits), why=why, excess=("over", inf),
                   fix=Default(path, value), example=example)  # fmt: skip


def not_allowed(
    field: Field[str], choices: tuple[str, ...], fix: str | None, *, why: str, refused: bool = False
) -> tuple[Finding, ...]:
    """Find a value that is not one of the choices; ``fix`` is the one to write, None where any will do."""
    if field.value in choices:
        return ()
    finding = Finding(
        path=field.path,
        found="is missing" if field.value is None else f"is {field.value}",
        allowed=" or ".join(choices),
        why=why,
        judged=field.value,
        fix=Default(field.path, fix or choices[0]),
        example=fix is None and len(choices) > 1,
        refused=refused,
    )
    return (finding,)


P = TypeVar("P", bound=RuleParams)
Check: TypeAlias = Callable[[Workload, P, Facts], Iterable[Finding]]
Defaults: TypeAlias = Callable[[Workload, P, Facts], Iterable[Default]]
Gaps: TypeAlias = Callable[[P], Iterable[Gap]]


class Phase(IntEnum):
    """When a rule's defaults are written: those that later ones look at come first."""

    LABELS = 0
    LIMITS = 1
    REQUESTS = 2
    REST = 3
    FAILURES = 4


class Rule(Struct, Generic[P], frozen=True):
    """A rule: its page (the module's docstring), its parameters, and one or two pure functions.

    ``stops_work`` marks defaults that can stop or skip work, as deadlines do. ``gaps`` are all fields that ``defaults``
    may write; ``refusable`` is CEL, as in a gap, true of whatever the rule finds that the API server's own validation
    refuses too: the API server may call us by these alone, and what they leave out is lost.
    """

    module: str
    doc: str
    params: type[P]
    check: Check[P]
    defaults: Defaults[P] | None = None
    kinds: tuple[Kind, ...] = ("Job", "CronJob")
    category: str = "Hygiene"
    severity: Severity = "medium"
    since: str = "0.1"
    phase: Phase = Phase.REST
    stops_work: bool = False
    gaps: Gaps[P] | None = None
    refusable: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        """Take the rule's only name from its file: ``ttl_after_finished`` is ``ttlAfterFinished`` everywhere."""
        first, *others = self.module.rpartition(".")[2].split("_")
        structs.force_setattr(self, "key", first + "".join(word.capitalize() for word in others))

"""Pure: which nodes a Pod may run on, as Kubernetes matches labels and taints.

Sources: ``Toleration.ToleratesTaint`` in k8s.io/api core/v1/toleration.go, ``ValidateTolerations`` in kubernetes
pkg/apis/core/validation/validation.go, and
https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from policies.cel import cel
from policies.fields import lookup, mapping, sequence
from policies.rule import Default, Finding
from policies.selector import check_label
from policies.workload import Section

Word = Annotated[str, Meta(max_length=317)]
Raws = list[Mapping[str, Any]]
# Every Pod is given these: plugin/pkg/admission/defaulttolerationseconds in kubernetes.
ANYBODYS: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
MOST_APART: Final = 64  # anybody may send tolerations without end, and an update compares each with each
TERMS: Final = ("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")


class Toleration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Taints that a Pod tolerates, written as in a Pod."""

    key: Annotated[Word, Meta(description="The taint's key; left out, with Exists: every taint.")] = ""
    operator: Annotated[Literal["Equal", "Exists"], Meta(description="Exists: whatever the taint's value.")] = "Equal"
    value: Annotated[Word, Meta(description="The taint's value.")] = ""
    effect: Annotated[
        Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None,
        Meta(description="The taint's effect; left out: every effect."),
    ] = None

    def __post_init__(self) -> None:
        """Raise ValueError where the API server would refuse this."""
        if self.key:
            check_label(self.key, self.value)
        elif self.operator == "Equal":
            raise ValueError("a toleration without a key tolerates every taint; say so with operator: Exists")
        if self.operator == "Exists" and self.value:
            raise ValueError(f"Exists takes no value; remove value {self.value}, or use Equal")

    @property
    def written(self) -> Mapping[str, Any]:
        """Give it as a manifest holds it."""
        fields = {"key": self.key, "operator": self.operator, "value": self.value, "effect": self.effect}
        return {key: value for key, value in fields.items() if value}


EXISTS: Final = "has(self.operator) && self.operator == 'Exists'"
TOLERATION: Final = cel(
    (
        f"has(self.key) && self.key != '' || {EXISTS}",
        "a toleration without a key tolerates every taint; say so with operator: Exists",
    ),
    (f"!({EXISTS}) || !has(self.value) || self.value == ''", "Exists takes no value; remove it, or use Equal"),
    (
        "!has(self.key) || self.key == '' || !format.qualifiedName().validate(self.key).hasValue()",
        "not a taint's key; allowed: what a label's key may be, e.g. example.com/batch",
    ),
    (
        "!has(self.value) || !format.labelValue().validate(self.value).hasValue()",
        "not a taint's value; allowed: what a label's value may be",
    ),
)


def covers(wide: Mapping[str, Any], narrow: Mapping[str, Any]) -> bool:
    """Whether one toleration, as a manifest holds it, tolerates each taint that the other does, and as long."""
    if any(wide.get(key) and wide[key] != narrow.get(key) for key in ("key", "effect")):
        return False
    if wide.get("tolerationSeconds") is not None and narrow.get("tolerationSeconds") is None:
        return False
    if wide.get("operator") == "Exists":
        return True
    equal = all(each.get("operator") in (None, "", "Equal") for each in (wide, narrow))
    return equal and all((wide.get(key) or "") == (narrow.get(key) or "") for key in ("key", "value"))


def misfits(pod_spec: Section, wanted: Raws, *, exclusive: bool) -> Iterator[Finding]:
    """Find tolerations that are wanted and that none of a Pod's covers, and, if they are ``exclusive``, any others."""
    given = [mapping(item) for item in sequence(pod_spec.raw.get("tolerations"))]
    lacking = [each for each in wanted if not any(covers(mine, each) for mine in given)]
    surplus: list[Mapping[str, Any]] = []
    kept: list[Mapping[str, Any]] = []
    for mine in given:
        strange = exclusive and mine.get("key") not in ANYBODYS and not any(covers(each, mine) for each in wanted)
        (surplus if strange else kept).append(mine)
    path, astray = (*pod_spec.path, "tolerations"), lacking + surplus
    rest = kept + [each for each in wanted if not any(covers(mine, each) for mine in kept)]
    faults = {"lacks": lacking, "has": surplus}.items()
    found = " and ".join(f"{verb} {', '.join(map(show, which))}" for verb, which in faults if which)
    why = "Without it these nodes let no Pod in." if lacking else "Nodes kept for others let these Pods in."
    # judged one by one, so that after an update none excuses another
    for judged in astray if len(astray) <= MOST_APART else [astray]:
        yield Finding(path=path, found=found, allowed=", ".join(map(show, rest)) or "none", why=why, judged=judged,
                      fix=Default(path, rest))  # fmt: skip


def show(toleration: Mapping[str, Any]) -> str:
    """Write what a toleration tolerates as ``kubectl taint`` writes taints: ``pool=batch:NoSchedule``."""
    key, value, effect = (toleration.get(part) or "" for part in ("key", "value", "effect"))
    return f"{key or 'every taint'}{f'={value}' if value else ''}{f':{effect}' if effect else ''}"


def selects(pod_spec: Mapping[str, Any], key: str, value: str) -> bool:
    """Whether a Pod runs on no node but those with this label, by its node selector or by required node affinity."""
    chosen = mapping(pod_spec.get("nodeSelector")).get(key)
    if chosen is not None or "affinity" not in pod_spec:
        return bool(chosen == value)
    terms = [sequence(mapping(term).get("matchExpressions")) for term in sequence(lookup(pod_spec, TERMS))]
    wanted = {"key": key, "operator": "In", "values": [value]}
    return bool(terms) and all(wanted in term for term in terms)  # one term is enough to let a Pod onto a node

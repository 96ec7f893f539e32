"""Pure: what a container will really be given and held to, as Kubernetes counts it.

Sources: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/ (also for Pod-level resources),
https://kubernetes.io/docs/concepts/policy/limit-range/
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import ROUND_CEILING, Decimal
from math import inf
from operator import attrgetter

from msgspec import Struct, structs

from policies import quantity
from policies.fields import NOTHING, Path, mapping, sequence
from policies.quantity import Amount, amounts
from policies.rule import Default, Finding, Gap, LimitRange, missing
from policies.workload import Container, Workload

ZERO = Decimal(0)
MEBI = Decimal(2**20)
EXAMPLES: Mapping[str, str] = {"cpu": "250m", "memory": "256Mi", "ephemeral-storage": "1Gi"}


class Share(Struct, frozen=True, gc=False):
    """An amount of a resource, where it stands, and what gave it where the container itself does not say.

    ``void`` where a limit is written as 0, which the kubelet takes for none: ``generateLinuxContainerResources`` in
    kubernetes pkg/kubelet/kuberuntime/kuberuntime_container_linux.go.
    """

    path: Path
    amount: Amount | None
    giver: str = ""
    void: bool = False


def limit(job: Workload, container: Container, resource: str, given: LimitRange) -> Share:
    """Find the limit that counts: the container's, the LimitRange's, or the Pod's."""
    path = (*container.path, "resources", "limits", resource)
    own = container.limits.get(resource)
    if own is None and resource in given.default:
        return Share(path, given.default[resource], "the namespace's LimitRange")
    void = own is not None and not own.value
    if own is not None and not void:
        return Share(path, own)
    pod = _pod_amount(job, "limits", resource)
    if pod is None or not pod.value:
        return Share(path, None, void=void)
    return Share(path, pod, "the Pod's own limit")


def request(job: Workload, container: Container, resource: str, given: LimitRange) -> Share:
    """Find the request that counts: the container's, its limit (which is copied), the LimitRange's, or the Pod's."""
    path = (*container.path, "resources", "requests", resource)
    own, giver = _own_request(container, resource, given)
    if own is not None:
        return Share(path, own, giver)
    pod = _pod_amount(job, "requests", resource)
    pod = _pod_amount(job, "limits", resource) if pod is None else pod
    return Share(path, pod, "the Pod's own resources" if pod is not None else "")


def _own_request(container: Container, resource: str, given: LimitRange) -> tuple[Amount | None, str]:
    if resource in container.requests:
        return container.requests[resource], ""
    if resource in container.limits:
        return container.limits[resource], "the container's limit"
    if resource in given.default_request:
        return given.default_request[resource], "the namespace's LimitRange"
    return None, ""


def pod_request(job: Workload, resource: str, given: LimitRange) -> Decimal:
    """Sum up what one Pod asks for: what it says of itself, else the most that its containers ask for at once.

    Sidecars run beside the init containers after them and beside the work.
    Source: ``PodRequests`` in k8s.io/component-helpers resource/helpers.go, and ``defaultPodRequests`` in kubernetes
    pkg/apis/core/v1/defaults.go.
    """
    whole = _pod_amount(job, "requests", resource)
    if whole is not None:
        return whole.value
    beside = most = ZERO
    for container in job.all_containers:
        asked, _ = _own_request(container, resource, given)
        if asked is None:
            continue
        if container.init and not container.sidecar:
            most = max(most, beside + asked.value)
        else:
            beside += asked.value
    total = max(most, beside)
    whole = None if total else _pod_amount(job, "limits", resource)
    return total if whole is None else whole.value


def show(amount: Decimal) -> str:
    """Write an amount as people do, in whole mebibytes where it is that large."""
    if amount < MEBI:
        return quantity.format(amount)
    return quantity.format((amount / MEBI).to_integral_value(ROUND_CEILING) * MEBI, "1Mi")


def fits(own: Amount | None, most: Amount | None) -> bool:
    """Whether a container's own amount is all that is asked of it: some, and no more than the ceiling."""
    return own is not None and own.value > ZERO and (most is None or own.value <= most.value)


def lacking(share: Share, given: Mapping[str, str | int] | None, *, why: str) -> Finding:
    """Find that nothing gives a container this resource; ``given`` holds what the policy would write."""
    resource = str(share.path[-1])
    value = (given or NOTHING).get(resource)
    fix = EXAMPLES.get(resource, 1) if value is None else value
    finding = missing(share.path, fix, why=why, example=value is None)
    return structs.replace(finding, found="is 0, which limits nothing") if share.void else finding


def over(share: Share, most: Amount | None) -> Iterator[Finding]:
    """Find an amount over the ceiling of its resource, if there is one."""
    if share.amount is not None and most is not None and share.amount.value > most.value:
        excess = share.amount.value - most.value
        found = f"is {share.amount}" + (f", given by {share.giver}" if share.giver else "")
        why = "One Job must not take what the others need."
        yield Finding(path=share.path, found=found, allowed=f"at most {most}", why=why, excess=("over", excess),
                      fix=Default(share.path, most.written))  # fmt: skip


def with_request(finding: Finding, container: Container) -> Finding:
    """Lower a request along with the limit that cures a finding: the API server refuses a limit below its request."""
    fix = finding.fix
    asked = container.requests.get(str(finding.path[-1]))
    if fix is None or asked is None or asked.value <= quantity.parse(fix.value):
        return finding
    request_path = (*container.path, "resources", "requests", finding.path[-1])
    return structs.replace(finding, fix=Default(fix.path, fix.value, ((request_path, fix.value),)), example=True)


def far_below(share: Share, bound: Share, ratio: float) -> Iterator[Finding]:
    """Find a request that its limit exceeds by more than the ratio."""
    if share.amount is None or bound.amount is None:
        return
    resource, most = share.path[-1], quantity.parse(ratio)
    asked, held = share.amount.value, bound.amount.value
    if held <= asked * most:
        return
    unit = Decimal("0.001") if resource == "cpu" else MEBI if held / most >= MEBI else Decimal(1)
    rounded = (held / most / unit).to_integral_value(ROUND_CEILING) * unit
    least = quantity.format(rounded, "" if resource == "cpu" else "1Mi")
    yield Finding(path=share.path, found=f"is {share.amount}, the limit {bound.amount}", allowed=f"at least {least}",
                  why="A node full of such Pods cannot keep its promises.", fix=Default(share.path, least),
                  excess=("ratio", held / asked if asked else inf))  # fmt: skip


def gaps(part: str, wanted: Mapping[str, str | int] | None) -> Iterator[Gap]:
    """Name the fields of limits or requests that are to be written, in each container."""
    for resource, amount in (wanted or NOTHING).items():
        yield Gap(("container", "resources", part, resource), amount)


def ceilings(
    require: Iterable[str], most: Mapping[str, str | int] | None, ratios: Iterable[str] | None = None
) -> tuple[tuple[str, Amount | None], ...]:
    """List the resources that parameters name, each once, in order, with the ceiling of those that have one."""
    read = amounts(most)
    return tuple((resource, read.get(resource)) for resource in dict.fromkeys((*require, *read, *(ratios or ()))))


def _pod_amount(job: Workload, part: str, resource: str) -> Amount | None:
    if "resources" not in job.pod_spec.raw:
        return None
    return amounts(job.pod_spec.section("resources").raw.get(part)).get(resource)


def unite_limits(manifests: Mapping[tuple[str, str], object]) -> dict[str, LimitRange]:
    """Unite the LimitRange manifests of each namespace in the order of their names, from namespace and name."""
    homes: dict[str, list[object]] = {}
    for home, name in sorted(manifests):
        homes.setdefault(home, []).append(manifests[home, name])
    return {home: limit_range(found) for home, found in homes.items()}


def limit_range(manifests: Iterable[object]) -> LimitRange:
    """Unite a namespace's LimitRange manifests as its containers feel them: the tightest bounds, the first defaults.

    Where it names no default, a maximum is the default limit, and that, or a minimum, the default request.
    Source: ``SetDefaults_LimitRangeItem`` in kubernetes pkg/apis/core/v1/defaults.go.
    """
    united = LimitRange({}, {}, {}, {})
    for manifest in manifests:
        for item in sequence(mapping(mapping(manifest).get("spec")).get("limits")):
            if mapping(item).get("type") == "Container":
                united = _unite(united, item)
    return united


def _unite(known: LimitRange, item: Mapping[str, object]) -> LimitRange:
    least, most = amounts(item.get("min")), amounts(item.get("max"))
    default = {**most, **amounts(item.get("default"))}
    default_request = {**least, **default, **amounts(item.get("defaultRequest"))}
    return LimitRange(
        default={**default, **known.default},
        default_request={**default_request, **known.default_request},
        min={key: max(_both(key, least, known.min), key=_VALUE) for key in {**least, **known.min}},
        max={key: min(_both(key, most, known.max), key=_VALUE) for key in {**most, **known.max}},
    )


_VALUE = attrgetter("value")


def _both(key: str, *found: Mapping[str, Amount]) -> list[Amount]:
    return [each[key] for each in found if key in each]

"""Pure: what a container will really be given and held to, as Kubernetes counts it.

Sources: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/ (also for Pod-level resources),
https://kubernetes.io/docs/concepts/policy/limit-range/
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import ROUND_CEILING, Decimal
from math import inf
from typing import NamedTuple

from msgspec import structs

from policies import quantity
from policies.fields import NOTHING, Path, mapping, sequence
from policies.rule import Default, Finding, Gap, LimitRange, missing
from policies.workload import Amount, Container, Workload, amounts

MEBI = Decimal(2**20)
EXAMPLES: Mapping[str, Amount] = {"cpu": "250m", "memory": "256Mi", "ephemeral-storage": "1Gi"}


class Share(NamedTuple):
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
    void = own is not None and not quantity.parse(own)
    if own is not None and not void:
        return Share(path, own)
    pod = _pod_amount(job, "limits", resource)
    if pod is None or not quantity.parse(pod):
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
        return quantity.parse(whole)
    beside = most = Decimal(0)
    for container in job.all_containers:
        asked = quantity.parse(_own_request(container, resource, given)[0] or 0)
        if container.init and not container.sidecar:
            most = max(most, beside + asked)
        else:
            beside += asked
    return max(most, beside) or quantity.parse(_pod_amount(job, "limits", resource) or 0)


def show(amount: Decimal) -> str:
    """Write an amount as people do, in whole mebibytes where it is that large."""
    if amount < MEBI:
        return quantity.format(amount)
    return quantity.format((amount / MEBI).to_integral_value(ROUND_CEILING) * MEBI, "1Mi")


def fits(written: Amount | None, most: Amount | None) -> bool:
    """Whether a container's own amount is all that is asked of it: some, and no more than the ceiling."""
    if not written:
        return False
    amount = quantity.parse(written)
    return amount > 0 and (most is None or amount <= quantity.parse(most))


def lacking(share: Share, given: Mapping[str, Amount] | None, *, why: str) -> Finding:
    """Find that nothing gives a container this resource; ``given`` holds what the policy would write."""
    resource = str(share.path[-1])
    value = (given or NOTHING).get(resource)
    fix = EXAMPLES.get(resource, 1) if value is None else value
    finding = missing(share.path, fix, why=why, example=value is None)
    return structs.replace(finding, found="is 0, which limits nothing") if share.void else finding


def over(share: Share, most: Amount) -> Iterator[Finding]:
    """Find an amount over the ceiling of its resource."""
    excess = quantity.parse(share.amount) - quantity.parse(most)
    if excess > 0:
        found = f"is {share.amount}" + (f", given by {share.giver}" if share.giver else "")
        why = "One Job must not take what the others need."
        yield Finding(path=share.path, found=found, allowed=f"at most {most}", why=why, excess=("over", excess),
                      fix=Default(share.path, most))  # fmt: skip


def with_request(finding: Finding, container: Container) -> Finding:
    """Lower a request along with the limit that cures a finding: the API server refuses a limit below its request."""
    fix = finding.fix
    asked = container.requests.get(str(finding.path[-1]))
    if fix is None or asked is None or quantity.parse(asked) <= quantity.parse(fix.value):
        return finding
    request_path = (*container.path, "resources", "requests", finding.path[-1])
    return structs.replace(finding, fix=Default(fix.path, fix.value, ((request_path, fix.value),)), example=True)


def far_below(share: Share, bound: Share, ratio: float) -> Iterator[Finding]:
    """Find a request that its limit exceeds by more than the ratio."""
    resource, most = share.path[-1], quantity.parse(ratio)
    asked, held = quantity.parse(share.amount), quantity.parse(bound.amount or 0)
    if held <= asked * most:
        return
    unit = Decimal("0.001") if resource == "cpu" else MEBI if held / most >= MEBI else Decimal(1)
    rounded = (held / most / unit).to_integral_value(ROUND_CEILING) * unit
    least = quantity.format(rounded, "" if resource == "cpu" else "1Mi")
    yield Finding(path=share.path, found=f"is {share.amount}, the limit {bound.amount}", allowed=f"at least {least}",
                  why="A node full of such Pods cannot keep its promises.", fix=Default(share.path, least),
                  excess=("ratio", held / asked if asked else inf))  # fmt: skip


def gaps(part: str, wanted: Mapping[str, Amount] | None) -> Iterator[Gap]:
    """Name the fields of limits or requests that are to be written, in each container."""
    for resource, amount in (wanted or NOTHING).items():
        yield Gap(("container", "resources", part, resource), amount)


def resources(*named: Iterable[str] | None) -> list[str]:
    """Unite the resources that parameters name, each once, in order."""
    return list(dict.fromkeys(resource for names in named for resource in names or ()))


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
        min={key: max(least.get(key, 0), known.min.get(key, 0), key=quantity.parse) for key in {**least, **known.min}},
        max={key: _lower(most.get(key), known.max.get(key)) for key in {**most, **known.max}},
    )


def _lower(one: Amount | None, other: Amount | None) -> Amount:
    return min((amount for amount in (one, other) if amount is not None), key=quantity.parse)

"""Pure: what binds in a namespace, as data for programs, and the same in lines for people."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from msgspec import to_builtins

from policies.exception_status import claims
from policies.objects import BatchPolicyException, Policy
from policies.quantity import Amount
from policies.rule import Action
from policies.selection import Snapshot
from policies.selector import LabelSelector
from webhook.admission.message import flow, printable

Told: TypeAlias = Mapping[str, Any]

OF_LIMITS: Final = {"default": "limits", "defaultRequest": "requests", "min": "at least", "max": "at most"}


def binding(snapshot: Snapshot, namespace: str, at: datetime) -> Told:
    """Say which policies and rules bind in a namespace, what is let off there until when, and what LimitRanges say."""
    policies, limits = snapshot.binding(namespace), snapshot.facts(namespace).limit_range
    return {
        "namespace": namespace,
        "policies": [tell_policy(policy) for policy in policies],
        "exceptions": [
            _exception(each, policies, at) for each in snapshot.exceptions if each.metadata.namespace == namespace
        ],
        "limitRange": _filled(
            {
                "default": _written(limits.default),
                "defaultRequest": _written(limits.default_request),
                "min": _written(limits.min),
                "max": _written(limits.max),
            }
        ),
    }


def tell_policy(policy: Policy) -> Told:
    """Say what a policy asks, in which action, and of what."""
    return {
        "kind": "BatchPolicy" if policy.namespace else "ClusterBatchPolicy",
        "name": policy.name,
        "namespace": policy.namespace,
        "rules": {rule.key: action.value for rule, _, action in policy.rules},
        "namespaceSelector": _selector(policy.namespace_selector),
        "objectSelector": _selector(policy.object_selector),
        "exclude": _filled(to_builtins(policy.exclude)),
        "exceptionsMaxDays": policy.max_days,
        "contact": policy.contact,
    }


def _written(amounts: Mapping[str, Amount]) -> Told:
    return {resource: amount.written for resource, amount in amounts.items()}


def _exception(exception: BatchPolicyException, policies: Iterable[Policy], at: datetime) -> Told:
    """Say what an exception lifts, and of each policy that it names and that binds why it lifts nothing of that.

    A policy that does not bind here it need not lift.
    """
    spec = exception.spec
    whole = dict.fromkeys(claim.why_inert for claim in claims(exception, policies, at))
    whole = whole or {"none of its policies binds here with such a rule": None}
    return {
        "name": exception.metadata.name,
        "policies": spec.policies,
        "rules": spec.rules,
        "objectSelector": _selector(spec.selector),
        "reason": spec.reason,
        "owner": spec.owner,
        "expiresAt": spec.expires_at,
        "inForce": None in whole,
        "inert": [why for why in whole if why],
    }


def lines(told: Told) -> Iterator[str]:
    """Write down all of it."""
    count, namespace = len(told["policies"]), told["namespace"]
    binds = f"{count} policies bind" if count > 1 else f"{count or 'No'} policy binds"
    yield f"{binds} in namespace {namespace}."
    for policy in told["policies"]:
        days = policy["exceptionsMaxDays"]
        yield from ("", *policy_lines(policy))
        yield from _flowed("  not judged", policy["exclude"])
        yield f"  exceptions: {f'for at most {days} days' if days else 'none can lift it'}"
        if policy["contact"]:
            yield f"  help: {printable(policy['contact'])}"
    for exception in told["exceptions"]:
        yield from ("", *_exception_lines(exception))
    if told["limitRange"]:
        yield from ("", "LimitRange, of each container")
        for key, word in OF_LIMITS.items():
            yield from _flowed(f"  {word}", told["limitRange"].get(key))


def policy_lines(policy: Told) -> Iterator[str]:
    """Write down a policy."""
    kind = f"BatchPolicy of namespace {policy['namespace']}" if policy["namespace"] else policy["kind"]
    yield f"{policy['name']}  ({kind})"
    for action in Action:
        keys = [rule for rule, own in policy["rules"].items() if own == action.value]
        if keys:
            yield f"  {action}: {', '.join(keys)}"
    if not policy["namespace"]:
        yield f"  namespaces: {_all(policy['namespaceSelector'])}"
    yield f"  objects: {_all(policy['objectSelector'])}"


def _exception_lines(exception: Told) -> Iterator[str]:
    force = "" if exception["inForce"] else "not in force, "
    yield f"{exception['name']}  (BatchPolicyException, {force}until {exception['expiresAt']:%Y-%m-%d})"
    yield f"  lifts: {', '.join(exception['rules'])} of {', '.join(exception['policies'])}"
    yield from (f"  but: {why}" for why in exception["inert"])
    yield f"  objects: {_all(exception['objectSelector'])}"
    yield f"  why: {printable(exception['reason'])} ({printable(exception['owner'])})"


def _flowed(word: str, value: object) -> Iterator[str]:
    if value:
        yield f"{word}: {flow(value)}"


def _all(selector: Told) -> str:
    return flow(selector) if selector else "all"


def _selector(selector: LabelSelector) -> Any:  # noqa: ANN401 - plain values
    return _filled(to_builtins(selector))


def _filled(value: Any) -> Any:  # noqa: ANN401 - plain values
    """Leave out what is empty, however deep."""
    if isinstance(value, dict):
        return {key: _filled(item) for key, item in value.items() if item}
    return [_filled(item) for item in value] if isinstance(value, list | tuple) else value

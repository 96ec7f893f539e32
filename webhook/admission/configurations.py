"""The two webhook configurations, as plain objects. Pure.

What ``exempt.py`` passes over is left out here already, so that it costs no call, and needs no server that answers. It
is judged there once more, since a configuration may be edited. Each expression holds for objects that lack optional
fields.
Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-matchconditions
"""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, json

from policies.cel import quote
from policies.selection import NAME_LABEL
from policies.selector import LabelSelector
from webhook.admission.settings import BREAK_GLASS_GROUP, Settings

RULE = {
    "apiGroups": ["batch"],
    "apiVersions": ["v1"],
    "operations": ["CREATE", "UPDATE"],
    "resources": ["jobs", "cronjobs"],
    "scope": "Namespaced",
}
SOMETHING_TO_WRITE = "something-to-write"
FailurePolicy = Literal["Ignore", "Fail"]


class ClientConfig(Struct, frozen=True, kw_only=True):
    """Where the API server finds us, and the CA that it trusts: a Service, or a URL where that is given."""

    ca: bytes
    url: str = ""
    service: str = "batchwarden"
    port: int = 443

    def write(self, path: str, namespace: str) -> dict[str, Any]:
        """Write it for one of our paths, e.g. ``/mutate``."""
        bundle = {"caBundle": b64encode(self.ca).decode()}
        if self.url:
            return {"url": f"{self.url}{path}", **bundle}
        return {
            "service": {"name": self.service, "namespace": namespace, "path": path, "port": self.port},
            **bundle,
        }


class Registration(Struct, frozen=True, kw_only=True):
    """How the API server calls us; ``timeout_seconds`` is 1 to 30.

    The selectors ask more of namespaces and objects than the exemptions do. ``mutation_condition`` is a CEL expression,
    true where something may have to be written; the empty one is true of everything. ``owner`` is an ownerReference:
    what goes with that object.
    """

    client_config: ClientConfig
    name: str = "batchwarden"
    owner: Mapping[str, str] | None = None
    namespace_selector: LabelSelector = LabelSelector()
    object_selector: LabelSelector = LabelSelector()
    mutation_condition: str = ""
    mutating_failure_policy: FailurePolicy = "Ignore"
    validating_failure_policy: FailurePolicy = "Fail"
    timeout_seconds: int = 5


def webhook_configurations(
    registration: Registration, settings: Settings
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Make the mutating and the validating webhook configuration."""
    conditions = match_conditions(settings)
    if registration.mutation_condition:
        conditions = [*conditions, _condition(SOMETHING_TO_WRITE, registration.mutation_condition)]
    mutating = {
        **_webhook("mutate", registration, settings),
        "matchConditions": conditions,
        "failurePolicy": registration.mutating_failure_policy,
        "reinvocationPolicy": "IfNeeded",
    }
    validating = {
        **_webhook("validate", registration, settings),
        "failurePolicy": registration.validating_failure_policy,
    }
    return (
        _configuration("MutatingWebhookConfiguration", registration, mutating),
        _configuration("ValidatingWebhookConfiguration", registration, validating),
    )


def match_conditions(settings: Settings) -> list[dict[str, str]]:
    """Write, in CEL, which requests are judged at all."""
    labels, owners = ".metadata.?labels.orValue({})", ".metadata.?ownerReferences.orValue([])"
    suspended = (
        "object.spec.?suspend.orValue(false)"
        " && object.spec.all(key, key == 'suspend' || key in oldObject.spec && object.spec[key] == oldObject.spec[key])"
        " && oldObject.spec.all(key, key == 'suspend' || key in object.spec)"
    )
    changed = (
        f"object.spec != oldObject.spec && !({suspended}) || object{labels} != oldObject{labels} ||"
        f" object{owners}.exists(owner, !(owner in oldObject{owners}))"  # an owner may go, as orphan deletion wants it
    )
    made_by_controller = (
        f"request.userInfo.username == {quote(settings.controller_user)} && request.kind.kind == 'Job' &&"
        " object.metadata.?ownerReferences.orValue([])"
        ".exists(owner, owner.kind == 'CronJob' && owner.?controller.orValue(false))"
    )
    glass = quote(BREAK_GLASS_GROUP)
    return [
        _condition("not-being-deleted", "request.operation == 'CREATE' || !has(object.metadata.deletionTimestamp)"),
        _condition("something-judged-changes", f"request.operation == 'CREATE' || {changed}"),
        _condition("not-of-the-cronjob-controller", f"request.operation != 'CREATE' || !({made_by_controller})"),
        _condition("no-break-glass", f"!request.userInfo.?groups.orValue([]).exists(group, group == {glass})"),
    ]


def _webhook(door: str, registration: Registration, settings: Settings) -> dict[str, Any]:
    exempt = list(dict.fromkeys((settings.own_namespace, *settings.exempt_namespaces)))
    return {
        "name": f"{door}.batchwarden.io",
        "rules": [RULE],
        "clientConfig": registration.client_config.write(f"/{door}", settings.own_namespace),
        "admissionReviewVersions": ["v1"],
        "sideEffects": "NoneOnDryRun",  # a denial leaves an Event
        "timeoutSeconds": registration.timeout_seconds,
        "matchPolicy": "Equivalent",
        "namespaceSelector": _selector(
            registration.namespace_selector,
            {"key": NAME_LABEL, "operator": "NotIn", "values": exempt},
        ),
        "objectSelector": _selector(registration.object_selector),
        "matchConditions": match_conditions(settings),
    }


def _selector(selector: LabelSelector, *demands: Mapping[str, Any]) -> dict[str, Any]:
    """Write a selector with further demands as the API server stores it, which is without what is empty."""
    plain = json.decode(json.encode(selector.match_expressions))  # lists, as they come back, where we have tuples
    wanted = [{name: value for name, value in each.items() if value} for each in plain]
    written = {"matchLabels": dict(selector.match_labels), "matchExpressions": [*demands, *wanted]}
    return {name: value for name, value in written.items() if value}


def _configuration(kind: str, registration: Registration, webhook: dict[str, Any]) -> dict[str, Any]:
    owners = {"ownerReferences": [dict(registration.owner)]} if registration.owner else {}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": registration.name, **owners},
        "webhooks": [webhook],
    }


def _condition(name: str, expression: str) -> dict[str, str]:
    return {"name": name, "expression": expression}

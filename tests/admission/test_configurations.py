"""The webhook configurations are what the design says, whole, and Kubernetes takes their names."""

import json
import re
from typing import Literal

import pytest

from policies.selector import LabelSelector, Requirement
from webhook.admission.configurations import ClientConfig, Registration, match_conditions, webhook_configurations
from webhook.admission.settings import Settings

CA, BUNDLE = b"CA", "Q0E="
QUALIFIED_NAME = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")

CONDITIONS = [
    {
        "name": "not-being-deleted",
        "expression": "request.operation == 'CREATE' || !has(object.metadata.deletionTimestamp)",
    },
    {
        "name": "something-judged-changes",
        "expression": "request.operation == 'CREATE' || object.spec != oldObject.spec"
        " && !(object.spec.?suspend.orValue(false)"
        " && object.spec.all(key, key == 'suspend' || key in oldObject.spec && object.spec[key] == oldObject.spec[key])"
        " && oldObject.spec.all(key, key == 'suspend' || key in object.spec))"
        " || object.metadata.?labels.orValue({}) != oldObject.metadata.?labels.orValue({})"
        " || object.metadata.?ownerReferences.orValue([])"
        ".exists(owner, !(owner in oldObject.metadata.?ownerReferences.orValue([])))",
    },
    {
        "name": "not-of-the-cronjob-controller",
        "expression": "request.operation != 'CREATE' ||"
        " !(request.userInfo.username == 'system:serviceaccount:kube-system:cronjob-controller'"
        " && request.kind.kind == 'Job' && object.metadata.?ownerReferences.orValue([])"
        ".exists(owner, owner.kind == 'CronJob' && owner.?controller.orValue(false)))",
    },
    {
        "name": "no-break-glass",
        "expression": "!request.userInfo.?groups.orValue([]).exists(group, group == 'batchwarden.io:break-glass')",
    },
]
COMMON = {
    "admissionReviewVersions": ["v1"],
    "sideEffects": "NoneOnDryRun",
    "timeoutSeconds": 5,
    "matchPolicy": "Equivalent",
    "namespaceSelector": {
        "matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["batchwarden", "kube-system"]}
        ]
    },
    "objectSelector": {},
    "matchConditions": CONDITIONS,
}
BATCH = {"apiGroups": ["batch"], "apiVersions": ["v1"], "scope": "Namespaced"}


def service(path: str) -> dict[str, object]:
    return {"name": "batchwarden", "namespace": "batchwarden", "path": path, "port": 443}


def test_both_configurations_whole() -> None:
    settings = Settings(exempt_namespaces=("kube-system", "batchwarden"))
    mutating, validating = webhook_configurations(Registration(client_config=ClientConfig(ca=CA)), settings)
    assert mutating == {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "batchwarden"},
        "webhooks": [
            {
                "name": "mutate.batchwarden.io",
                "clientConfig": {"service": service("/mutate"), "caBundle": BUNDLE},
                **COMMON,
                "rules": [{**BATCH, "operations": ["CREATE", "UPDATE"], "resources": ["jobs", "cronjobs"]}],
                "failurePolicy": "Ignore",
                "reinvocationPolicy": "IfNeeded",
            }
        ],
    }
    assert validating == {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "batchwarden"},
        "webhooks": [
            {
                "name": "validate.batchwarden.io",
                "clientConfig": {"service": service("/validate"), "caBundle": BUNDLE},
                **COMMON,
                "rules": [{**BATCH, "operations": ["CREATE", "UPDATE"], "resources": ["jobs", "cronjobs"]}],
                "failurePolicy": "Fail",
            }
        ],
    }


def test_a_registration_says_where_and_how_strictly() -> None:
    registration = Registration(
        client_config=ClientConfig(ca=CA, url="https://127.0.0.1:8443"),
        mutating_failure_policy="Fail",
        validating_failure_policy="Ignore",
        timeout_seconds=30,
    )
    (mutating,), (validating,) = (made["webhooks"] for made in webhook_configurations(registration, Settings()))
    assert mutating["clientConfig"] == {"url": "https://127.0.0.1:8443/mutate", "caBundle": BUNDLE}
    assert validating["clientConfig"] == {"url": "https://127.0.0.1:8443/validate", "caBundle": BUNDLE}
    assert (mutating["failurePolicy"], validating["failurePolicy"]) == ("Fail", "Ignore")
    assert (mutating["timeoutSeconds"], validating["timeoutSeconds"]) == (30, 30)


def test_a_registration_says_for_whom_and_whose() -> None:
    selector = LabelSelector(match_labels={"a": "b"}, match_expressions=(Requirement("c", "Exists"),))
    owner = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "name": "ours", "uid": "1"}
    registration = Registration(
        client_config=ClientConfig(ca=CA),
        name="second",
        owner=owner,
        namespace_selector=selector,
        object_selector=selector,
        mutation_condition="!has(object.spec.a)",
    )
    written = {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "Exists"}]}
    exempt = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["batchwarden"]}
    mutating, validating = webhook_configurations(registration, Settings())
    for made in (mutating, validating):
        assert made["metadata"] == {"name": "second", "ownerReferences": [owner]}
        (webhook,) = made["webhooks"]
        assert webhook["objectSelector"] == written
        assert webhook["namespaceSelector"] == {
            "matchLabels": {"a": "b"},
            "matchExpressions": [exempt, *written["matchExpressions"]],
        }
    further = {"name": "something-to-write", "expression": "!has(object.spec.a)"}
    assert mutating["webhooks"][0]["matchConditions"] == [*match_conditions(Settings()), further]
    assert validating["webhooks"][0]["matchConditions"] == match_conditions(Settings())


def test_kubernetes_takes_the_names() -> None:
    names = [condition["name"] for condition in match_conditions(Settings())]
    assert len(set(names)) == len(names)
    assert [name for name in names if not QUALIFIED_NAME.fullmatch(name)] == []


@pytest.mark.parametrize(
    ("user", "literal"),
    [
        ("system:kube-controller-manager", "'system:kube-controller-manager'"),
        ("o'brien", r"'o\'brien'"),
        ("corp\\robot", r"'corp\\robot'"),
        ("x' || true || 'x", r"'x\' || true || \'x'"),
    ],
)
def test_the_controllers_name_stays_a_string(user: str, literal: str) -> None:
    (condition,) = [
        each for each in match_conditions(Settings(controller_user=user)) if each["name"] == CONDITIONS[2]["name"]
    ]
    assert f"!(request.userInfo.username == {literal} && request.kind.kind == 'Job'" in condition["expression"]


@pytest.mark.parametrize("operator", ["In", "NotIn", "Exists"])
def test_what_is_registered_reads_as_the_api_server_gives_it_back(operator: Literal["In", "NotIn", "Exists"]) -> None:
    values = () if operator == "Exists" else ("x", "y")
    selector = LabelSelector(match_labels={"a": "b"}, match_expressions=(Requirement("c", operator, values),))
    client_config = ClientConfig(ca=CA)
    registration = Registration(client_config=client_config, namespace_selector=selector, object_selector=selector)
    for made in webhook_configurations(registration, Settings()):
        assert json.loads(json.dumps(made)) == made

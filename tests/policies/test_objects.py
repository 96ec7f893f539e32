"""What people write as policies and exceptions: taken whole, or refused with place, sentence and what is allowed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from policies.catalog import rules
from policies.fields import Path, put
from policies.objects import (
    BatchPolicy,
    BatchPolicyException,
    ClusterBatchPolicy,
    Exclude,
    Policy,
    decode_object,
    is_ours,
    policy,
)
from policies.resource_names import STANDARD
from policies.rule import Action
from policies.selector import LabelSelector, Requirement
from policies.strict import InvalidObjectError
from tests.policies.build import LET_OFF, NOW, cluster, exception, local, manifest
from tests.policies.cases import API_VERSION

RULES = ", ".join(list(rules())[:-1]) + f" or {list(rules())[-1]}"
POLICY = manifest("ClusterBatchPolicy", {"name": "p"}, {"rules": {"restartPolicy": {}}})
LOCAL = manifest("BatchPolicy", {"name": "p", "namespace": "team-a"}, {"rules": {"restartPolicy": {}}})
EXCEPTION = manifest("BatchPolicyException", {"name": "e", "namespace": "team-a"}, dict(LET_OFF))
SPEC: Path = ("spec",)
KINDS = "ClusterBatchPolicy, BatchPolicy, BatchPolicyException"
MOMENT = "a time with its zone, e.g. 2027-03-31T00:00:00Z"
FIELDS = "rules, objectSelector, exclude, action, contact, exceptions"
TERMS_OF_EXCEPTION = "policies, rules, selector, reason, owner or expiresAt"
NAME = "at most 253 lower-case letters, digits, '-' and '.', first and last a letter or digit"
UNITS = "n u m k M G T P E or Ki Mi Gi Ti Pi Ei"
NO_QUANTITY = f"is not a quantity; write a number and at most one unit ({UNITS}), e.g. 512Mi"
RESOURCES = f"{', '.join(STANDARD)}, a size of pages, e.g. hugepages-2Mi, or a domain and a name, e.g. nvidia.com/gpu"
NOT_ALONE = "which no container can request without an equal limit"
GONE = object()


def tweaked(raw: Any, path: Path, value: Any) -> Any:
    """Put a value at a path, or take away what stands there."""
    if value is not GONE:
        return put(raw, path, value)
    if len(path) > 1:
        return {**raw, path[0]: tweaked(raw[path[0]], path[1:], value)}
    return {key: inner for key, inner in raw.items() if key != path[0]}


def refused(raw: Any) -> tuple[Path, str]:
    """Give the place and the sentence of a refusal."""
    with pytest.raises(InvalidObjectError) as error:
        decode_object(raw)
    return error.value.path, str(error.value)


@pytest.mark.parametrize(
    ("at", "value", "where", "sentence"),
    [
        (("kind",), GONE, ("kind",), f"kind is missing; allowed: {KINDS}"),
        (("kind",), "BatchPolicies", ("kind",), f"kind is BatchPolicies, which is not known; allowed: {KINDS}"),
        (("kind",), ["BatchPolicy"], ("kind",), f"kind is ['BatchPolicy'], which is not known; allowed: {KINDS}"),
        (("apiVersion",), GONE, (), "apiVersion is missing; it is required"),
        (
            ("apiVersion",),
            "batchwarden.io/v2",
            ("apiVersion",),
            f'apiVersion is "batchwarden.io/v2" (did you mean {API_VERSION}?); allowed: {API_VERSION}',
        ),
        (("metadata",), GONE, (), "metadata is missing; it is required"),
        (("metadata", "name"), GONE, ("metadata",), "name is missing; it is required"),
        (
            ("metadata", "name"),
            "My_Policy",
            ("metadata", "name"),
            f'name is "My_Policy"; allowed: {NAME}',
        ),
        (
            ("metadata", "name"),
            "p\n",
            ("metadata", "name"),
            f'name is "p\\n"; allowed: {NAME}',
        ),
        (SPEC, GONE, (), "spec is missing; it is required"),
        (SPEC, None, SPEC, f"spec has no value; allowed: a mapping, with {FIELDS} or namespaceSelector"),
        (
            ("specs",),
            {},
            ("specs",),
            'unknown field "specs" (did you mean spec?); allowed: apiVersion, metadata, spec or status',
        ),
        ((*SPEC, "rules"), GONE, SPEC, "rules is missing; it is required"),
        ((*SPEC, "rules"), {}, (*SPEC, "rules"), "rules is empty; name at least one rule, e.g. restartPolicy: {}"),
        ((*SPEC, "rules"), None, (*SPEC, "rules"), f"rules has no value; allowed: a mapping, with {RULES}"),
        ((*SPEC, "rules"), [], (*SPEC, "rules"), f"rules is an empty list; allowed: a mapping, with {RULES}"),
        (
            (*SPEC, "rules", "restart_policy"),
            {},
            (*SPEC, "rules", "restart_policy"),
            f'unknown rule "restart_policy" (did you mean restartPolicy?); allowed: {RULES}',
        ),
        (
            (*SPEC, "rules", "restartPolicy"),
            None,
            (*SPEC, "rules", "restartPolicy"),
            "restartPolicy has no value; write restartPolicy: {} for its built-in values",
        ),
        (
            (*SPEC, "rules", "restartPolicy", "allow"),
            ["Never"],
            (*SPEC, "rules", "restartPolicy", "allow"),
            'unknown field "allow" (did you mean allowed?); allowed: allowed, default, action or reason',
        ),
        (
            (*SPEC, "rules", "restartPolicy", "allowed"),
            ["Never", "Always"],
            (*SPEC, "rules", "restartPolicy", "allowed", 1),
            'allowed[1] is "Always"; allowed: Never or OnFailure',
        ),
        (
            (*SPEC, "rules", "restartPolicy", "action"),
            "deny",
            (*SPEC, "rules", "restartPolicy", "action"),
            'action is "deny" (did you mean Deny?); allowed: Deny, Warn or Audit',
        ),
        (
            (*SPEC, "rules", "activeDeadline"),
            {"maxSeconds": "1h"},
            (*SPEC, "rules", "activeDeadline", "maxSeconds"),
            'maxSeconds is "1h"; allowed: a whole number, 1 to 2147483647',
        ),
        (
            (*SPEC, "rules", "activeDeadline"),
            {"maxSeconds": 60, "defaultSeconds": 3600},
            (*SPEC, "rules", "activeDeadline", "defaultSeconds"),
            "defaultSeconds 3600 is over maxSeconds 60; change one of them",
        ),
        (
            (*SPEC, "rules", "ttlAfterFinished"),
            {"minSeconds": 5, "maxSeconds": 1},
            (*SPEC, "rules", "ttlAfterFinished", "minSeconds"),
            "minSeconds 5 is over maxSeconds 1; change one of them",
        ),
        (
            (*SPEC, "rules", "startingDeadline"),
            {"maxSeconds": 5},
            (*SPEC, "rules", "startingDeadline", "maxSeconds"),
            "minSeconds 10 is over maxSeconds 5; change one of them",
        ),
        (
            (*SPEC, "rules", "concurrencyPolicy"),
            {"default": "Allow"},
            (*SPEC, "rules", "concurrencyPolicy", "default"),
            "default Allow is not among allowed: Forbid, Replace; add it there",
        ),
        (
            (*SPEC, "rules", "resourceLimits"),
            {"defaults": {"memory": "512MB"}},
            (*SPEC, "rules", "resourceLimits", "defaults", "memory"),
            f'defaults.memory "512MB" {NO_QUANTITY}',
        ),
        (
            (*SPEC, "rules", "resourceLimits"),
            {"max": {"cpu": 0.5}},
            (*SPEC, "rules", "resourceLimits", "max", "cpu"),
            'cpu is 0.5; allowed: a quantity, e.g. 512Mi or "0.5"',
        ),
        (
            (*SPEC, "rules", "resourceLimits"),
            {"defaults": {"memory": "2Gi"}, "max": {"memory": "1Gi"}},
            (*SPEC, "rules", "resourceLimits", "defaults", "memory"),
            "defaults.memory 2Gi is over max.memory 1Gi; lower it",
        ),
        (
            (*SPEC, "rules", "resourceLimits"),
            {"defaults": {"cpu": 1, "memroy": "64Mi"}},
            (*SPEC, "rules", "resourceLimits", "defaults", "memroy"),
            f'defaults names "memroy" (did you mean memory?), which no container can have; allowed: {RESOURCES}',
        ),
        (
            (*SPEC, "rules", "resourceRequests"),
            {"require": ["cpu", "x y"]},
            (*SPEC, "rules", "resourceRequests", "require", 1),
            f'require names "x y", which no container can have; allowed: {RESOURCES}',
        ),
        (
            (*SPEC, "rules", "resourceRequests"),
            {"defaults": {"nvidia.com/gpu": 1}},
            (*SPEC, "rules", "resourceRequests", "defaults", "nvidia.com/gpu"),
            f'defaults names "nvidia.com/gpu", {NOT_ALONE}; allowed: cpu, memory or ephemeral-storage',
        ),
        (
            (*SPEC, "rules", "resourceLimits"),
            {"defaults": {"cpu": 1, "memory": True}},
            (*SPEC, "rules", "resourceLimits", "defaults", "memory"),
            'memory is true; allowed: a quantity, e.g. 512Mi or "0.5"',
        ),
        ((*SPEC, "action"), None, (*SPEC, "action"), "action has no value; allowed: Deny, Warn or Audit"),
        (
            (*SPEC, "objectSelector"),
            None,
            (*SPEC, "objectSelector"),
            "objectSelector has no value; allowed: a label selector; {} chooses everything",
        ),
        (
            (*SPEC, "objectSelector"),
            {"matchLabels": {"tier": 1}},
            (*SPEC, "objectSelector", "matchLabels", "tier"),
            "tier is 1; allowed: text",
        ),
        (
            (*SPEC, "exclude"),
            {"users": ["x"] * 65},
            (*SPEC, "exclude", "users"),
            "users is a list of 65; allowed: a list of at most 64, each text of 1 to 256 characters",
        ),
        (
            (*SPEC, "exceptions"),
            {"maxDays": 0},
            (*SPEC, "exceptions", "maxDays"),
            "maxDays is 0; allowed: a whole number, 1 to 3660",
        ),
    ],
    ids=range(38),
)
def test_a_policy_is_refused_with_place_sentence_and_what_is_allowed(
    at: Path, value: Any, where: Path, sentence: str
) -> None:
    assert (where, sentence) == refused(tweaked(POLICY, at, value))


def test_of_amounts_each_fault_is_told_at_its_place() -> None:
    limits = {
        "require": ["pods"],
        "defaults": {"nvidia.com/gpu": "0.5", "memory": "-64Mi", "cpu": 3},
        "max": {"hugepages-2Mi": "3Mi", "memory": "64MB", "cpu": 2},
    }
    with pytest.raises(InvalidObjectError) as error:
        decode_object(tweaked(POLICY, (*SPEC, "rules", "resourceLimits"), limits))
    assert [(fault.path[3:], str(fault).partition(";")[0]) for fault in (error.value, *error.value.others)] == [
        (("require", 0), 'require names "pods", which no container can have'),
        (("max", "hugepages-2Mi"), "max.hugepages-2Mi 3Mi is not whole: it comes in pieces of 2Mi"),
        (("max", "memory"), 'max.memory "64MB" is not a quantity'),
        (("defaults", "nvidia.com/gpu"), "defaults.nvidia.com/gpu 0.5 is not whole: it comes in pieces of 1"),
        (("defaults", "memory"), "defaults.memory -64Mi is under 0"),
        (("defaults", "cpu"), "defaults.cpu 3 is over max.cpu 2"),
    ]


def test_a_tenants_policy_chooses_no_namespaces() -> None:
    where, sentence = refused(put(LOCAL, (*SPEC, "namespaceSelector"), {}))
    assert where == (*SPEC, "namespaceSelector")
    assert sentence.endswith(f"allowed: {FIELDS.replace(', exceptions', ' or exceptions')}")


@pytest.mark.parametrize(
    ("at", "value", "where", "sentence"),
    [
        ("expiresAt", GONE, (), "expiresAt is missing; it is required"),
        ("expiresAt", None, ("expiresAt",), f"expiresAt has no value; allowed: {MOMENT}"),
        (
            "expiresAt",
            "2027-03-31T00:00:00",
            ("expiresAt",),
            f'expiresAt is "2027-03-31T00:00:00"; allowed: {MOMENT}',
        ),
        ("expiresAt", "2027-03-31", ("expiresAt",), f'expiresAt is "2027-03-31"; allowed: {MOMENT}'),
        (
            "expiresAt",
            "0001-01-01T00:00:00Z",
            ("expiresAt",),
            "expiresAt is no time with its zone; write e.g. 2027-03-31T00:00:00Z",
        ),
        (
            "expiresAt",
            "9999-12-31T23:00:00-14:00",
            ("expiresAt",),
            "expiresAt is no time with its zone; write e.g. 2027-03-31T00:00:00Z",
        ),
        ("expiresAt", 1806451200, ("expiresAt",), f"expiresAt is 1806451200; allowed: {MOMENT}"),
        ("selector", GONE, (), "selector is missing; it is required"),
        (
            "selector",
            None,
            ("selector",),
            "selector has no value; allowed: a label selector; {} chooses everything",
        ),
        ("rules", GONE, (), "rules is missing; it is required"),
        ("rules", [], ("rules",), f"rules is an empty list; allowed: a list of 1 to 64, each {RULES}"),
        (
            "rules",
            ["activeDeadlines"],
            ("rules", 0),
            f'rules[0] is "activeDeadlines" (did you mean activeDeadline?); allowed: {RULES}',
        ),
        ("policies", GONE, (), "policies is missing; it is required"),
        ("policies", ["p", ""], ("policies", 1), 'policies[1] is ""; allowed: text of 1 to 256 characters'),
        ("reason", "", ("reason",), 'reason is ""; allowed: text of 1 to 512 characters'),
        ("owner", GONE, (), "owner is missing; it is required"),
        (
            "expires",
            "2027-03-31T00:00:00Z",
            ("expires",),
            f'unknown field "expires" (did you mean expiresAt?); allowed: {TERMS_OF_EXCEPTION}',
        ),
    ],
    ids=range(17),
)
def test_an_exception_is_refused_with_place_sentence_and_what_is_allowed(
    at: str, value: Any, where: Path, sentence: str
) -> None:
    assert (("spec", *where), sentence) == refused(tweaked(EXCEPTION, ("spec", at), value))


@pytest.mark.parametrize("raw", [None, [], "text", 5, {}])
def test_what_is_no_object_is_refused(raw: object) -> None:
    assert refused(raw) == (("kind",), f"kind is missing; allowed: {KINDS}")


def test_each_kind_is_decoded() -> None:
    assert isinstance(decode_object(POLICY), ClusterBatchPolicy)
    assert isinstance(decode_object(LOCAL), BatchPolicy)
    assert isinstance(decode_object(EXCEPTION), BatchPolicyException)


def test_what_kubernetes_adds_to_an_object_is_none_of_our_business() -> None:
    metadata = {"name": "p", "uid": "x", "generation": 1, "creationTimestamp": None, "labels": {"a": "b"}}
    assert isinstance(decode_object({**POLICY, "metadata": metadata, "status": {"rules": []}}), ClusterBatchPolicy)


@pytest.mark.parametrize(
    ("raw", "ours"),
    [
        (POLICY, True),
        ({"apiVersion": "batchwarden.io/v9", "kind": "Anything"}, True),
        ({"apiVersion": "batch/v1"}, False),
        ({"apiVersion": "batchwarden.iox/v1"}, False),
        ({"apiVersion": 5}, False),
        ({}, False),
        (None, False),
    ],
)
def test_our_group_is_told_from_others(raw: object, *, ours: bool) -> None:
    assert ours is is_ours(raw)


def test_a_policy_is_brought_into_the_form_in_which_it_is_applied() -> None:
    found = cluster(
        "p",
        {"restartPolicy": {"action": "Audit"}, "activeDeadline": {"maxSeconds": 60}},
        action="Warn",
        namespaceSelector={"matchLabels": {"level": "high"}},
        objectSelector={"matchExpressions": [{"key": "app", "operator": "Exists"}]},
        exclude={"users": ["system:*"], "groups": ["ops"]},
        contact="#help",
        exceptions={},
    )
    assert (found.name, found.namespace, found.contact, found.max_days) == ("p", "", "#help", 90)
    assert found.namespace_selector == LabelSelector(match_labels={"level": "high"})
    assert found.object_selector == LabelSelector(match_expressions=(Requirement(key="app", operator="Exists"),))
    assert found.exclude == Exclude(users=("system:*",), groups=("ops",))
    assert [(rule.key, action) for rule, _, action in found.rules] == [
        ("activeDeadline", Action.WARN),
        ("restartPolicy", Action.AUDIT),
    ]


def test_what_a_policy_leaves_out_has_safe_values() -> None:
    source = decode_object(LOCAL)
    assert isinstance(source, BatchPolicy)
    found = policy(source)
    assert (found.namespace, found.contact, found.max_days) == ("team-a", None, None)
    assert found.namespace_selector == LabelSelector()
    assert [action for _, _, action in found.rules] == [Action.WARN]


def test_a_policy_of_a_namespace_that_names_none_is_in_the_default_one() -> None:
    source = decode_object(tweaked(LOCAL, ("metadata", "namespace"), GONE))
    assert isinstance(source, BatchPolicy)
    assert policy(source).namespace == "default"


TERMS = {"exceptions": {"maxDays": 30}}
SOON = NOW + timedelta(days=30)


@pytest.mark.parametrize(
    ("expires", "created", "terms", "why"),
    [
        (SOON, None, TERMS, None),
        (SOON + timedelta(seconds=1), None, TERMS, "expiresAt is more than the 30 days away that policy p permits"),
        (SOON, NOW - timedelta(seconds=1), TERMS, "expiresAt is more than the 30 days away that policy p permits"),
        (SOON, NOW + timedelta(days=1), TERMS, None),
        (NOW + timedelta(seconds=1), NOW - timedelta(days=29), TERMS, None),
        (NOW, None, TERMS, "expired on 2026-11-21"),
        (NOW - timedelta(days=400), None, TERMS, "expired on 2025-10-17"),
        (SOON, None, {}, "policy p permits no exceptions"),
        (datetime.max.replace(tzinfo=UTC), NOW, TERMS, "expiresAt is more than the 30 days away that policy p permits"),
        (datetime.max.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), TERMS, None),
    ],
    ids=range(10),
)
def test_an_exception_is_inert_for_a_reason(
    expires: datetime, created: datetime | None, terms: dict[str, Any], why: str | None
) -> None:
    let_off = exception(expiresAt=expires.isoformat(), created=created.isoformat() if created else None)
    asked = cluster("p", {"activeDeadline": {}}, **terms)
    assert why == let_off.why_inert(asked, NOW)


@pytest.mark.parametrize(
    ("rule", "name", "covered"),
    [("activeDeadline", "p", True), ("backoffLimit", "p", False), ("activeDeadline", "q", False)],
)
def test_an_exception_is_about_the_named_rules_of_the_named_policies(rule: str, name: str, *, covered: bool) -> None:
    for make in (cluster, local):
        assert covered is exception().names(rule, make(name, {rule: {}}, exceptions={}))


@pytest.mark.parametrize(
    ("policies", "unmet"),
    [
        ([cluster("p", {"activeDeadline": {}})], []),
        ([local("p", {"activeDeadline": {}})], []),
        ([cluster("p", {"imageTag": {}}), local("p", {"activeDeadline": {}})], []),
        ([local("p", {"activeDeadline": {}}, "team-b")], [(("spec", "policies", 0), "there is no policy p here")]),
        (
            [cluster("p", {"imageTag": {}}), cluster("q", {"activeDeadline": {}})],
            [(("spec", "rules", 0), "no policy that it names has the rule activeDeadline")],
        ),
    ],
    ids=range(5),
)
def test_an_exception_tells_what_it_names_and_is_not_there(
    policies: list[Policy], unmet: list[tuple[Path, str]]
) -> None:
    assert unmet == list(exception().unmet(policies))

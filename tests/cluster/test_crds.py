"""The API server takes what files may hold, refuses what they may not, and says in a sentence what to write."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path as File
from typing import Any

import pytest
import yaml

import policies
from policies.catalog import rules, summary
from policies.crd import RESOURCES
from policies.fields import Path, put
from policies.objects import decode_object, is_ours
from policies.resource_names import piece
from policies.strict import InvalidObjectError
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubectl import DRY_RUN, Kubectl, Object
from tests.policies.cases import API_VERSION, Case, cases
from tests.policies.test_resource_names import REFUSED as REFUSED_NAMES
from tests.policies.test_resource_names import TAKEN

ROOT = File(policies.__file__).parent.parent
CRDS = ROOT / "deploy" / "crds"
FOLDERS = (ROOT / "policies" / "library", ROOT / "deploy" / "examples" / "policies")
SPEC: Path = ("spec",)
RULES: Path = (*SPEC, "rules")
GONE = object()
# What CEL cannot know: shown in status.rules as not in force.
UNTOLD = ("a default that is no zone", "a default of half a device", "a default of a page and a half")
ASKED = [(key, case) for key in rules() for case in cases(key)]


def manifest(kind: str, name: str, spec: Object) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


POLICY = manifest("ClusterBatchPolicy", "tried", {"rules": {"restartPolicy": {}}})
LOCAL = manifest("BatchPolicy", "tried", {"rules": {"restartPolicy": {}}})
EXCEPTION = manifest(
    "BatchPolicyException",
    "tried",
    {
        "policies": ["restricted"],
        "rules": ["activeDeadline"],
        "selector": {"matchLabels": {"app": "legacy-import"}},
        "reason": "OPS-1234",
        "owner": "data-platform@example.com",
        "expiresAt": "2027-02-15T00:00:00Z",
    },
)


@pytest.fixture(scope="module")
def admin(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """Serve the three kinds for the tests of this module, and return the admin's kubectl in the examples' namespace."""
    kubectl = control_plane.kubectl("admin", tmp_path_factory.mktemp("crds")).within("team-a")
    made = kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-a"}})
    applied = kubectl.run("apply", f"--filename={CRDS}")
    assert (made.code, applied.code) == (0, 0), applied.stderr
    names = [f"crd/{resource.plural}.batchwarden.io" for resource in RESOURCES.values()]
    established = kubectl.run("wait", "--for=condition=Established", "--timeout=30s", *names)
    assert established.code == 0, established.stderr
    yield kubectl
    kubectl.run("delete", f"--filename={CRDS}")
    kubectl.run("delete", "namespace/team-a", "--wait=false")


def written() -> list[Any]:
    """Read the ready policies, and the objects of the examples that are ours."""
    files = [file for folder in FOLDERS for file in sorted(folder.glob("*.yaml"))]
    return [raw for file in files for raw in yaml.safe_load_all(file.read_text()) if is_ours(raw)]


def tweaked(raw: Any, path: Path, value: Any) -> Any:
    """Put a value at a path, or take away what stands there."""
    if value is not GONE:
        return put(raw, path, value)
    if len(path) > 1:
        return {**raw, path[0]: tweaked(raw[path[0]], path[1:], value)}
    return {key: inner for key, inner in raw.items() if key != path[0]}


def try_out(kubectl: Kubectl, raw: Object) -> str:
    """Ask for an object and give the API server's answer; empty where it takes it."""
    result = kubectl.create(raw, DRY_RUN)
    assert (result.code == 0) is not bool(result.stderr), result.stderr
    return result.stderr


def test_what_is_ready_made_is_taken_as_it_stands(admin: Kubectl) -> None:
    assert [admin.apply(raw).stderr for raw in written()] == [""] * len(written())
    for raw in written():
        stored = admin.get_json(f"{raw['kind'].lower()}/{raw['metadata']['name']}")
        assert {"action": "Warn", **stored["spec"]} == {"action": "Warn", **raw["spec"]}  # nothing else is filled in
        decode_object(stored)


WRONG: list[tuple[Any, Path, Any, str]] = [
    (POLICY, (*RULES, "restart_policy"), {}, 'unknown field "spec.rules.restart_policy"'),
    (POLICY, (*RULES, "restartPolicy", "allow"), ["Never"], 'unknown field "spec.rules.restartPolicy.allow"'),
    (POLICY, (*SPEC, "actions"), "Deny", 'unknown field "spec.actions"'),
    (LOCAL, (*SPEC, "namespaceSelector"), {}, 'unknown field "spec.namespaceSelector"'),
    (POLICY, ("metadata", "name"), "My_Policy", "a lowercase RFC 1123 subdomain must consist of"),
    (POLICY, ("metadata", "name"), "p" * 254, "must be no more than 253"),
    (POLICY, SPEC, GONE, "spec: Required value"),
    (POLICY, RULES, GONE, "spec.rules: Required value"),
    (POLICY, RULES, {}, "spec.rules: Invalid value: rules is empty; name at least one rule, e.g. restartPolicy: {}"),
    (POLICY, RULES, [], "spec.rules in body must be of type object"),
    (POLICY, (*RULES, "restartPolicy", "allowed"), ["Always"], 'supported values: "Never", "OnFailure"'),
    (
        POLICY,
        (*RULES, "restartPolicy", "allowed"),
        [],
        "spec.rules.restartPolicy.allowed in body should have at least 1",
    ),
    (
        POLICY,
        (*RULES, "restartPolicy"),
        {"allowed": ["Never"], "default": "OnFailure"},
        "restartPolicy.default: Invalid value: default is not among allowed (built in: Never, OnFailure); add it there",
    ),
    (POLICY, (*RULES, "concurrencyPolicy", "default"), "Allow", "(built in: Forbid, Replace); add it there"),
    (POLICY, (*RULES, "restartPolicy", "action"), "deny", 'supported values: "Audit", "Deny", "Warn"'),
    (POLICY, (*RULES, "restartPolicy", "reason"), "x" * 513, "may not be more than 512 bytes"),
    (POLICY, (*RULES, "activeDeadline"), {"maxSeconds": "1h"}, "must be of type integer"),
    (POLICY, (*RULES, "activeDeadline"), {"maxSeconds": 0}, "should be greater than or equal to 1"),
    (POLICY, (*RULES, "activeDeadline"), {"maxSeconds": 2**31}, "should be less than or equal to 2147483647"),
    (
        POLICY,
        (*RULES, "ttlAfterFinished"),
        {"minSeconds": 5, "maxSeconds": 1},
        "spec.rules.ttlAfterFinished: Invalid value: minSeconds is over maxSeconds; change one of them",
    ),
    (
        POLICY,
        (*RULES, "startingDeadline"),
        {"maxSeconds": 5},
        "minSeconds (built in: 10) is over maxSeconds; change one of them",
    ),
    (POLICY, (*RULES, "safeToEvict"), {"minCpuHours": 0}, "should be greater than 0"),
    (
        POLICY,
        (*RULES, "resourceLimits"),
        {"defaults": {"memory": "512MB"}},
        "spec.rules.resourceLimits.defaults: Invalid value: not a quantity, or under 0; write a number and at most",
    ),
    (POLICY, (*RULES, "resourceLimits"), {"max": {"cpu": 0.5}}, "must be of type integer,string"),
    (POLICY, (*RULES, "resourceLimits"), {"max": {}}, "should have at least 1 properties"),
    (
        POLICY,
        (*RULES, "resourceLimits"),
        {"defaults": {"memory": "2Gi"}, "max": {"memory": "1Gi"}},
        "an amount in defaults is over that of the same resource in max; lower it",
    ),
    (
        POLICY,
        (*RULES, "resourceLimits"),
        {"defaults": {"cpu": 2}, "max": {"cpu": "1500m"}},
        "same resource in max; lower",
    ),
    (POLICY, (*RULES, "resourceLimits"), {"defaults": {"cpu": "2"}, "max": {"cpu": 1}}, "same resource in max; lower"),
    (POLICY, (*RULES, "resourceLimits"), {"defaults": {"cpu": 2}, "max": {"cpu": "two"}}, "max: Invalid value: not a"),
    (
        POLICY,
        (*RULES, "resourceLimits"),
        {"defaults": {"memroy": "64Mi"}},
        "resourceLimits.defaults: Invalid value: defaults names what no container can have; allowed: cpu, memory,",
    ),
    (POLICY, (*RULES, "resourceLimits"), {"require": ["x y"]}, "require names what no container can have; allowed"),
    (POLICY, (*RULES, "resourceLimits"), {"max": {"cpu": -1}}, "max: Invalid value: not a quantity, or under 0;"),
    (POLICY, (*RULES, "resourceLimits"), {"defaults": {"memory": "-64Mi"}}, "not a quantity, or under 0; write a num"),
    (POLICY, (*RULES, "totalResources"), {"max": {"cpu": "-1"}}, "totalResources.max: Invalid value: not a quantity"),
    (
        POLICY,
        (*RULES, "resourceRequests"),
        {"defaults": {"nvidia.com/gpu": 1}},
        "defaults names what no container can request without an equal limit; allowed: cpu, memory or",
    ),
    (POLICY, (*RULES, "resourceRequests"), {"maxLimitToRequestRatio": {"pods": 2}}, "Ratio names what no container"),
    (
        POLICY,
        (*RULES, "timeZone"),
        {"allowed": ["UTC"], "default": "Europe/Berlin"},
        "timeZone.default: Invalid value: default is not among",
    ),
    (POLICY, (*RULES, "requiredLabels"), {"keys": ["my team"]}, "not a label key; allowed: at most 63"),
    (POLICY, (*RULES, "requiredLabels"), {"defaults": {"team": "a b"}}, "not a label value; allowed: nothing"),
    (POLICY, (*RULES, "placement"), {"tolerations": [{"value": "batch"}]}, "say so with operator: Exists"),
    (
        POLICY,
        (*RULES, "placement"),
        {"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]},
        "takes no value",
    ),
    (POLICY, (*RULES, "topOfHour"), {"allowedLabel": "on hour"}, "not a label key"),
    (POLICY, (*SPEC, "objectSelector"), {"matchLabels": {"tier": 1}}, "must be of type string"),
    (POLICY, (*SPEC, "objectSelector"), {"matchLabels": {"a b": "1"}}, "not a label key"),
    (POLICY, (*SPEC, "namespaceSelector"), {"matchLabels": {"a": "-"}}, "not a label value"),
    (
        POLICY,
        (*SPEC, "objectSelector"),
        {"matchExpressions": [{"key": "tier", "operator": "In"}]},
        "In and NotIn need at least one of values, e.g. values: [batch]",
    ),
    (
        POLICY,
        (*SPEC, "objectSelector"),
        {"matchExpressions": [{"key": "tier", "operator": "Exists", "values": ["batch"]}]},
        "Exists and DoesNotExist take no values; remove them, or use In or NotIn",
    ),
    (
        POLICY,
        (*SPEC, "objectSelector"),
        {"matchExpressions": [{"key": "tier", "operator": "Is"}]},
        'supported values: "DoesNotExist", "Exists", "In", "NotIn"',
    ),
    (POLICY, (*SPEC, "exclude"), {"users": ["x"] * 65}, "must have at most 64 items"),
    (POLICY, (*SPEC, "exceptions"), {"maxDays": 0}, "should be greater than or equal to 1"),
    (EXCEPTION, (*SPEC, "expiresAt"), GONE, "spec.expiresAt: Required value"),
    (EXCEPTION, (*SPEC, "expiresAt"), "2027-03-31", "no time with its zone; write e.g. 2027-03-31T00:00:00Z"),
    (EXCEPTION, (*SPEC, "expiresAt"), "2027-03-31T00:00:00", "no time with its zone; write e.g. 2027-03-31T00:00:00Z"),
    (EXCEPTION, (*SPEC, "expiresAt"), "2027-02-30T00:00:00Z", "no time with its zone; write e.g."),
    (EXCEPTION, (*SPEC, "expiresAt"), "0001-01-01T00:00:00Z", "no time with its zone; write e.g."),
    (EXCEPTION, (*SPEC, "expiresAt"), "2027-03-31T00:00:00+24:00", "no time with its zone; write e.g."),
    (EXCEPTION, (*SPEC, "expiresAt"), "2027-03-31T00:00:00,5Z", "no time with its zone; write e.g."),
    (EXCEPTION, (*SPEC, "expiresAt"), 1806451200, "spec.expiresAt in body must be of type string"),
    (EXCEPTION, (*SPEC, "owner"), GONE, "spec.owner: Required value"),
    (EXCEPTION, (*SPEC, "selector"), GONE, "spec.selector: Required value"),
    (EXCEPTION, (*SPEC, "rules"), [], "should have at least 1 items"),
    (EXCEPTION, (*SPEC, "rules"), ["activeDeadlines"], 'supported values: "activeDeadline", "backoffLimit"'),
]


@pytest.mark.parametrize(("base", "at", "value", "words"), WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_refused_as_in_a_file_and_told_what_to_write(
    admin: Kubectl, base: Any, at: Path, value: Any, words: str
) -> None:
    raw = tweaked(base, at, value)
    with pytest.raises(InvalidObjectError):
        decode_object(raw)
    assert words in try_out(admin, raw).replace('Invalid value: "object": ', "Invalid value: ")  # so says 1.33


REFUSED = [(key, case) for key, case in ASKED if case.refused and case.name not in UNTOLD]


@pytest.mark.parametrize(("key", "case"), REFUSED, ids=[f"{key}: {case.name}" for key, case in REFUSED])
def test_parameters_that_no_file_may_hold_are_refused(admin: Kubectl, key: str, case: Case) -> None:
    assert f"spec.rules.{key}" in try_out(admin, put(POLICY, (*RULES, key), case.params))


@pytest.mark.parametrize("key", rules())
def test_parameters_that_a_file_may_hold_are_taken(admin: Kubectl, key: str) -> None:
    sound = [put(POLICY, RULES, {key: case.params}) for case in cases(key) if not case.refused]
    assert try_out(admin, {"apiVersion": "v1", "kind": "List", "items": sound}) == ""


def limited(number: int, amounts: Mapping[str, str]) -> Object:
    """Make a Job whose container has limits of these amounts, and of memory, which hugepages do not go without."""
    work = {"name": "work", "image": "busybox:1.36", "resources": {"limits": {"memory": "64Mi", **amounts}}}
    manifest = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": f"job-{number}"}}
    return {**manifest, "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [work]}}}}


def bounded(number: int, amounts: Mapping[str, str]) -> Object:
    """Make a policy that names the same."""
    limits = {"require": [*amounts], "max": amounts}
    return {**put(POLICY, RULES, {"resourceLimits": limits}), "metadata": {"name": f"policy-{number}"}}


AMOUNTS = [
    *({name: piece(name) or "0.5"} for name in TAKEN),
    {"nvidia.com/gpu": "1000m", "memory": "0", "cpu": "1e-3", "hugepages-1Gi": "100Ti", "hugepages-2Mi": "1Gi"},
    {"nvidia.com/gpu": "2.0", "hugepages-16Gi": "0"},
]
MISFITS = [*({name: "1"} for name in REFUSED_NAMES), *({name: "-1"} for name in TAKEN)]
IN_PIECES = [
    *({name: "2500m"} for name in TAKEN if piece(name)),
    {"hugepages-2Mi": "3Mi"},
    {"hugepages-1Gi": "2Mi"},
]


def is_decoded(raw: Object) -> bool:
    try:
        decode_object(raw)
    except InvalidObjectError:
        return False
    return True


@pytest.mark.parametrize(("make", "wrong"), [(limited, [*MISFITS, *IN_PIECES]), (bounded, MISFITS)])
def test_a_policy_names_what_a_job_may_have_and_no_more(
    admin: Kubectl, make: Callable[..., Object], wrong: list[Mapping[str, str]]
) -> None:
    """The schema leaves it to whoever decodes a policy whether an amount is whole: its status says so."""
    every = [*wrong, *AMOUNTS]
    taken = [*range(len(wrong), len(every))]
    assert [number for number, amounts in enumerate(every) if is_decoded(bounded(number, amounts))] == taken
    items = [make(number, amounts) for number, amounts in enumerate(every)]
    told = admin.create({"apiVersion": "v1", "kind": "List", "items": items}, DRY_RUN).stdout
    assert [int(number) for number in re.findall(r"-(\d+) created", told)] == taken


def test_a_rule_without_a_value_is_dropped_and_a_policy_of_such_rules_alone_is_refused(admin: Kubectl) -> None:
    assert "rules is empty; name at least one rule" in try_out(admin, put(POLICY, RULES, {"runOverlap": None}))
    halved = put(LOCAL, (*RULES, "runOverlap"), None)
    assert admin.apply(halved).stderr == ""
    assert admin.get_json("batchpolicy/tried")["spec"]["rules"] == {"restartPolicy": {}}


def test_unknown_keys_are_pruned_where_nobody_validates(admin: Kubectl) -> None:
    assert admin.apply(put(LOCAL, (*RULES, "runOverlaps"), {}), "--validate=false").stderr == ""
    assert admin.get_json("batchpolicy/tried")["spec"]["rules"] == {"restartPolicy": {}}


def test_an_exception_that_has_expired_is_taken_so_that_it_may_be_applied_again(admin: Kubectl) -> None:
    assert try_out(admin, put(EXCEPTION, (*SPEC, "expiresAt"), "2020-01-01T00:00:00Z")) == ""


def test_what_get_prints_reads_well(admin: Kubectl) -> None:
    ready = {"type": "Ready", "status": "True", "reason": "InForce", "message": "in force",
             "lastTransitionTime": "2026-11-21T09:00:00Z"}  # fmt: skip
    said = {"rulesInForce": "1/1", "namespaces": 3, "violations": 40, "conditions": [ready],
            "rules": [{"rule": "restartPolicy", "inForce": True, "action": "Warn"}]}  # fmt: skip
    for raw in (POLICY, LOCAL, EXCEPTION):
        assert admin.apply(raw).stderr == ""
    for kind, status in (("cbp", said), ("bp", said), ("bpx", {"state": "Active"})):
        patched = admin.patch(f"{kind}/tried", {"status": status}, "--subresource=status")
        assert patched.stderr == ""
    printed = admin.run("get", "cbp,bp,bpx").stdout
    assert [re.split(r"\s{2,}", line) for line in printed.splitlines() if line.startswith("NAME")] == [
        ["NAME", "ACTION", "RULES", "NAMESPACES", "VIOLATIONS", "READY", "AGE"],
        ["NAME", "ACTION", "RULES", "VIOLATIONS", "READY", "AGE"],
        ["NAME", "OWNER", "EXPIRES", "STATE", "AGE"],
    ]
    assert re.search(r"clusterbatchpolicy\S*/tried +Warn +1/1 +3 +40 +True +\d+s", printed)
    assert re.search(r"batchpolicy\S*/tried +Warn +1/1 +40 +True +\d+s", printed)
    assert re.search(r"/tried +data-platform@example.com +2027-02-15T00:00:00Z +Active +\d+s", printed)
    assert admin.run("get", "batchwarden", "--output=name").stdout.count("/tried") == len(RESOURCES)


@pytest.mark.parametrize("key", rules())
def test_kubectl_explains_each_rule_as_its_page_does(admin: Kubectl, key: str) -> None:
    told = " ".join(admin.run("explain", f"clusterbatchpolicy.spec.rules.{key}").stdout.split())
    assert summary(rules()[key]).replace("``", "`") in told
    assert f"batchwarden explain {key}" in told
    assert "What is done about it; left out: the policy's own action." in told

"""Places in an object, and who wrote what stands there: as a real API server passed it on, and as people forge it."""

import json
from pathlib import Path as File
from typing import Any

import pytest

from policies.engine import document_order
from policies.fields import (
    DEFAULTED_ANNOTATION,
    FILE,
    LAST_APPLIED_ANNOTATION,
    NOTHING,
    Origin,
    Path,
    Request,
    defaulted,
    lookup,
    mapping,
    origin,
    place,
    put,
    render,
    sequence,
)
from policies.server_defaults import JOB_SPEC_DEFAULTS, MAX_INT32, job_spec_defaults
from policies.workload import Workload
from tests.policies.build import MEMORY, containers, cron_job, entry, one_off, sent
from tests.policies.cases import merge

# What mutating webhooks received from kubectl 1.37.1 through a real API server of 1.37.1, less what is not asked here.
# Where a webhook had written defaults before, its note of them is in the form of our own.
RECORDED = {each["name"]: each for each in json.loads(File(__file__).with_name("recorded.json").read_text())}
POLICY, STARTING = ("spec", "concurrencyPolicy"), ("spec", "startingDeadlineSeconds")
SUCCESSFUL, FAILED = ("spec", "successfulJobsHistoryLimit"), ("spec", "failedJobsHistoryLimit")
SUSPEND, ZONE = ("spec", "suspend"), ("spec", "timeZone")


@pytest.mark.parametrize(
    ("raw", "path", "found"),
    [
        ({"spec": {"a": 1}}, ("spec", "a"), 1),
        ({"spec": [{"a": 1}, {"a": 2}]}, ("spec", 1, "a"), 2),
        ({"spec": []}, ("spec", 0), None),
        ({"spec": []}, ("spec", "a"), None),
        ({"spec": "text"}, ("spec", "a"), None),
        ({"spec": {"a": None}}, ("spec", "a", "b"), None),
        ({}, ("spec", "a"), None),
        ("text", (), "text"),
    ],
)
def test_a_value_is_found_or_nothing_is(raw: object, path: Path, found: object) -> None:
    assert found == lookup(raw, path)


@pytest.mark.parametrize(
    ("raw", "path", "becomes"),
    [
        ({}, ("spec", "a"), {"spec": {"a": 7}}),
        ({"spec": {"a": 1, "b": 2}}, ("spec", "a"), {"spec": {"a": 7, "b": 2}}),
        ({"spec": None}, ("spec", "a"), {"spec": {"a": 7}}),
        ({"spec": [{"a": 1}, {"a": 2}]}, ("spec", 1, "a"), {"spec": [{"a": 1}, {"a": 7}]}),
        ({"spec": 1}, (), 7),
    ],
)
def test_a_value_is_put_into_a_copy(raw: object, path: Path, becomes: object) -> None:
    was = json.dumps(raw)
    assert becomes == put(raw, path, 7)
    assert was == json.dumps(raw)


def test_what_a_path_does_not_touch_is_shared() -> None:
    raw = {"metadata": {"name": "x"}, "spec": {"a": 1}}
    assert put(raw, ("spec", "a"), 7)["metadata"] is raw["metadata"]


@pytest.mark.parametrize(
    ("raw", "path", "message"),
    [
        ({"spec": "text"}, ("spec", "a", "b"), "cannot write spec.a.b into a str"),
        ({"spec": []}, ("spec", "a"), "cannot write spec.a into a list"),
        ({"spec": {}}, ("spec", 0), "cannot write spec[0] into a dict"),
        ({}, ("spec", 0), "cannot write spec[0] into a NoneType"),
        ({"spec": [1]}, ("spec", 1), "cannot write spec[1] into a list"),
    ],
)
def test_what_cannot_hold_a_value_is_refused(raw: object, path: Path, message: str) -> None:
    with pytest.raises(ValueError, match="cannot write") as error:
        put(raw, path, 7)
    assert message == str(error.value)


LABELLED = {
    "metadata": {"labels": {"app": "x"}},
    "spec": {"containers": [{"name": "work"}, {"image": "x"}, {"name": 5}]},
}


@pytest.mark.parametrize(
    ("path", "rendered", "placed"),
    [
        (("spec", "containers", 0, "image"), "spec.containers[0].image", "spec.containers[work].image"),
        (("spec", "containers", 1, "image"), "spec.containers[1].image", "spec.containers[1].image"),
        (("spec", "containers", 2), "spec.containers[2]", "spec.containers[2]"),
        (("spec", "containers", 9, "image"), "spec.containers[9].image", "spec.containers[9].image"),
        (("metadata", "labels", "app"), "metadata.labels[app]", "metadata.labels[app]"),
        (("metadata", "annotations", "a.b/c"), "metadata.annotations[a.b/c]", "metadata.annotations[a.b/c]"),
        (("spec", "nodeSelector", "disk"), "spec.nodeSelector[disk]", "spec.nodeSelector[disk]"),
        (("limits", "memory"), "limits.memory", "limits.memory"),
        (("limits", "nvidia.com/gpu"), "limits[nvidia.com/gpu]", "limits[nvidia.com/gpu]"),
        ((), "", ""),
    ],
)
def test_paths_read_as_kubernetes_writes_them(path: Path, rendered: str, placed: str) -> None:
    assert rendered == render(path)
    assert placed == place(LABELLED, path)


def test_moving_a_container_does_not_change_its_place() -> None:
    one, other = (
        cron_job(pod={"containers": containers(a={}, b={})}),
        cron_job(pod={"containers": containers(b={}, a={})}),
    )
    path = MEMORY[:-4]
    assert place(one, (*path, 0, "image")) == place(other, (*path, 1, "image"))


def test_findings_go_by_the_document_missing_fields_after_their_siblings() -> None:
    raw = {"spec": {"b": 1, "list": [{"z": 1}, {"y": 1}], "a": 1}, "metadata": {}}
    paths: list[Path] = [
        ("spec", "b"),
        ("spec", "list", 0, "z"),
        ("spec", "list", 0, "missing"),
        ("spec", "list", 1, "y"),
        ("spec", "a"),
        ("spec", "missing"),
        ("metadata", "missing", "deeper"),
        ("missing",),
    ]
    shuffled = [paths[index] for index in (7, 3, 1, 6, 0, 5, 2, 4)]
    assert paths == sorted(shuffled, key=lambda path: document_order(raw, path))


@pytest.mark.parametrize("value", [None, 5, "text", True, [], {}])
def test_a_value_of_another_shape_reads_as_absent(value: Any) -> None:
    assert mapping(value) == (value if isinstance(value, dict) else {})
    assert sequence(value) == (value if isinstance(value, list) else [])


@pytest.mark.parametrize(
    ("spec", "differs"),
    [
        ({}, {}),
        ({"parallelism": None}, {}),
        ({"parallelism": 3}, {"completions": None}),
        ({"backoffLimitPerIndex": 1}, {"backoffLimit": MAX_INT32}),
        ({"podFailurePolicy": {"rules": []}}, {"podReplacementPolicy": "Failed"}),
        ({"parallelism": 0, "backoffLimitPerIndex": 0}, {"completions": None, "backoffLimit": MAX_INT32}),
    ],
)
def test_what_the_api_server_fills_into_a_job_depends_on_the_rest_of_it(
    spec: dict[str, Any], differs: dict[str, Any]
) -> None:
    assert merge(JOB_SPEC_DEFAULTS, differs) == job_spec_defaults(spec)


EXPECTED: dict[str, dict[Path, str]] = {
    "apply creates": {POLICY: "default", SUCCESSFUL: "default", FAILED: "user", SUSPEND: "default"},
    "apply leaves out what it had": {POLICY: "default", FAILED: "default", ZONE: "user"},
    "apply writes the defaults out": {POLICY: "user", SUCCESSFUL: "user", FAILED: "default"},
    "apply leaves them out again": {POLICY: "default", SUCCESSFUL: "default"},
    "apply of the same document after a patch": {POLICY: "unknown", ZONE: "user"},
    "apply over what was created": {POLICY: "unknown", ZONE: "user"},
    "apply after server-side apply": {POLICY: "default", FAILED: "user"},
    "apply creates a Job": {("spec", "backoffLimit"): "default"},
    "patch after apply": {POLICY: "unknown", SUSPEND: "user", ZONE: "user"},
    "server-side apply creates": {POLICY: "default", FAILED: "user"},
    "server-side apply writes the default out": {POLICY: "user", SUCCESSFUL: "default", STARTING: "user"},
    "server-side apply leaves it out again": {POLICY: "default"},
    "server-side apply over what was created": {POLICY: "unknown"},
    "patch after server-side apply": {POLICY: "default", SUCCESSFUL: "user"},
    "move to server-side apply, first request": {POLICY: "default", ZONE: "user"},
    "move to server-side apply, last request": {POLICY: "default", ZONE: "user"},
    "create": {POLICY: "unknown", SUSPEND: "unknown", ("spec", "schedule"): "user"},
    "create --save-config": {POLICY: "unknown"},
    "create by a plain client": {POLICY: "unknown"},
    "create a Job with generateName": {("spec", "backoffLimit"): "unknown"},
    "replace": {POLICY: "unknown", FAILED: "user"},
    "apply after our defaults": {POLICY: "batchwarden", STARTING: "batchwarden", MEMORY: "batchwarden"},
    "server-side apply after our defaults": {POLICY: "batchwarden", STARTING: "batchwarden", FAILED: "user"},
    "move to server-side apply after our defaults, last request": {
        POLICY: "default",
        SUCCESSFUL: "default",
        STARTING: "batchwarden",
        MEMORY: "default",
    },
    "get, edit, replace after our defaults": {POLICY: "batchwarden", FAILED: "unknown", SUSPEND: "user"},
    "apply writes what we had written": {POLICY: "user", STARTING: "user", SUCCESSFUL: "batchwarden"},
    "apply leaves out what we had written": {POLICY: "default", SUCCESSFUL: "batchwarden", STARTING: "default"},
    "server-side apply writes what we had written": {POLICY: "user", STARTING: "user", MEMORY: "batchwarden"},
}


@pytest.mark.parametrize("name", RECORDED)
def test_who_wrote_a_field_of_what_a_real_api_server_passed_on(name: str) -> None:
    seen = RECORDED[name]
    job = Workload(seen["object"], request=Request(seen["manager"], seen["old"]))
    assert EXPECTED[name] == {path: job.origin(path).value for path in EXPECTED[name]}


ALLOW = cron_job(concurrencyPolicy="Allow")
CREATED = entry("kubectl-create", "Update", {"spec": {"concurrencyPolicy": "Allow"}})


def owned(*entries: Any, annotations: Any = None, **spec: Any) -> dict[str, Any]:
    """Give a CronJob with Allow, whose fields have these owners."""
    metadata = {"managedFields": list(entries), "annotations": annotations or {}}
    raw: dict[str, Any] = merge(ALLOW, {"metadata": metadata, "spec": spec})
    return raw


@pytest.mark.parametrize(
    ("raw", "request_", "expected"),
    [
        pytest.param(cron_job(), FILE, Origin.DEFAULT, id="absent from a file"),
        pytest.param(ALLOW, FILE, Origin.USER, id="in a file"),
        pytest.param(ALLOW, Request(), Origin.UNKNOWN, id="nobody is recorded"),
        pytest.param(owned({"manager": "x"}), Request(), Origin.DEFAULT, id="owned by nobody"),
        pytest.param(owned(CREATED), Request("kubectl-create"), Origin.UNKNOWN, id="created"),
        pytest.param(owned(entry("ci", "Apply", ALLOW)), Request("x"), Origin.USER, id="applied by somebody else"),
        pytest.param(owned(entry("ci", "Apply", {"spec": {}})), Request("ci"), Origin.DEFAULT, id="spec owned, empty"),
        pytest.param(owned(CREATED, concurrencyPolicy="Forbid"), Request(), Origin.USER, id="no default"),
    ],
)
def test_who_wrote_the_concurrency_policy(raw: dict[str, Any], request_: Request | None, expected: Origin) -> None:
    assert expected is origin(raw, POLICY, "Allow", request_)


OTHER = json.dumps({"spec": {"schedule": "0 3 * * *"}})
LIVE = json.dumps({"metadata": {"resourceVersion": "7"}, "spec": {"concurrencyPolicy": "Allow"}})


@pytest.mark.parametrize(
    ("document", "owner", "request_", "expected"),
    [
        (OTHER, "kubectl-client-side-apply", Request("kubectl-client-side-apply"), Origin.DEFAULT),
        (OTHER, "argocd-controller", Request("argocd-controller"), Origin.DEFAULT),
        (OTHER, "kubectl-client-side-apply", Request("argocd-controller"), Origin.DEFAULT),
        (OTHER, "kubectl-create", Request("kubectl-create"), Origin.UNKNOWN),  # a copy: kubectl get | kubectl create
        (OTHER, "velero-server", Request("velero-server"), Origin.UNKNOWN),  # a backup, restored
        (OTHER, "ci", Request("ci", ALLOW), Origin.DEFAULT),  # kubectl apply --field-manager=ci, second time
        (OTHER, "kubectl-create", Request("ci", ALLOW), Origin.UNKNOWN),
        (OTHER, "kubectl-patch", Request("kubectl-client-side-apply", ALLOW), Origin.UNKNOWN),
        (LIVE, "kubectl-replace", Request("kubectl-replace", ALLOW), Origin.UNKNOWN),
        (json.dumps(ALLOW), "kubectl-create", Request("kubectl-client-side-apply"), Origin.USER),
        (json.dumps(ALLOW), "ci", Request("ci", ALLOW), Origin.USER),
        ("{", "kubectl-client-side-apply", Request("kubectl-client-side-apply"), Origin.UNKNOWN),
    ],
)
def test_the_last_applied_annotation_is_believed_of_those_who_write_it_anew(
    document: str, owner: str, request_: Request, expected: Origin
) -> None:
    raw = owned(entry(owner, "Update", ALLOW), annotations={LAST_APPLIED_ANNOTATION: document})
    assert expected is origin(raw, POLICY, "Allow", request_)


def test_a_stale_annotation_proves_nothing() -> None:
    raw = owned(CREATED, annotations={LAST_APPLIED_ANNOTATION: OTHER})
    assert origin(raw, POLICY, "Allow", Request("kubectl-create", raw)) is Origin.UNKNOWN


@pytest.mark.parametrize(
    ("applied", "path", "expected"),
    [
        ({"containers": [{"name": "work", "image": "x"}]}, ("containers", 0, "image"), "user"),
        ({"containers": [{"name": "other", "image": "x"}]}, ("containers", 0, "image"), "batchwarden"),
        ({"containers": [{"name": "work", "resources": {}}]}, ("containers", 0, "resources", "limits"), "batchwarden"),
        ({"nodeSelector": {}}, ("nodeSelector", "disk"), "user"),
        ({"containers": [{"name": "work", "image": "x"}]}, ("containers", 0), "user"),
        ({"tolerations": {}}, ("tolerations", 0, "key"), "user"),
    ],
)
def test_containers_are_owned_by_name_and_atomic_fields_as_a_whole(
    applied: dict[str, Any], path: Path, expected: str
) -> None:
    """Each value stands in our own note, so that what is not the user's is ours."""
    pod = {
        "containers": [{"name": "work", "image": "x", "resources": {"limits": "x"}}],
        "nodeSelector": {"disk": "x"},
        "tolerations": [{"key": "x"}],
    }
    raw = one_off(pod=pod)
    full = ("spec", "template", "spec", *path)
    note = {DEFAULTED_ANNOTATION: json.dumps({place(raw, full): lookup(raw, full)})}
    owner = entry("kubectl", "Apply", {"spec": {"template": {"spec": applied}}})
    raw = merge(raw, {"metadata": {"managedFields": [owner], "annotations": note}})
    assert expected == origin(raw, full, None, Request("kubectl")).value


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ({"spec.concurrencyPolicy": "Allow"}, Origin.BATCHWARDEN),
        ({"spec.concurrencyPolicy": "Forbid"}, Origin.USER),
        ({"spec.suspend": "Allow"}, Origin.USER),
    ],
)
def test_our_note_is_believed_only_while_the_value_is_still_there(note: dict[str, str], expected: Origin) -> None:
    raw = merge(ALLOW, {"metadata": {"annotations": {DEFAULTED_ANNOTATION: json.dumps(note)}}})
    assert expected is origin(raw, POLICY, "Allow", FILE)


DEEP = "[" * 100_000
HOSTILE = ["", "{", "null", "[]", '"x"', "5", DEEP, f'{{"spec":{DEEP}', "\ud800", 5, True, [], {}, None]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("key", [DEFAULTED_ANNOTATION, LAST_APPLIED_ANNOTATION])
def test_hostile_annotations_prove_nothing(key: str, value: Any) -> None:
    raw = owned(entry("kubectl-client-side-apply", "Update", ALLOW))
    raw["metadata"]["annotations"] = {key: value}
    assert defaulted(raw) == NOTHING
    assert origin(raw, POLICY, "Allow", Request("kubectl-client-side-apply")) is Origin.UNKNOWN


@pytest.mark.parametrize(
    "entries",
    [
        "text",
        {},
        [5],
        [None],
        [{"fieldsV1": 5}],
        [{"fieldsV1": {"f:spec": 5}}],
        [{"fieldsV1": {"f:spec": None}}],
        [{"fieldsV1": {"f:spec": {"f:concurrencyPolicy": 5}}}],
    ],
)
def test_hostile_managed_fields_own_nothing(entries: Any) -> None:
    raw = merge(ALLOW, {"metadata": {"managedFields": entries}})
    assert origin(raw, POLICY, "Allow", Request()) in {Origin.DEFAULT, Origin.UNKNOWN}


@pytest.mark.parametrize("key", ["k:", "k:{", "k:[]", "k:{}", "k:5", 'k:{"name":["work"]}', "i:0", "."])
def test_a_hostile_item_key_names_no_container(key: str) -> None:
    path: Path = ("spec", "template", "spec", "containers", 0, "image")
    fields: dict[str, Any] = {"f:spec": {"f:template": {"f:spec": {"f:containers": {key: {"f:image": {}}}}}}}
    raw = one_off(metadata={"managedFields": [{"manager": "kubectl", "operation": "Apply", "fieldsV1": fields}]})
    assert origin(raw, path, lookup(raw, path), Request("kubectl")) is Origin.DEFAULT


@pytest.mark.parametrize(
    ("by", "filled"),
    [("kubectl apply", "default"), ("kubectl apply --server-side", "default"), ("kubectl create", "unknown")],
)
def test_objects_as_these_tests_make_them_are_as_recorded(by: str, filled: str) -> None:
    job = sent(cron_job(failedJobsHistoryLimit=1), by)
    written = "unknown" if by == "kubectl create" else "user"
    assert (filled, written) == (job.origin(POLICY).value, job.origin(FAILED).value)

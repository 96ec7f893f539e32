"""A Job and a CronJob read alike, each value knows its place, and odd shapes read as absent."""

from typing import Any

import pytest

from policies import quantity
from policies.fields import FILE, NOTHING, Origin, Path, Request, lookup
from policies.workload import Field, Workload
from tests.policies.build import POD, containers, cron_job, one_off, sent
from tests.policies.cases import base, merge


@pytest.mark.parametrize(
    ("raw", "spec", "pod"),
    [
        (one_off(), ("spec",), ("spec", "template", "spec")),
        (cron_job(), ("spec", "jobTemplate", "spec"), POD),
    ],
)
def test_a_rule_need_not_know_which_kind_it_reads(raw: dict[str, Any], spec: Path, pod: Path) -> None:
    job = Workload(raw)
    assert (spec, pod) == (job.job_spec.path, job.pod_spec.path)
    assert [(*pod, "containers", 0)] == [container.path for container in job.containers]
    assert lookup(raw, pod) == job.pod_spec.raw
    assert (*spec, "backoffLimit") == job.job_spec.integer("backoffLimit").path


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({}, Field(("spec",), "backoffLimit", 6, written=False)),
        ({"backoffLimit": 0}, Field(("spec",), "backoffLimit", 0, written=True)),
        ({"backoffLimit": 6}, Field(("spec",), "backoffLimit", 6, written=True)),
        ({"backoffLimit": 2**70}, Field(("spec",), "backoffLimit", 2**70, written=True)),
        ({"backoffLimit": True}, Field(("spec",), "backoffLimit", 6, written=False)),
        ({"backoffLimit": "3"}, Field(("spec",), "backoffLimit", 6, written=False)),
        ({"backoffLimit": 3.0}, Field(("spec",), "backoffLimit", 6, written=False)),
        ({"backoffLimitPerIndex": 1}, Field(("spec",), "backoffLimit", 2**31 - 1, written=False)),
    ],
)
def test_a_number_is_what_counts_written_or_filled_in(written: dict[str, Any], read: Field[int]) -> None:
    assert read == Workload(one_off(**written)).job_spec.integer("backoffLimit")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({}, Field(("spec",), "concurrencyPolicy", "Allow", written=False)),
        ({"concurrencyPolicy": ""}, Field(("spec",), "concurrencyPolicy", "Allow", written=False)),
        ({"concurrencyPolicy": ["Forbid"]}, Field(("spec",), "concurrencyPolicy", "Allow", written=False)),
    ],
)
def test_a_text_is_what_counts_written_or_filled_in(written: dict[str, Any], read: Field[str]) -> None:
    assert read == Workload(cron_job(**written)).cron_job_spec.text("concurrencyPolicy")


@pytest.mark.parametrize("odd", [None, 5, "text", True, [], [5], {}])
@pytest.mark.parametrize("path", [("metadata",), ("spec",), POD[:2], POD[:3], POD[:4], POD, (*POD, "containers")])
def test_odd_shapes_read_as_absent(path: Path, odd: Any) -> None:
    patch: Any = odd
    for step in reversed(path):
        patch = {step: patch}
    for kind in ("Job", "CronJob"):
        job = Workload(merge(base(kind), patch), request=Request())
        assert job.pod_spec.section("securityContext").raw == NOTHING
        assert [container.limits.get("cpu") for container in job.all_containers] in ([], [None])
        assert isinstance(job.name, str)
        assert isinstance(job.namespace, str)
        assert (job.controller, job.tracker) == (None, None)


@pytest.mark.parametrize(
    ("metadata", "asked", "name", "namespace"),
    [
        ({"name": "nightly"}, "", "nightly", "team-a"),
        ({"name": None, "generateName": "nightly-"}, "", "nightly-(generated)", "team-a"),
        ({"name": None}, "", "(generated)", "team-a"),
        ({"namespace": None}, "", "nightly", "default"),
        ({"namespace": None}, "team-b", "nightly", "team-b"),
        ({"namespace": 5, "name": 5}, "", "(generated)", "default"),
    ],
)
def test_an_object_has_a_name_and_a_namespace(metadata: dict[str, Any], asked: str, name: str, namespace: str) -> None:
    job = Workload(cron_job(metadata=metadata), asked)
    assert (name, namespace) == (job.name, job.namespace)


def test_labels_are_text_by_text() -> None:
    labels = {"app": "x", "empty": "", "number": 1, "list": ["x"], "map": {"x": "y"}, "yes": True}
    assert Workload(cron_job(metadata={"labels": labels})).labels == {"app": "x", "empty": ""}


@pytest.mark.parametrize(
    ("owners", "controller"),
    [
        ([], None),
        ("text", None),
        ([5, {"name": "a"}], None),
        ([{"name": "a", "controller": False}], None),
        ([{"name": "a", "controller": "true"}], None),
        ([{"name": "a"}, {"name": "b", "controller": True}], {"name": "b", "controller": True}),
    ],
)
def test_the_controller_is_the_owner_that_says_so(owners: Any, controller: Any) -> None:
    assert controller == Workload(one_off(metadata={"ownerReferences": owners})).controller


@pytest.mark.parametrize(
    ("metadata", "tracker"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "app:batch/Job:ns/j"}}, "Argo CD"),
        ({"labels": {"argocd.argoproj.io/instance": "app"}}, "Argo CD"),
        ({"annotations": {"argocd.argoproj.io/hook": "PreSync"}}, "Argo CD"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}, "Flux"),
        ({"labels": {"helm.toolkit.fluxcd.io/name": "app"}}, "Flux"),
        ({"annotations": {"helm.sh/hook": "pre-install"}}, "Helm"),
        ({"annotations": {"meta.helm.sh/release-name": "app"}}, "Helm"),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, "Helm"),
        ({"labels": {"app.kubernetes.io/managed-by": "make"}}, None),
        ({"managedFields": [{"manager": "argocd-controller"}]}, "Argo CD"),
        ({"managedFields": [{"manager": "kubectl"}, {"manager": 5}, "argocd-controller"]}, None),
        ({"labels": {"helmet.sh/hook": "x"}}, None),
    ],
)
def test_whoever_would_create_it_again_is_named(metadata: dict[str, Any], tracker: str | None) -> None:
    assert tracker == Workload(one_off(metadata=metadata)).tracker


def test_sidecars_are_told_from_init_containers_and_init_containers_come_first() -> None:
    init = [
        {"name": "wait", "image": "x"},
        {"name": "proxy", "restartPolicy": "Always"},
        {"restartPolicy": "OnFailure", "name": 5},
    ]
    job = Workload(cron_job(pod={"initContainers": init, "containers": [{"name": "work", "restartPolicy": "Always"}]}))
    assert [(each.name, each.init, each.sidecar) for each in job.all_containers] == [
        ("wait", True, False),
        ("proxy", True, True),
        ("", True, False),
        ("work", False, False),
    ]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("512Mi", "512Mi"),
        (1, 1),
        (0.5, 0.5),
        ("1e3", "1e3"),
        ("", None),
        ("512MB", None),
        (True, None),
        (None, None),
        ([1], None),
        ({}, None),
        (float("nan"), None),
        (float("inf"), None),
        ("Infinity", None),
    ],
)
def test_what_is_no_quantity_reads_as_absent(written: object, read: object) -> None:
    expected = None if read is None else quantity.read(read)
    assert expected == quantity.amounts({"memory": written}).get("memory")
    job = Workload(one_off(pod={"containers": containers(work={"limits": {"memory": written}})}))
    assert expected == job.containers[0].limits.get("memory")


@pytest.mark.parametrize(
    ("raw", "path", "value"),
    [
        (cron_job(), ("spec", "concurrencyPolicy"), "Allow"),
        (cron_job(concurrencyPolicy="Forbid"), ("spec", "concurrencyPolicy"), "Forbid"),
        (cron_job(concurrencyPolicy=["Forbid"]), ("spec", "concurrencyPolicy"), ["Forbid"]),
        (cron_job(), (*POD, "dnsPolicy"), "ClusterFirst"),
        (one_off(), ("spec", "backoffLimit"), 6),
        (one_off(), ("spec", "ttlSecondsAfterFinished"), None),
        (one_off(), ("metadata", "name"), "import"),
    ],
)
def test_what_counts_at_a_path_is_written_or_filled_in(raw: dict[str, Any], path: Path, value: object) -> None:
    assert value == Workload(raw).value(path)


def test_the_fields_of_a_job_template_are_never_filled_in() -> None:
    """Until the controller makes a Job of it they stay as they are: a 6 there was written by somebody."""
    path = ("spec", "jobTemplate", "spec", "backoffLimit")
    job = sent(cron_job(job={"backoffLimit": 6}), "kubectl create")
    assert job.origin(path) is Origin.USER
    assert not job.is_open(path)


def test_the_pod_template_of_a_job_template_is_filled_in() -> None:
    path = (*POD, "restartPolicy")
    assert sent(cron_job(pod={"restartPolicy": None})).origin(path) is Origin.DEFAULT
    assert sent(cron_job(pod={"restartPolicy": "Always"})).origin(path) is Origin.USER


@pytest.mark.parametrize(
    ("job", "path", "is_open"),
    [
        (Workload(cron_job()), ("spec", "concurrencyPolicy"), True),
        (Workload(cron_job(concurrencyPolicy="Allow")), ("spec", "concurrencyPolicy"), False),
        (Workload({"spec": {"timeZone": None}}), ("spec", "timeZone"), True),
        (sent(cron_job()), ("spec", "concurrencyPolicy"), True),
        (sent(cron_job(), "kubectl apply --server-side"), ("spec", "concurrencyPolicy"), True),
        (sent(cron_job(), "kubectl create"), ("spec", "concurrencyPolicy"), False),
        (sent(cron_job(), "kubectl create"), ("spec", "timeZone"), True),
        (sent(cron_job(concurrencyPolicy="Allow")), ("spec", "concurrencyPolicy"), False),
        (sent(cron_job(suspend=True)), ("spec", "suspend"), False),
        (Workload({"kind": "CronJob"}), POD, True),
        (Workload({"kind": "CronJob"}), (*POD, "containers", 0), False),
        (Workload({"spec": []}), ("spec", "suspend"), False),
        (Workload({"spec": "text"}), ("spec", "suspend"), False),
        (Workload({"spec": {"list": {}}}), ("spec", "list", 0, "name"), False),
        (Workload({"spec": {"list": [{}]}}), ("spec", "list", 0, "name"), True),
        (Workload({"spec": {"list": [5]}}), ("spec", "list", 0, "name"), False),
    ],
    ids=range(16),
)
def test_a_field_is_open_where_the_user_provably_said_nothing(job: Workload, path: Path, *, is_open: bool) -> None:
    assert is_open is job.is_open(path)


def test_views_copy_nothing() -> None:
    raw = cron_job()
    assert Workload(raw, request=FILE).raw is raw

"""The API server takes our reports whole, by the CRDs that those who define them ship, and gives them back as sent."""

import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from deploy.demo import EXAMPLES
from policies.selection import Snapshot
from tests.cluster.conftest import MakeNamespace
from tests.cluster.controlplane import ControlPlane
from tests.cluster.foreign import foreign_kinds
from tests.cluster.kubectl import DRY_RUN, Kubectl
from tests.cluster.serving import COMMAND, ENVIRONMENT
from tests.cluster.workloads import cron_job
from tests.policies.build import cluster, exception
from webhook.audit.policy_reports.report import (
    OPENREPORTS,
    WGPOLICY,
    ReportApi,
    Totals,
    cluster_report,
    digest,
    policy_report,
)
from webhook.audit.runs.consequences import CONSEQUENCES, Consequence
from webhook.audit.runs.history import History
from webhook.audit.scan import Judge, Judged
from webhook.audit.standing import Standing
from webhook.files import Document
from webhook.snapshots import ready, ready_names
from webhook.text.places import Place

APIS = pytest.mark.parametrize("api", [WGPOLICY, OPENREPORTS], ids=lambda api: api.group)
AT = datetime(2026, 12, 1, 12, tzinfo=UTC)
COME = [Consequence(kind, "spec.schedule", "It is late", {"basis": "3 runs"}, ("a: 1",)) for kind in CONSEQUENCES]


@pytest.fixture(scope="module")
def admin(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """Have both APIs served, and return the admin's kubectl."""
    kubectl = control_plane.kubectl("admin", tmp_path_factory.mktemp("reports"))
    with foreign_kinds(kubectl, WGPOLICY.group, OPENREPORTS.group):
        yield kubectl


@pytest.fixture
def tenant(admin: Kubectl, make_namespace: MakeNamespace) -> Kubectl:
    """Return the admin's kubectl in a namespace of its own."""
    return admin.within(make_namespace({}))


def look(tenant: Kubectl) -> Standing:
    """Judge a CronJob that the API server stores, by every ready policy and one with an exception."""
    assert tenant.create(cron_job("nightly")).code == 0
    lenient = cluster("p", {"activeDeadline": {}}, exceptions={}, contact="#batch")
    let_off = exception(namespace=tenant.namespace, created="2026-11-21T00:00:00Z")
    judge = Judge(Snapshot([lenient, *map(ready, ready_names())], [let_off]), AT)
    judged = judge.judge_standing(Document("", tenant.get_json("cronjob/nightly"), Place(0, 0)))
    assert isinstance(judged, Judged)
    return Standing(judged, History(), tuple(COME))


def read_back(kubectl: Kubectl, manifest: Mapping[str, Any], plural: str) -> dict[str, Any]:
    """Apply a report and return what is stored of it, without what the API server itself adds."""
    applied = kubectl.apply_server_side(manifest, "--validate=strict", "--field-manager=batchwarden")
    assert (applied.code, applied.stderr) == (0, "")
    group = manifest["apiVersion"].partition("/")[0]
    stored = kubectl.get_json(f"{plural}.{group}/{manifest['metadata']['name']}")
    assert digest(stored) == stored["metadata"]["annotations"]["batchwarden.io/digest"]
    added = {"creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"}
    return {**stored, "metadata": {key: text for key, text in stored["metadata"].items() if key not in added}}


@APIS
def test_a_report_is_stored_as_it_was_sent(api: ReportApi, tenant: Kubectl) -> None:
    looked = look(tenant)
    sent = policy_report(looked, api, None, AT, list_passes=True)
    assert {result["result"] for result in sent["results"]} >= {"warn", "skip", "pass"}
    stored = read_back(tenant, sent, api.plural)
    assert stored == sent
    assert (
        read_back(tenant, policy_report(looked, api, stored, AT + timedelta(hours=1), list_passes=True), api.plural)
        == sent
    )


@APIS
def test_the_clusters_report_is_stored_as_it_was_sent(api: ReportApi, admin: Kubectl) -> None:
    sent = cluster_report(Totals(3, {"fail": 2}, {("timeZone", "fail"): 2}, {"noSuccess": 1}, left_out=1), api)
    assert read_back(admin, sent, api.cluster_plural) == sent


@pytest.mark.parametrize("form", ["policyreport", "openreports"])
def test_what_is_exported_of_files_is_taken_as_well(form: str, tenant: Kubectl) -> None:
    command = [*COMMAND, "report", str(EXAMPLES), "--policy=restricted", f"--format={form}"]
    exported = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout
    manifests = list(yaml.safe_load_all(exported))
    for each in manifests:
        each["metadata"]["namespace"] = tenant.namespace
    result = tenant.apply_server_side(manifests, DRY_RUN, "--validate=strict")
    assert (result.code, result.stderr) == (0, "")
    assert len(manifests) == len(result.stdout.splitlines()) > 1

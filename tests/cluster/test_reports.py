"""What a scan writes, as the real API server holds it, by the CRDs that others ship."""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from prometheus_client import CollectorRegistry

from policies.selector import LabelSelector
from tests.cluster.controlling import make_site
from tests.cluster.controlplane import ControlPlane
from tests.cluster.following import following
from tests.cluster.foreign import foreign_kinds
from tests.cluster.kubectl import Kubectl, Object, eventually
from tests.cluster.workloads import TEMPLATE, cron_job, job, ours
from tests.policies.cases import API_VERSION
from webhook.admission.observe import Log
from webhook.audit.policy_reports.report import MOST_BYTES, seal, skeleton
from webhook.cluster.api import Api, connect
from webhook.cluster.kinds import WORKLOADS
from webhook.cluster.listing import within
from webhook.cluster.mirror import Mirror
from webhook.cluster.observe import KeeperObserver
from webhook.cluster.reports.discovery import KNOWN
from webhook.cluster.reports.keeper import ReportKeeper
from webhook.cluster.reports.observe import ScanObserver
from webhook.cluster.reports.scanner import Scanner
from webhook.cluster.reports.writer import ReportWriter
from webhook.cluster.settings import ControllerSettings, Reports
from webhook.cluster.statuses import Sources, StatusKeeper

NOW = datetime.now(UTC).replace(microsecond=0)
EVERY = timedelta(seconds=600)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
WGPOLICY, OPENREPORTS = "policyreports.wgpolicyk8s.io", "reports.openreports.io"
CRON_JOBS = 5000
MOST_REPORTS = 1000
FAILING = 100


def house(namespace: str, **rules: Any) -> Object:
    """Return a policy for one namespace, from which there are exceptions."""
    return ours(
        "ClusterBatchPolicy",
        "house",
        namespaceSelector={"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        action="Deny",
        exceptions={"maxDays": 90},
        rules=rules or {"backoffLimit": {"max": 3}},
    )


class Bench:
    """Keepers at work on the API server, for whom ten minutes pass from scan to scan."""

    def __init__(self, api: Api, mirror: Mirror, admin: Kubectl) -> None:
        self.api, self.mirror, self.admin = api, mirror, admin
        self.at = NOW
        self.log = BytesIO()
        self.keeper = self.another()

    def settings(self, **reports: Any) -> ControllerSettings:
        """Return settings by which the test's namespace alone is judged."""
        return ControllerSettings(
            api_version="config.batchwarden.io/v1alpha1",
            kind="ControllerSettings",
            namespace="batchwarden",
            namespace_selector=LabelSelector(match_labels={"kubernetes.io/metadata.name": self.admin.namespace}),
            reports=structs.replace(Reports(), **reports),
        )

    def another(self, **reports: Any) -> ReportKeeper:
        """Return one that knows nothing yet, as after a restart."""
        registry = CollectorRegistry()
        told = ScanObserver(registry, KeeperObserver(registry, Log(self.log).write), time.monotonic)
        scanner = Scanner(self.api, self.settings(**reports), told, lambda _: None)
        return ReportKeeper(scanner, EVERY, lambda: self.mirror.snapshot, told)

    def scan(self, keeper: ReportKeeper | None = None) -> None:
        """Let ten minutes pass, and a keeper look."""
        self.at += EVERY
        (keeper or self.keeper).keep(self.at)

    def apply(self, *manifests: Object) -> None:
        """Apply, and wait until the policies and exceptions of it are known."""
        result = self.admin.apply(manifests)
        assert result.code == 0, result.stderr
        names = {each["metadata"]["name"] for each in manifests if each["apiVersion"] == API_VERSION}
        eventually(lambda: names <= self.known())

    def known(self) -> set[str]:
        """Return the names of the policies and exceptions that are known."""
        snapshot = self.mirror.snapshot
        assert snapshot
        return {each.name for each in snapshot.policies} | {each.metadata.name for each in snapshot.exceptions}

    def reports(self, kind: str = WGPOLICY) -> dict[str, dict[str, Any]]:
        """Return the reports of the namespace, by the object that each is of."""
        found = self.admin.get_json(kind)["items"]
        return {f"{each['scope']['kind']} {each['scope']['name']}": each for each in found}

    def names(self, kind: str = WGPOLICY) -> list[str]:
        """Return the names of the reports of the namespace."""
        return [each["metadata"]["name"] for each in self.admin.get_json(kind)["items"]]

    def results(self, name: str) -> dict[str, str]:
        """Return what the report of an object says, by rule."""
        return {each["rule"]: each["result"] for each in self.reports()[name].get("results", [])}

    def versions(self) -> dict[str, str]:
        """Return the versions of the reports."""
        return {name: each["metadata"]["resourceVersion"] for name, each in self.reports().items()}


def written(report: dict[str, Any]) -> dict[str, Any]:
    """Return a report as we write it, without what the API server adds."""
    added = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")
    return {**report, "metadata": {key: value for key, value in report["metadata"].items() if key not in added}}


def timeless(report: dict[str, Any]) -> dict[str, Any]:
    """Return a report as we write it, without times: those of results that somebody removed are lost."""
    return {**written(report), "results": [{**each, "timestamp": None} for each in report["results"]]}


@pytest.fixture(scope="module")
def mirror(root: Kubectl) -> Iterator[Mirror]:
    """Return what follows the cluster; our CRDs and those of both kinds of reports are installed meanwhile."""
    with following(root) as found, foreign_kinds(root, "wgpolicyk8s.io", "openreports.io"):
        yield found


@pytest.fixture
def bench(control_plane: ControlPlane, mirror: Mirror, admin: Kubectl) -> Iterator[Bench]:
    """Return a keeper that knows the test's namespace, and end without policies."""
    assert mirror.knowing(admin.namespace, 15)
    made = Bench(connect(control_plane.folder / "kubeconfig", "admin"), mirror, admin)
    yield made
    assert admin.run("delete", "cbp,bp,bpx", "--all").code == 0
    eventually(lambda: not made.known())


def test_what_was_there_before_is_reported_until_it_is_mended(bench: Bench) -> None:
    bench.apply(cron_job("nightly"), cron_job("hourly"), job("once"), job("fine", backoffLimit=1))
    bench.apply(house(bench.admin.namespace))
    bench.scan()
    assert {name: bench.results(name).get("backoffLimit") for name in bench.reports()} == {
        "CronJob nightly": "fail",
        "CronJob hourly": "fail",
        "Job once": "fail",
        "Job fine": None,
    }
    assert bench.admin.patch("cronjob/nightly", {"spec": {"jobTemplate": {"spec": {"backoffLimit": 1}}}}).code == 0
    before = bench.versions()
    bench.scan()
    assert "backoffLimit" not in bench.results("CronJob nightly")
    assert {name for name, version in bench.versions().items() if before[name] != version} == {"CronJob nightly"}


def test_the_cluster_has_a_report_with_totals(bench: Bench) -> None:
    bench.apply(cron_job("nightly"), house(bench.admin.namespace))
    bench.scan()
    report = bench.admin.get_json("clusterpolicyreports.wgpolicyk8s.io/batchwarden")
    assert report["summary"]["fail"] == 1
    assert report["metadata"]["annotations"]["batchwarden.io/objects"] == "1"


def test_an_exception_turns_a_failure_into_a_skip_until_it_ends(bench: Bench) -> None:
    ends = NOW + DAY
    bench.apply(cron_job("nightly"), house(bench.admin.namespace))
    bench.scan()
    seen = [bench.results("CronJob nightly")["backoffLimit"]]
    granted = {"policies": ["house"], "rules": ["backoffLimit"], "selector": {}, "reason": "OPS-1", "owner": "me@x.org"}
    bench.apply(ours("BatchPolicyException", "late", **granted, expiresAt=f"{ends:%Y-%m-%dT%H:%M:%SZ}"))
    for at in (bench.at + 6 * SECOND, ends - 6 * SECOND, ends):  # soon after the change, and at the end to the second
        bench.keeper.keep(at)
        seen.append(bench.results("CronJob nightly")["backoffLimit"])
    assert seen == ["fail", "skip", "skip", "fail"]


def test_two_controllers_do_not_fight(bench: Bench) -> None:
    bench.apply(cron_job("nightly"), job("once"), house(bench.admin.namespace))
    others = [bench.another() for _ in range(3)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda keeper: keeper.keep(NOW), others))
    before = bench.versions()
    assert len(before) == 2
    for keeper in (*others, bench.keeper):
        bench.scan(keeper)
    assert bench.versions() == before


@pytest.mark.parametrize(
    "harm",
    [
        [{"op": "replace", "path": "/results/0/result", "value": "pass"}],
        [{"op": "remove", "path": "/results"}],
        [{"op": "replace", "path": "/summary/fail", "value": 0}],
        [{"op": "remove", "path": "/metadata/labels"}],
        [{"op": "replace", "path": "/metadata/annotations/batchwarden.io~1digest", "value": "x"}],
        [{"op": "replace", "path": "/scope/name", "value": "other"}],
        [{"op": "remove", "path": "/metadata/ownerReferences"}],
    ],
    ids=["result", "no-results", "summary", "labels", "digest", "scope", "owner"],
)
def test_what_others_change_in_a_report_is_put_back(bench: Bench, harm: Sequence[Object]) -> None:
    bench.apply(cron_job("nightly"), house(bench.admin.namespace))
    bench.scan()
    (before,) = bench.reports().values()
    result = bench.admin.patch(f"{WGPOLICY}/{before['metadata']['name']}", harm)
    assert result.code == 0, result.stderr
    bench.scan()
    (after,) = bench.reports().values()
    assert timeless(after) == timeless(before)


def test_what_others_write_under_our_name_is_put_back(bench: Bench) -> None:
    bench.apply(cron_job("nightly"), house(bench.admin.namespace))
    bench.scan()
    (before,) = bench.reports().values()
    forged = {**written(before), "results": [], "summary": {"pass": 9}}
    assert bench.admin.apply_server_side(forged, "--field-manager=batchwarden").code == 0
    bench.scan()
    (after,) = bench.reports().values()
    assert timeless(after) == timeless(before)


def test_a_cron_job_that_is_made_anew_has_a_report_of_its_own(bench: Bench) -> None:
    bench.apply(cron_job("nightly"), house(bench.admin.namespace))
    bench.scan()
    assert bench.admin.delete("cronjob/nightly").code == 0
    bench.apply(cron_job("nightly"))
    bench.scan()
    report, uid = bench.reports()["CronJob nightly"], bench.admin.get_json("cronjob/nightly")["metadata"]["uid"]
    assert [each["uid"] for each in (report["scope"], *report["metadata"]["ownerReferences"])] == [uid, uid]


def test_the_labels_of_a_namespace_decide_at_once(bench: Bench) -> None:
    wanted = {"matchLabels": {"level": "strict"}}
    policy = house(bench.admin.namespace)
    bench.apply(cron_job("nightly"), {**policy, "spec": {**policy["spec"], "namespaceSelector": wanted}})
    bench.scan()
    assert not bench.reports()  # nothing judges it
    assert bench.admin.run("label", "namespace", bench.admin.namespace, "level=strict").code == 0
    eventually(lambda: bench.mirror.snapshot and bench.mirror.snapshot.binding(bench.admin.namespace))
    bench.keeper.keep(bench.at + 6 * SECOND)
    assert bench.results("CronJob nightly")["backoffLimit"] == "fail"


def test_a_job_that_a_cron_job_adopts_is_told_of_there(bench: Bench) -> None:
    bench.apply(cron_job("nightly"), job("once"), house(bench.admin.namespace))
    bench.scan()
    uid = bench.admin.get_json("cronjob/nightly")["metadata"]["uid"]
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": uid, "controller": True}
    assert bench.admin.patch("job/once", {"metadata": {"ownerReferences": [owner]}}).code == 0
    bench.scan()
    assert [*bench.reports()] == ["CronJob nightly"]


def test_a_namespace_that_is_being_deleted_is_no_refusal(bench: Bench) -> None:
    held = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "finalizers": ["example.org/held"]}}
    bench.apply(held)
    assert bench.admin.run("delete", "namespace", bench.admin.namespace, "--wait=false").code == 0
    registry = CollectorRegistry()
    observer = ScanObserver(registry, KeeperObserver(registry, Log(bench.log).write), time.monotonic)
    report = seal(skeleton(KNOWN[0], "late", "scan", bench.admin.namespace))
    ReportWriter(bench.api, KNOWN[0], lambda _: None, observer, {}).create((bench.admin.namespace, "late"), report)
    assert registry.get_sample_value("batchwarden_report_writes_total", {"outcome": "stale"}) == 1
    assert bench.admin.patch("configmap/held", {"metadata": {"finalizers": None}}).code == 0


def test_a_report_of_no_object_goes_and_those_of_others_stay(bench: Bench) -> None:
    bench.apply(cron_job("nightly"), house(bench.admin.namespace))
    bench.scan()
    (report,) = bench.reports().values()
    for name, labels in {"stale": report["metadata"]["labels"], "theirs": {}}.items():
        bench.apply({**report, "metadata": {"name": name, "labels": labels}})
    bench.scan()
    assert bench.names() == [report["metadata"]["name"], "theirs"]


def test_there_are_reports_of_one_kind_or_of_none_and_so_of_denials(bench: Bench) -> None:
    bench.apply(cron_job("nightly"), house(bench.admin.namespace))
    found = []
    for chosen in ("auto", "openreports.io", "wgpolicyk8s.io", "none"):
        for denials in (skeleton(api, "denials", "denials") for api in KNOWN):
            assert bench.admin.apply(denials).code == 0
        bench.scan(bench.another(api=chosen))
        found.append((bench.names(WGPOLICY), bench.names(OPENREPORTS)))
    both, none = ["batchwarden-cronjob-nightly", "denials"], list[str]()
    assert found == [(both, none), (none, both), (both, none), (none, none)]
    assert bench.admin.get_json("clusterpolicyreports.wgpolicyk8s.io")["items"] == []


def test_policies_show_what_breaks_them(bench: Bench) -> None:
    rules = {
        "backoffLimit": {"max": 3},
        "activeDeadline": {"maxSeconds": 60},
        "concurrencyPolicy": {"allowed": ["Allow"]},
    }
    bench.apply(cron_job("nightly"), job("once", backoffLimit=1), house(bench.admin.namespace, **rules))
    bench.scan()
    sources = Sources(lambda: bench.mirror.snapshot, lambda: None, lambda: bench.keeper.violations)
    observer = KeeperObserver(CollectorRegistry(), Log(BytesIO()).write)
    StatusKeeper(bench.api, bench.settings(), sources, observer, lambda _: None).keep(NOW)
    head, line = bench.admin.run("get", "cbp").stdout.splitlines()
    assert dict(zip(head.split(), line.split(), strict=True))["VIOLATIONS"] == "3"
    told = bench.admin.get_json("cbp/house")["status"]["rules"]
    assert {each["rule"]: each["violations"] for each in told} == {
        "backoffLimit": 1,
        "activeDeadline": 2,
        "concurrencyPolicy": 0,
    }


def test_the_controller_scans_by_its_settings(control_plane: ControlPlane, bench: Bench, tmp_path: Path) -> None:
    site = make_site(control_plane, tmp_path)
    judged = site.admin.within(site.judged)
    site.set(reports={"api": "openreports.io", "scanSeconds": 1})
    assert judged.apply([cron_job("nightly"), house(site.judged)]).code == 0

    def failures() -> list[int]:
        return [each["summary"]["fail"] for each in judged.get_json(OPENREPORTS)["items"]]

    with site.controlling() as controller:
        eventually(lambda: failures() == [1], 30)
        assert judged.patch("cronjob/nightly", {"spec": {"jobTemplate": {"spec": {"backoffLimit": 1}}}}).code == 0
        eventually(lambda: failures() == [0])
        eventually(lambda: judged.get_json("cbp/house").get("status", {}).get("violations") == 0)
        assert controller.messages("reports")[-1] == "each report is as it should be"
    site.clear()


def test_many_violating_cron_jobs_stay_inside_the_bound(bench: Bench) -> None:
    path = within(WORKLOADS["CronJob"], bench.admin.namespace)

    def create(number: int) -> None:
        """Create one that only warns, or one of the few, the last to be listed, that fail."""
        limit = {} if number < CRON_JOBS - FAILING else {"backoffLimit": 9}
        bench.api.create(path, cron_job(f"{number:05}", jobTemplate={"spec": {"template": TEMPLATE, **limit}}))

    bench.scan()  # what other tests have left takes no place
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(create, range(CRON_JOBS)))
    warning = {"maxSeconds": 60, "action": "Warn"}
    bench.apply(house(bench.admin.namespace, backoffLimit={"max": 8}, activeDeadline=warning))
    for keeper in (bench.another(max_reports=MOST_REPORTS),) * 2:
        bench.scan(keeper)
        found = bench.reports().values()
        failing = sum(each["summary"]["fail"] > 0 for each in found)
        assert (len(found), failing) == (MOST_REPORTS, FAILING)
        assert max(len(json.dumps(written(each))) for each in found) <= MOST_BYTES
    total = bench.admin.get_json("clusterpolicyreports.wgpolicyk8s.io/batchwarden")
    assert total["metadata"]["annotations"]["batchwarden.io/left-out"] == str(CRON_JOBS - MOST_REPORTS)


def test_a_report_goes_with_its_object(bench: Bench) -> None:
    bench.apply(cron_job("nightly"), job("once"), house(bench.admin.namespace))
    bench.scan()
    for name in ("cronjob/nightly", "job/once"):
        assert bench.admin.delete(name).code == 0
    # kube-controller-manager looks for kinds to collect every 30 seconds
    eventually(lambda: not bench.reports(), 60)

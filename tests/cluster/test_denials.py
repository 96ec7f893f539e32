"""What is refused leaves a trace on a real API server: an Event at once, and a line in the report of its namespace."""

import json
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.cluster.controlling import Site, make_site
from tests.cluster.controlplane import ControlPlane
from tests.cluster.foreign import foreign_kinds
from tests.cluster.kubectl import DRY_RUN, Kubectl, Object, eventually
from tests.cluster.registration import install, uninstall
from tests.cluster.serving import COMMAND, ENVIRONMENT, Server
from tests.cluster.workloads import cron_job, job
from tests.policies.cases import API_VERSION
from webhook.audit.denials import MOST_COUNT, Denial, Known, fold, read_event, write_event
from webhook.audit.policy_reports.denials import COUNTED, FORGOTTEN, NAME, write_report
from webhook.audit.policy_reports.report import LEFT_OUT, MOST_BYTES, OPENREPORTS, WGPOLICY, ReportApi

OWNER = {
    "apiVersion": "jobset.x-k8s.io/v1alpha2",
    "kind": "JobSet",
    "name": "training",
    "uid": "u-1",
    "controller": True,
}
REPORT = f"policyreports.wgpolicyk8s.io/{NAME}"


@pytest.fixture(scope="module")
def admin(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """Return the admin of a cluster that knows our kinds and those of reports."""
    kubectl = control_plane.kubectl("admin", tmp_path_factory.mktemp("admin"))
    install(kubectl)
    with foreign_kinds(kubectl, WGPOLICY.group, OPENREPORTS.group):
        yield kubectl
    uninstall(kubectl)


@pytest.fixture(scope="module")
def site(control_plane: ControlPlane, admin: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return an installation with a controller and a policy that denies retries."""
    made = make_site(control_plane, tmp_path_factory.mktemp("site"))
    assert admin.apply(house(made.judged)).code == 0
    made.set()
    with made.controlling(), made.mounted():
        yield made
    made.clear()


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    """Return a server that is asked."""
    with site.serving() as running:
        site.await_registered()
        eventually(lambda: "denied the request" in site.tenant.create(job("x", backoffLimit=9), DRY_RUN).stderr)
        yield running


def house(namespace: str) -> Object:
    spec = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "action": "Deny",
        "rules": {"backoffLimit": {"max": 3}},
    }
    return {"apiVersion": API_VERSION, "kind": "ClusterBatchPolicy", "metadata": {"name": "house"}, "spec": spec}


def report(site: Site) -> dict[str, dict[str, Any]]:
    """Return the results of the report, by the name of the object; none where there is no report."""
    result = site.admin.run("get", REPORT, f"--namespace={site.judged}", "--output=json", "--ignore-not-found")
    assert result.code == 0, result.stderr
    found = json.loads(result.stdout or "{}").get("results", ())
    return {each["resources"][0]["name"]: each for each in found}


def events(site: Site, name: str) -> list[dict[str, Any]]:
    """Return our Events about an object."""
    selector = f"--field-selector=source=batchwarden-webhook,involvedObject.name={name}"
    found: list[dict[str, Any]] = site.admin.within(site.judged).get_json("events", selector)["items"]
    return found


def test_a_denied_apply_is_told_within_seconds(site: Site, server: Server) -> None:
    assert "denied the request" in site.tenant.apply(job("retries", backoffLimit=9)).stderr
    told = eventually(lambda: report(site).get("retries"), 10)
    assert told is not None
    assert {key: told[key] for key in ("policy", "rule", "result", "message")} == {
        "policy": "house",
        "rule": "backoffLimit",
        "result": "fail",
        "message": "tenant was not allowed to create Job retries: backoffLimit (policy house)",
    }
    assert site.admin.within(site.judged).get_json("reports.openreports.io")["items"] == []
    assert {key: told["properties"][key] for key in ("user", "operation", "count")} == {
        "user": "tenant",
        "operation": "CREATE",
        "count": "1",
    }
    (event,) = events(site, "retries")
    assert (event["reason"], event["type"], event["count"]) == ("Denied", "Warning", 1)
    assert server.metrics()['batchwarden_events_total{outcome="written"}'] >= 1


def test_the_command_tells_of_it(site: Site, server: Server) -> None:
    assert "denied the request" in site.tenant.create(cron_job("by-night", **retrying())).stderr
    command = [*COMMAND, "denials", "-n", site.judged, f"--kubeconfig={site.kubeconfig}"]

    def told() -> str:
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return next((line for line in done.stdout.splitlines() if "by-night" in line), "")

    words = eventually(told, 10).split()
    assert words[2:] == ["1", "tenant", "CronJob", f"{site.judged}/by-night", "backoffLimit", "house"]


def retrying() -> Object:
    template = job("x", backoffLimit=9)["spec"]
    return {"jobTemplate": {"spec": template}}


def test_a_dry_run_leaves_no_trace_and_what_others_control_is_told_of_there(site: Site, server: Server) -> None:
    part = job("part", backoffLimit=9)
    part["metadata"]["ownerReferences"] = [OWNER]
    assert "denied the request" in site.tenant.create(job("dry", backoffLimit=9), DRY_RUN).stderr
    assert "denied the request" in site.tenant.create(part).stderr
    (event,) = eventually(lambda: events(site, "training"))
    assert {key: event["involvedObject"][key] for key in ("apiVersion", "kind", "uid")} == {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "uid": "u-1",
    }
    eventually(lambda: "part" in report(site))
    assert events(site, "dry") == []
    assert "dry" not in report(site)


def test_what_has_no_name_yet_is_told_by_what_it_will_begin_with(site: Site, server: Server) -> None:
    nameless = job("x", backoffLimit=9)
    nameless["metadata"] = {"generateName": "run-"}
    for _ in range(2):
        assert "denied the request" in site.tenant.create(nameless).stderr
    eventually(lambda: "run-*" in report(site))
    assert len(events(site, "run-*")) == 1


def test_what_tenants_make_up_or_delete_stops_nothing(site: Site, server: Server) -> None:
    at, home = datetime.now(UTC), f"/api/v1/namespaces/{site.judged}/events"
    huge = Denial(what="denied", user="u" * 400, operation="CREATE", kind="Job", namespace=site.judged,
                  name="\u202e\x1b[2J\n\U0001f600" * 80, rules=("r" * 63,) * 50, policies=("p" * 300,) * 20,
                  first=at, last=at, count=MOST_COUNT)  # fmt: skip
    times = {"firstTimestamp": "0001-01-01T00:00:00+14:00", "lastTimestamp": "9999-12-31T23:59:59-14:00"}
    about = {"kind": "Job", "name": "x", "namespace": site.judged}
    made_up: list[dict[str, Any]] = [{}, times, {"count": -1}, dict.fromkeys(times)]
    for number, changes in enumerate(made_up):
        site.api.create(home, write_event(huge, about, f"made-up-{number}", "x") | changes)
    assert site.admin.within(site.judged).run("delete", "events", "--all").code == 0
    annotations = dict.fromkeys((COUNTED, FORGOTTEN, LEFT_OUT), "9" * 5000)
    edited = {"metadata": {"annotations": annotations}, "results": [{"policy": "x", "resources": [{"name": "x"}]}]}
    assert site.admin.within(site.judged).patch(REPORT, edited, "--type=merge").code == 0
    assert "denied the request" in site.tenant.create(job("after-all", backoffLimit=9)).stderr
    eventually(lambda: "after-all" in report(site), 10)
    found = site.admin.within(site.judged).get_json(REPORT)
    found["metadata"] = {key: found["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}
    assert len(json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()) <= MOST_BYTES


def test_neither_a_second_controller_nor_one_that_begins_anew_counts_twice(site: Site, server: Server) -> None:
    with site.controlling("second"):
        for number in range(5):
            assert "denied the request" in site.tenant.create(job(f"twice-{number}", backoffLimit=9)).stderr
        eventually(lambda: len([name for name in report(site) if name.startswith("twice-")]) == 5, 30)
        time.sleep(4)  # longer than from one look at the namespace to the next
        before = version(site)
        with site.controlling("third") as third:
            eventually(lambda: third.messages("denials"), 30)
            time.sleep(2)
    counts = {each["properties"]["count"] for name, each in report(site).items() if name.startswith("twice-")}
    assert (counts, version(site)) == ({"1"}, before)


def version(site: Site) -> str:
    """Return the version of the report: where nothing is written it stays."""
    found = site.admin.within(site.judged).get_json(REPORT)
    return str(found["metadata"]["resourceVersion"])


@pytest.mark.parametrize("api", [WGPOLICY, OPENREPORTS], ids=lambda api: api.group)
def test_the_report_is_valid_in_either_api(admin: Kubectl, site: Site, api: ReportApi) -> None:
    seen = [each for event in site.admin.within(site.judged).get_json("events")["items"] if (each := read_event(event))]
    assert seen
    latest = max(each.denial.last for each in seen)
    broke = Denial(what="break-glass", user="me", operation="CREATE", kind="Job", namespace=site.judged, name="x",
                   rules=(), policies=(), first=latest, last=latest, count=1)  # fmt: skip
    known, _ = fold(Known((broke,)), seen, latest)
    made = write_report(site.judged, known, api)
    result = admin.within(site.judged).apply_server_side(made, DRY_RUN, "--validate=strict", "--force-conflicts")
    assert result.code == 0, result.stderr


def test_what_is_left_is_told_at_the_end_and_then_that_nobody_answers(site: Site, server: Server) -> None:
    """The last of those that share a server, since it ends it."""
    for _ in range(3):
        assert "denied the request" in site.tenant.create(job("again", backoffLimit=9)).stderr
    eventually(lambda: events(site, "again"))
    assert server.stop() == 0
    (event,) = events(site, "again")
    assert event["count"] == 3
    eventually(lambda: report(site)["again"]["properties"]["count"] == "3", 10)
    started = eventually(lambda: windows(site, "Unanswered"), 30)
    assert all("nobody answers: failed" in message for message in started.values())
    assert "Jobs and CronJobs refused (failurePolicy Fail)" in started["ValidatingWebhookConfiguration"]
    assert "no defaults written (failurePolicy Ignore)" in started["MutatingWebhookConfiguration"]
    with site.serving():
        ended = eventually(lambda: windows(site, "Answered"), 30)
    assert ended.keys() == started.keys()


def windows(site: Site, reason: str) -> dict[str, str]:
    """Return what was told of both configurations, by kind; nothing until both are told of."""
    selector = f"--field-selector=reason={reason},involvedObject.name={site.own}"
    found = site.admin.within("default").get_json("events", selector)["items"]
    told = {each["involvedObject"]["kind"]: each["message"] for each in found}
    return told if len(told) == 2 else {}

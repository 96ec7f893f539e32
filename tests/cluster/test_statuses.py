"""What people read of their policies and exceptions, as the real API server holds it and the real kubectl prints it."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from policies.selection import Snapshot
from tests.cluster.conftest import MakeNamespace
from tests.cluster.controlling import make_site
from tests.cluster.controlplane import ControlPlane
from tests.cluster.following import following
from tests.cluster.kubectl import Kubectl, Object, eventually
from tests.cluster.serving import serving
from tests.cluster.workloads import cron_job, job, ours
from webhook.admission.observe import Log
from webhook.cluster.api import Api, connect
from webhook.cluster.mirror import Mirror
from webhook.cluster.observe import KeeperObserver
from webhook.cluster.settings import ControllerSettings
from webhook.cluster.statuses import Sources, StatusKeeper

SETTINGS = ControllerSettings(
    api_version="config.batchwarden.io/v1alpha1",
    kind="ControllerSettings",
    namespace="batchwarden",
    exempt_namespaces=("default", "kube-system", "kube-public", "kube-node-lease"),
)
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def exception(name: str, days: float, **spec: Any) -> Object:
    """Return an exception from backoffLimit of policy house, with an end so many days from now."""
    given = {"policies": ["house"], "rules": ["backoffLimit"], "selector": {}, "reason": "OPS-1", "owner": "data@x.org"}
    return ours("BatchPolicyException", name, **{**given, **spec}, expiresAt=f"{NOW + days * DAY:%Y-%m-%dT%H:%M:%SZ}")


def house(namespace: str, **spec: Any) -> Object:
    """Return the policy that these exceptions are from, for one namespace."""
    given = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "action": "Deny",
        "exceptions": {"maxDays": 90},
        "rules": {"backoffLimit": {"max": 3}, "ttlAfterFinished": {"defaultSeconds": 600}},
    }
    return ours("ClusterBatchPolicy", "house", **{**given, **spec})


class Bench:
    """Keepers at work on the API server, for whom a minute passes from look to look."""

    def __init__(self, api: Api, mirror: Mirror) -> None:
        self.api, self.mirror = api, mirror
        self.covered: Snapshot | None = None
        self.at = NOW
        self.log = BytesIO()
        self.waits: Callable[[], object] = lambda: None  # what happens from one write to the next
        self.keeper = self.another()

    def another(self) -> StatusKeeper:
        """Return one that knows nothing yet, as after a restart."""
        sources = Sources(lambda: self.mirror.snapshot, lambda: self.covered)
        observer = KeeperObserver(CollectorRegistry(), Log(self.log).write)
        return StatusKeeper(self.api, SETTINGS, sources, observer, lambda _: self.waits())

    def look(self, keeper: StatusKeeper | None = None) -> None:
        """Let a minute pass, and a keeper look."""
        self.at += timedelta(seconds=61)
        (keeper or self.keeper).keep(self.at)

    def said(self) -> list[str]:
        """Return what was logged."""
        return [json.loads(line)["message"] for line in self.log.getvalue().splitlines()]


@pytest.fixture(scope="module")
def mirror(root: Kubectl) -> Iterator[Mirror]:
    """Return what follows the cluster; our CRDs are installed meanwhile."""
    with following(root) as found:
        yield found


@pytest.fixture
def bench(control_plane: ControlPlane, mirror: Mirror, admin: Kubectl) -> Iterator[Bench]:
    """Return a keeper that knows the test's namespace, and end without policies."""
    assert mirror.knowing(admin.namespace, 15)
    yield Bench(connect(control_plane.folder / "kubeconfig", "admin"), mirror)
    assert admin.run("delete", "cbp,bp,bpx", "--all").code == 0


def apply(admin: Kubectl, *manifests: Object) -> None:
    result = admin.apply(manifests)
    assert result.code == 0, result.stderr


def lines(admin: Kubectl, *args: str) -> list[list[str]]:
    """Return the words of the lines that kubectl get prints, without ages."""
    result = admin.run("get", *args)
    assert result.code == 0, result.stderr
    return [line.split()[:-1] for line in result.stdout.splitlines() if line]


def version(admin: Kubectl, target: str) -> str:
    found: str = admin.get_json(target)["metadata"]["resourceVersion"]
    return found


def condition(admin: Kubectl, target: str) -> dict[str, Any]:
    """Return the first condition of an object."""
    found: dict[str, Any] = admin.get_json(target)["status"]["conditions"][0]
    return found


def test_kubectl_get_tells_what_is_in_force(bench: Bench, admin: Kubectl) -> None:
    here = admin.namespace
    apply(
        admin,
        house(here),
        ours("BatchPolicy", "own", rules={"concurrencyPolicy": {}, "timeZone": {}}),
        exception("far", 60),
        exception("near", 5, selector={"matchLabels": {"app": "import"}}),
        exception("past", -1),
        exception("stray", 60, policies=["hose"]),
        exception("long", 120),
        job("one"),
        {**job("two"), "metadata": {"name": "two", "labels": {"app": "import"}}},
        cron_job("nightly", suspend=True),
    )
    bench.look()
    assert lines(admin, "cbp,bp,bpx") == [
        ["NAME", "ACTION", "RULES", "NAMESPACES", "VIOLATIONS", "READY"],
        ["clusterbatchpolicy.batchwarden.io/house", "Deny", "2/2", "1", "True"],
        ["NAME", "ACTION", "RULES", "VIOLATIONS", "READY"],
        ["batchpolicy.batchwarden.io/own", "Warn", "2/2", "True"],
        ["NAME", "OWNER", "EXPIRES", "STATE"],
        *(
            [
                f"batchpolicyexception.batchwarden.io/{name}",
                "data@x.org",
                f"{NOW + days * DAY:%Y-%m-%dT%H:%M:%SZ}",
                state,
            ]
            for name, days, state in (
                ("far", 60, "Active"),
                ("long", 120, "Inert"),
                ("near", 5, "ExpiringSoon"),
                ("past", -1, "Expired"),
                ("stray", 60, "Inert"),
            )
        ),
    ]
    wide = admin.run("get", "cbp,bp,bpx", "--output=wide").stdout
    assert columns(wide, "WORKLOADS", "WHY") == [
        ("3", "all of its rules are in force"),
        ("3", "all of its rules are in force"),
        ("3", f"until {NOW + 60 * DAY:%Y-%m-%d %H:%M} UTC it lifts backoffLimit of policy house"),
        ("3", "expiresAt is more than the 90 days away that policy house permits"),
        ("1", f"until {NOW + 5 * DAY:%Y-%m-%d %H:%M} UTC it lifts backoffLimit of policy house"),
        ("3", f"it ended on {NOW - DAY:%Y-%m-%d %H:%M} UTC"),
        ("0", "there is no policy hose here"),
    ]
    assert [rule["rule"] for rule in admin.get_json("cbp/house")["status"]["rules"]] == [
        "backoffLimit",
        "ttlAfterFinished",
    ]


def columns(text: str, *names: str) -> list[tuple[str, ...]]:
    """Return columns of what kubectl prints, the last of a line with its blanks."""
    found = []
    for line in filter(None, text.splitlines()):
        if line.startswith("NAME"):
            head = line
        else:
            ends = [head.index(name) for name in names]
            found.append(tuple(line[start:].split("  ")[0].strip() for start in ends))
    return found


def test_nothing_is_written_where_nothing_changes_whoever_looks(bench: Bench, admin: Kubectl) -> None:
    apply(admin, house(admin.namespace), exception("far", 60), exception("near", 5))
    bench.look()
    targets = ("cbp/house", "bpx/far", "bpx/near")
    before = [version(admin, target) for target in targets]
    other = bench.another()
    for keeper in (bench.keeper, other, bench.keeper, other, bench.another()):
        bench.look(keeper)
    assert [version(admin, target) for target in targets] == before
    assert len(admin.get_json("events", "--field-selector=reason=ExpiringSoon")["items"]) == 1


def test_two_keepers_at_once_do_no_harm(bench: Bench, admin: Kubectl) -> None:
    apply(admin, house(admin.namespace), *(exception(f"near-{index}", 5) for index in range(20)))
    keepers = [bench.another(), bench.another()]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(3):
            bench.at += timedelta(seconds=61)
            list(pool.map(lambda keeper: keeper.keep(bench.at), keepers))
    stored = admin.get_json("bpx")["items"]
    assert [each["status"]["state"] for each in stored] == ["ExpiringSoon"] * 20
    assert {len(each["status"]["conditions"]) for each in stored} == {1}
    assert len(admin.get_json("events", "--field-selector=reason=ExpiringSoon")["items"]) == 20


def test_since_when_something_is_so_outlives_a_restart_and_an_edit(bench: Bench, admin: Kubectl) -> None:
    apply(admin, house(admin.namespace), exception("far", 60))
    bench.look()
    ready, active = condition(admin, "cbp/house"), condition(admin, "bpx/far")
    apply(admin, house(admin.namespace, contact="#batch"), exception("far", 61))
    bench.look(bench.another())
    for target, before in (("cbp/house", ready), ("bpx/far", active)):
        after = condition(admin, target)
        assert after["observedGeneration"] == before["observedGeneration"] + 1
        assert after["lastTransitionTime"] == before["lastTransitionTime"]
    apply(admin, exception("far", 120))
    bench.look()
    assert condition(admin, "bpx/far")["lastTransitionTime"] == f"{bench.at:%Y-%m-%dT%H:%M:%SZ}"


def test_the_owner_is_reminded_daily_and_told_of_the_end_once(bench: Bench, admin: Kubectl) -> None:
    apply(admin, house(admin.namespace), exception("import", 15))
    bench.look()
    assert reminders(admin) == []
    bench.at += 2 * DAY
    bench.look()
    bench.look(bench.another())
    described = admin.run("describe", "bpx", "import").stdout
    end = f"{NOW + 15 * DAY:%Y-%m-%d %H:%M} UTC"
    assert (
        f"It ends on {end}. From then on denied again: backoffLimit of policy house. Change the Jobs and CronJobs, "
        "or ask an admin for a later expiresAt. Owner: data@x.org. Reason: OPS-1"
    ) in described
    assert "Warning  ExpiringSoon" in described
    assert reminders(admin) == ["ExpiringSoon"]
    bench.at += DAY
    bench.look()
    assert reminders(admin) == ["ExpiringSoon"] * 2
    bench.at += 20 * DAY
    bench.look()
    bench.look(bench.another())
    bench.at += DAY
    bench.look()
    assert reminders(admin) == ["Expired", "ExpiringSoon", "ExpiringSoon"]
    assert f"It ended on {end}. " in admin.run("describe", "bpx", "import").stdout


def reminders(admin: Kubectl) -> list[str]:
    """Return the reasons of the Events of exceptions."""
    events = admin.get_json("events", "--field-selector=involvedObject.kind=BatchPolicyException")["items"]
    return sorted(event["reason"] for event in events)


def test_a_policy_that_cannot_be_used_says_why(bench: Bench, admin: Kubectl) -> None:
    broken = {"timeZone": {"default": "Mars/Olympus"}, "backoffLimit": {}}
    apply(admin, house(admin.namespace, rules=broken))
    bench.look()
    assert lines(admin, "cbp")[1] == ["house", "Deny", "0/2", "False"]
    status = admin.get_json("cbp/house")["status"]
    assert status["conditions"][0]["reason"] == "Invalid"
    assert status["conditions"][0]["message"].startswith("spec.rules.timeZone.default: ")
    assert [(rule["rule"], "Mars/Olympus" in rule.get("message", "")) for rule in status["rules"]] == [
        ("backoffLimit", False),
        ("timeZone", True),
    ]
    apply(admin, house(admin.namespace))
    bench.look()
    assert lines(admin, "cbp")[1] == ["house", "Deny", "2/2", "1", "True"]


def test_policies_too_many_for_their_namespace_say_so(bench: Bench, admin: Kubectl) -> None:
    apply(admin, *(ours("BatchPolicy", f"p{index:02}", rules={"backoffLimit": {}}) for index in range(33)))
    bench.look()
    found = [line[1:] for line in lines(admin, "bp")[1:]]
    assert found == [["Warn", "1/1", "True"]] * 32 + [["Warn", "0/1", "False"]]


def test_a_policy_says_when_its_defaults_are_active(bench: Bench, admin: Kubectl) -> None:
    apply(admin, house(admin.namespace))
    bench.look()
    assert active(admin) == ("Unknown", [None, None])
    bench.covered = Snapshot()
    bench.look()
    assert active(admin) == ("False", [None, False])

    def covers() -> bool:
        bench.covered = bench.mirror.snapshot  # which may be a moment behind
        bench.look()
        return active(admin) == ("True", [None, True])

    eventually(covers)
    bench.covered = None
    bench.look(bench.another())
    assert active(admin) == ("True", [None, True])


def active(admin: Kubectl) -> tuple[str, list[bool | None]]:
    """Return what the policy says of its defaults: in its condition, and rule by rule."""
    status = admin.get_json("cbp/house").get("status", {"conditions": [{}, {"status": ""}], "rules": []})
    return status["conditions"][1]["status"], [rule.get("defaultsActive") for rule in status["rules"]]


def test_what_is_deleted_and_made_again_meanwhile_is_looked_at_anew(bench: Bench, admin: Kubectl) -> None:
    apply(admin, house(admin.namespace), exception("gone", 60), exception("remade", 60), exception("stays", 60))

    def meddle() -> None:
        bench.waits = lambda: None
        assert admin.run("delete", "bpx/gone", "bpx/remade").code == 0
        apply(admin, exception("remade", 120))

    bench.waits = meddle
    bench.look()
    assert "status" not in admin.get_json("bpx/remade")
    assert admin.get_json("bpx/stays")["status"]["state"] == "Active"
    bench.keeper.keep(bench.at + timedelta(seconds=1))
    assert admin.get_json("bpx/remade")["status"]["state"] == "Inert"


def test_what_is_refused_for_one_object_stops_no_other(
    bench: Bench, admin: Kubectl, make_namespace: MakeNamespace
) -> None:
    ending = admin.within(make_namespace({}))
    held = exception("held", 5)
    apply(ending, {**held, "metadata": {"name": "held", "finalizers": ["example.com/held"]}})
    apply(admin, house(admin.namespace), exception("near", 5))
    assert admin.run("delete", "namespace", ending.namespace, "--wait=false").code == 0
    eventually(lambda: "deletionTimestamp" in ending.get_json("bpx/held")["metadata"])
    apply(admin, ours("ClusterBatchPolicy", "house", exceptions={}, rules={"backoffLimit": {"max": 3}}))
    bench.look()
    assert ending.get_json("bpx/held")["status"]["state"] == "ExpiringSoon"
    assert reminders(admin) == ["ExpiringSoon"]
    assert any("BatchPolicyException" in said and "being terminated" in said for said in bench.said())
    assert ending.patch("bpx/held", {"metadata": {"finalizers": None}}).code == 0


def test_so_many_are_written_at_one_time_and_the_rest_next(
    bench: Bench, admin: Kubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhook.cluster.status_writer.MOST_WRITES", 3)
    apply(admin, house(admin.namespace), *(exception(f"far-{index}", 60) for index in range(4)))
    bench.look()
    assert len([each for each in admin.get_json("bpx")["items"] if "status" in each]) == 2
    bench.keeper.keep(bench.at + timedelta(seconds=1))
    assert len([each for each in admin.get_json("bpx")["items"] if "status" in each]) == 4


def test_it_looks_at_once_where_policies_changed_and_else_leaves_the_api_server_alone(
    bench: Bench, admin: Kubectl
) -> None:
    bench.look()
    apply(admin, house(admin.namespace))

    def is_ready() -> bool:
        bench.keeper.keep(bench.at)
        return "status" in admin.get_json("cbp/house")

    eventually(is_ready)
    assert admin.run("patch", "cbp/house", "--subresource=status", "--type=json",
                     '--patch=[{"op": "remove", "path": "/status"}]').code == 0  # fmt: skip
    bench.keeper.keep(bench.at + timedelta(seconds=1))
    assert "status" not in admin.get_json("cbp/house")
    bench.look()
    assert "status" in admin.get_json("cbp/house")


def test_the_controller_tells_when_defaults_are_written(
    bench: Bench, control_plane: ControlPlane, tmp_path: Path
) -> None:
    site = make_site(control_plane, tmp_path)
    site.set()
    try:
        apply(site.admin, house(site.judged))
        with site.controlling(), site.mounted(), site.serving():
            eventually(lambda: active(site.admin)[0] == "True", 30)
    finally:
        site.clear()


def test_a_server_logs_exceptions_that_name_what_is_not_there(
    control_plane: ControlPlane, bench: Bench, admin: Kubectl, tmp_path: Path
) -> None:
    apply(admin, house(admin.namespace), exception("far", 60), exception("stray", 60, policies=["hose"]))
    told = f"exception {admin.namespace}/stray: there is no policy hose here"
    with serving(tmp_path, None, f"--kubeconfig={control_plane.folder / 'kubeconfig'}") as server:
        eventually(lambda: server.lines(event="policies", remarks=[told]))
        assert admin.delete("bpx/stray").code == 0
        eventually(lambda: server.lines(event="policies", message="nothing strange"))

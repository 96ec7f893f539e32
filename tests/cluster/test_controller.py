"""The controller on a real API server: what it makes it keeps, and nobody is refused anything for want of us."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.controlling import Site, essence, make_site
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubectl import DRY_RUN, Kubectl, Object, eventually
from tests.cluster.registration import install, uninstall
from tests.cluster.serving import Server
from tests.cluster.traffic import Answer, flowing
from tests.cluster.workloads import cron_job, job
from tests.policies.cases import API_VERSION
from webhook.cluster.material import CONFIGURATIONS

OBJECTS = {"job": job("good"), "cronjob": cron_job("good")}
SECRETS = ("batchwarden-authority", "batchwarden-serving")
# Dated back by five minutes and renewed at two thirds: a leaf every 5 seconds, a CA every 7.
SHORT = {"lifeSeconds": 157, "caLifeSeconds": 160, "settleSeconds": 1}
STRICT = {"mutating": {"failurePolicy": "Fail"}, "validating": {"failurePolicy": "Fail"}}
ROLE_API = "rbac.authorization.k8s.io/v1"
TTL = {"ttlAfterFinished": {"defaultSeconds": 600}}


@pytest.fixture(scope="module", autouse=True)
def policy(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """Have a policy that writes something, so that both webhooks are called; return the admin's kubectl."""
    admin = control_plane.kubectl("admin", tmp_path_factory.mktemp("policy"))
    install(admin)
    assert admin.apply(house(TTL)).code == 0
    yield admin
    uninstall(admin)


def house(rules: Object) -> Object:
    return {
        "apiVersion": API_VERSION,
        "kind": "ClusterBatchPolicy",
        "metadata": {"name": "h"},
        "spec": {"rules": rules},
    }


@pytest.fixture
def site(control_plane: ControlPlane, tmp_path: Path) -> Iterator[Site]:
    """Return an installation that nothing runs of."""
    made = make_site(control_plane, tmp_path)
    yield made
    made.clear()


@pytest.fixture(scope="module")
def running(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return an installation that is whole, with an owner."""
    made = make_site(control_plane, tmp_path_factory.mktemp("running"))
    assert made.admin.create(role(made.own)).code == 0
    made.set(ownerClusterRole=made.own, **STRICT)
    with made.controlling(), made.mounted(), made.serving():
        made.await_registered()
        yield made
        made.admin.delete(f"clusterrole/{made.own}")
        eventually(lambda: not made.registered())


def role(name: str) -> Object:
    return {"apiVersion": ROLE_API, "kind": "ClusterRole", "metadata": {"name": name}, "rules": []}


def refused(answers: list[Answer]) -> list[Answer]:
    return [answer for answer in answers if answer.status != 201]


def test_a_first_install_refuses_nobody_anything(site: Site) -> None:
    with ExitStack() as stack:
        with flowing(site.tenant, OBJECTS, 2) as traffic:
            controller = stack.enter_context(site.controlling())
            eventually(lambda: "nothing listens there" in " ".join(controller.messages("registrations")), 30)
            assert site.registered() == {}
            stack.enter_context(site.mounted())
            server = stack.enter_context(site.serving())
            site.await_registered()
            eventually(lambda: server.decisions(webhook="validate"))
            traffic.wait(20)
        site.clear()
    assert refused(traffic.answers) == []


def edit(change: Callable[[dict[str, Any]], object]) -> Callable[[Site], None]:
    """Return what replaces both configurations by changed ones."""

    def replace(site: Site) -> None:
        found = [*site.registered().values()]
        for each in found:
            change(each)
            del each["metadata"]["resourceVersion"]
        result = site.admin.replace(found)
        assert result.code == 0, result.stderr

    return replace


def soften(found: dict[str, Any]) -> None:
    found["webhooks"][0] |= {"failurePolicy": "Ignore", "objectSelector": {"matchLabels": {"a": "b"}}}


def intrude(found: dict[str, Any]) -> None:
    found["webhooks"].append(found["webhooks"][0] | {"name": "another.example.com"})


@pytest.mark.parametrize(
    "harm",
    [
        edit(soften),
        edit(lambda found: found["webhooks"][0]["clientConfig"].pop("caBundle")),
        edit(lambda found: found["webhooks"][0].pop("matchConditions")),
        edit(intrude),
        edit(lambda found: found.pop("webhooks")),
        edit(lambda found: found["metadata"].pop("ownerReferences")),
        Site.clear,
    ],
    ids=["softened", "wiped", "unconditioned", "joined", "emptied", "orphaned", "deleted"],
)
def test_what_is_done_to_the_configurations_is_put_right(running: Site, harm: Callable[[Site], None]) -> None:
    before = essence(running.registered())
    harm(running)
    eventually(lambda: essence(running.registered()) == before, 5)


def test_since_when_it_is_what_it_is_is_always_known(running: Site) -> None:
    for path in CONFIGURATIONS:
        wiped = running.admin.patch(f"{path}/{running.own}", {"metadata": {"managedFields": [{}]}})
        assert wiped.code == 0, wiped.stderr
    eventually(lambda: all(each["metadata"].get("managedFields") for each in running.registered().values()), 5)
    edit(soften)(running)
    eventually(lambda: all(each["webhooks"][0]["failurePolicy"] == "Fail" for each in running.registered().values()))


def test_labels_of_others_stay(running: Site) -> None:
    for path in CONFIGURATIONS:
        assert running.admin.run("label", f"{path}/{running.own}", "team=a").code == 0
    edit(soften)(running)
    eventually(lambda: all(each["webhooks"][0]["failurePolicy"] == "Fail" for each in running.registered().values()))
    assert [each["metadata"]["labels"] for each in running.registered().values()] == [{"team": "a"}] * 2


def test_secrets_that_are_deleted_come_again_and_nobody_is_refused_anything(running: Site) -> None:
    with flowing(running.tenant, OBJECTS, 2) as traffic:
        for names in (SECRETS[:1], SECRETS[1:], SECRETS):
            delete_secrets(running, names)
            eventually(lambda: all(map(running.secret, SECRETS)) and is_whole(running), 30)
            traffic.wait(20)
    assert refused(traffic.answers) == []


def delete_secrets(site: Site, names: Sequence[str]) -> None:
    result = site.admin.run("delete", *(f"secret/{name}" for name in names))
    assert result.code == 0, result.stderr


def is_whole(site: Site) -> bool:
    """Tell whether the Secret holds all, and every client trusts just what it says."""
    found = site.secret("batchwarden-serving")
    held: dict[str, str] = found["data"] if found else {}
    bundles = [each["webhooks"][0]["clientConfig"].get("caBundle") for each in site.registered().values()]
    return held.keys() == {"ca.crt", "tls.crt", "tls.key"} and bundles == [held["ca.crt"]] * 2


def test_two_controllers_do_not_fight(running: Site) -> None:
    with running.controlling("second") as second:
        eventually(lambda: second.messages("registrations"), 30)
        running.clear()
        delete_secrets(running, SECRETS)
        running.await_registered()
        eventually(lambda: is_whole(running), 30)
        eventually(lambda: rests(running), 30)


def rests(site: Site) -> bool:
    before = site.versions()
    time.sleep(2)
    return site.versions() == before and "None" not in before


def test_the_condition_follows_the_policies(running: Site, policy: Kubectl) -> None:
    undefaulted = job("once", ttlSecondsAfterFinished=5)
    assert "activeDeadlineSeconds" not in created(running, undefaulted)["spec"]
    assert policy.apply(house({**TTL, "activeDeadline": {"defaultSeconds": 60}})).code == 0
    eventually(lambda: created(running, undefaulted)["spec"].get("activeDeadlineSeconds") == 60, 5)
    assert policy.apply(house(TTL)).code == 0
    eventually(lambda: "activeDeadlineSeconds" not in created(running, undefaulted)["spec"], 5)


def created(site: Site, manifest: Object) -> dict[str, Any]:
    result = site.tenant.create(manifest, DRY_RUN, "--output=json")
    assert result.code == 0, result.stderr
    made: dict[str, Any] = json.loads(result.stdout)
    return made


def test_at_last_configurations_go_with_the_clusterrole_and_do_not_come_again(running: Site) -> None:
    """The last of those that share an installation, since it ends it."""
    assert running.admin.delete(f"clusterrole/{running.own}").code == 0
    eventually(lambda: not running.registered())
    time.sleep(2)
    assert running.registered() == {}


def test_ca_and_certificate_rotate_under_load_without_one_failed_admission(site: Site) -> None:
    site.set(certificates=SHORT, **STRICT)
    with site.controlling() as controller, site.mounted(), site.serving() as server:
        site.await_registered()
        with flowing(site.tenant, OBJECTS, 2) as traffic:
            eventually(lambda: controller.messages("certificates").count(PROMOTED) >= 2, 60)
            eventually(lambda: len(loads(server)) >= 3, 60)
            traffic.wait(20)
        site.clear()
    assert refused(traffic.answers) == []
    assert server.decisions(webhook="mutate")
    assert server.decisions(webhook="validate")


PROMOTED = "the next CA signs from here on: every client trusts it"


def loads(server: Server) -> list[dict[str, Any]]:
    return [line for line in server.lines(event="server") if "was loaded" in line["message"]]


def test_killed_at_any_moment_it_goes_on_from_what_there_is(site: Site) -> None:
    moments = [0.0, 0.2, 0.5, 1.1]  # seconds, of the first start and then of rotations
    site.set(certificates=SHORT, **STRICT)
    with ExitStack() as stack:
        with flowing(site.tenant, OBJECTS, 1) as traffic:
            stack.enter_context(site.mounted())
            for moment in moments[:2]:
                live_for(site, moment)
            with site.controlling():
                stack.enter_context(site.serving())
                site.await_registered()
            for moment in moments:
                live_for(site, moment)
            controller = stack.enter_context(site.controlling())
            eventually(lambda: "all is still good" in controller.messages("certificates"), 30)
            eventually(lambda: is_whole(site), 30)
            traffic.wait(20)
        site.clear()
    assert refused(traffic.answers) == []


def live_for(site: Site, seconds: float) -> None:
    with site.controlling() as controller:
        time.sleep(seconds)
        controller.kill()

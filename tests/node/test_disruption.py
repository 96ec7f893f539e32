"""Whatever becomes of the webhook's Pods, no wrong decision is made, and all is well again by itself."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster.kubectl import DRY_RUN, Kubectl, eventually
from tests.cluster.traffic import Answer, flowing
from tests.node.node import Node
from tests.node.release import WEBHOOK, Release
from tests.node.workloads import MESSAGE, job

GOOD, BAD = "good", "bad"
OBJECTS = {GOOD: job("good"), BAD: job("bad", backoffLimit=4)}
RIGHT = {(GOOD, 201), (BAD, 403)}
SECRETS = ("secret/batchwarden-authority", "secret/batchwarden-serving")
# What a user may read when a webhook breaks off: the validating one failed, or the mutating one did before it.
HONEST = ("failed calling webhook", "not applied to this request: try again")


def restart(release: Release) -> None:
    """Have the webhook's Pods replaced as they are."""
    assert release.kubectl.run("rollout", "restart", WEBHOOK).code == 0


def upgrade(release: Release) -> None:
    """Have both Deployments and the webhook configurations changed."""
    release.upgrade(values={"webhook": {"threads": 16}, "timeoutSeconds": 6})


def delete(release: Release) -> None:
    """Delete all Pods of the webhook but one."""
    for name in sorted(release.ready())[1:]:
        assert release.kubectl.delete(f"pod/{name}", "--wait=false").code == 0


@pytest.mark.parametrize("change", [restart, upgrade, delete])
def test_a_change_of_pods_under_load_loses_no_admission(
    change: Callable[[Release], None], release: Release, admin: Kubectl
) -> None:
    judged(admin)
    before = release.ready().keys()
    with flowing(admin, OBJECTS, threads=2) as traffic:
        traffic.wait(50)
        change(release)
        eventually(lambda: release.ready().keys() - before, 60)
        release.roll_out()
        eventually(lambda: release.pods() == release.ready().keys() | release.ready("controller").keys(), 60)
        traffic.wait(50)
    assert wrong(traffic.answers) == []


def test_a_killed_process_costs_at_most_an_honest_error(node: Node, release: Release, admin: Kubectl) -> None:
    judged(admin)
    name, victim = release.ready().popitem()
    (status,) = victim["status"]["containerStatuses"]
    with flowing(admin, OBJECTS, threads=2) as traffic:
        traffic.wait(50)
        os.kill(node.process_of(status["containerID"].removeprefix("containerd://")), signal.SIGKILL)
        eventually(lambda: name in release.ready() and restarts(release, name) > status["restartCount"], 60)
        restarted = traffic.wait(50)
    assert [answer for answer in wrong(traffic.answers) if not any(said in answer.message for said in HONEST)] == []
    assert wrong(restarted) == []


def test_lost_secrets_cost_no_admission_and_lost_pods_come_back_all_the_same(release: Release, admin: Kubectl) -> None:
    judged(admin)
    with flowing(admin, OBJECTS, threads=2) as traffic:
        traffic.wait(50)
        assert release.kubectl.run("delete", *SECRETS).code == 0
        eventually(lambda: release.kubectl.run("get", *SECRETS).code == 0)
        traffic.wait(50)
    assert wrong(traffic.answers) == []
    before = release.pods()
    assert release.kubectl.run("delete", "pods", "--all", "--wait=false").code == 0
    eventually(lambda: not before & release.pods(), 60)
    all_ready(release)
    judged(admin)


def test_pods_evicted_under_node_pressure_come_back_by_themselves(release: Release, admin: Kubectl) -> None:
    judged(admin)
    before = release.ready().keys()
    with full_disk():
        eventually(lambda: not before & release.ready().keys(), 90)
        reasons = release.kubectl.run("get", "pods", "--output=jsonpath={.items[*].status.reason}").stdout
        assert "Evicted" in reasons
        eventually(lambda: "failed calling webhook" in admin.create(OBJECTS[GOOD], DRY_RUN).stderr, 30)
        # Nothing but Jobs and CronJobs is refused for want of us.
        assert admin.run("create", "configmap", "one").code == 0
    all_ready(release)
    judged(admin)


@contextmanager
def full_disk() -> Iterator[None]:
    """Fill the file system of the kubelet but for a sliver."""
    state = os.statvfs("/var/lib")
    filling = Path("/var/lib/filling")
    try:
        subprocess.run(["fallocate", f"--length={state.f_bavail * state.f_frsize * 95 // 100}", filling], check=True)
        yield
    finally:
        filling.unlink()


def all_ready(release: Release) -> None:
    """Wait until all Pods are there and ready."""
    eventually(lambda: (len(release.ready()), len(release.ready("controller"))) == (2, 1), 120)


def judged(admin: Kubectl) -> None:
    """Wait until the policy counts in the namespace."""
    eventually(lambda: MESSAGE in admin.create(OBJECTS[BAD], DRY_RUN).stderr)


def restarts(release: Release, name: str) -> int:
    """Return how often the container of a Pod was started again."""
    (status,) = release.kubectl.get_json(f"pod/{name}")["status"]["containerStatuses"]
    return int(status["restartCount"])


def wrong(answers: list[Answer]) -> list[Answer]:
    """Return the answers that are not right."""
    return [answer for answer in answers if (answer.label, answer.status) not in RIGHT]

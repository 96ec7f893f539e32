"""What befalls a server in a long life, in short: outages around it, crowds, its own death, and tenants who try.

etcd and the API server are this module's own, since they are stopped; ``make e2e OUTAGE=30`` keeps etcd away for as
many seconds. Two servers live through it all, each by the cluster alone.
"""

import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from deploy import demo
from tests.cluster import settings
from tests.cluster.balancer import balance
from tests.cluster.conftest import tenants_namespace
from tests.cluster.controlplane import Core, free_ports, running, start_core
from tests.cluster.kubectl import Kubectl, Object, eventually
from tests.cluster.registration import install
from tests.cluster.serving import Server, registered, serving
from tests.cluster.traffic import Answer, Client, connect, flowing
from tests.cluster.workloads import job, ours
from tests.policies.cases import API_VERSION
from webhook.admission.configurations import ClientConfig

OUTAGE = float(os.environ.get("OUTAGE", "10"))  # seconds
CROWD = 1000
FLIGHTS = 8  # requests at one time
MOST_MEMORY = 128.0  # MiB
POLICIES = f"/apis/{API_VERSION}/clusterbatchpolicies"
GOOD, BAD = "good", "bad"
OBJECTS = {GOOD: job("good", backoffLimit=3), BAD: job("bad", backoffLimit=4)}
RIGHT = {GOOD: 201, BAD: 403}


def retries(most: int, name: str = "house", kind: str = "ClusterBatchPolicy", **spec: Any) -> Object:
    """Return a policy that denies more retries than these."""
    return ours(kind, name, **{"action": "Deny", "rules": {"backoffLimit": {"max": most}}, **spec})


@pytest.fixture(scope="module")
def core(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Core]:
    with start_core(programs, tmp_path_factory.mktemp("core")) as running_core:
        yield running_core


@pytest.fixture(scope="module")
def root(core: Core, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    admin = core.plane.kubectl("admin", tmp_path_factory.mktemp("root"))
    install(admin)
    return admin


@pytest.fixture(scope="module")
def replicas(root: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sequence[Server]]:
    """Return two servers that watch the cluster, and that nobody calls yet."""
    folders = (tmp_path_factory.mktemp("server") for _ in range(2))
    with ExitStack() as stack:
        yield [stack.enter_context(serving(folder, None, f"--kubeconfig={root.kubeconfig}")) for folder in folders]


@pytest.fixture
def called(root: Kubectl, replicas: Sequence[Server]) -> Iterator[None]:
    """Have the API server call the one or the other."""
    with balance([each.backend for each in replicas]) as port:
        client_config = ClientConfig(ca=b"".join(each.ca for each in replicas), url=f"https://127.0.0.1:{port}")
        with registered(root, replicas[0].configurations(client_config=client_config)):
            yield


@pytest.fixture(autouse=True)
def clean(root: Kubectl, replicas: Sequence[Server]) -> Iterator[None]:
    """End each test without policies."""
    yield
    for kinds in (("clusterbatchpolicies",), ("batchpolicies", "--all-namespaces")):
        assert root.within("").run("delete", *kinds, "--all").code == 0
    await_policies(replicas, 0)


def tell(figure: str) -> None:
    """Tell a figure to whoever asks for it, by ``pytest -rP``."""
    sys.stdout.write(f"{figure}\n")


def await_policies(replicas: Sequence[Server], count: int) -> None:
    """Wait until so many policies are in force everywhere."""
    for replica in replicas:
        eventually(partial(has_policies, replica, count), 30)


def has_policies(server: Server, count: int) -> bool:
    """Tell whether a server has so many policies in force."""
    return server.metrics()["batchwarden_policies"] == count


def await_limit(replicas: Sequence[Server], most: int) -> None:
    """Wait until so many retries, and no more, are allowed everywhere."""
    for replica in replicas:
        eventually(partial(has_limit, replica, most), 30)


def has_limit(server: Server, most: int) -> bool:
    """Tell whether a server allows so many retries, and no more."""
    return denies(server, most + 1) and not denies(server, most)


def ask(server: Server, most: int, labels: Object) -> Object:
    """Ask a server itself about a Job of so many retries."""
    metadata = {"name": "once", "namespace": "default", "labels": labels}
    manifest = job("once", backoffLimit=most) | {"metadata": metadata}
    return demo.Server(server.url, server.trust).ask("validate", manifest)


def denies(server: Server, most: int) -> bool:
    """Tell whether a server denies a Job of so many retries."""
    return not ask(server, most, {})["allowed"]


def test_replicas_follow_a_policy_at_once(root: Kubectl, replicas: Sequence[Server]) -> None:
    for most in (6, 4, 2):
        with connect(root) as client:
            start = time.monotonic()
            assert client.send("", "POST", POLICIES, retries(most, f"at-most-{most}")).status == 201
        await_limit(replicas, most)
        tell(f"a policy counted everywhere after {time.monotonic() - start:.2f} s")


def test_replicas_say_of_every_example_what_the_demo_says(root: Kubectl, replicas: Sequence[Server]) -> None:
    namespaces = [file.read_text() for file in (demo.EXAMPLES / "policies").glob("namespace-*.yaml")]
    for manifests in ("---\n".join(namespaces), demo.policies()):
        applied = root.within("").apply(manifests)
        assert applied.code == 0, applied.stderr
    await_policies(replicas, demo.policies().count("BatchPolicy\n"))
    for file in sorted(demo.EXAMPLES.glob("*.yaml")):
        expected = (demo.EXPECTED / f"{file.stem}.txt").read_text()
        answers = [demo.apply(demo.Server(each.url, each.trust), file) for each in replicas]
        assert answers[0] == answers[1]
        assert expected == answers[0].printed


def test_a_thousand_namespaces_each_made_with_a_job_are_judged_by_their_policy(
    root: Kubectl, replicas: Sequence[Server], called: None
) -> None:
    label = {"made": "at-once"}
    assert root.apply(retries(3, namespaceSelector={"matchLabels": label})).code == 0
    await_policies(replicas, 1)
    start = time.monotonic()
    answers = in_flight(root, partial(make_pairs, label=label))
    put_off = sum(each.metrics().get('batchwarden_bad_requests_total{status="503"}', 0) for each in replicas)
    tell(f"{CROWD} pairs in {time.monotonic() - start:.1f} s, {put_off:.0f} requests put off for a second")
    assert wrong(answers) == []
    assert Counter(answer.label for answer in answers) == {GOOD: CROWD / 2, BAD: CROWD / 2}
    assert {"policy house" in answer.message for answer in answers if answer.label == BAD} == {True}


def make_pairs(client: Client, numbers: range, label: Object) -> Iterator[Answer]:
    """Make namespaces, and in each, at once, a Job that is to be denied or one that is not."""
    for number in numbers:
        name = f"at-once-{number}"
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": label}}
        made = client.send(name, "POST", "/api/v1/namespaces", namespace)
        assert made.status == 201, made
        kind = (GOOD, BAD)[(number + number // FLIGHTS) % 2]
        yield replace(client, namespace=name).create(kind, OBJECTS[kind])


def make_policies(client: Client, numbers: range) -> Iterator[Answer]:
    """Make policies, each for the objects of one number."""
    for number in numbers:
        policy = retries(3, f"policy-{number}", objectSelector={"matchLabels": {f"number-{number}": "yes"}})
        yield client.send(str(number), "POST", POLICIES, policy)


def in_flight(root: Kubectl, work: Callable[[Client, range], Iterator[Answer]]) -> list[Answer]:
    """Do a crowd of things, some at one time; return all answers."""

    def fly(flight: int) -> list[Answer]:
        with connect(root) as client:
            return list(work(client, range(flight, CROWD, FLIGHTS)))

    with ThreadPoolExecutor(FLIGHTS) as pool:
        return list(chain.from_iterable(pool.map(fly, range(FLIGHTS))))


def wrong(answers: Sequence[Answer]) -> list[Answer]:
    """Return the answers that are not the decision."""
    return [answer for answer in answers if answer.status != RIGHT[answer.label]]


def test_a_thousand_policies_at_once_are_all_in_effect_and_counted(root: Kubectl, replicas: Sequence[Server]) -> None:
    assert {answer.status for answer in in_flight(root, make_policies)} == {201}
    await_policies(replicas, CROWD)
    everything = {f"number-{number}": "yes" for number in range(CROWD)}
    for replica in replicas:
        assert replica.metrics()['batchwarden_watch_objects{kind="ClusterBatchPolicy"}'] == CROWD
        denied = ask(replica, 4, everything)["status"]["message"]
        assert set(re.findall(r"policy-\d+", denied)) == {f"policy-{number}" for number in range(CROWD)}
        assert not denies(replica, 4)
        tell(f"{resident(replica):.0f} MiB resident")
        assert resident(replica) < MOST_MEMORY
    with connect(root) as client:
        assert client.send("all", "DELETE", POLICIES).status == 200


def resident(server: Server) -> float:
    """Return how much memory a server takes, in MiB."""
    status = Path(f"/proc/{server.program.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def test_killed_and_started_again_it_lets_nothing_slip_by(root: Kubectl, tmp_path: Path) -> None:
    """What nobody judges fails, since validation is ``Fail``: whether nobody listens, or knows the policies yet."""
    assert root.apply(retries(3)).code == 0
    kubeconfig = f"--kubeconfig={root.kubeconfig}"
    with (
        serving(tmp_path, None, kubeconfig) as server,
        registered(root, server.configurations()),
        flowing(root, OBJECTS) as traffic,
    ):
        traffic.wait(20)
        server.kill()
        eventually(lambda: wrong(answers := traffic.wait(4)) == answers, 30)
        with serving(tmp_path, None, kubeconfig, backend=server.backend):
            eventually(lambda: wrong(traffic.wait(20)) == [], 30)
    failed = wrong(traffic.answers)
    assert {answer.status for answer in failed} == {500}
    assert [answer for answer in failed if 'failed calling webhook "validate.batch' not in answer.message] == []


def test_what_changed_while_the_api_server_was_away_is_listed_anew(
    core: Core, root: Kubectl, replicas: Sequence[Server]
) -> None:
    assert root.apply([retries(6), retries(2, "doomed")]).code == 0
    await_policies(replicas, 2)
    core.apiserver.stop()
    (port,) = free_ports(1)
    elsewhere = f"--server=https://127.0.0.1:{port}"
    with running(settings.apiserver(core.plane.programs, core.etcd_port, port), core.plane.folder, 1) as other:
        other.wait_until(lambda: root.run("get", "--raw=/readyz", elsewhere).code == 0)
        assert root.apply(retries(4), elsewhere).code == 0
        assert root.delete("clusterbatchpolicy/doomed", elsewhere).code == 0
        compact(core)
    assert [(has_limit(replica, 2), replica.is_ready()) for replica in replicas] == [(True, True)] * 2
    core.apiserver.start()
    await_limit(replicas, 4)
    for replica in replicas:
        assert replica.metrics()['batchwarden_watch_failures_total{kind="ClusterBatchPolicy",reason="410"}'] >= 1


def compact(core: Core) -> None:
    """Have etcd forget every version but the last: https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/."""

    def post(path: str, body: Object) -> Any:
        asked = Request(f"http://127.0.0.1:{core.etcd_port}/v3/kv/{path}", json.dumps(body).encode())
        with urlopen(asked, timeout=10) as answer:  # noqa: S310 - loopback
            return json.load(answer)

    revision = post("range", {"key": "Lw==", "count_only": True})["header"]["revision"]
    post("compaction", {"revision": revision, "physical": True})


def test_while_etcd_is_away_it_goes_on_by_what_it_knew_and_catches_up_then(
    core: Core, root: Kubectl, replicas: Sequence[Server]
) -> None:
    assert root.apply(retries(6)).code == 0
    await_policies(replicas, 1)
    core.etcd.stop()
    end = time.monotonic() + OUTAGE
    assert root.apply(retries(4), "--request-timeout=2s").code == 1
    while time.monotonic() < end:
        assert [(has_limit(replica, 6), replica.is_ready()) for replica in replicas] == [(True, True)] * 2
        time.sleep(0.5)
    core.etcd.start()
    eventually(lambda: root.apply(retries(4), "--request-timeout=2s").code == 0, 30)
    await_limit(replicas, 4)


def test_whoever_may_write_batch_policies_may_tighten_at_home_and_nothing_else(
    core: Core, root: Kubectl, replicas: Sequence[Server], called: None
) -> None:
    home, abroad = (core.plane.kubectl("tenant", root.folder).within(name) for name in ("home", "abroad"))
    namespace, role, binding = tenants_namespace("home", {})
    may = {"apiGroups": [API_VERSION.partition("/")[0]], "resources": ["batchpolicies"], "verbs": ["*"]}
    delegated = [namespace, {**role, "rules": [*role["rules"], may]}, binding]
    house = ours("ClusterBatchPolicy", "house", action="Deny", rules={"backoffLimit": {"max": 3, "default": 2}})
    made = root.within("").apply([*delegated, *tenants_namespace("abroad", {}), house])
    assert made.code == 0, made.stderr
    own = [
        retries(10, kind="BatchPolicy", exceptions={"maxDays": 365}),  # of the same name, and excepted
        retries(10, "warns", "BatchPolicy", action="Warn", exclude={"users": ["*"]}),
        ours("BatchPolicy", "fills", action="Deny", rules={"backoffLimit": {"max": 10, "default": 9}}),
        ours("BatchPolicy", "tightens", action="Deny", rules={"parallelism": {"max": 1}}),
    ]
    for tenant, what in ((home, "batchpolicies"), (abroad, "jobs")):
        eventually(partial(may_create, tenant, what))
    assert home.apply(own).code == 0
    assert root.within("home").apply(let_off(house)).code == 0
    await_policies(replicas, 1 + len(own))
    for manifest in (own[-1], house, let_off(house)):
        assert "Forbidden" in abroad.create({**manifest, "metadata": {"name": "mine"}}).stderr
    assert "Forbidden" in home.create(let_off(house)).stderr
    for tenant in (home, abroad):
        assert "backoffLimit, policy house\n" in tenant.create(OBJECTS[BAD]).stderr
        assert tenant.apply(job("filled")).warnings == ["spec.backoffLimit set to 2 (backoffLimit, policy house)"]
    wide = job("wide", parallelism=2, backoffLimit=2)
    assert "parallelism, policy tightens\n" in home.create(wide).stderr
    assert abroad.create(wide).code == 0


def may_create(tenant: Kubectl, what: str) -> bool:
    """Whether the API server has heard of a role and of its binding: it watches each by itself."""
    return tenant.run("auth", "can-i", "create", what).code == 0


def let_off(policy: Object) -> Object:
    """Return an exception from all that a policy may say of retries."""
    end = (datetime.now(UTC) + timedelta(days=10)).isoformat()
    whom = {"policies": [policy["metadata"]["name"]], "rules": ["backoffLimit"], "selector": {}}
    return ours("BatchPolicyException", "off", **whom, reason="OPS-1234", owner="data@example.com", expiresAt=end)

"""Servers that fail, stop, change or drown cost at most an honest error, and never a wrong decision."""

import json
import secrets
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPSConnection
from typing import Any

import pytest

from tests.cluster.balancer import balance
from tests.cluster.kubectl import DRY_RUN, Kubectl, Object, eventually
from tests.cluster.registration import register
from tests.cluster.serving import Server, registered, serving
from tests.cluster.traffic import Answer, flowing
from tests.cluster.workloads import TEMPLATE, cron_job, job
from webhook.admission.configurations import ClientConfig

POLICIES = """
apiVersion: batchwarden.io/v1alpha1
kind: ClusterBatchPolicy
metadata: {name: tidy}
spec:
  action: Deny
  rules:
    backoffLimit: {max: 3}
    ttlAfterFinished: {defaultSeconds: 600}
"""

GOOD, DEFAULTED, BAD = "good", "defaulted", "bad"
OBJECTS = {
    GOOD: job("good", backoffLimit=3, ttlSecondsAfterFinished=60),
    DEFAULTED: job("defaulted", backoffLimit=3),
    BAD: job("bad", backoffLimit=4, ttlSecondsAfterFinished=60),
}
RIGHT = {GOOD: 201, DEFAULTED: 201, BAD: 403}

DEAD = ClientConfig(ca=b"", url="https://127.0.0.1:1")
FAILED = 'failed calling webhook "{}.batchwarden.io"'


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server that nobody calls yet."""
    with serving(tmp_path_factory.mktemp("server"), POLICIES) as running:
        yield running


def test_with_ignore_a_server_that_is_down_lets_everything_pass_as_it_is(
    server: Server, admin: Kubectl, tenant: Kubectl
) -> None:
    server.stop()
    with registered(admin, server.configurations(validating_failure_policy="Ignore")):
        for manifest in OBJECTS.values():
            result = tenant.apply(manifest)
            assert (result.code, result.warnings) == (0, [])
    assert "ttlSecondsAfterFinished" not in tenant.get_json("job/defaulted")["spec"]


def test_with_fail_a_server_that_is_down_stops_what_it_judges_and_nothing_else(
    server: Server, admin: Kubectl, tenant: Kubectl
) -> None:
    assert tenant.apply(OBJECTS[GOOD]).code == 0
    server.stop()
    with registered(admin, server.configurations()):
        for manifest in (OBJECTS[GOOD] | {"metadata": {"name": "other"}}, cron_job("nightly")):
            assert FAILED.format("validate") in tenant.create(manifest).stderr
        assert tenant.get_json("jobs,cronjobs")["items"][1:] == []
        assert tenant.run("label", "job/good", "a=b").code == 1
        assert tenant.run("annotate", "job/good", "a=b").code == 0
        assert tenant.run("get", "job/good").code == 0
        assert tenant.delete("job/good").code == 0
        for other in others():
            assert admin.apply(other).stderr == ""


def others() -> list[Object]:
    """Return objects that are no concern of ours."""
    labels = {"a": "b"}
    containers = {"containers": [{"name": "main", "image": "registry.example.com/main:1"}]}
    deployment = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": containers}}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"a": "b"}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": TEMPLATE["spec"]},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "one"}, "spec": deployment},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"test-{secrets.token_hex(4)}"}},
    ]


def test_where_mutation_alone_is_down_the_user_is_told_to_try_again(
    server: Server, admin: Kubectl, tenant: Kubectl
) -> None:
    mutating, _ = server.configurations(client_config=DEAD)
    _, validating = server.configurations()
    with registered(admin, [mutating, validating]):
        assert tenant.apply(OBJECTS[GOOD]).code == 0
        refused = tenant.apply(OBJECTS[DEFAULTED]).stderr
        assert "\n  spec.ttlSecondsAfterFinished is missing" in refused
        assert "not applied to this request: try again" in refused
        assert "try again" not in tenant.apply(OBJECTS[BAD]).stderr


def test_the_certificate_is_replaced_while_requests_flow(server: Server, admin: Kubectl, tenant: Kubectl) -> None:
    first = certificate(server)
    with registered(admin, server.configurations(mutating_failure_policy="Fail")), flowing(tenant, OBJECTS) as traffic:
        traffic.wait(20)
        server.make_certificate("127.0.0.1", "second.example.com")
        eventually(lambda: certificate(server) != first)
        assert ("DNS", "second.example.com") in certificate(server)["subjectAltName"]
        traffic.wait(20)
        # For another caBundle the API server connects anew.
        client_config = ClientConfig(ca=server.ca + b"\n", url=server.url)
        register(admin, server.configurations(mutating_failure_policy="Fail", client_config=client_config))
        traffic.wait(20)
    assert wrong(traffic.answers) == []


def certificate(server: Server) -> dict[str, Any]:
    """Return what a further connection is shown."""
    with (
        socket.create_connection(("127.0.0.1", server.backend.port), timeout=10) as plain,
        server.trust.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        shown: dict[str, Any] | None = connection.getpeercert()
    assert shown
    return shown


def wrong(answers: list[Answer]) -> list[Answer]:
    """Return the answers that are not the decision."""
    return [answer for answer in answers if answer.status != RIGHT[answer.label]]


@pytest.fixture
def pair(tmp_path_factory: pytest.TempPathFactory, admin: Kubectl) -> Iterator[tuple[Server, Server]]:
    """Return two servers behind one address, which the API server calls; at an end they go on for a second."""
    with ExitStack() as stack:
        folders = [tmp_path_factory.mktemp("server") for _ in range(2)]
        first, second = (stack.enter_context(serving(each, POLICIES, "--drain-seconds=1")) for each in folders)
        port = stack.enter_context(balance([first.backend, second.backend]))
        client_config = ClientConfig(ca=first.ca + second.ca, url=f"https://127.0.0.1:{port}")
        configurations = first.configurations(client_config=client_config, mutating_failure_policy="Fail")
        stack.enter_context(registered(admin, configurations))
        yield first, second


def test_one_of_two_servers_is_stopped_and_nobody_notices(pair: tuple[Server, Server], tenant: Kubectl) -> None:
    first, second = pair
    with flowing(tenant, OBJECTS) as traffic:
        eventually(lambda: first.decisions() and second.decisions())
        assert first.stop() == 0
        asked = len(second.decisions())
        traffic.wait(40)
    assert len(second.decisions()) > asked
    assert wrong(traffic.answers) == []


def test_one_of_two_servers_is_killed_and_started_again(pair: tuple[Server, Server], tenant: Kubectl) -> None:
    """What was under way to it fails, and says so; what should be denied never passes, and nothing fails for long.

    The API server does not send a request again whose connection broke, as the webhook may have seen it.
    """
    first, second = pair
    with flowing(tenant, OBJECTS) as traffic:
        eventually(lambda: first.decisions() and second.decisions())
        first.kill()
        traffic.wait(40)
        eventually(lambda: wrong(traffic.wait(40)) == [])
        with serving(first.folder, POLICIES, "--drain-seconds=1", backend=first.backend) as again:
            assert second.stop() == 0
            assert wrong(traffic.wait(40)) == []
            assert again.decisions()
    failed = wrong(traffic.answers)
    assert {answer.status for answer in failed} <= {500}
    assert [answer for answer in failed if "failed calling webhook" not in answer.message] == []


def test_who_is_turned_away_is_told_when_to_come_again_and_is_served_then(
    tmp_path_factory: pytest.TempPathFactory, admin: Kubectl, tenant: Kubectl
) -> None:
    with (
        serving(tmp_path_factory.mktemp("server"), POLICIES, "--threads=1") as server,
        registered(admin, server.configurations(mutating_failure_policy="Fail")),
        ThreadPoolExecutor(1) as pool,
    ):
        occupied = pool.submit(occupy, server)
        while not occupied.done():
            result = tenant.create(OBJECTS[GOOD], DRY_RUN)
            assert result.code == 0, result.stderr
        assert occupied.result() == {200}


def occupy(server: Server) -> set[int]:
    """Keep a server of one thread busy until it has turned somebody else away; return the statuses of our requests."""
    body = large_review()
    statuses: set[int] = set()
    with closing(HTTPSConnection("127.0.0.1", server.backend.port, context=server.trust, timeout=30)) as connection:

        def ask() -> bool:
            connection.request("POST", "/validate", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            statuses.add(response.status)
            response.read()
            return server.metrics().get('batchwarden_bad_requests_total{status="503"}', 0) > 0

        eventually(ask, 30)
    return statuses


def large_review() -> str:
    """Return a review of a Job with so many containers that it keeps a thread busy for a tenth of a second."""
    containers = [{"name": f"c{number}", "image": "registry.example.com/main:1"} for number in range(100_000)]
    manifest = job("large", template={"spec": {"restartPolicy": "Never", "containers": containers}})
    request = {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": "batch", "version": "v1", "kind": "Job"},
        "operation": "CREATE",
        "namespace": "default",
        "name": "large",
        "userInfo": {"username": "tenant"},
        "object": manifest,
    }
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})

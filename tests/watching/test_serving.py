"""``batchwarden serve`` by a cluster, as a process: a namespace that nobody knows is put off, and holds up no other."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.admission.reviews import JOB, body, request, tweaked
from tests.cluster.serving import Server, serving
from tests.policies.cases import API_VERSION
from tests.watching.apiserver import api_server, namespace, page, watch
from webhook.cluster.kinds import CLUSTER_POLICIES, KINDS, NAMESPACES

POLICY = {
    "apiVersion": API_VERSION,
    "kind": "ClusterBatchPolicy",
    "metadata": {"name": "house", "resourceVersion": "3"},
    "spec": {"action": "Deny", "rules": {"backoffLimit": {"max": 3}}},
}
CONTEXT = {"name": "x", "context": {"cluster": "x", "user": "x"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server whose cluster has one policy and one namespace."""
    folder: Path = tmp_path_factory.mktemp("server")
    with api_server() as cluster:
        cluster.scripts = {kind.path: [page([]), watch(end="hang")] for kind in KINDS}
        cluster.scripts[CLUSTER_POLICIES.path][0] = page([POLICY])
        cluster.scripts[NAMESPACES.path][0] = page([namespace("team-a")])
        url = f"http://127.0.0.1:{cluster.server_address[1]}"
        config = {"clusters": [{"name": "x", "cluster": {"server": url}}], "users": [], "contexts": [CONTEXT]}
        (folder / "config").write_text(json.dumps({**config, "current-context": "x"}))
        with serving(folder, None, "--kubeconfig=config") as running:
            yield running


def answer(server: Server, home: str) -> tuple[int, str | None]:
    """Ask about a Job that breaks the policy; return the status, and when to try again or whether it is allowed."""
    asked = body(request(tweaked(JOB, "spec.backoffLimit", 9)) | {"namespace": home})
    url = f"{server.url}/validate?timeout=5s"
    try:
        sent = Request(url, asked, {"Content-Type": "application/json"})  # noqa: S310 - loopback
        with urlopen(sent, context=server.trust, timeout=20) as got:  # noqa: S310 - loopback
            return got.status, str(json.load(got)["response"]["allowed"])
    except HTTPError as error:
        with error:
            return error.code, error.headers["Retry-After"]


def test_it_is_ready_when_it_knows_the_cluster_and_judges_by_it(server: Server) -> None:
    assert server.status("/readyz") == (200, "ok\n")
    assert answer(server, "team-a") == (200, "False")
    assert server.metrics()['batchwarden_watch_objects{kind="Namespace"}'] == 1


def test_a_namespace_that_nobody_knows_is_put_off_and_holds_up_no_other(server: Server) -> None:
    with ThreadPoolExecutor(60) as pool:
        unknown = [pool.submit(answer, server, f"unknown-{index}") for index in range(50)]
        known = [pool.submit(answer, server, "team-a") for _ in range(10)]
        assert {each.result() for each in known} == {(200, "False")}
        assert {each.result() for each in unknown} == {(503, "1")}

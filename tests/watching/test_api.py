"""The API server is found and spoken to as kubectl does it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.watching.apiserver import api_server, cut, kubeconfig, page, status, whole
from webhook.cluster.api import Api, ApiError, ConfigurationError, connect

PATH = "/api/v1/namespaces"


@pytest.mark.parametrize(("context", "token"), [(None, "Bearer first"), ("two", "Bearer second")])
def test_a_kubeconfig_says_where_and_who(tmp_path: Path, context: str | None, token: str) -> None:
    with api_server() as server:
        server.script = [page([])]
        path = kubeconfig(tmp_path, f"http://127.0.0.1:{server.server_address[1]}")
        assert json.loads(connect(path, context).read(PATH, {"a": "b c&"}, "application/json", 5))["items"] == []
        assert server.asked == [(PATH, {"a": "b c&"})]
        assert server.headers[0]["authorization"] == token


def test_the_namespace_is_that_of_the_context_or_of_the_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contexts = [{"name": name, "context": {"cluster": "c", "user": name, **more}}
                for name, more in (("one", {}), ("two", {"namespace": "team-a"}))]  # fmt: skip
    path = kubeconfig(tmp_path, "http://127.0.0.1:1", contexts=contexts)
    assert (connect(path).namespace, connect(path, "two").namespace) == ("default", "team-a")
    monkeypatch.setattr("webhook.cluster.api.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    monkeypatch.setattr("webhook.cluster.api.load_incluster_config", lambda **_: None)
    monkeypatch.setattr("webhook.cluster.api.IN_CLUSTER_NAMESPACE", tmp_path / "namespace")
    assert connect().namespace == "default"
    (tmp_path / "namespace").write_text("team-b\n")
    assert connect().namespace == "team-b"


def test_a_context_that_is_named_needs_no_other_to_be_current(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, "http://127.0.0.1:1", **{"current-context": ""})
    assert connect(path, "two").namespace == "default"
    with pytest.raises(ConfigurationError, match="give --kubeconfig and --context"):
        connect(path)


def test_what_leads_nowhere_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhook.cluster.api.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="Service host/port is not set"):
        connect()
    with pytest.raises(ConfigurationError, match="give --kubeconfig and --context"):
        connect(kubeconfig(tmp_path, "http://127.0.0.1:1"), "three")


@pytest.mark.parametrize(
    ("answer", "code", "reason", "said"),
    [
        (status(403, "namespaces is forbidden"), 403, "403", "403 namespaces is forbidden"),
        (whole(404, b"404 page not found\n"), 404, "404", "404 404 page not found"),
        (whole(500, b""), 500, "500", "500 Internal Server Error"),
        (whole(302, b"", Location="http://127.0.0.1:1/"), 302, "302", "302 Found"),
        (whole(502, b"\xff" * 9999), 502, "502", "502 \ufffd"),
        (cut, 0, "unreachable", "cannot be reached"),
    ],
    ids=range(6),
)
def test_a_refusal_says_what_the_api_server_said(answer: Any, code: int, reason: str, said: str) -> None:
    with api_server() as server:
        server.script, api = [answer], server.api
        with pytest.raises(ApiError) as raised:
            api.read(PATH, {}, "application/json", 5)
    assert (raised.value.status, raised.value.reason) == (code, reason)
    assert said in str(raised.value)
    assert len(str(raised.value)) < 600


@pytest.mark.parametrize("ask", [lambda api: api.get(PATH), lambda api: api.create(PATH, {})], ids=["get", "create"])
@pytest.mark.parametrize("body", [b"<html>Log in</html>", b"\xff", b"[]", b"[" * 100_000], ids=range(4))
def test_an_answer_that_is_none_of_an_api_server_is_an_error(ask: Callable[[Api], Any], body: bytes) -> None:
    """As a proxy or a page to log in gives it."""
    with api_server() as server:
        server.script, api = [whole(200, body)], server.api
        with pytest.raises(ApiError, match="this is not what an API server answers: ") as raised:
            ask(api)
    assert (raised.value.status, raised.value.reason) == (200, "garbage")

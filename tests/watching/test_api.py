"""The API server is found and spoken to as kubectl does it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.watching.apiserver import api_server, cut, page, status, whole
from webhook.cluster.api import ApiError, ConfigurationError, connect

PATH = "/api/v1/namespaces"


def kubeconfig(folder: Path, url: str, **more: Any) -> Path:
    """Write a kubeconfig with two contexts, of two users."""
    users = {"one": {"token": "first"}, "two": {"token": "second"}}
    config: Mapping[str, Any] = {
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": name, "user": user} for name, user in users.items()],
        "contexts": [{"name": name, "context": {"cluster": "c", "user": name}} for name in users],
        "current-context": "one",
    }
    path = folder / "config"
    path.write_text(json.dumps({**config, **more}))
    return path


@pytest.mark.parametrize(("context", "token"), [(None, "Bearer first"), ("two", "Bearer second")])
def test_a_kubeconfig_says_where_and_who(tmp_path: Path, context: str | None, token: str) -> None:
    with api_server() as server:
        server.script = [page([])]
        path = kubeconfig(tmp_path, f"http://127.0.0.1:{server.server_address[1]}")
        assert json.loads(connect(path, context).read(PATH, {"a": "b c&"}, "application/json", 5))["items"] == []
        assert server.asked == [(PATH, {"a": "b c&"})]
        assert server.headers[0]["authorization"] == token


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

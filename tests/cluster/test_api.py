"""What the controller does to objects, done to the real API server."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.controlplane import ControlPlane
from webhook.cluster.api import CONFLICT, Api, ApiError, connect


@pytest.fixture
def api(control_plane: ControlPlane) -> Api:
    """Return the API server as the cluster's admin reaches it."""
    return connect(control_plane.folder / "kubeconfig", "admin")


@pytest.fixture
def path(namespace: str) -> str:
    """Return where the ConfigMaps of a namespace are."""
    return f"/api/v1/namespaces/{namespace}/configmaps"


def config_map(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": data}


def refused(status: int, call: Callable[[], Any]) -> str:
    with pytest.raises(ApiError) as raised:
        call()
    assert raised.value.status == status
    return str(raised.value)


def test_writes_are_guarded(api: Api, path: str) -> None:
    assert api.get(f"{path}/one") is None
    first = api.create(path, config_map(a="1"))
    assert (api.get(f"{path}/one") or {})["data"] == {"a": "1"}
    assert "already exists" in refused(CONFLICT, lambda: api.create(path, config_map(a="2")))
    second = api.replace(f"{path}/one", {**first, "data": {"a": "3"}})
    assert second["data"] == {"a": "3"}
    assert "has been modified" in refused(CONFLICT, lambda: api.replace(f"{path}/one", {**first, "data": {}}))


def test_what_is_applied_twice_is_written_once(api: Api, path: str) -> None:
    first = api.apply(f"{path}/one", config_map(a="1"))
    assert first["metadata"]["managedFields"][0]["manager"] == "batchwarden"
    assert api.apply(f"{path}/one", config_map(a="1")) == first
    assert api.apply(f"{path}/one", config_map(b="2"))["data"] == {"b": "2"}


def test_a_refused_write_says_what_was_wrong(api: Api, path: str) -> None:
    nameless = {**config_map(), "metadata": {}}
    assert "name or generateName is required" in refused(422, lambda: api.create(path, nameless))

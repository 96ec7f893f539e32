"""Policies and exceptions are read with their status; what is wrong with one is its own fault."""

from typing import Any

import pytest

from policies.status import ExceptionStatus, PolicyStatus
from policies.strict import InvalidObjectError
from tests.policies.build import LET_OFF, manifest
from tests.watching.apiserver import Object, api_server, page, status
from webhook.cluster.api import ApiError
from webhook.cluster.inventory import Entry, read_inventory
from webhook.cluster.kinds import CLUSTER_POLICIES, EXCEPTIONS, POLICIES


def ours(kind: str, name: str, spec: Any, **more: Any) -> Object:
    return {**manifest(kind, {"name": name, "namespace": "team-a", "uid": name, "generation": 3}, spec), **more}


def read(**answers: Any) -> list[Entry]:
    """Read what is listed by kind; a kind that is left out is not installed."""
    with api_server() as server:
        for kind in (CLUSTER_POLICIES, POLICIES, EXCEPTIONS):
            answer = answers.get(kind.name)
            server.scripts[kind.path] = [status(404, "not found") if answer is None else answer]
        return [*read_inventory(server.api, lambda _: None)]


def test_each_is_read_with_its_status() -> None:
    policies = [
        ours("BatchPolicy", "good", {"rules": {"backoffLimit": {}}}, status={"namespaces": 2, "later": 1}),
        ours("BatchPolicy", "broken", {"rules": {"backoffLimit": {"max": "x"}}}, status={"namespaces": "x"}),
        ours("BatchPolicy", "shapeless", 7),
    ]
    exceptions = [ours("BatchPolicyException", "off", LET_OFF, status={"state": "Active"})]
    good, broken, shapeless, off = read(BatchPolicy=page(policies), BatchPolicyException=page(exceptions))
    assert (str(good), good.meta.generation, good.status) == (
        "BatchPolicy team-a/good",
        3,
        PolicyStatus(namespaces=2),
    )
    assert off.status == ExceptionStatus(state="Active")
    assert isinstance(broken.found, InvalidObjectError)
    assert (broken.status, dict(broken.rules)) == (PolicyStatus(), {"backoffLimit": {"max": "x"}})
    assert isinstance(shapeless.found, InvalidObjectError)
    assert shapeless.rules == {}
    assert good.path == "/apis/batchwarden.io/v1alpha1/namespaces/team-a/batchpolicies/good/status"


def test_a_list_that_fails_is_no_list_of_nothing() -> None:
    with pytest.raises(ApiError, match="no rights"):
        read(ClusterBatchPolicy=status(403, "no rights"))

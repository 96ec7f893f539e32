"""Keepers are woken by just those objects that they keep or live by."""

from typing import Any

import pytest

from tests.watching.test_endpoints import settings
from webhook.cluster.kinds import Item
from webhook.cluster.settings import Certificates
from webhook.cluster.triggers import Trigger, kinds_for

OURS = {"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "Secret batchwarden-serving"}


@pytest.mark.parametrize(
    ("changes", "further"),
    [
        ({}, {"Secret batchwarden-authority", "EndpointSlice"}),
        ({"url": "https://x"}, {"Secret batchwarden-authority"}),
        ({"url": "https://x", "certificates": Certificates(mode="cert-manager")}, set()),
        ({"owner_cluster_role": "x"}, {"Secret batchwarden-authority", "EndpointSlice", "ClusterRole"}),
    ],
    ids=str,
)
def test_no_more_is_watched_than_what_rbac_names(changes: dict[str, Any], further: set[str]) -> None:
    kinds = kinds_for(settings(**changes))
    assert {kind.name for kind in kinds} == OURS | further
    assert all(kind.bare and kind.query for kind in kinds)


def test_whatever_happens_rings() -> None:
    rung: list[None] = []
    trigger = Trigger(lambda: rung.append(None))
    trigger.replace("x", [])
    trigger.put("x", Item("y"))
    trigger.remove("x", "y")
    assert len(rung) == 3

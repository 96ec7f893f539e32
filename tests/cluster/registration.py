"""Webhook configurations and CRDs come into force, and out of it, before these functions return."""

import secrets
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.cluster.kubectl import DRY_RUN, Kubectl, Object, eventually

CRDS = Path(__file__).parents[2] / "deploy" / "crds"
KINDS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


def install(admin: Kubectl) -> None:
    """Apply our CRDs and wait until the API server serves them."""
    for verb in (("apply",), ("wait", "--for=condition=Established")):
        result = admin.run(*verb, f"--filename={CRDS}")
        assert result.code == 0, result.stderr


def uninstall(admin: Kubectl) -> None:
    """Delete our CRDs with all that there is of them."""
    result = admin.run("delete", "--ignore-not-found", f"--filename={CRDS}")
    assert result.code == 0, result.stderr


def register(admin: Kubectl, configurations: Sequence[Object]) -> None:
    """Apply webhook configurations and wait until the API server asks their webhooks."""
    result = admin.apply_server_side(configurations, "--force-conflicts")
    assert result.code == 0, result.stderr
    settle(admin)


def unregister(admin: Kubectl, configurations: Sequence[Object]) -> None:
    """Delete webhook configurations and wait until the API server asks their webhooks no more."""
    result = admin.send("delete", configurations, "--ignore-not-found")
    assert result.code == 0, result.stderr
    settle(admin)


def settle(admin: Kubectl) -> None:
    """Wait until the API server has seen every webhook configuration that was written before this call.

    It learns of them by one watch for each kind, in the order of writing: k8s.io/apiserver,
    pkg/admission/configuration. So when a configuration that is written last is in force, all are.
    """
    mark = secrets.token_hex(8)
    result = admin.apply_server_side([last(kind, mark) for kind in KINDS], "--force-conflicts")
    assert result.code == 0, result.stderr
    for kind in KINDS:
        eventually(partial(refuses, admin, {kind: mark}))


def refuses(admin: Kubectl, labels: Object) -> bool:
    """Try whether an object with these labels is refused because a webhook does not answer."""
    marked = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mark", "labels": labels}}
    return "failed calling webhook" in admin.create(marked, DRY_RUN).stderr


def last(kind: str, mark: str) -> Object:
    """Return a configuration that refuses what bears the mark: nothing listens where its webhook should."""
    webhook = {
        "name": "nowhere.batchwarden.io",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE"]}],
        "objectSelector": {"matchLabels": {kind: mark}},
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "written-last"},
        "webhooks": [webhook],
    }

"""A cluster of one namespace, as the commands that ask one see it: real HTTP, each answer from a script."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from click.testing import CliRunner, Result

from tests.policies.cases import API_VERSION
from tests.watching.apiserver import Answer, ApiServer, kubeconfig, page, status, whole
from webhook.cli import main

Object: TypeAlias = dict[str, Any]

NAMESPACE = "team-a"
HOME = f"/api/v1/namespaces/{NAMESPACE}"
OURS = "/apis/batchwarden.io/v1alpha1"
PATHS = {
    "policies": f"{OURS}/clusterbatchpolicies",
    "own": f"{OURS}/namespaces/{NAMESPACE}/batchpolicies",
    "exceptions": f"{OURS}/namespaces/{NAMESPACE}/batchpolicyexceptions",
    "limits": f"{HOME}/limitranges",
    "cronjobs": f"/apis/batch/v1/namespaces/{NAMESPACE}/cronjobs",
    "jobs": f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs",
}
TEMPLATE = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.com/main:1"}]}}


class Scene:
    """What the cluster holds; ``answers`` take the place of a kind's list, by its name in PATHS or its path."""

    def __init__(self, server: ApiServer, folder: Path, **items: Sequence[Object]) -> None:
        self._server = server
        self._kubeconfig = kubeconfig(folder, f"http://127.0.0.1:{server.server_address[1]}")
        self._items = items
        self.answers: dict[str, list[Answer]] = {}
        self.labels: dict[str, str] = {}

    def spread(self, *homes: str, **items: Sequence[Object]) -> None:
        """Hold these namespaces and items instead, and answer for all namespaces alone."""
        everywhere = {name: path.replace(f"/namespaces/{NAMESPACE}", "") for name, path in PATHS.items()}
        self.answers = {path: [page(items.get(name, []))] for name, path in everywhere.items()}
        self.answers["/api/v1/namespaces"] = [page([{"metadata": {"name": home}} for home in homes])]

    def run(self, *arguments: str | Path, stdin: str | None = None) -> Result:
        """Run the program in this process, once."""
        home = {"metadata": {"name": NAMESPACE, "labels": self.labels}}
        lists = {path: [page(self._items.get(name, []))] * 2 for name, path in PATHS.items()}
        answers = {PATHS.get(name, name): list(script) for name, script in self.answers.items()}
        self._server.scripts = {HOME: [whole(200, json.dumps(home).encode())], **lists, **answers}
        self._server.asked.clear()
        words = [*map(str, arguments), f"--kubeconfig={self._kubeconfig}"]
        result = CliRunner().invoke(main, words, input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result


def ours(kind: str, name: str, **spec: Any) -> Object:
    """Return one of our objects; all but a cluster's policy live in the namespace."""
    home = {} if kind == "ClusterBatchPolicy" else {"namespace": NAMESPACE}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name, **home}, "spec": spec}


def retries(most: int, name: str = "house", **spec: Any) -> Object:
    """Return a policy that denies more retries than these."""
    return ours("ClusterBatchPolicy", name, **{"action": "Deny", "rules": {"backoffLimit": {"max": most}}} | spec)


def job(name: str, spec: Mapping[str, Any] | None = None, **metadata: Any) -> Object:
    """Return a Job as an item of a list: without its kind."""
    return {
        "metadata": {"name": name, "namespace": NAMESPACE, **metadata},
        "spec": {"template": TEMPLATE, **(spec or {})},
    }


def cron_job(name: str, spec: Mapping[str, Any] | None = None, **metadata: Any) -> Object:
    """Return a CronJob as an item of a list; the spec is that of its Jobs."""
    template = {"spec": {"template": TEMPLATE, **(spec or {})}}
    metadata = {"name": name, "namespace": NAMESPACE, **metadata}
    return {"metadata": metadata, "spec": {"schedule": "0 3 * * *", "jobTemplate": template}}


def made_by(owner: str) -> Object:
    """Return metadata by which a CronJob controls a Job."""
    reference = {"apiVersion": "batch/v1", "kind": "CronJob", "name": owner, "uid": "1", "controller": True}
    return {"ownerReferences": [reference]}


def forbidden(verb: str, resource: str, group: str, where: str) -> Answer:
    """Refuse as RBAC does."""
    said = f'User "tenant" cannot {verb} resource "{resource}" in API group "{group}" {where}'
    return status(403, f"{resource}.{group} is forbidden: {said}")

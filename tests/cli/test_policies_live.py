"""``batchwarden policies -n NS`` says what binds there, from where, and what is let off until when."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.cli.clusters import HOME, Scene, forbidden, ours, retries
from tests.watching.apiserver import ApiServer, page, status, whole
from webhook.cli import main

BINDS = ("policies", "-n", "team-a")
LET_OFF = {"policies": ["house"], "rules": ["backoffLimit"], "reason": "OPS-1", "owner": "me@example.com"}


@pytest.fixture
def scene(server: ApiServer, tmp_path: Path) -> Scene:
    exclude = {"users": ["system:serviceaccount:velero:*"]}
    limits = {"limits": [{"type": "Container", "default": {"memory": "1Gi"}, "max": {"memory": "2Gi"}}]}
    kept = ours("BatchPolicyException", "kept", **LET_OFF, selector={"matchLabels": {"a": "b"}},
                expiresAt="2099-01-01T00:00:00Z")  # fmt: skip
    kept["metadata"]["creationTimestamp"] = "2098-12-31T00:00:00Z"
    far = ours("BatchPolicyException", "far", **LET_OFF | {"policies": ["elsewhere"]}, selector={},
               expiresAt="2099-01-01T00:00:00Z")  # fmt: skip
    over = ours("BatchPolicyException", "over", **LET_OFF, selector={}, expiresAt="2020-01-01T00:00:00Z")
    elsewhere = {"namespaceSelector": {"matchLabels": {"level": "high"}}}
    return Scene(
        server, tmp_path,
        policies=[
            retries(3, exceptions={}, exclude=exclude, contact="#help"),
            retries(3, "elsewhere", **elsewhere),
        ],
        own=[ours("BatchPolicy", "own", objectSelector={"matchLabels": {"tagged": "yes"}},
                  rules={"restartPolicy": {}, "imageTag": {"action": "Audit"}})],
        exceptions=[kept, far, over],
        limits=[{"metadata": {"name": "l", "namespace": "team-a"}, "spec": limits}],
    )  # fmt: skip


def test_what_binds_is_told_to_people(scene: Scene) -> None:
    result = scene.run(*BINDS)
    assert (result.exit_code, result.stderr) == (0, "")
    assert (
        result.stdout
        == """\
2 policies bind in namespace team-a.

own  (BatchPolicy of namespace team-a)
  Warn: restartPolicy
  Audit: imageTag
  objects: {matchLabels: {tagged: "yes"}}
  exceptions: none can lift it

house  (ClusterBatchPolicy)
  Deny: backoffLimit
  namespaces: all
  objects: all
  not judged: {users: ["system:serviceaccount:velero:*"]}
  exceptions: for at most 90 days
  help: #help

kept  (BatchPolicyException, until 2099-01-01)
  lifts: backoffLimit of house
  objects: {matchLabels: {a: b}}
  why: OPS-1 (me@example.com)

far  (BatchPolicyException, not in force, until 2099-01-01)
  lifts: backoffLimit of elsewhere
  but: none of its policies binds here with such a rule
  objects: all
  why: OPS-1 (me@example.com)

over  (BatchPolicyException, not in force, until 2020-01-01)
  lifts: backoffLimit of house
  but: expired on 2020-01-01
  objects: all
  why: OPS-1 (me@example.com)

LimitRange, of each container
  limits: {memory: 1Gi}
  requests: {memory: 1Gi}
  at most: {memory: 2Gi}
"""
    )


def test_what_binds_is_told_to_programs(scene: Scene) -> None:
    told = json.loads(scene.run(*BINDS, "--format=json").stdout)
    assert told["namespace"] == "team-a"
    assert [(each["kind"], each["name"], each["rules"]) for each in told["policies"]] == [
        ("BatchPolicy", "own", {"restartPolicy": "Warn", "imageTag": "Audit"}),
        ("ClusterBatchPolicy", "house", {"backoffLimit": "Deny"}),
    ]
    assert [(each["name"], each["inForce"], each["expiresAt"]) for each in told["exceptions"]] == [
        ("kept", True, "2099-01-01T00:00:00Z"),
        ("far", False, "2099-01-01T00:00:00Z"),
        ("over", False, "2020-01-01T00:00:00Z"),
    ]
    assert told["limitRange"] == {
        "default": {"memory": "1Gi"}, "defaultRequest": {"memory": "1Gi"}, "max": {"memory": "2Gi"}}  # fmt: skip


def test_that_none_binds_is_told(scene: Scene) -> None:
    for name in ("policies", "own", "exceptions", "limits"):
        scene.answers[name] = [page([])]
    assert scene.run(*BINDS).stdout == "No policy binds in namespace team-a.\n"
    scene.answers["policies"] = [status(404, "404 page not found")]
    assert scene.run(*BINDS).stderr.startswith("Not installed here, so there are none: ClusterBatchPolicy (")


def test_what_cannot_be_used_or_read_is_told(scene: Scene) -> None:
    scene.answers["policies"] = [page([ours("ClusterBatchPolicy", "broken", rules={})])]
    result = scene.run(*BINDS)
    assert result.stderr.startswith("ClusterBatchPolicy broken cannot be used: spec.rules")
    assert result.exit_code == 2
    scene.answers["policies"] = [forbidden("list", "clusterbatchpolicies", "batchwarden.io", "at the cluster scope")]
    result = scene.run(*BINDS)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert "may not list clusterbatchpolicies.batchwarden.io in the whole cluster" in result.stderr
    assert "-n" not in result.stderr


def test_an_exception_from_a_rule_that_its_policy_lacks_is_not_in_force(scene: Scene) -> None:
    """As its status says: both go by the same claims."""
    lacking = ours("BatchPolicyException", "lacking", **LET_OFF | {"rules": ["restartPolicy"]}, selector={},
                   expiresAt="2099-01-01T00:00:00Z")  # fmt: skip
    lacking["metadata"]["creationTimestamp"] = "2098-12-31T00:00:00Z"
    scene.answers["exceptions"] = [page([lacking])]
    (told,) = json.loads(scene.run(*BINDS, "--format=json").stdout)["exceptions"]
    assert (told["inForce"], told["inert"]) == (False, ["none of its policies binds here with such a rule"])


def test_what_is_no_cluster_is_told(scene: Scene) -> None:
    for name in ("policies", HOME):
        scene.answers = {name: [whole(200, b"<html>Log in</html>")]}
        result = scene.run(*BINDS)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert result.stderr.startswith("Error: this is not what an API server answers: JSON is malformed")
        assert result.stderr.endswith("; is it the right --context?\n")


def test_a_command_that_asks_no_cluster_takes_no_namespace() -> None:
    result = CliRunner().invoke(main, [*BINDS, "list"])
    assert result.exit_code == 2
    assert "-n, --context and --kubeconfig are for a cluster, which list does not ask; leave them out" in result.stderr

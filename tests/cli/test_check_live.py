"""``batchwarden check`` without files judges what runs in a cluster, and says what it could not see."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from tests.cli.clusters import HOME, OURS, PATHS, Scene, cron_job, forbidden, job, made_by, ours, retries
from tests.conftest import ROOT
from tests.watching.apiserver import ApiServer, page, status
from webhook.admission.settings import Settings
from webhook.cli import main
from webhook.reaching import EXEMPT

BAD = {"backoffLimit": 9}
IN_TEAM = ("check", "-n", "team-a")
LET_OFF = {"policies": ["house"], "rules": ["backoffLimit"], "reason": "x", "owner": "y"}


@pytest.fixture
def scene(server: ApiServer, tmp_path: Path) -> Scene:
    """Return a cluster with a policy, a CronJob that breaks it, two Jobs of that and three of their own."""
    exception = ours("BatchPolicyException", "off", **LET_OFF, selector={"matchLabels": {"a": "b"}},
                     expiresAt="2099-01-01T00:00:00Z")  # fmt: skip
    exception["metadata"]["creationTimestamp"] = "2098-12-31T00:00:00Z"
    return Scene(
        server, tmp_path,
        policies=[retries(3, exceptions={})],
        exceptions=[exception],
        cronjobs=[cron_job("nightly", {"backoffLimit": 9})],
        jobs=[
            job("nightly-1", {"backoffLimit": 9}, **made_by("nightly")),
            job("nightly-2", {"backoffLimit": 9}, **made_by("nightly")),
            job("good", {"backoffLimit": 1}),
            job("let-off", {"backoffLimit": 9}, labels={"a": "b"}),
            job("leaving", {"backoffLimit": 9}, deletionTimestamp="2026-01-01T00:00:00Z"),
        ],
    )  # fmt: skip


def test_what_runs_is_judged_as_it_stands_and_jobs_of_cronjobs_with_these(scene: Scene) -> None:
    result = scene.run(*IN_TEAM)
    assert (
        result.stdout
        == """\
CronJob team-a/nightly
  Deny spec.jobTemplate.spec.backoffLimit is 9; allowed: at most 3
    Work that fails again and again costs as much as work that succeeds.   backoffLimit, policy house
    backoffLimit: 3

Job team-a/let-off
  skip spec.backoffLimit is 9; let off by exception off of y (backoffLimit, policy house)
    x (y, until 2099-01-01)

Why: batchwarden explain backoffLimit
3 objects checked; 1 finding (1 Deny); 1 let off by exceptions; left out: 2 made by a CronJob, 1 being deleted.
"""
    )
    assert (result.exit_code, result.stderr) == (1, "")
    assert scene.run(*IN_TEAM, "--fail-on=never").exit_code == 0


def test_nothing_is_written_first_and_what_the_server_filled_in_is_told(scene: Scene) -> None:
    scene.answers["policies"] = [
        page([ours("ClusterBatchPolicy", "house", rules={"backoffLimit": {"max": 3, "default": 3}})])
    ]
    scene.answers["jobs"] = [page([job("plain", {"backoffLimit": 6})])]
    scene.answers["cronjobs"] = [page([])]
    result = scene.run(*IN_TEAM)
    assert "Warn spec.backoffLimit is 6 (yours or Kubernetes'); allowed: at most 3\n" in result.stdout
    assert "would be set" not in result.stdout
    assert result.exit_code == 0


@pytest.mark.parametrize("form", ["json", "junit", "sarif", "github"])
def test_programs_are_told_of_no_file_and_no_line(scene: Scene, form: str) -> None:
    text = scene.run(*IN_TEAM, f"--format={form}").stdout
    assert "backoffLimit is 9" in text
    assert not any(word in text for word in ("file=", "artifactLocation", "0:0: "))
    if form == "json":
        told = json.loads(text)
        assert {(each["source"], each["line"]) for each in told["objects"]} == {("", 0)}
        assert told["summary"]["leftOut"] == {"made by a CronJob": 2, "being deleted": 1}
    if form == "junit":
        assert '<testsuite id="0" name="namespace team-a"' in text


def test_other_policies_may_be_named_and_only_the_surroundings_are_asked_for(scene: Scene, server: ApiServer) -> None:
    result = scene.run(*IN_TEAM, "--policy=baseline")
    assert "ttlAfterFinished, policy baseline" in result.stdout
    assert {path for path, _ in server.asked} == {HOME, *(PATHS[name] for name in ("limits", "cronjobs", "jobs"))}


def test_what_a_limit_range_gives_counts(scene: Scene) -> None:
    scene.answers["policies"] = [page([ours("ClusterBatchPolicy", "house", rules={"resourceLimits": {}})])]
    assert "3 findings (3 Warn)" in scene.run(*IN_TEAM).stdout
    limits = {"limits": [{"type": "Container", "default": {"memory": "1Gi"}}]}
    scene.answers["limits"] = [page([{"metadata": {"name": "l", "namespace": "team-a"}, "spec": limits}])]
    assert "0 findings" in scene.run(*IN_TEAM).stdout


def test_labels_of_the_namespace_choose_the_policies_and_that_none_binds_is_told(scene: Scene) -> None:
    scene.answers["policies"] = [page([retries(3, namespaceSelector={"matchLabels": {"level": "high"}})])]
    result = scene.run(*IN_TEAM)
    assert (result.exit_code, result.stderr) == (0, "No policy binds namespace team-a.\n")
    scene.labels = {"level": "high"}
    assert scene.run(*IN_TEAM).exit_code == 1


def test_labels_that_may_not_be_read_matter_only_where_a_policy_asks_for_them(scene: Scene) -> None:
    scene.answers[HOME] = [forbidden("get", "namespaces", "", 'in the namespace "team-a"')]
    assert scene.run(*IN_TEAM).exit_code == 1
    scene.answers["policies"] = [page([retries(3, namespaceSelector={"matchLabels": {"level": "high"}})])]
    result = scene.run(*IN_TEAM)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith('Error: user "tenant" may not get namespaces in namespace team-a; ask ')


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("policies", forbidden("list", "clusterbatchpolicies", "batchwarden.io", "at the cluster scope")),
        ("own", forbidden("list", "batchpolicies", "batchwarden.io", 'in the namespace "team-a"')),
        ("exceptions", forbidden("list", "batchpolicyexceptions", "batchwarden.io", 'in the namespace "team-a"')),
        ("limits", forbidden("list", "limitranges", "", 'in the namespace "team-a"')),
    ],
)
def test_who_may_not_read_what_decides_is_told_so_in_a_sentence(scene: Scene, name: str, refused: Any) -> None:
    scene.answers[name] = [refused]
    result = scene.run(*IN_TEAM)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    resource = PATHS[name].rpartition("/")[2]
    assert f'user "tenant" may not list {resource}' in result.stderr
    assert "kubectl auth can-i list" in result.stderr


def test_a_kind_that_may_not_be_listed_is_told_and_the_other_is_judged(scene: Scene) -> None:
    scene.answers["jobs"] = [forbidden("list", "jobs", "batch", 'in the namespace "team-a"')]
    result = scene.run(*IN_TEAM)
    assert result.exit_code == 2
    assert 'cannot read Jobs: user "tenant" may not list jobs.batch in namespace team-a; ask ' in result.stdout
    assert result.stdout.endswith("1 object checked; 1 finding (1 Deny); 1 could not be read.\n")


def test_where_the_kinds_are_not_installed_there_is_nothing_to_judge_by(scene: Scene) -> None:
    for name in ("policies", "own", "exceptions"):
        scene.answers[name] = [status(404, "404 page not found")]
    result = scene.run(*IN_TEAM)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "Not installed here, so there are none: ClusterBatchPolicy, BatchPolicy, BatchPolicyException "
        "(kubectl apply -f deploy/crds installs them).\n"
        "Error: there is no policy in the cluster to judge by; name one: --policy baseline\n"
    )


def test_a_policy_that_cannot_be_used_is_told_and_the_others_judge(scene: Scene) -> None:
    broken = ours("ClusterBatchPolicy", "broken", rules={"backoffLimit": {"mux": 3}})
    scene.answers["policies"] = [page([retries(3, exceptions={}), broken])]
    result = scene.run(*IN_TEAM)
    assert result.exit_code == 2
    assert result.stdout.startswith("cannot read ClusterBatchPolicy broken: spec.rules.backoffLimit")
    assert "1 finding (1 Deny)" in result.stdout


def test_policies_that_are_too_many_in_their_namespace_are_told(scene: Scene) -> None:
    scene.answers["own"] = [page([ours("BatchPolicy", f"p{n:02}", rules={"restartPolicy": {}}) for n in range(33)])]
    assert (
        "cannot read BatchPolicy team-a/p32: its namespace has over 32 BatchPolicies, of" in scene.run(*IN_TEAM).stdout
    )


def test_all_namespaces_are_asked_for_in_whole_lists(scene: Scene, server: ApiServer) -> None:
    scene.spread("team-z", policies=[retries(3)], jobs=[job("far", BAD, namespace="team-z")])
    result = scene.run("check", "-A")
    assert "Job team-z/far\n" in result.stdout
    assert {path for path, _ in server.asked} == scene.answers.keys()
    scene.answers[f"{OURS}/batchpolicies"] = [
        forbidden("list", "batchpolicies", "batchwarden.io", "at the cluster scope")
    ]
    assert "in the whole cluster; ask " in scene.run("check", "-A").stderr
    assert "or look into one namespace by -n" in scene.run("check", "-A").stderr


def test_of_all_namespaces_the_exempt_ones_are_left_out(scene: Scene) -> None:
    """Nothing is judged there at admission; who looks into one of them by its name means it."""
    jobs = [job("a", BAD, namespace="kube-system"), job("b", BAD)]
    scene.spread("kube-system", "team-a", policies=[retries(3)], jobs=jobs)
    result = scene.run("check", "-A")
    assert "kube-system/" not in result.stdout
    assert result.stdout.endswith(
        "1 object checked; 1 finding (1 Deny); left out: 1 in exempt namespace kube-system.\n"
    )
    result = scene.run("check", "-A", "--exempt-namespace=team-a", "--exempt-namespace=x")
    assert "Job kube-system/a\n" in result.stdout
    assert result.stdout.endswith("; left out: 1 in exempt namespace team-a.\n")


def test_the_namespaces_exempt_by_default_are_those_of_the_chart() -> None:
    values = yaml.safe_load((ROOT / "deploy/helm/batchwarden/values.yaml").read_text())
    assert set(EXEMPT) == {*values["exemptNamespaces"], Settings().own_namespace}


def test_pages_are_read_one_by_one(scene: Scene, server: ApiServer) -> None:
    scene.answers["jobs"] = [page([job("a", {"backoffLimit": 9})], more="next"), page([job("b", {"backoffLimit": 9})])]
    assert "3 objects checked; 3 findings" in scene.run(*IN_TEAM).stdout
    asked = [query for path, query in server.asked if path == PATHS["jobs"]]
    assert asked == [{"limit": "100"}, {"limit": "100", "continue": "next"}]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-A", "-n", "team-a"], "-A is for all namespaces, -n for one"),
        (["-n", "team-a", "--exempt-namespace", "x"], "--exempt-namespace is for -A; leave it out, or add -A"),
        (["-A", "."], "PATH is for files, -A, --context and --kubeconfig for a cluster"),
        (["--context", "x", "."], "PATH is for files, -A, --context and --kubeconfig for a cluster"),
    ],
    ids=range(4),
)
def test_what_contradicts_itself_is_refused(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(main, ["check", *arguments])
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (status(401, "Unauthorized"), "the API server does not know who you are (401 Unauthorized); log in again"),
        (status(500, "etcd is away"), "Error: 500 etcd is away\n"),
    ],
    ids=["401", "500"],
)
def test_other_refusals_are_told(scene: Scene, answer: Any, said: str) -> None:
    scene.answers["policies"] = [answer]
    result = scene.run(*IN_TEAM)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_cluster_that_is_not_there_or_not_known_is_told(tmp_path: Path, scene: Scene) -> None:
    gone = tmp_path / "gone.json"
    config = json.loads((tmp_path / "config").read_text())
    config["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:1"
    gone.write_text(json.dumps(config))
    result = CliRunner().invoke(main, [*IN_TEAM, f"--kubeconfig={gone}"])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "http://127.0.0.1:1 cannot be reached: " in result.stderr
    assert result.stderr.endswith("is it the right --context?\n")
    assert "no cluster to talk to: " in scene.run(*IN_TEAM, "--context=three").stderr


def test_without_a_namespace_it_is_that_of_the_context(scene: Scene, tmp_path: Path) -> None:
    scene.answers["/api/v1/namespaces/default"] = [status(404, "namespaces default not found")]
    for path in ("/apis/batchwarden.io/v1alpha1/namespaces/default/batchpolicies",
                 "/apis/batchwarden.io/v1alpha1/namespaces/default/batchpolicyexceptions",
                 "/api/v1/namespaces/default/limitranges"):  # fmt: skip
        scene.answers[path] = [page([])]
    assert scene.run("check").stderr == "Error: there is no namespace default\n"
    config = json.loads((tmp_path / "config").read_text())
    config["contexts"][1]["context"]["namespace"] = "team-a"
    (tmp_path / "config").write_text(json.dumps(config))
    assert "CronJob team-a/nightly" in scene.run("check", "--context=two").stdout

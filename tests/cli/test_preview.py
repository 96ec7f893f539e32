"""``batchwarden preview`` tells the difference that policies would make to what runs, and no more."""

import json
from pathlib import Path

import pytest

from tests.cli.clusters import Object, Scene, cron_job, forbidden, job, made_by, ours, retries
from tests.watching.apiserver import ApiServer, page

LET_OFF = {"policies": ["house"], "rules": ["backoffLimit"], "reason": "x", "owner": "y"}
HIGH = {"matchLabels": {"level": "high"}}


@pytest.fixture
def scene(server: ApiServer, tmp_path: Path) -> Scene:
    """Return a cluster with a policy that denies over 5 retries, and a CronJob and Jobs with 4 and 9 of them."""
    return Scene(
        server, tmp_path,
        policies=[retries(5, exceptions={})],
        cronjobs=[cron_job("nightly", {"backoffLimit": 4})],
        jobs=[
            job("nightly-1", {"backoffLimit": 4}, **made_by("nightly")),
            job("few", {"backoffLimit": 1}),
            job("some", {"backoffLimit": 4}, labels={"a": "b"}),
            job("many", {"backoffLimit": 9}),
        ],
    )  # fmt: skip


def preview(scene: Scene, *things: Object, options: tuple[str, ...] = ()) -> tuple[str, str, int]:
    """Return what is printed of a preview of these, what is complained of, and the exit code."""
    text = "\n---\n".join(map(json.dumps, things))
    result = scene.run("preview", "-f", "-", "-n", "team-a", *options, stdin=text)
    return result.stdout, result.stderr, result.exit_code


def test_only_what_would_differ_is_told_and_all_is_counted(scene: Scene) -> None:
    rules = {"backoffLimit": {"max": 3}, "ttlAfterFinished": {"defaultSeconds": 60, "action": "Warn"}}
    assert preview(scene, retries(3, rules=rules)) == (
        """\
CronJob team-a/nightly
  Deny spec.jobTemplate.spec.backoffLimit is 4; allowed: at most 3 (backoffLimit, policy house)

Job team-a/few
  default spec.ttlSecondsAfterFinished would be set to 60 (ttlAfterFinished, policy house)

Job team-a/some
  Deny spec.backoffLimit is 4; allowed: at most 3 (backoffLimit, policy house)
  default spec.ttlSecondsAfterFinished would be set to 60 (ttlAfterFinished, policy house)

Job team-a/many
  default spec.ttlSecondsAfterFinished would be set to 60 (ttlAfterFinished, policy house)

4 objects compared; 4 would change; 2 newly denied; 3 newly defaulted.
""",
        "",
        0,
    )


def test_the_same_policy_makes_no_difference(scene: Scene) -> None:
    assert preview(scene, retries(5, exceptions={}))[0] == "4 objects compared; none would change.\n"


def test_a_policy_beside_the_others_adds_to_them(scene: Scene) -> None:
    told, _, _ = preview(scene, retries(3, "second", action="Warn"))
    assert "Warn spec.backoffLimit is 4; allowed: at most 3 (backoffLimit, policy second)\n" in told
    assert told.endswith("4 objects compared; 2 would change; 2 newly warned of.\n")
    told, _, _ = preview(scene, retries(3, "second", action="Audit"))
    assert told.endswith("; 2 newly reported.\n")


def test_a_policy_that_goes_or_grows_milder_is_told(scene: Scene) -> None:
    told, _, _ = preview(scene, retries(5, action="Warn"))
    assert "  Warn instead of Deny spec.backoffLimit is 9; allowed: at most 5 (backoffLimit, policy house)\n" in told
    assert told.endswith("; 1 would change; 1 judged more mildly.\n")
    told, _, _ = preview(scene, retries(5), options=("--delete",))
    assert "  no longer Deny spec.backoffLimit is 9; allowed: at most 5 (backoffLimit, policy house)\n" in told
    assert preview(scene, retries(5, "other"), options=("--delete",))[0].endswith("; none would change.\n")


def test_defaults_that_would_end_are_told(scene: Scene) -> None:
    scene.answers["policies"] = [
        page([ours("ClusterBatchPolicy", "house", rules={"ttlAfterFinished": {"defaultSeconds": 60}})])
    ]
    told, _, _ = preview(scene, retries(99))
    assert "no longer default spec.ttlSecondsAfterFinished would be set to 60" in told
    assert told.endswith("; 3 would change; 3 no longer defaulted.\n")


def test_an_exception_is_previewed_in_the_namespace_that_is_looked_at(scene: Scene) -> None:
    exception = ours("BatchPolicyException", "off", **LET_OFF, selector={}, expiresAt="2099-01-01T00:00:00Z")
    del exception["metadata"]["namespace"]
    assert preview(scene, exception)[0] == "4 objects compared; none would change.\n"  # it would last too long
    scene.answers["policies"] = [page([retries(5, exceptions={"maxDays": 3660})])]
    exception["spec"]["expiresAt"] = "2030-01-01T00:00:00Z"
    assert preview(scene, exception)[0].endswith("; 1 would change; 1 judged more mildly.\n")
    exception["metadata"]["namespace"] = "team-z"
    assert preview(scene, exception)[0].endswith("; none would change.\n")


def test_an_exception_that_is_there_keeps_its_age(scene: Scene) -> None:
    old = ours("BatchPolicyException", "off", **LET_OFF, selector={"matchLabels": {"a": "b"}},
               expiresAt="2098-12-01T00:00:00Z")  # fmt: skip
    old["metadata"]["creationTimestamp"] = "2098-11-30T00:00:00Z"
    scene.answers["exceptions"] = [page([old])]
    wide = ours("BatchPolicyException", "off", **LET_OFF, selector={}, expiresAt="2098-12-02T00:00:00Z")
    assert preview(scene, wide)[0].endswith("; 1 would change; 1 judged more mildly.\n")


def test_in_all_namespaces_what_names_none_is_for_that_of_the_context(scene: Scene) -> None:
    homes = ("team-a", "default")
    scene.spread(*homes, jobs=[job("once", {"backoffLimit": 9}, namespace=home) for home in homes])
    own = ours("BatchPolicy", "own", action="Deny", rules={"backoffLimit": {"max": 1}})
    del own["metadata"]["namespace"]
    told = scene.run("preview", "-f", "-", "-A", stdin=json.dumps(own)).stdout
    assert told.startswith("Job default/once\n  Deny ")
    assert told.endswith("2 objects compared; 1 would change; 1 newly denied.\n")


def test_of_all_namespaces_the_exempt_ones_are_left_out(scene: Scene) -> None:
    homes = ("team-a", "kube-system")
    scene.spread(*homes, jobs=[job("once", {"backoffLimit": 9}, namespace=home) for home in homes])
    here = {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}
    policy = json.dumps(retries(3, namespaceSelector=here))
    result = scene.run("preview", "-f", "-", "-A", stdin=policy)
    assert result.stdout == "1 object compared; none would change; left out: 1 in exempt namespace kube-system.\n"
    assert result.stderr == "Policy house binds none of the namespaces looked at.\n"
    told = scene.run("preview", "-f", "-", "-A", "--exempt-namespace=team-a", "--format=json", stdin=policy)
    assert json.loads(told.stdout)["summary"] == {
        "objects": 1, "changed": 1, "shown": 1, "outcomes": {"newlyDenied": 1},
        "leftOut": {"in exempt namespace team-a": 1}}  # fmt: skip
    assert told.stderr == ""


def test_labels_of_a_namespace_are_previewed(scene: Scene) -> None:
    scene.answers["policies"] = [page([retries(3, namespaceSelector=HIGH)])]
    high = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-a", "labels": {"level": "high"}}}
    assert preview(scene, high)[0].endswith("; 3 would change; 3 newly denied.\n")


def test_a_policy_that_binds_nothing_there_is_told(scene: Scene) -> None:
    told, complaint, code = preview(scene, retries(3, "second", namespaceSelector=HIGH))
    assert (told, code) == ("4 objects compared; none would change.\n", 0)
    assert complaint == "Policy second binds none of the namespaces looked at.\n"


def test_what_is_shown_is_bounded_and_what_is_counted_is_not(scene: Scene) -> None:
    told, _, _ = preview(scene, retries(0), options=("--limit=1",))
    assert told.count("\nJob ") == 0
    assert told.endswith(
        "and 2 more objects: --limit shows more\n\n4 objects compared; 3 would change; 3 newly denied.\n"
    )


def test_programs_are_told_alike(scene: Scene) -> None:
    told = json.loads(preview(scene, retries(3), options=("--format=json", "--limit=1"))[0])
    assert told == {
        "objects": [
            {
                "kind": "CronJob",
                "namespace": "team-a",
                "name": "nightly",
                "changes": [
                    {
                        "outcome": "newlyDenied",
                        "rule": "backoffLimit",
                        "was": None,
                        "becomes": "Deny",
                        "text": "spec.jobTemplate.spec.backoffLimit is 4; allowed: at most 3"
                        " (backoffLimit, policy house)",
                    }
                ],
                "crashed": [],
            }
        ],
        "unreadable": [],
        "summary": {"objects": 4, "changed": 2, "shown": 1, "outcomes": {"newlyDenied": 2}, "leftOut": {}},
    }


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_may_not_be_listed_is_told(scene: Scene, form: str) -> None:
    scene.answers["cronjobs"] = [forbidden("list", "cronjobs", "batch", 'in the namespace "team-a"')]
    told, _, code = preview(scene, retries(3), options=(f"--format={form}",))
    assert code == 2
    assert "may not list cronjobs.batch in namespace team-a" in told.replace("\\", "")
    assert "team-a" in told


def test_what_is_no_policy_is_told_and_nothing_is_asked(scene: Scene, server: ApiServer) -> None:
    for thing, said in (
        (ours("ClusterBatchPolicy", "house", rules={"backoffLimit": {"mux": 3}}), "did you mean max?"),
        ({"apiVersion": "v1", "kind": "Service"}, "there is no policy, exception or Namespace in -"),
    ):
        told, complaint, code = preview(scene, thing)
        assert (told, code, server.asked) == ("", 2, [])
        assert said in complaint


def test_a_policy_of_a_namespace_that_is_full_is_the_last_of_it(scene: Scene) -> None:
    own = [ours("BatchPolicy", f"p{number:02}", rules={"restartPolicy": {}}) for number in range(32)]
    scene.answers["own"] = [page(own)]
    one_more = ours("BatchPolicy", "a", rules={"backoffLimit": {"max": 0, "action": "Deny"}})
    told, complaint, _ = preview(scene, one_more)
    assert told.endswith("; none would change.\n")
    assert complaint == "Policy a binds none of the namespaces looked at.\n"

"""``batchwarden exception`` fills in what an admin would be asked for, or says why there is nothing to ask for."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies.objects import BatchPolicyException, decode_object
from tests.cli.clusters import PATHS, Object, Scene, cron_job, forbidden, job, made_by, ours, retries
from tests.watching.apiserver import ApiServer, page, status, whole

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture
def scene(server: ApiServer, tmp_path: Path) -> Scene:
    labels = {"app": "import", "helm.sh/chart": "x-1.2", "controller-uid": "1"}
    things = [cron_job("import", {"backoffLimit": 9}, labels=labels) | {"kind": "CronJob"}]
    scene = Scene(
        server, tmp_path,
        policies=[retries(3, exceptions={"maxDays": 30}, contact="#help")],
        cronjobs=things,
        jobs=[job("import-1", {"backoffLimit": 9}, labels=labels, **made_by("import")), job("other")],
    )  # fmt: skip
    scene.answers[f"{PATHS['cronjobs']}/import"] = [whole(200, json.dumps(things[0]).encode())]
    return scene


def ask(scene: Scene, *words: str, stdin: str | None = None) -> tuple[str, str, int]:
    result = scene.run("exception", *words, "-n", "team-a", stdin=stdin)
    return result.stdout, result.stderr, result.exit_code


def refused(scene: Scene, *words: str, stdin: str | None = None) -> str:
    text, complaint, code = ask(scene, *words, stdin=stdin)
    assert (text, code) == ("", 2)
    return complaint


def written(text: str) -> Any:
    """Return the exception, decoded as strictly as the cluster would."""
    found = decode_object(yaml.safe_load(text))
    assert isinstance(found, BatchPolicyException)
    return found


ASK = ("cronjob/import", "--rule", "backoffLimit")
WHOLE = (*ASK, "--reason", "OPS-1", "--owner", "me@example.com")


def test_it_is_filled_in_from_what_the_cluster_says(scene: Scene) -> None:
    text, complaint, code = ask(scene, *WHOLE)
    assert (complaint, code) == ("", 0)
    assert text.splitlines()[0] == "# Once an admin agrees: kubectl apply -f FILE   (into namespace team-a)"
    assert text.count("#") == 1
    exception = written(text)
    assert (exception.metadata.name, exception.metadata.namespace) == ("cronjob-import-backofflimit", "team-a")
    spec = exception.spec
    assert (spec.policies, spec.rules, spec.reason, spec.owner) == (
        ("house",),
        ("backoffLimit",),
        "OPS-1",
        "me@example.com",
    )
    assert spec.selector.match_labels == {"app": "import"}  # neither what changes nor what is generated
    assert spec.expires_at - TODAY in {timedelta(days=30), timedelta(days=31)}  # midnight may pass


def test_it_lifts_the_rule(scene: Scene) -> None:
    text, _, _ = ask(scene, *WHOLE)
    scene.answers["exceptions"] = [page([yaml.safe_load(text)])]
    assert "1 let off by exceptions" in scene.run("check", "-n", "team-a").stdout
    assert refused(scene, *ASK).startswith(
        "Error: exception cronjob-import-backofflimit lifts backoffLimit off CronJob import"
    )


def test_what_is_to_be_filled_in_is_said(scene: Scene) -> None:
    assert "# Fill in reason and owner first.\n" in ask(scene, *ASK)[0]
    assert "# Fill in owner first.\n" in ask(scene, *ASK, "--reason=x")[0]


def test_labels_that_select_others_are_told(scene: Scene) -> None:
    labels = {"labels": {"app": "import", "more": "x"}}
    scene.answers["jobs"] = [page([job(f"other-{number}", **labels) for number in range(7)])]
    assert (
        "# These labels select 7 more: Job other-0, Job other-1, Job other-2, Job other-3, Job other-4, and 2 more.\n"
        in ask(scene, *ASK)[0]
    )


def test_a_job_or_a_file_will_do_as_well(scene: Scene, tmp_path: Path) -> None:
    thing = {"apiVersion": "batch/v1", "kind": "Job", **job("once", {"backoffLimit": 9}, labels={"app": "once"})}
    scene.answers[f"{PATHS['jobs']}/once"] = [whole(200, json.dumps(thing).encode())]
    stored = ask(scene, "jobs/once", *ASK[1:])[0]
    assert written(stored.replace("''", "x")).spec.selector.match_labels == {"app": "once"}
    (tmp_path / "job.yaml").write_text(json.dumps(thing))
    assert ask(scene, "-f", str(tmp_path / "job.yaml"), *ASK[1:])[0] == stored
    assert ask(scene, "-f", "-", *ASK[1:], stdin=json.dumps(thing))[0] == stored
    nameless = thing | {"metadata": {"generateName": "once-", "labels": {"app": "once"}}}
    text, _, _ = ask(scene, "-f", "-", *ASK[1:], stdin=json.dumps(nameless))
    assert written(text.replace("''", "x")).metadata.name == "job-once-backofflimit"


def test_policies_that_may_not_be_lifted_are_told(scene: Scene) -> None:
    firm = retries(2, "firm")
    scene.answers["policies"] = [page([retries(3, exceptions={}), firm])]
    text, _, _ = ask(scene, *WHOLE)
    assert "# Policy firm flags it too, and permits no exceptions.\n" in text
    assert written(text).spec.policies == ("house",)
    said = refused(scene, *ASK, "--policy=nobody")
    assert said == "Error: nobody does not flag CronJob import for backoffLimit, but policies firm, house\n"
    scene.answers["policies"] = [page([firm])]
    assert refused(scene, *ASK) == (
        "Error: policy firm permits no exceptions; ask who administers the cluster to change that\n"
    )
    scene.answers["policies"] = [page([retries(2, "firm", contact="#help")])]
    assert "; ask #help to change that" in refused(scene, *ASK)


def test_the_end_is_within_what_the_strictest_policy_permits(scene: Scene) -> None:
    day = TODAY + timedelta(days=7)
    assert written(ask(scene, *WHOLE, f"--expires={day:%Y-%m-%d}")[0]).spec.expires_at == day
    for wrong in (TODAY - timedelta(days=1), TODAY + timedelta(days=40)):
        said = refused(scene, *ASK, f"--expires={wrong:%Y-%m-%d}")
        assert "is not possible; allowed by policy house: at most 30 days, so from tomorrow to " in said
    scene.answers["policies"] = [page([retries(3, exceptions={"maxDays": 3660})])]
    assert written(ask(scene, *WHOLE)[0]).spec.expires_at <= TODAY + timedelta(days=91)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cronjob/import", "--rule=restartPolicy"),
         "no policy flags CronJob import in namespace team-a for restartPolicy; it is flagged for backoffLimit"),
        (("cronjob/import", "--rule=backofLimit"), "did you mean backoffLimit?"),
        (("pod/import", "--rule=backoffLimit"), "'pod/import' is no Job and no CronJob; write job/NAME or"),
        (("cronjob/..", "--rule=backoffLimit"), "is no Job and no CronJob"),
        (("--rule=backoffLimit",), "name one Job or CronJob"),
        (("cronjob/import", "-f", "x", "--rule=backoffLimit"), "name one Job or CronJob"),
        (("-f", "-", "--rule=backoffLimit"), "- holds 0 Jobs and CronJobs; give a file with one"),
        (("-f", "gone.yaml", "--rule=backoffLimit"), "gone.yaml: there is no such file"),
    ],
    ids=range(8),
)  # fmt: skip
def test_what_cannot_be_asked_for_is_told(scene: Scene, words: tuple[str, ...], said: str) -> None:
    assert said in refused(scene, *words)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        (
            {},
            "Job once has no label to select it by; give it one in its manifest, or by kubectl label job/once app=once",
        ),
        (made_by("nightly"), "Error: it is made by a CronJob, and not judged by itself; name the CronJob, or what "),
    ],
    ids=["no-label", "made"],
)
def test_a_job_that_cannot_be_selected_is_told(scene: Scene, metadata: Object, said: str) -> None:
    thing = job("once", {"backoffLimit": 9}, **metadata) | {"kind": "Job"}
    scene.answers[f"{PATHS['jobs']}/once"] = [whole(200, json.dumps(thing).encode())]
    assert said in refused(scene, "job/once", *ASK[1:])


def test_what_is_not_there_or_may_not_be_read_is_told(scene: Scene) -> None:
    path = f"{PATHS['jobs']}/gone"
    scene.answers[path] = [status(404, 'jobs.batch "gone" not found')]
    assert refused(scene, "job/gone", *ASK[1:]).startswith("Error: there is no Job gone in namespace team-a")
    scene.answers[path] = [forbidden("get", "jobs", "batch", 'in the namespace "team-a"')]
    assert 'user "tenant" may not get jobs.batch in namespace team-a' in refused(scene, "job/gone", *ASK[1:])
    scene.answers["jobs"] = [forbidden("list", "jobs", "batch", 'in the namespace "team-a"')]
    assert 'user "tenant" may not list jobs.batch in namespace team-a' in refused(scene, *ASK)


@pytest.mark.parametrize("namespace", ["kube-system/secrets/x?watch=1&y=", "..", "Team-A"], ids=range(3))
def test_a_manifest_leads_into_no_other_path(scene: Scene, server: ApiServer, namespace: str) -> None:
    thing = {"apiVersion": "batch/v1", "kind": "Job", **job("once", {"backoffLimit": 9}, labels={"app": "once"})}
    thing["metadata"]["namespace"] = namespace
    said = refused(scene, "-f", "-", *ASK[1:], stdin=json.dumps(thing))
    assert said.startswith(f"Error: metadata.namespace: {namespace!r} is no name that Kubernetes takes here; allowed: ")
    assert server.asked == []


def test_a_policy_of_the_namespace_counts_as_well(scene: Scene) -> None:
    own = ours("BatchPolicy", "own", action="Audit", exceptions={}, rules={"backoffLimit": {"max": 1}})
    scene.answers["own"] = [page([own])]
    assert written(ask(scene, *WHOLE)[0]).spec.policies == ("house", "own")
    assert written(ask(scene, *WHOLE, "--policy=own")[0]).spec.policies == ("own",)

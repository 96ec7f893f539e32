"""Jobs run as they do without us, with the defaults that the policy writes, and go when they should."""

from functools import partial

from tests.cluster.kubectl import Kubectl, eventually
from tests.cluster.workloads import owner
from tests.node.release import Release
from tests.node.workloads import MESSAGE, cron_job, job


def test_a_bad_job_is_denied_and_a_good_one_runs_to_completion_with_its_default(
    release: Release, admin: Kubectl
) -> None:
    eventually(lambda: MESSAGE in admin.apply(job("bad", backoffLimit=4)).stderr)
    assert admin.run("get", "job/bad").code == 1
    applied = admin.apply(job("good", "echo done; sleep 1"))
    assert applied.warnings == ["spec.ttlSecondsAfterFinished set to 600 (ttlAfterFinished, policy tidy)"]
    completed(admin, "good")
    assert admin.run("logs", "job/good").stdout == "done\n"
    assert admin.get_json("job/good")["spec"]["ttlSecondsAfterFinished"] == 600


def test_a_job_that_fails_is_retried_as_often_as_it_says(release: Release, admin: Kubectl) -> None:
    assert admin.apply(job("broken", "exit 3", backoffLimit=1)).code == 0
    result = admin.run("wait", "job/broken", "--for=condition=Failed", "--timeout=55s")
    assert result.code == 0, admin.run("get", "pods,events").stdout
    assert admin.get_json("job/broken")["status"]["failed"] == 2


def test_a_finished_job_is_deleted_by_its_ttl(release: Release, admin: Kubectl) -> None:
    assert admin.apply(job("brief", ttlSecondsAfterFinished=1)).code == 0
    eventually(lambda: admin.run("get", "job/brief").code == 1, 30)
    eventually(lambda: admin.get_json("pods")["items"] == [])


def test_a_cronjob_fires_each_minute_and_its_jobs_complete(release: Release, admin: Kubectl) -> None:
    assert admin.apply(cron_job("minutely", "* * * * *")).code == 0
    first, *_ = eventually(lambda: admin.get_json("jobs")["items"], 90)
    assert owner(first) == "minutely"
    completed(admin, first["metadata"]["name"])


def test_the_history_of_a_cronjob_is_cut_to_its_limit(release: Release, admin: Kubectl) -> None:
    assert admin.apply(cron_job("rare", "0 3 29 2 *", successfulJobsHistoryLimit=1)).code == 0
    for name in ("first", "second", "third"):
        assert admin.create_job_from("rare", name).code == 0
        eventually(partial(was_completed, admin, name), 30)
    eventually(lambda: [item["metadata"]["name"] for item in admin.get_json("jobs")["items"]] == ["third"], 30)


def was_completed(admin: Kubectl, name: str) -> bool:
    """Tell whether a Job was completed, even if it is gone: its events stay."""
    selector = f"--field-selector=involvedObject.name={name},reason=Completed"
    return bool(admin.get_json("events", selector)["items"])


def completed(admin: Kubectl, name: str) -> None:
    """Wait until a Job is complete."""
    result = admin.run("wait", f"job/{name}", "--for=condition=Complete", "--timeout=55s")
    assert result.code == 0, admin.run("get", "pods,events").stdout

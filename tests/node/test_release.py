"""The chart brings up everything by itself, hinders nobody meanwhile, and leaves a working cluster when it goes."""

from tests.cluster.chart import RELEASE
from tests.cluster.kubectl import Kubectl, eventually
from tests.cluster.traffic import flowing
from tests.node.release import Release
from tests.node.workloads import MESSAGE, cron_job, job


def test_the_chart_comes_up_with_certificates_and_webhook_configurations_of_its_own(release: Release) -> None:
    release.roll_out()
    assert (len(release.ready()), len(release.ready("controller"))) == (2, 1)
    secrets = {secret["metadata"]["name"]: secret["data"] for secret in release.kubectl.get_json("secrets")["items"]}
    assert {"ca.crt", "ca.key"} <= secrets[f"{RELEASE}-authority"].keys()
    serving = secrets[f"{RELEASE}-serving"]
    assert {"ca.crt", "tls.crt", "tls.key"} <= serving.keys()
    configurations = release.configurations()
    assert [found["metadata"]["name"] for found in configurations] == [RELEASE, RELEASE]
    called = [webhook["clientConfig"] for found in configurations for webhook in found["webhooks"]]
    assert {(client["service"]["name"], client["caBundle"]) for client in called} == {(RELEASE, serving["ca.crt"])}


def test_while_it_is_installed_no_write_is_refused(chart: Release, admin: Kubectl) -> None:
    chart.helm.uninstall()
    eventually(lambda: chart.configurations() == [])
    with flowing(admin, {"good": job("good")}, threads=1) as traffic:
        traffic.wait(50)
        chart.install()
        chart.roll_out()
        traffic.wait(50)
    assert [answer for answer in traffic.answers if answer.status != 201] == []


def test_after_uninstall_jobs_run_freely_and_nothing_of_ours_is_asked(release: Release, admin: Kubectl) -> None:
    eventually(lambda: MESSAGE in admin.apply(job("bad", backoffLimit=4)).stderr)
    release.helm.uninstall()
    eventually(lambda: release.configurations() == [])
    eventually(lambda: admin.apply(job("bad", backoffLimit=4)).code == 0)
    for manifest in (job("good"), cron_job("nightly", "0 3 * * *")):
        assert admin.apply(manifest).stderr == ""
    result = admin.run("wait", "job/bad", "job/good", "--for=condition=Complete", "--timeout=55s")
    assert result.code == 0, admin.run("get", "pods,events").stdout
    eventually(lambda: release.pods() == set(), 60)

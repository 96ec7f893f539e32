"""What runs and what is refused on a real node is told to auditors: by reports in the cluster, and on one page."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import tenants_namespace
from tests.cluster.foreign import foreign_kinds
from tests.cluster.kubectl import DRY_RUN, Kubectl, Object, Result, eventually
from tests.cluster.serving import COMMAND, ENVIRONMENT
from tests.node.node import Node
from tests.node.release import CONTROLLER, Release
from tests.node.workloads import MESSAGE, POLICY, cron_job, job, template
from webhook.audit.policy_reports.denials import NAME as DENIALS

TEAM, RESTRICTED, FULL = "team", "team-restricted", "team-full"
LABELS = {"tests": "node"}  # what the policy of these tests selects
QUOTA = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "full"}, "spec": {"hard": {"pods": "0"}}}
RUNS = ("run-1", "run-2", "run-3")
NEVER = "0 3 29 2 *"  # but by hand

TOLD = [
    (TEAM, "CronJob", "nightly", "backoffLimit", "spec.jobTemplate.spec.backoffLimit is 9; allowed: at most 3"),
    (TEAM, "CronJob", "nightly", "deadlineSuggested", "there is no deadline, and its runs tell what it could be"),
    (TEAM, "Job", "once", "keptForEver", "it has finished, and nothing will delete it"),
    (TEAM, "Job", "slow", "runFailed", "it failed: DeadlineExceeded"),
    (RESTRICTED, "Job", "lax", "refusedByPodSecurity", "Pod Security restricted:latest refuses its Pods: "),
    (FULL, "Job", "waiting", "refusedByQuota", "ResourceQuota full leaves no room for its Pods: pods"),
]

Results = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Site:
    """An installation that scans each second; both users' kubectl is in the namespace of the team."""

    release: Release
    admin: Kubectl
    tenant: Kubectl

    def reports(self, namespace: str) -> dict[str, Results]:
        """Return the results of each report, by rule; a report is named by what it is of, or by its own name."""
        found = self.admin.within(namespace).get_json("policyreports.wgpolicyk8s.io")["items"]
        return {title(each): {told["rule"]: told for told in each.get("results", [])} for each in found}

    def await_result(self, namespace: str, name: str, rule: str) -> dict[str, Any]:
        """Return what is told of an object under a rule, once it is."""
        return eventually(lambda: self.reports(namespace).get(name, {}).get(rule, {}), 60)

    def denials(self) -> dict[str, dict[str, Any]]:
        """Return what the report of the team's denials tells, by the name of the object."""
        found = self.admin.get_json("policyreports.wgpolicyk8s.io")["items"]
        results = [told for each in found if each["metadata"]["name"] == DENIALS for told in each["results"]]
        return {each["resources"][0]["name"]: each for each in results}

    def be_refused(self, name: str) -> None:
        """Have the tenant be refused a Job, once, by whichever replica."""
        eventually(lambda: MESSAGE in self.tenant.create(job(name, backoffLimit=4)).stderr)

    def command(self, *args: str | Path) -> Result:
        """Run a command of ours as the admin."""
        command = [*COMMAND, *args, f"--kubeconfig={self.admin.kubeconfig}"]
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)
        return Result(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def without_controller(self) -> Iterator[None]:
        """Have no controller within the context."""
        self.scale(0)
        try:
            pods = ("pods", "--selector=app.kubernetes.io/component=controller")
            assert self.release.kubectl.run("wait", *pods, "--for=delete", "--timeout=55s").code == 0
            yield
        finally:
            self.scale(1)
            eventually(lambda: self.release.ready("controller"), 60)

    def scale(self, replicas: int) -> None:
        """Say how many controllers there are to be."""
        assert self.release.kubectl.run("scale", CONTROLLER, f"--replicas={replicas}").code == 0


def title(report: Mapping[str, Any]) -> str:
    """Return what a report is of."""
    scope = report.get("scope")
    return f"{scope['kind']} {scope['name']}" if scope else str(report["metadata"]["name"])


def retrying(name: str) -> Object:
    """Return a CronJob that breaks the policy."""
    return cron_job(name, NEVER, jobTemplate={"spec": {"template": template("true"), "backoffLimit": 9}})


@pytest.fixture(scope="module")
def site(node: Node, chart: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return an installation in a cluster where all that it is to tell of was there before."""
    folder = tmp_path_factory.mktemp("site")
    admin, tenant = (node.kubectl(user, folder).within(TEAM) for user in ("admin", "tenant"))
    chart.helm.uninstall()
    eventually(lambda: chart.configurations() == [])
    for name, labels in {TEAM: {}, RESTRICTED: {"pod-security.kubernetes.io/enforce": "restricted"}, FULL: {}}.items():
        assert admin.within(name).create(tenants_namespace(name, {**LABELS, **labels})).code == 0
    populate(admin)
    with foreign_kinds(admin, "wgpolicyk8s.io"):
        chart.install(values={"reports": {"scanSeconds": 1}})
        assert chart.kubectl.apply(POLICY).code == 0
        eventually(lambda: MESSAGE in admin.create(job("bad", backoffLimit=4), DRY_RUN).stderr)
        yield Site(chart, admin, tenant)


def populate(admin: Kubectl) -> None:
    """Make what is to be told of, without waiting for any run."""
    full = admin.within(FULL)
    assert full.create(QUOTA).code == 0
    for name in (TEAM, RESTRICTED, FULL):
        # Without it the first Pod of a Job is refused, and tried again only seconds later.
        eventually(lambda: admin.within(name).run("get", "serviceaccount/default").code == 0)  # noqa: B023 - at once
    eventually(lambda: full.get_json("resourcequota/full")["status"].get("used"))
    jobs = [job("once"), job("slow", "sleep 1000", activeDeadlineSeconds=2)]
    made = [
        admin.create([*map(retrying, ("nightly", "mended", "doomed")), *jobs]),
        *(admin.create_job_from("nightly", run) for run in RUNS),
        admin.within(RESTRICTED).create(job("lax")),
        full.create(job("waiting")),
    ]
    assert [each.stderr for each in made if each.code] == []


@pytest.mark.parametrize("told", TOLD, ids=lambda told: told[3])
def test_what_was_there_before_the_install_is_told_of(site: Site, told: tuple[str, ...]) -> None:
    namespace, kind, name, rule, message = told
    assert site.await_result(namespace, f"{kind} {name}", rule)["message"].startswith(message)


def test_runs_are_told_of_with_their_cronjob_and_a_suggestion_says_on_how_many_it_rests(site: Site) -> None:
    told = site.await_result(TEAM, "CronJob nightly", "deadlineSuggested")["properties"]
    assert told["basis"].startswith("3 runs, longest ")
    assert told["fix"].splitlines()[-1].strip() == f"activeDeadlineSeconds: {told['suggestedSeconds']}"
    assert {f"Job {run}" for run in RUNS} & site.reports(TEAM).keys() == set()


def test_what_is_mended_is_told_of_no_longer(site: Site) -> None:
    site.await_result(TEAM, "CronJob mended", "backoffLimit")
    assert site.admin.patch("cronjob/mended", {"spec": {"jobTemplate": {"spec": {"backoffLimit": 1}}}}).code == 0
    eventually(lambda: "backoffLimit" not in site.reports(TEAM)["CronJob mended"])


def test_a_report_goes_with_its_object_even_while_nobody_scans(site: Site) -> None:
    site.await_result(TEAM, "CronJob doomed", "backoffLimit")
    with site.without_controller():
        assert site.admin.delete("cronjob/doomed").code == 0
        # The garbage collector looks for kinds that it does not know every half a minute.
        eventually(lambda: "CronJob doomed" not in site.reports(TEAM), 60)


def test_who_was_refused_is_told_by_a_report_and_by_the_command(site: Site) -> None:
    site.be_refused("bad")
    told = eventually(lambda: site.denials().get("bad", {}), 30)
    assert told["message"] == "tenant was not allowed to create Job bad: backoffLimit (policy tidy)"
    result = site.command("denials", "-n", TEAM)
    assert (result.code, result.stderr) == (0, "")
    (line,) = [line for line in result.stdout.splitlines() if f"{TEAM}/bad" in line]
    assert line.split()[2:] == ["1", "tenant", "Job", f"{TEAM}/bad", "backoffLimit", "tidy"]


def test_one_page_tells_all_of_it(site: Site, tmp_path: Path) -> None:
    for namespace, kind, name, rule, _ in TOLD:
        site.await_result(namespace, f"{kind} {name}", rule)
    site.be_refused("worse")
    eventually(lambda: site.denials().get("worse"), 30)
    page = tmp_path / "report.html"
    result = site.command("report", "-A", "--format", "html", "--output", page)
    assert (result.code, result.stdout) == (0, ""), result.stderr
    text = unescape(page.read_text())
    wanted = {f"{kind} {namespace}/{name}" for namespace, kind, name, *_ in TOLD} | {told[-1] for told in TOLD}
    wanted |= {"3 runs, longest ", "tenant", f"Job {TEAM}/worse"}
    assert {each for each in wanted if each not in text} == set()

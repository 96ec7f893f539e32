"""The chart, as Helm and the real API server take it: rendered, installed, upgraded, gone; and who may do what."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml
from msgspec import to_builtins

from tests.cluster.chart import CHART, NAMESPACE, RELEASE, ROOT, Helm, account_kubeconfig, installed, rendered
from tests.cluster.controlplane import ControlPlane, free_ports, running
from tests.cluster.foreign import foreign_kinds
from tests.cluster.kubectl import DRY_RUN, Kubectl, Object, eventually
from tests.cluster.monitoring import RULES, alerts, promtool
from tests.cluster.serving import COMMAND, ENVIRONMENT, make_certificate, registered, serving
from tests.cluster.workloads import job
from webhook.admission.configurations import ClientConfig, Registration, webhook_configurations
from webhook.admission.settings import Settings
from webhook.cluster.settings import Reports, read_settings

VALUES = {file.name.removesuffix("-values.yaml"): file for file in sorted((CHART / "ci").iterdir())}
WEBHOOK, CONTROLLER = "batchwarden-webhook", "batchwarden-controller"
LIBRARY = ROOT / "policies" / "library"


def read_values(name: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(VALUES[name].read_text())
    return values


@pytest.mark.parametrize("name", VALUES)
def test_the_chart_is_clean(name: str, tmp_path: Path) -> None:
    done = Helm(tmp_path).run("lint", "--strict", "--quiet", CHART, f"--values={VALUES[name]}")
    assert (done.code, done.stdout, done.stderr) == (0, "", "")


def test_what_is_packaged_is_the_whole_chart(tmp_path: Path) -> None:
    packaged = Helm(tmp_path).run("package", CHART, f"--destination={tmp_path}")
    assert (packaged.code, packaged.stderr) == (0, "")
    (archive,) = tmp_path.glob("*.tgz")
    assert rendered(tmp_path, chart=archive) == rendered(tmp_path)


WRONG = [
    ({"replicas": 3}, "additional properties 'replicas' not allowed"),
    ({"webhook": {"replica": 3}}, "additional properties 'replica' not allowed"),
    ({"webhook": {"replicas": 0}}, "'/webhook/replicas': minimum: got 0, want 1"),
    ({"webhook": {"replicas": "3"}}, "'/webhook/replicas': got string, want integer"),
    ({"webhook": {"resources": {"memory": "1Gi"}}}, "additional properties 'memory' not allowed"),
    ({"webhook": {"podDisruptionBudget": {"maxUnavailable": 0}}}, "'/webhook/podDisruptionBudget/maxUnavailable'"),
    ({"controller": {"replicas": 2}}, "additional properties 'replicas' not allowed"),
    ({"image": {"repository": ""}}, "'/image/repository'"),
    ({"image": {"digest": "sha256:abc"}}, "'/image/digest'"),
    ({"image": {"pullPolicy": "Sometimes"}}, "must be one of 'Always', 'IfNotPresent', 'Never'"),
    ({"failurePolicies": {"validating": "ignore"}}, "must be one of 'Ignore', 'Fail'"),
    ({"logLevel": "debug"}, "must be one of 'info', 'warning', 'error'"),
    ({"timeoutSeconds": 31}, "maximum: got 31, want 30"),
    ({"exemptNamespaces": "kube-system"}, "'/exemptNamespaces': got string, want array"),
    ({"exemptNamespaces": ["Kube_System"]}, "'/exemptNamespaces/0'"),
    ({"namespaceSelector": {"team": "a"}}, "additional properties 'team' not allowed"),
    ({"certificates": {"mode": "letsencrypt"}}, "must be one of 'self-signed', 'cert-manager', 'provided'"),
    ({"policies": ["strict"]}, "must be one of 'baseline'"),
    ({"policies": "baseline"}, "'/policies': got string, want array"),
    ({"whyUrl": "docs.example.com"}, "'/whyUrl'"),
    ({"commonLabels": {"app.kubernetes.io/name": "x"}}, "the label app.kubernetes.io/name is the chart's own"),
    ({"controller": {"podLabels": {"helm.sh/chart": "x"}}}, "the label helm.sh/chart is the chart's own"),
    ({"certificates": {"servingSecret": "batchwarden-authority"}}, "webhooks must not read"),
    ({"networkPolicy": {"apiServerPorts": []}}, "'/networkPolicy/apiServerPorts'"),
]


@pytest.mark.parametrize(("values", "words"), WRONG, ids=[json.dumps(values) for values, _ in WRONG])
def test_values_that_are_wrong_are_refused(values: dict[str, Any], words: str, tmp_path: Path) -> None:
    done = Helm(tmp_path).run("template", "batchwarden", CHART, values=values)
    assert done.code != 0
    assert words in done.stderr


def test_settings_stay_what_they_are_whatever_is_in_them(tmp_path: Path) -> None:
    values = {"controllerUser": "a: 'b' # <c>", "fullnameOverride": "true", "certificates": {"servingSecret": "123"}}
    (found,) = (each for each in rendered(tmp_path, values) if each["kind"] == "ConfigMap")
    settings = yaml.safe_load(found["data"]["settings.yaml"])
    assert settings["controllerUser"] == values["controllerUser"]
    assert (settings["name"], settings["certificates"]["servingSecret"]) == ("true", "123")


@pytest.mark.parametrize("name", VALUES)
def test_the_controller_reads_the_settings_of_all_values(name: str, tmp_path: Path) -> None:
    values = read_values(name)
    (found,) = (each for each in rendered(tmp_path, values) if "settings.yaml" in each.get("data", {}))
    file = tmp_path / "settings.yaml"
    file.write_text(found["data"]["settings.yaml"])
    told = to_builtins(read_settings(file).reports)
    assert told == to_builtins(Reports()) | values.get("reports", {})


@pytest.mark.parametrize(
    ("api", "written"),
    [
        ("auto", {"openreports.io", "wgpolicyk8s.io"}),
        ("openreports.io", {"openreports.io"}),
        ("wgpolicyk8s.io", {"wgpolicyk8s.io"}),
        ("none", set()),
    ],
)
def test_reports_that_are_not_written_may_only_be_deleted(api: str, written: set[str], tmp_path: Path) -> None:
    roles = {
        each["metadata"]["name"]: {group: rule["verbs"] for rule in each["rules"] for group in rule["apiGroups"]}
        for each in rendered(tmp_path, {"reports": {"api": api}})
        if each["kind"] == "ClusterRole"
    }
    for group in ("openreports.io", "wgpolicyk8s.io"):
        may = ["get", "list", "create", "patch", "delete"] if group in written else ["list", "delete"]
        assert roles[CONTROLLER][group] == may
        assert (group in roles[f"{RELEASE}-view"]) == (group in written)


@pytest.mark.parametrize(("every", "late"), [(600, 7200), (86400, 3 * 86400)])
def test_the_alerts_are_those_of_the_file_but_for_the_age_of_a_scan(every: int, late: int, tmp_path: Path) -> None:
    values = {"prometheusRules": {"enabled": True}, "reports": {"scanSeconds": every}}
    (rules,) = (each["spec"] for each in rendered(tmp_path, values) if each["kind"] == "PrometheusRule")
    (old,) = (each for group in rules["groups"] for each in group["rules"] if each["alert"] == "BatchwardenScanOld")
    assert old["expr"] == f"min(batchwarden_scan_age_seconds) > {late}"
    old["expr"] = alerts()["BatchwardenScanOld"]
    assert rules == yaml.safe_load(RULES.read_text())


def test_ready_policies_are_rendered_as_they_are_where_their_kind_is_known(tmp_path: Path) -> None:
    known = "--api-versions=batchwarden.io/v1alpha1/ClusterBatchPolicy"
    made = {
        one["metadata"]["name"]: one["spec"]
        for one in policies_of(rendered(tmp_path, read_values("everything"), known))
    }
    assert made == {file.stem: yaml.safe_load(file.read_text())["spec"] for file in LIBRARY.glob("*.yaml")}
    assert policies_of(rendered(tmp_path, read_values("everything"))) == []


def policies_of(manifests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in manifests if one["kind"] == "ClusterBatchPolicy"]


def test_what_is_rendered_for_those_without_helm_is_up_to_date() -> None:
    made = subprocess.run([ROOT / "deploy" / "render"], capture_output=True, text=True, check=True).stdout
    committed = (ROOT / "deploy" / "manifests" / "batchwarden.yaml").read_text()
    assert committed == made, "deploy/manifests/batchwarden.yaml is stale; run: make manifests"


def test_the_chart_obeys_our_own_policies(tmp_path: Path) -> None:
    text = "\n---\n".join(map(json.dumps, rendered(tmp_path, read_values("everything"))))
    command = [*COMMAND, "check", "--policy=baseline", "--policy=restricted", "--fail-on=audit", "-"]
    done = subprocess.run(command, input=text, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(scope="module")
def admin(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """Make the namespace of the chart and the kinds of others, and return the admin's kubectl in that namespace."""
    kubectl = control_plane.kubectl("admin", tmp_path_factory.mktemp("chart")).within(NAMESPACE)
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    named = {"name": NAMESPACE, "labels": restricted}
    made = kubectl.create({"apiVersion": "v1", "kind": "Namespace", "metadata": named})
    assert made.code == 0, made.stderr
    with foreign_kinds(kubectl, "cert-manager.io", "monitoring.coreos.com"):
        yield kubectl
    kubectl.run("delete", "--ignore-not-found", f"namespace/{NAMESPACE}")


@pytest.mark.parametrize("name", VALUES)
def test_what_is_rendered_is_taken_by_the_api_server(name: str, admin: Kubectl, tmp_path: Path) -> None:
    taken = admin.create(rendered(tmp_path, read_values(name)), DRY_RUN, "--validate=strict")
    assert (taken.code, taken.stderr) == (0, "")


def test_what_is_for_those_without_helm_is_taken_by_the_api_server(admin: Kubectl) -> None:
    taken = admin.run("apply", "--server-side", DRY_RUN, "--force-conflicts", f"--kustomize={ROOT / 'deploy'}")
    assert (taken.code, taken.stderr) == (0, "")
    assert "deployment.apps/batchwarden-webhook serverside-applied (server dry run)" in taken.stdout


@pytest.fixture(scope="module")
def release(control_plane: ControlPlane, admin: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helm]:
    """Install the chart for the rest of the module."""
    with installed(control_plane, tmp_path_factory.mktemp("release")) as helm:
        yield helm


def pods_of(manifests: Sequence[Object]) -> list[Object]:
    """Write the Pods that the Deployments would make."""
    return [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": one["spec"]["template"]["spec"]}
        for one in manifests
        if one["kind"] == "Deployment"
    ]


def test_the_pods_are_restricted(release: Helm, admin: Kubectl, tmp_path: Path) -> None:
    taken = admin.create(pods_of(rendered(tmp_path)), DRY_RUN)
    assert (taken.code, taken.stderr, taken.stdout.count("created")) == (0, "", 2)
    loose = {"podSecurityContext": {"runAsNonRoot": None}}
    refused = admin.create(pods_of(rendered(tmp_path, loose)), DRY_RUN).stderr
    assert refused.count('violates PodSecurity "restricted:latest"') == 2


OURS = ("clusterbatchpolicies", "batchpolicies", "batchpolicyexceptions")
HOOKS = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
OTHERS = ("secrets", "pods", "configmaps", "serviceaccounts", "roles", "deployments")
READ, WRITE = ("get", "list", "watch"), ("create", "update", "patch", "delete")
GROUPS = {
    **dict.fromkeys(OURS, "batchwarden.io"),
    **dict.fromkeys(HOOKS, "admissionregistration.k8s.io"),
    **dict.fromkeys(("jobs", "cronjobs"), "batch"),
    **dict.fromkeys(("roles", "clusterroles"), "rbac.authorization.k8s.io"),
    **dict.fromkeys(("policyreports", "clusterpolicyreports"), "wgpolicyk8s.io"),
    **dict.fromkeys(("reports", "clusterreports"), "openreports.io"),
    "endpointslices": "discovery.k8s.io",
    "deployments": "apps",
}
REPORTS = ("policyreports", "reports")
ALL_REPORTS = (*REPORTS, "clusterpolicyreports", "clusterreports")
BREAK_GLASS = "impersonate groups[batchwarden.io:break-glass]"


def each(verbs: Sequence[str], resources: Sequence[str], namespace: str = "") -> list[str]:
    """Write questions: each verb on each resource."""
    return [f"{verb} {resource}{namespace and '@'}{namespace}" for verb in verbs for resource in resources]


WATCH = ("list", "watch")
WATCHED = each(WATCH, [*OURS, "namespaces", "limitranges", "cronjobs"])
SECRETS = ("secrets[batchwarden-authority]", "secrets[batchwarden-serving]")
KEPT = [f"{resource}[batchwarden]" for resource in HOOKS]
ROLE = "clusterroles[batchwarden-controller]"
# Who; what he may do, and what he may not: VERB RESOURCE[/SUBRESOURCE][[NAME]][@NAMESPACE], anywhere if none.
RIGHTS: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    f"system:serviceaccount:{NAMESPACE}:{WEBHOOK}": (
        [*WATCHED, *each(["create", "patch"], ["events"])],
        [
            *each(WRITE, [*OURS, *HOOKS, "jobs", "cronjobs", "namespaces", "batchpolicies/status", *ALL_REPORTS]),
            *each([*READ, "update", "delete"], ["events"]),
            *each(READ, ALL_REPORTS),
            *each(READ, ["jobs", *OTHERS, *SECRETS], NAMESPACE),
            BREAK_GLASS,
        ],
    ),
    f"system:serviceaccount:{NAMESPACE}:{CONTROLLER}": (
        [
            *WATCHED,
            *each(["list"], ["jobs"]),
            *each(["patch"], [f"{resource}/status" for resource in OURS]),
            *each(["create"], HOOKS),
            *each(["create", "patch", *WATCH], ["events"]),
            *each(["get", "list", "create", "patch", "delete"], ALL_REPORTS),
            *each([*READ, "update", "patch"], KEPT),
            *each(READ, [ROLE]),
            *each([*READ, "update"], SECRETS, NAMESPACE),
            *each(["create"], ["secrets"], NAMESPACE),
            *each(WATCH, ["endpointslices"], NAMESPACE),
            *each(["get"], ["services[batchwarden]"], NAMESPACE),
        ],
        [
            *each(WRITE, [*OURS, "jobs", "cronjobs", "namespaces", "limitranges", "clusterroles", ROLE]),
            *each([*READ, "update", "delete"], [*HOOKS, f"{HOOKS[0]}[another]"]),
            *each(["delete"], KEPT),
            *each(["get", "update", "delete"], ["events"]),
            *each(["watch", "update", "deletecollection"], ALL_REPORTS),
            *each(["bind", "escalate"], ["clusterroles", ROLE]),
            *each(READ, [*OTHERS, "secrets[another]", "services"], NAMESPACE),
            *each(["patch", "delete"], ["secrets", *SECRETS], NAMESPACE),
            *each(["get", "create"], ["secrets", *SECRETS], "default"),
            BREAK_GLASS,
        ],
    ),
    "viewer": (
        [*each(READ, [*OURS[1:], *REPORTS], "tenancy"), "list clusterbatchpolicies"],
        [*each(WRITE, [*OURS, *REPORTS], "tenancy"), *each(READ, [*OURS[1:], *ALL_REPORTS], "default")],
    ),
    "editor": (each(READ, [*OURS[1:], *REPORTS], "tenancy"), each(WRITE, [*OURS, *REPORTS], "tenancy")),
    "owner": (
        each([*READ, *WRITE], ["batchpolicies"], "tenancy"),
        [
            *each(WRITE, ["clusterbatchpolicies", "batchpolicyexceptions", "batchpolicies/status"], "tenancy"),
            *each(WRITE, REPORTS, "tenancy"),
            *each([*READ, *WRITE], ["batchpolicies"], "default"),
            BREAK_GLASS,
        ],
    ),
    "lifter": (
        each([*READ, *WRITE], ["batchpolicyexceptions"], "tenancy"),
        [*each(WRITE, ["batchpolicies", "clusterbatchpolicies"], "tenancy"), "create batchpolicyexceptions@default"],
    ),
    "glazier": ([BREAK_GLASS], ["impersonate groups", "impersonate groups[system:masters]", "impersonate users"]),
    "stranger": (
        each(READ, ["clusterbatchpolicies"]),
        [*each(READ, [*OURS[1:], *ALL_REPORTS], "tenancy"), BREAK_GLASS],
    ),
}
BOUND = {"viewer": "view", "editor": "edit", "owner": "admin", "lifter": "batchwarden-exception-writer"}


@pytest.fixture(scope="module")
def people(release: Helm, admin: Kubectl) -> Iterator[None]:
    """Bind the roles of BOUND in a namespace, and the one of break-glass; wait until what is aggregated is."""
    group = "rbac.authorization.k8s.io"
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "tenancy"}}
    bindings = [
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": user, "namespace": "tenancy"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
        }
        for user, role in BOUND.items()
    ]
    made = admin.within("tenancy").apply([space, *bindings])
    glass = admin.run(
        "create", "clusterrolebinding", "glazier", f"--clusterrole={RELEASE}-break-glass", "--user=glazier"
    )
    assert (made.code, glass.code) == (0, 0), made.stderr + glass.stderr
    late = ["list batchpolicyexceptions@tenancy", "create batchpolicies@tenancy"]
    eventually(lambda: allowed(admin, "owner", late) == late)
    yield
    admin.run("delete", "clusterrolebinding/glazier")
    admin.run("delete", "namespace/tenancy", "--wait=false")


def allowed(admin: Kubectl, user: str, questions: Sequence[str]) -> Sequence[str]:
    """Return what of this the user may do, as ``kubectl auth can-i --as`` would tell."""
    asked = [review(user, question) for question in questions]
    answered = admin.create(asked, r"--output=jsonpath={.status.allowed}{'\n'}")
    assert answered.code == 0, answered.stderr
    answers = answered.stdout.split()
    return [question for question, answer in zip(questions, answers, strict=True) if answer == "true"]


def review(user: str, question: str) -> Object:
    """Write a SubjectAccessReview."""
    asked = re.fullmatch(r"(\w+) (\w+)(?:/(\w+))?(?:\[(.+)\])?(?:@(.+))?", question)
    assert asked, question
    verb, resource, subresource, name, namespace = asked.groups("")
    attributes = {
        "verb": verb,
        "group": GROUPS.get(resource, ""),
        "resource": resource,
        "subresource": subresource,
        "name": name,
        "namespace": namespace,
    }
    spec = {"user": user, "groups": ["system:authenticated"], "resourceAttributes": attributes}
    return {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}


@pytest.mark.parametrize("user", RIGHTS)
def test_who_may_do_what(user: str, people: None, admin: Kubectl) -> None:
    may, may_not = RIGHTS[user]
    assert allowed(admin, user, [*may, *may_not]) == may


def test_the_server_works_with_the_rights_of_its_account(
    release: Helm, control_plane: ControlPlane, admin: Kubectl, namespace: str, tmp_path: Path
) -> None:
    kubeconfig = account_kubeconfig(control_plane, NAMESPACE, WEBHOOK, tmp_path)
    mine = admin.within(namespace)
    with (
        serving(tmp_path, None, f"--kubeconfig={kubeconfig}") as server,
        registered(admin, server.configurations()),
    ):
        assert server.status("/readyz")[0] == 200
        assert mine.apply(own_policy(action="Deny")).stderr == ""
        eventually(lambda: "activeDeadline" in mine.create(job("once"), DRY_RUN).stderr)
        assert mine.create(job("once")).code != 0
        eventually(lambda: mine.run("get", "events", "--field-selector=reason=Denied", "--output=name").stdout)
    assert " 403 " not in server.program.log.read_text()


def own_policy(**spec: object) -> Object:
    """Write a policy of a namespace."""
    return {
        "apiVersion": "batchwarden.io/v1alpha1",
        "kind": "BatchPolicy",
        "metadata": {"name": "mine"},
        "spec": {"rules": {"activeDeadline": {}}, **spec},
    }


def test_the_controller_works_with_the_rights_of_its_account(
    release: Helm, control_plane: ControlPlane, admin: Kubectl, tmp_path: Path
) -> None:
    settings = admin.get_json("configmap/batchwarden-settings")["data"]["settings.yaml"]
    (tmp_path / "settings.yaml").write_text(settings)
    assert admin.apply((LIBRARY / "baseline.yaml").read_text()).code == 0
    secrets = ("secret/batchwarden-authority", "secret/batchwarden-serving")
    (port,) = free_ports(1)
    kubeconfig = account_kubeconfig(control_plane, NAMESPACE, CONTROLLER, tmp_path)
    options = ("--settings=settings.yaml", f"--kubeconfig={kubeconfig}", f"--status-listen=127.0.0.1:{port}")
    with (
        foreign_kinds(admin, "openreports.io"),
        running([*COMMAND, "controller", *options], tmp_path, environment=ENVIRONMENT) as program,
    ):
        program.wait_until(lambda: is_ready(port))
        eventually(lambda: admin.run("get", *secrets).code == 0)
        eventually(lambda: "status" in admin.get_json("cbp/baseline"))
        eventually(lambda: "no endpoint is ready" in program.log.read_text())  # no Pod could answer
        eventually(lambda: admin.run("get", "clusterreports", "--output=name").stdout)
        assert promtool("check", "metrics", stdin=ask(port, "/metrics")) == (0, "")
    assert admin.delete("cbp/baseline").code == 0
    told = program.log.read_text()
    assert (" 403 " in told, "traceback" in told) == (False, False), told


def is_ready(port: int) -> bool:
    """Ask a status port whether all is known and done."""
    try:
        return bool(ask(port, "/readyz"))
    except OSError:
        return False


def ask(port: int, path: str) -> str:
    """Ask a status port; raises OSError where the answer is not 200."""
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return str(answer.read().decode())


def test_an_older_chart_is_upgraded_and_what_is_kept_is_taken_over_again(
    release: Helm, admin: Kubectl, tmp_path: Path
) -> None:
    column = ".spec.versions[0].additionalPrinterColumns[0].name"
    printed = f"--output=jsonpath={{{column}}}{{.metadata.labels['helm\\.sh/chart']}}"
    crd = ("get", "crd/clusterbatchpolicies.batchwarden.io", printed)
    today = admin.run(*crd).stdout
    release.uninstall()
    release.install(older(tmp_path))
    assert admin.run(*crd).stdout == "Doing" + "batchwarden-0.0.9"
    told = release.install(values={"policies": ["baseline", "restricted"]})
    assert "STATUS: deployed" in told
    assert admin.run(*crd).stdout == today
    assert admin.run("get", "cbp", "--output=name").stdout.split() == [
        "clusterbatchpolicy.batchwarden.io/baseline",
        "clusterbatchpolicy.batchwarden.io/restricted",
    ]


def older(folder: Path) -> Path:
    """Write an older chart: of another version, and with another column in a CRD."""
    chart = folder / "batchwarden"
    shutil.copytree(CHART, chart)
    for file, changes in {
        chart / "Chart.yaml": {r"(?m)^((?:v|appV)ersion): .*$": r"\1: 0.0.9"},
        chart / "files" / "crds" / "batchwarden.io_clusterbatchpolicies.yaml": {r"- name: Action\n": "- name: Doing\n"},
    }.items():
        text = file.read_text()
        for pattern, replacement in changes.items():
            text, count = re.subn(pattern, replacement, text)
            assert count, pattern
        file.write_text(text)
    return chart


def test_what_is_uninstalled_denies_nothing_and_leaves_what_people_wrote(
    release: Helm, control_plane: ControlPlane, admin: Kubectl, namespace: str, tmp_path: Path
) -> None:
    mine = admin.within(namespace)
    kubeconfig = account_kubeconfig(control_plane, NAMESPACE, CONTROLLER, tmp_path)
    controller = replace(mine, kubeconfig=kubeconfig, user=CONTROLLER)
    make_certificate(tmp_path, "127.0.0.1")
    role = mine.get_json(f"clusterrole/{CONTROLLER}")
    client_config = ClientConfig(ca=(tmp_path / "tls" / "ca.crt").read_bytes(), url="https://127.0.0.1:1")
    owner = {key: role[key] for key in ("apiVersion", "kind")} | {key: role["metadata"][key] for key in ("name", "uid")}
    dead = Registration(client_config=client_config, owner=owner, timeout_seconds=1)
    for made in webhook_configurations(dead, Settings()):
        assert controller.create(made).stderr == ""
    eventually(lambda: 'failed calling webhook "validate.batchwarden.io"' in mine.create(job("first")).stderr)
    assert mine.apply(own_policy()).stderr == ""
    release.uninstall()
    eventually(lambda: mine.create(job("second")).code == 0)
    assert mine.run("get", *HOOKS, "--output=name").stdout == ""
    assert mine.run("get", "cbp,bp", "--output=name").stdout.split() != []
    release.install()
    assert mine.run("get", "bp", "--output=name").stdout.split() == ["batchpolicy.batchwarden.io/mine"]


def test_all_goes_where_it_is_asked_for(release: Helm, admin: Kubectl) -> None:
    release.install(values={"crds": {"keep": False}, "policies": ["baseline"]})
    assert "kept" not in release.uninstall()
    ours = admin.run("get", "crd,clusterrole,clusterrolebinding", "--selector=app.kubernetes.io/name=batchwarden")
    assert (ours.stdout, ours.stderr.strip()) == ("", "No resources found")

"""On the real API server the condition for calling the mutating webhook is true wherever mutation has something to say.

Each object comes as a dry run to a recorder, which the API server asks under the condition of each set of policies; the
same object, as the API server sent it, is mutated here under the same policies. More calls than answers are allowed for
the reasons listed alone.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
import yaml
from msgspec import structs

from policies import quantity, timing
from policies.catalog import rules
from policies.objects import EVERYTHING, Policy
from policies.resources import limit_range
from policies.selection import Snapshot
from policies.selector import LabelSelector
from policies.workload import Workload
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubectl import DRY_RUN, Kubectl, Object, Result
from tests.cluster.recorder import FIRST, Asked, Recorder, recording
from tests.cluster.serving import Server, labelled, registered, serving
from tests.cluster.test_rule_pack import DEFAULTS
from tests.cluster.workloads import cron_job
from tests.conftest import ROOT
from tests.policies.cases import cases, policy_of
from webhook.admission import review
from webhook.admission.decide import Context, mutate
from webhook.admission.needs import mutation_condition
from webhook.admission.settings import Settings
from webhook.files import Document, read_paths
from webhook.snapshots import LIBRARY, ready, ready_names

AT = datetime(2026, 6, 1, tzinfo=UTC)
OBJECTS = ROOT / "tests" / "bench" / "objects"
READY = {name: [structs.replace(ready(name), namespace_selector=EVERYTHING)] for name in ready_names()}
SETS: Mapping[str, Sequence[Policy]] = {
    **READY,
    "ready": [policy for policies in READY.values() for policy in policies],
    **{rule: [policy_of({rule: params})] for rule, params in DEFAULTS.items()},
    **{f"{rule}-refused": [policy_of({rule: {}})] for rule, known in rules().items() if known.refusable},
}
KEPT = {"annotations", "generateName", "labels", "name", "ownerReferences"}  # less what only a live object has


def holds(job: Workload, key: str, *values: object) -> bool:
    """Tell whether a field of a spec holds one of the values."""
    return any(section.raw.get(key) in values for section in (job.cron_job_spec, job.job_spec, job.pod_spec))


def asks_over(job: Workload, amount: str) -> bool:
    asked = [container.requests.get("memory") for container in job.all_containers]
    return any(each is not None and each.value > quantity.parse(amount) for each in asked)


# Why the API server calls though a rule says nothing: what the condition does not ask. Above all, what Kubernetes fills
# in may have been written by the user.
REASONS: Mapping[str, Callable[[Workload], bool]] = {
    "backoffLimit": lambda job: holds(job, "backoffLimit", 6),
    "concurrencyPolicy": lambda job: holds(job, "concurrencyPolicy", "Allow"),
    "historyLimits": lambda job: holds(job, "successfulJobsHistoryLimit", 3) or holds(job, "failedJobsHistoryLimit", 1),
    "placement": lambda job: not job.pod_spec.raw.keys().isdisjoint({"affinity", "nodeName"}),
    "podFailurePolicy": lambda job: (
        holds(job, "backoffLimit", 0) or holds(job, "podReplacementPolicy", "TerminatingOrFailed")
    ),
    "resourceLimits": lambda job: asks_over(job, "64Mi"),
    "resourceRequests": lambda job: any(container.limits for container in job.all_containers),
    "timeZone": lambda job: not timing.names_hours(job),
    "ttlAfterFinished": lambda job: job.tracker is not None,
}


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    """Return a webhook that takes down what it is asked."""
    with recording(tmp_path) as running:
        yield running


def configuration(recorder: Recorder, namespace: str, conditions: Mapping[str, Sequence[str]]) -> Object:
    """Have the recorder asked about each object, and then under each path where all its conditions are true."""
    webhooks = [
        {
            "name": f"n{number}.needs.test",
            "clientConfig": {
                "url": f"https://127.0.0.1:{recorder.port}/{path}",
                "caBundle": b64encode(recorder.ca).decode(),
            },
            "rules": [{"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["*"]}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "matchConditions": [{"name": f"c{place}", "expression": each} for place, each in enumerate(asked)],
            "failurePolicy": "Fail",  # refuses the object of which an expression fails
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
        for number, (path, asked) in enumerate({FIRST: (), **conditions}.items())
    ]
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "needs"},
        "webhooks": webhooks,
    }


def send(verb: str, objects: Sequence[Object], admin: Kubectl) -> Result:
    """Send objects without a trace: by ``create``, where who wrote a field is unknown, or by server-side ``apply``."""
    flags = ["--server-side"] if verb == "apply" else []
    result = admin.send(verb, objects, DRY_RUN, "--validate=ignore", *flags)
    assert "match condition" not in result.stderr
    return result


def job_of(asked: Asked) -> Workload:
    return Workload(json.loads(asked.review)["request"]["object"])


def says_something(asked: Asked, snapshot: Snapshot) -> bool:
    """Ask the webhook itself what it would answer."""
    request = review.read(asked.review, "application/json")
    decision = mutate(request, Context(snapshot, Settings(), AT))
    return not decision.allowed or bool(decision.patch or decision.warnings or decision.audit)


def manifests(corpus: Path) -> list[Object]:
    """Read the corpus, as if all of it were of one namespace, and of the version that there is."""
    found: list[Object] = []
    for number, document in enumerate(read_paths([corpus / "manifests"])):
        assert isinstance(document, Document)
        metadata = {key: document.value["metadata"][key] for key in document.value["metadata"].keys() & KEPT}
        named = metadata if "name" in metadata else {**metadata, "name": f"nameless-{number}"}
        found.append({**document.value, "apiVersion": "batch/v1", "metadata": named})
    return found


@pytest.mark.parametrize("verb", ["create", "apply"])
def test_of_every_real_manifest_it_is_true_where_something_is_said(
    verb: str, corpus: Path, recorder: Recorder, admin: Kubectl
) -> None:
    conditions = {name: [mutation_condition(policies)] for name, policies in SETS.items()}
    objects = manifests(corpus)
    with registered(admin, [configuration(recorder, admin.namespace, conditions)]):
        sent = send(verb, objects, admin)
    unreadable = sent.stderr.count("failed to create typed patch object")  # which admission never sees
    assert len(recorder.asked) == len(objects) - unreadable
    lost, excess = [], []
    for name, policies in SETS.items():
        snapshot = Snapshot(policies)
        excuses = [REASONS[rule.key] for policy in policies for rule, *_ in policy.rules if rule.key in REASONS]
        exact = verb == "apply" and name in {*READY, "ready"}
        for asked in recorder.asked:
            job, said, called = job_of(asked), says_something(asked, snapshot), name in asked.paths
            lost += [(name, job.name)] if said and not called else []
            excused = not exact and any(excuse(job) for excuse in excuses)
            excess += [(name, job.name)] if called and not said and not excused else []
    assert (lost, excess) == ([], [])


CASES = {
    f"{rule}-{number}": (rule, case)
    for rule, known in rules().items()
    for number, case in enumerate(cases(rule))
    if (known.gaps or known.refusable) and not case.refused and case.was is None
}


def test_of_every_case_it_is_true_where_something_is_said(recorder: Recorder, admin: Kubectl) -> None:
    conditions, objects, paths = {}, [], {}
    for name, (rule, case) in CASES.items():
        paths[name] = f"{rule}-{crc32(json.dumps(case.params).encode())}"
        this = f"object.metadata.?annotations[?'under'].orValue('') == '{paths[name]}'"
        conditions[paths[name]] = [this, mutation_condition([policy_of({rule: case.params})])]
        raw = case.job().raw
        metadata = {key: value for key, value in raw["metadata"].items() if key != "namespace"}
        noted = {**(metadata.get("annotations") or {}), "case": name, "under": paths[name]}
        objects.append({**raw, "metadata": {**metadata, "annotations": noted}})
    with registered(admin, [configuration(recorder, admin.namespace, conditions)]):
        sent = send("create", objects, admin)
    seen = {job_of(asked).annotations["case"]: asked for asked in recorder.asked}
    unreadable = sent.stderr.count("cannot be handled as a") + sent.stderr.count("unable to decode")
    assert len(seen) == len(CASES) - unreadable
    for name, asked in seen.items():
        rule, case = CASES[name]
        ranges = {admin.namespace: limit_range([{"spec": {"limits": case.limit_range}}])}
        said = says_something(asked, Snapshot([policy_of({rule: case.params})], limit_ranges=ranges))
        assert asked.paths == {paths[name]} or not (said or case.defaulted), f"{name}: {case.name}"
    assert {name for name, (_, case) in CASES.items() if case.defaulted} <= seen.keys()


def many(count: int, *, each: str = "", **rules: Any) -> list[Policy]:
    """Make policies of rules in which NUMBER stands for the policy's, each for a namespace or label of its own."""
    policies = []
    for number in range(count):
        one = policy_of(json.loads(json.dumps(rules).replace("NUMBER", str(number))))
        label = LabelSelector(match_labels={"example.com/task": f"task-{number}"})
        changes: dict[str, Any] = {"namespace": f"team-{number}"} if each == "namespace" else {"object_selector": label}
        policies.append(structs.replace(one, **changes) if each else one)
    return policies


LARGE = {
    "alike": many(500, activeDeadline={"defaultSeconds": 60}),
    "namespaces": many(500, each="namespace", activeDeadline={"defaultSeconds": 60}),
    "selected": many(500, each="label", activeDeadline={"defaultSeconds": 60}),
    "few-selected": many(150, each="label", activeDeadline={"defaultSeconds": 60}),
    "labels": many(230, requiredLabels={"defaults": {"example.com/NUMBER": "a"}}),
    "limits": many(200, resourceLimits={"defaults": {"example.com/NUMBER": 1}}),
    "ready": SETS["ready"],
}
LIMITS = {f"example.com/{number}": "1" for number in range(200)}
LONG = "x" * 200_000


def changed(**pod: Any) -> Object:
    """Return a CronJob that has all that the ready policies ask for, but for these fields of its Pods."""
    raw: dict[str, Any] = yaml.safe_load((OBJECTS / "ok.yaml").read_text())
    raw["spec"]["jobTemplate"]["spec"]["template"]["spec"].update(pod)
    return raw


HOSTILE = {
    "64 containers": changed(containers=[{"name": f"n{n}", "resources": {"limits": LIMITS}} for n in range(64)]),
    "3,000 containers": changed(containers=[{"name": f"n{n}", "image": "a:1"} for n in range(3_000)]),
    "no containers": changed(containers=None),
    "no template": cron_job("none", jobTemplate={}),
    "nothing": {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nothing"}},
    "no Job": {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "nothing"}, "spec": None},
    "a long policy": changed(restartPolicy=LONG),
    "a long schedule": cron_job("long", schedule=f"* * * * {LONG}"),
    "a long zone": cron_job("long", timeZone=LONG),
    "a long list": cron_job("long", schedule=f"{'1,' * 100_000}1 * * * *"),
    "a long label": {**changed(), "metadata": {"name": "ok", "labels": {"example.com/task": LONG}}},
    "many labels": {**changed(), "metadata": {"name": "ok", "labels": {f"a{n}": "" for n in range(3_000)}}},
}


def test_it_fails_on_no_object_and_misses_none_however_large(recorder: Recorder, admin: Kubectl) -> None:
    conditions = {name: [mutation_condition(policies)] for name, policies in LARGE.items()}
    assert all(condition for (condition,) in conditions.values())
    with registered(admin, [configuration(recorder, admin.namespace, conditions)]):
        send("create", list(HOSTILE.values()), admin)
    assert len(recorder.asked) == len(HOSTILE)
    told = [
        (name, what)
        for name, policies in LARGE.items()
        for what, asked in zip(HOSTILE, recorder.asked, strict=True)
        if says_something(asked, Snapshot(policies)) and name not in asked.paths
    ]
    assert told == []
    assert "limits" not in recorder.asked[0].paths  # though every container was asked for every limit


def calls(server: Server, kubectl: Kubectl) -> list[str]:
    """Return by which webhooks the server was asked about objects in the namespace."""
    return [line["webhook"] for line in server.decisions() if f" {kubectl.namespace}/" in line["object"]]


def test_what_has_all_that_is_asked_for_costs_one_call_and_the_rest_two(
    control_plane: ControlPlane, admin: Kubectl, tmp_path: Path
) -> None:
    names = ("baseline", "defaults", "restricted")
    labels = {"batchwarden.io/defaults": "true", "batchwarden.io/level": "restricted"}
    policies = "".join((LIBRARY / f"{name}.yaml").read_text() + "---\n" for name in names)
    condition = mutation_condition([ready(name) for name in names])
    folder = tmp_path / "server"
    folder.mkdir()
    with (
        serving(folder, policies + labelled(admin.namespace, labels)) as server,
        registered(admin, server.configurations(mutation_condition=condition)),
    ):
        applied = admin.apply((OBJECTS / "ok.yaml").read_text())
        assert (applied.code, applied.warnings) == (0, [])
        assert calls(server, admin) == ["validate"]
        filled = admin.apply((OBJECTS / "fill.yaml").read_text())
        assert (filled.code, len(filled.warnings)) == (0, 2), filled.stderr
        assert calls(server, admin)[1:] == ["mutate", "validate"]
        replaced = admin.replace((OBJECTS / "fill.yaml").read_text().replace("20 4", "21 4"))
        assert "activeDeadlineSeconds set to 86400" in replaced.stderr
        assert calls(server, admin)[3:] == ["mutate", "validate"]

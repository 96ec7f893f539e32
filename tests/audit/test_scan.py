"""Outside of admission an object is judged as admission judges it: the same findings in the same words."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonpatch
import pytest

from policies.selection import Snapshot
from policies.verdict import Violation
from policies.workload import Workload
from tests.admission.reviews import APPLY, SERVER_SIDE_APPLY, body, request, sent
from tests.conftest import ROOT
from webhook.admission import review
from webhook.admission.decide import Context, mutate, open_case, validate
from webhook.admission.message import Told
from webhook.admission.settings import Settings
from webhook.audit.scan import Judge
from webhook.files import Document, read_paths, read_text
from webhook.snapshots import Collection, collect, ready, ready_names

AT = datetime(2027, 1, 15, tzinfo=UTC)  # while the exception of the examples is in force
EXAMPLES = ROOT / "deploy" / "examples"


def strict(*paths: Path) -> Snapshot:
    """Let every ready policy bind everywhere, beside what is in the files."""
    collection = collect(paths)
    for name in ready_names():
        collection.bind(ready(name))
    return collection.snapshot()


def documents(*paths: Path) -> Iterator[Document]:
    for document in read_paths(paths):
        assert isinstance(document, Document), str(document)
        yield document


def admitted(raw: dict[str, Any], snapshot: Snapshot, manager: str) -> set[tuple[str, ...]]:
    """Send an object through both doors as an API server would; give what is told of it."""
    context = Context(snapshot, Settings(), AT)
    live = sent(raw, manager)
    namespace = raw["metadata"].get("namespace") or "default"
    asked = review.read(body(request(live, namespace=namespace)), "application/json")
    decision = mutate(asked, context)
    if decision.allowed:
        stored = apply_patch(live, decision.patch or b"[]")
        asked = review.read(body(request(stored, namespace=namespace)), "application/json")
        decision = validate(asked, context)
        job = open_case(asked, context).job
    else:
        job = open_case(asked, context).defaults().job
    assert decision.failures == ()
    return told(job, decision.violations)


def apply_patch(raw: dict[str, Any], patch: bytes) -> dict[str, Any]:
    after: dict[str, Any] = jsonpatch.apply_patch(raw, patch.decode())
    return after


def told(job: Workload, violations: tuple[Violation, ...]) -> set[tuple[str, ...]]:
    return {(*each.key, each.action, Told(job, each).statement) for each in violations}


def differences(paths: list[Path], snapshot: Snapshot, manager: str) -> tuple[int, list[Any]]:
    """Count the objects, and list what is told of one by check alone, or by admission alone."""
    judge, count, found = Judge(snapshot, AT), 0, []
    for document in documents(*paths):
        judged = judge.judge(document)
        if judged is not None:
            assert judged.failures == ()
            ours = told(judged.result.job, judged.verdict.violations)
            found += [(document.source, *each) for each in ours ^ admitted(document.value, snapshot, manager)]
            count += 1
    return count, found


def test_check_and_admission_tell_the_same_of_every_real_manifest(corpus: Path) -> None:
    count, found = differences([corpus / "manifests"], strict(), SERVER_SIDE_APPLY)
    assert found == []
    assert count > 200


@pytest.mark.parametrize("manager", [APPLY, SERVER_SIDE_APPLY])
def test_check_and_admission_tell_the_same_of_our_examples(manager: str) -> None:
    count, found = differences([EXAMPLES], strict(EXAMPLES / "policies"), manager)
    assert found == []
    assert count == len(list(EXAMPLES.glob("*.yaml")))


JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: pi%s}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: "a:1"}]}}}
"""
POLICIES = """
apiVersion: batchwarden.io/v1alpha1
kind: BatchPolicy
metadata: {name: house, namespace: team-a}
spec: {action: Deny, exceptions: {}, rules: {ttlAfterFinished: {defaultSeconds: 60}, activeDeadline: {maxSeconds: 9}}}
---
apiVersion: batchwarden.io/v1alpha1
kind: BatchPolicyException
metadata: {name: slow, namespace: team-a}
spec:
  {policies: [house], rules: [activeDeadline], selector: {matchLabels: {a: b}}, reason: R, owner: I,
   expiresAt: "2027-02-01T00:00:00Z"}
"""


def judged(manifest: str, namespace: str, tmp_path: Path) -> tuple[set[str], set[str], dict[str, Any]]:
    """Give the rules broken, the rules lifted, and what is written."""
    (tmp_path / "policies.yaml").write_text(POLICIES)
    (document,) = read_text(manifest, "f")
    assert isinstance(document, Document)
    found = Judge(collect([tmp_path]).snapshot(), AT, namespace).judge(document)
    assert found is not None
    assert found.job.raw == document.value
    written = {each.place: each.default.value for each in found.result.written}
    return {each.rule for each in found.verdict.violations}, {e.clause.rule.key for e in found.verdict.skips}, written


@pytest.mark.parametrize(
    ("expected", "metadata", "namespace"),
    [
        (({"activeDeadline"}, set(), {"spec.ttlSecondsAfterFinished": 60}), ", namespace: team-a", ""),
        (({"activeDeadline"}, set(), {"spec.ttlSecondsAfterFinished": 60}), "", "team-a"),
        ((set(), {"activeDeadline"}, {"spec.ttlSecondsAfterFinished": 60}), ", labels: {a: b}", "team-a"),
        ((set(), set(), {}), ", namespace: team-b", "team-a"),
        ((set(), set(), {}), "", ""),
    ],
)
def test_an_object_is_judged_where_it_says_it_lives_and_after_its_defaults(
    tmp_path: Path, expected: tuple[set[str], set[str], dict[str, Any]], metadata: str, namespace: str
) -> None:
    assert expected == judged(JOB % metadata, namespace, tmp_path)


def test_what_is_no_job_is_not_judged() -> None:
    (document,) = read_text("{apiVersion: v1, kind: Namespace}", "f")
    assert isinstance(document, Document)
    assert Judge(Snapshot(), AT).judge(document) is None


def test_an_object_of_a_removed_api_is_judged_as_the_one_that_took_its_place(tmp_path: Path) -> None:
    rules, _, written = judged((JOB % "").replace("batch/v1", "batch/v1beta1"), "team-a", tmp_path)
    assert (rules, written) == ({"activeDeadline"}, {"spec.ttlSecondsAfterFinished": 60})


def test_of_several_cures_the_one_that_satisfies_every_policy_is_shown_first() -> None:
    """As the denial does: here Forbid would satisfy one policy alone."""
    policy = "apiVersion: batchwarden.io/v1alpha1\nkind: ClusterBatchPolicy\nmetadata: {name: %s}\nspec: %s\n"
    spec = "{action: Deny, rules: {concurrencyPolicy: {allowed: [%s]}}}"
    texts = policy % ("a", spec % "Forbid, Replace"), policy % ("b", spec % "Replace")
    collection = Collection()
    for document in read_text("---\n".join(texts), "f"):
        collection.take(document)
    (document,) = read_text("{apiVersion: batch/v1, kind: CronJob, spec: {concurrencyPolicy: Allow}}", "f")
    assert isinstance(document, Document)
    found = Judge(collection.snapshot(), AT).judge(document)
    assert found is not None
    (violation,) = found.verdict.violations
    assert Told(found.job, violation).words().paste[0].startswith("concurrencyPolicy: Replace")

"""What leaves an Event, and what of it: who was refused what, by which rules and policies."""

from typing import Any

import pytest

from tests.admission.reviews import JOB, Door, Raw, body, context, request, sent, tweaked
from webhook.admission import review
from webhook.admission.decide import Context, mutate, validate
from webhook.admission.occurrences import Occurrence, Owner, occurrence_of

POLICIES = context("""
spec:
  action: Deny
  rules: {backoffLimit: {max: 3}, restartPolicy: {}, activeDeadline: {action: Warn}}
---
kind: BatchPolicy
name: own
spec: {action: Deny, rules: {backoffLimit: {max: 2}}}
""")
DENIED = Occurrence(
    what="denied",
    user="tenant",
    operation="CREATE",
    kind="Job",
    namespace="team-a",
    name="import",
    rules=("backoffLimit",),
    policies=("team-a/own", "house"),
)
GLASS = {"userInfo": {"username": "tenant", "groups": ["batchwarden.io:break-glass"]}}
JOB_SET = {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "name": "training", "uid": "u1"}
CONTROLLED = {**JOB_SET, "controller": True}


def occurrence(asked: Raw, door: Door = validate, given: Context = POLICIES) -> Occurrence | None:
    decoded = review.read(body(asked), "application/json")
    return occurrence_of("mutate" if door is mutate else "validate", decoded, door(decoded, given))


def changed(**changes: Any) -> dict[str, Any]:
    return {field: getattr(DENIED, field) for field in DENIED.__struct_fields__} | changes


def metadata(**fields: Any) -> Raw:
    raw = sent(JOB)
    return {**raw, "metadata": {**raw["metadata"], **fields}}


def test_a_denial_tells_who_was_refused_what_and_by_whom() -> None:
    assert occurrence(request(sent(JOB))) == DENIED


def test_of_an_update_the_object_is_known() -> None:
    was = tweaked(sent(JOB), "metadata.uid", "u7")
    worse = tweaked(was, "spec.backoffLimit", 99)
    assert occurrence(request(worse, tweaked(was, "spec.backoffLimit", 1))) == Occurrence(
        **changed(operation="UPDATE", uid="u7")
    )


def test_the_mutating_webhook_denies_what_is_refused_anyway() -> None:
    found = occurrence(request(tweaked(sent(JOB), "spec.template.spec.restartPolicy", "Always")), mutate)
    assert found == Occurrence(**changed(rules=("backoffLimit", "restartPolicy")))


@pytest.mark.parametrize(
    "asked",
    [
        request(sent(JOB), dryRun=True),
        request(tweaked(sent(JOB), "spec.backoffLimit", 1)),
        request(sent(JOB), namespace="batchwarden"),
        request(sent(JOB), dryRun=True, **GLASS),
    ],
    ids=["dry run", "warned of", "exempt", "dry run by break-glass"],
)
def test_what_is_nobodys_trouble_leaves_none(asked: Raw) -> None:
    assert (occurrence(asked), occurrence(asked, mutate)) == (None, None)


def test_break_glass_is_told_once() -> None:
    asked = request(sent(JOB), **GLASS)
    assert occurrence(asked, mutate) is None
    assert occurrence(asked) == Occurrence(**changed(what="break-glass", rules=(), policies=()))


@pytest.mark.parametrize(
    ("given", "named", "name"),
    [
        ({"name": None, "generateName": "run-"}, "", "run-*"),
        ({"name": "run-x7f8c", "generateName": "run-"}, "run-x7f8c", "run-*"),
        ({"name": "other", "generateName": "run-"}, "other", "other"),
        ({"name": None, "generateName": 7}, "", "*"),
        ({"name": "a\x1b[31m\nb" * 99}, "a\x1b[31m\nb" * 99, ("a[31m b" * 99)[:400]),
    ],
    ids=str,
)
def test_a_name_that_is_generated_is_told_by_its_beginning(given: Raw, named: str, name: str) -> None:
    raw = metadata(**given)
    raw["metadata"] = {key: value for key, value in raw["metadata"].items() if value is not None}
    assert occurrence(request(raw, name=named)) == Occurrence(**changed(name=name))


@pytest.mark.parametrize(
    ("references", "owner"),
    [
        ([CONTROLLED], Owner(*JOB_SET.values())),
        ([JOB_SET], None),
        ([{**CONTROLLED, "kind": "CronJob"}], None),
        ([{"controller": True, "kind": "X", "name": 7}], Owner("", "X", "", "")),
        ([{"controller": True}], None),
        ([7], None),
        ("x", None),
    ],
    ids=str,
)
def test_a_job_that_others_control_is_told_of_at_its_owner(references: Any, owner: Owner | None) -> None:
    assert occurrence(request(metadata(ownerReferences=references))) == Occurrence(**changed(owner=owner))

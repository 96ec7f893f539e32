"""What is not judged is left alone, and nothing else is; the list is the one of the match conditions."""

from typing import Any

import pytest

from tests.admission.reviews import CRON_JOB, JOB, Raw, answer, body, context, filled, request, tweaked
from webhook.admission import review
from webhook.admission.decide import mutate, validate
from webhook.admission.exempt import exemption
from webhook.admission.settings import BREAK_GLASS_GROUP, CRON_JOB_CONTROLLER, Settings

OWNER = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": "ae001e93", "controller": True}
OTHER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "of-somebody", "uid": "619dd1ad"}
OWNED = tweaked(filled(JOB), "metadata.ownerReferences", [{**OWNER, "blockOwnerDeletion": True}])
DENYING = context("spec: {action: Deny, rules: {ttlAfterFinished: {}, activeDeadline: {}}}")


def reason(asked: Raw, **settings: Any) -> str | None:
    return exemption(review.read(body(asked), "application/json"), Settings(**settings))


def user(name: str = "tenant", *groups: str) -> Raw:
    return {"username": name, "groups": ["system:authenticated", *groups]}


def owned(*owners: Raw) -> Raw:
    return tweaked(filled(JOB), "metadata.ownerReferences", list(owners))


def suspended(raw: Raw) -> Raw:
    return {**raw, "spec": {**raw["spec"], "suspend": True}}


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        pytest.param(request({"kind": "Pod"}), "not a Job or CronJob", id="another kind"),
        pytest.param(
            request(JOB, kind={"group": "batch.volcano.sh", "version": "v1", "kind": "Job"}),
            "not a Job or CronJob",
            id="another group's Job",
        ),
        pytest.param(request(JOB, subResource="status"), "not a Job or CronJob", id="a subresource"),
        pytest.param(request(None, JOB, operation="DELETE"), "nothing is written", id="a deletion, without an object"),
        pytest.param(request(None, operation="CONNECT"), "nothing is written", id="a connection"),
        pytest.param(request(JOB, namespace="batchwarden"), "exempt namespace", id="our own namespace"),
        pytest.param(request(JOB, userInfo=user("me", BREAK_GLASS_GROUP)), "break-glass", id="break-glass"),
        pytest.param(
            request(OWNED, userInfo=user(CRON_JOB_CONTROLLER)), "created by the CronJob controller", id="a run"
        ),
    ],
)
def test_what_is_not_judged(asked: Raw, why: str) -> None:
    assert reason(asked) == why
    for door in (mutate, validate):
        assert answer(door, asked, DENYING) == {"uid": asked["uid"], "allowed": True}


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(request(JOB), id="a Job"),
        pytest.param(request(CRON_JOB), id="a CronJob"),
        pytest.param(request(OWNED), id="a run, by a tenant who forged the owner"),
        pytest.param(request(JOB, userInfo=user(CRON_JOB_CONTROLLER)), id="the controller, for no CronJob"),
        pytest.param(request(owned(OTHER), userInfo=user(CRON_JOB_CONTROLLER)), id="the controller, for another kind"),
        pytest.param(
            request(owned({**OWNER, "controller": False}), userInfo=user(CRON_JOB_CONTROLLER)),
            id="the controller, for a CronJob that does not control it",
        ),
        pytest.param(
            request(tweaked(filled(CRON_JOB), "metadata.ownerReferences", [OWNER]), userInfo=user(CRON_JOB_CONTROLLER)),
            id="a CronJob of the controller",
        ),
        pytest.param(request(JOB, userInfo=user(BREAK_GLASS_GROUP)), id="a user of the group's name"),
        pytest.param(request(JOB, namespace="batchwarden-2"), id="a namespace of nearly our name"),
    ],
)
def test_what_is_judged_when_created(asked: Raw) -> None:
    assert reason(asked) is None


def test_settings_name_the_controller_and_the_namespaces() -> None:
    run = request(OWNED, userInfo=user("system:kube-controller-manager"))
    assert reason(run) is None
    assert reason(run, controller_user="system:kube-controller-manager") == "created by the CronJob controller"
    assert reason(request(JOB, namespace="kube-system")) is None
    assert reason(request(JOB, namespace="kube-system"), exempt_namespaces=("kube-system",)) == "exempt namespace"
    assert reason(request(JOB, namespace="batchwarden"), own_namespace="guards") is None
    assert reason(request(JOB, namespace="guards"), own_namespace="guards") == "exempt namespace"


LABELLED = tweaked(filled(JOB), "metadata.labels", {"app": "import"})
SUSPENDED = suspended(filled(JOB))


@pytest.mark.parametrize(
    ("was", "becomes", "why"),
    [
        pytest.param(
            JOB,
            tweaked(tweaked(JOB, "metadata.deletionTimestamp", "2026-06-01T00:00:00Z"), "spec.backoffLimit", 9),
            "being deleted",
            id="deletion, whatever else changes",
        ),
        pytest.param(JOB, JOB, "nothing judged is changed", id="nothing"),
        pytest.param(
            JOB,
            tweaked(tweaked(JOB, "metadata.annotations", {"a": "b"}), "metadata.finalizers", ["c"]),
            "nothing judged is changed",
            id="annotations and finalizers",
        ),
        pytest.param(JOB, tweaked(JOB, "status", {"active": 1}), "nothing judged is changed", id="status"),
        pytest.param(
            JOB, tweaked(JOB, "metadata.labels", {}), "nothing judged is changed", id="labels, from none to {}"
        ),
        pytest.param(JOB, owned(), None, id="the spec, by defaults"),
        pytest.param(filled(JOB), owned(), "nothing judged is changed", id="owners, from none to []"),
        pytest.param(LABELLED, filled(JOB), None, id="labels, gone"),
        pytest.param(LABELLED, tweaked(LABELLED, "metadata.labels.app", "x"), None, id="labels"),
        pytest.param(filled(JOB), OWNED, None, id="owners, added"),
        pytest.param(OWNED, owned(OTHER), None, id="owners, another"),
        pytest.param(OWNED, owned(OWNER), None, id="owners, another field"),
        pytest.param(OWNED, filled(JOB), "nothing judged is changed", id="orphaned: owners, all gone"),
        pytest.param(owned(OWNER, OTHER), owned(OTHER), "nothing judged is changed", id="orphaned: owners, one gone"),
        pytest.param(OWNED, SUSPENDED, "only suspended", id="orphaned and suspended"),
        pytest.param(OWNED, tweaked(filled(JOB), "spec.backoffLimit", 9), None, id="orphaned and worse"),
        pytest.param(OWNED, tweaked(LABELLED, "metadata.labels.app", "x"), None, id="orphaned and labelled"),
        pytest.param(filled(JOB), SUSPENDED, "only suspended", id="suspended"),
        pytest.param(
            tweaked(filled(JOB), "spec.suspend", None), SUSPENDED, "only suspended", id="suspended, before absent"
        ),
        pytest.param(
            {**filled(JOB), "spec": {**filled(JOB)["spec"], "suspend": None}},
            SUSPENDED,
            "only suspended",
            id="suspended, before null",
        ),
        pytest.param(SUSPENDED, filled(JOB), None, id="resumed"),
        pytest.param(SUSPENDED, tweaked(SUSPENDED, "spec.suspend", None), None, id="resumed, by nothing written"),
        pytest.param(filled(JOB), tweaked(filled(JOB), "spec.suspend", "yes"), None, id="suspended by what is no bool"),
        pytest.param(filled(JOB), tweaked(SUSPENDED, "spec.backoffLimit", 9), None, id="suspended and worse"),
        pytest.param(filled(JOB), tweaked(SUSPENDED, "metadata.labels", {"a": "b"}), None, id="suspended and labelled"),
        pytest.param(filled(CRON_JOB), suspended(filled(CRON_JOB)), "only suspended", id="CronJob suspended"),
        pytest.param(
            filled(CRON_JOB), tweaked(filled(CRON_JOB), "spec.schedule", "@daily"), None, id="CronJob changed"
        ),
    ],
)
def test_an_update_is_judged_only_for_what_it_may_start(was: Raw, becomes: Raw, why: str | None) -> None:
    asked = request(becomes, was)
    assert reason(asked) == why
    if why:
        assert answer(validate, asked, DENYING) == {"uid": asked["uid"], "allowed": True}

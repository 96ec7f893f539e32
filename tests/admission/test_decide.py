"""Mutation repairs and tells, validation judges; each is right for whatever the other did, and for whatever is sent."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from jsonpatch import AddOperation

from policies.catalog import rules
from policies.rule import Rule
from tests.admission.reviews import (
    APPLY,
    CREATE,
    CRON_JOB,
    JOB,
    SERVER_SIDE_APPLY,
    UID,
    Raw,
    admit,
    answer,
    body,
    context,
    filled,
    note,
    patch,
    patched,
    request,
    sent,
    tweaked,
)
from tests.policies.hostile import objects
from webhook.admission import decide, review
from webhook.admission.decide import Context, mutate, validate

QUALIFIED_NAME = re.compile(
    r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)  # of an audit annotation, after its domain
DEFAULTS = context("""
spec:
  rules:
    concurrencyPolicy: {default: Forbid}
    startingDeadline: {defaultSeconds: 300}
    historyLimits: {defaultSuccessful: 1}
    ttlAfterFinished: {defaultSeconds: 60}
    resourceLimits: {defaults: {memory: 512Mi}}
    resourceRequests: {defaults: {cpu: 50m, memory: 64Mi}}
""")
RESOURCES = "/spec/jobTemplate/spec/template/spec/containers/0/resources"
ALWAYS = tweaked(tweaked(JOB, "spec.template.spec.restartPolicy", "Always"), "spec.backoffLimit", 9)
STRICT = "spec: {action: Deny, rules: {restartPolicy: {}, backoffLimit: {max: 3}, resourceLimits: {}}}"


def operations(response: Raw) -> dict[str, tuple[str, Any]]:
    return {each["path"]: (each["op"], each["value"]) for each in patch(response)}


def rendered(noted: Raw) -> str:
    return json.dumps(noted, sort_keys=True, separators=(",", ":"))


def test_a_patch_holds_single_fields_and_no_more() -> None:
    first, second, stored = admit(sent(CRON_JOB), DEFAULTS)
    container = "spec.jobTemplate.spec.template.spec.containers[dump].resources"
    noted = {
        "spec.concurrencyPolicy": "Forbid",
        "spec.startingDeadlineSeconds": 300,
        "spec.successfulJobsHistoryLimit": 1,
        f"{container}.limits.memory": "512Mi",
        f"{container}.requests.cpu": "50m",
        f"{container}.requests.memory": "64Mi",
    }
    assert operations(first) == {
        "/spec/concurrencyPolicy": ("replace", "Forbid"),
        "/spec/startingDeadlineSeconds": ("add", 300),
        "/spec/successfulJobsHistoryLimit": ("replace", 1),
        f"{RESOURCES}/limits": ("add", {"memory": "512Mi"}),
        f"{RESOURCES}/requests": ("add", {"cpu": "50m"}),
        f"{RESOURCES}/requests/memory": ("add", "64Mi"),
        "/metadata/annotations/batchwarden.io~1defaulted": ("add", rendered(noted)),
    }
    assert len(patch(first)) == 7
    assert note(stored) == noted
    assert second == {"uid": UID, "allowed": True}


@pytest.mark.parametrize(
    ("metadata", "path"),
    [
        ({}, "/metadata/annotations"),
        ({"annotations": None}, "/metadata/annotations"),
        ({"annotations": {}}, "/metadata/annotations/batchwarden.io~1defaulted"),
        ({"annotations": {"a~b/c": "d"}}, "/metadata/annotations/batchwarden.io~1defaulted"),
    ],
)
def test_parents_that_are_absent_are_made(metadata: Raw, path: str) -> None:
    raw = {**filled(JOB), "metadata": {"name": "import", **metadata}}
    first = answer(mutate, request(raw), context("spec: {rules: {activeDeadline: {defaultSeconds: 60}}}"))
    assert operations(first).keys() == {"/spec/activeDeadlineSeconds", path}
    stored = patched(raw, first)
    assert note(stored) == {"spec.activeDeadlineSeconds": 60}
    assert stored["metadata"]["annotations"].items() >= (metadata.get("annotations") or {}).items()


def test_names_of_resources_are_escaped_in_pointers() -> None:
    limits = {"example.com/a": 1, "memory": "1Gi"}
    raw = sent(tweaked(JOB, "spec.template.spec.containers.0.resources", {"limits": {"cpu": 1}}))
    policies = f"spec: {{rules: {{resourceLimits: {{defaults: {json.dumps(limits)}}}}}}}"
    first = answer(mutate, request(raw), context(policies))
    assert "/spec/template/spec/containers/0/resources/limits/example.com~1a" in operations(first)
    stored = patched(raw, first)["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert stored == {"cpu": 1, **limits}


@pytest.mark.parametrize("manager", [APPLY, SERVER_SIDE_APPLY, CREATE])
@pytest.mark.parametrize("document", [JOB, CRON_JOB])
def test_a_patched_object_that_comes_again_is_not_patched_again(document: Raw, manager: str) -> None:
    first, second, stored = admit(sent(document, manager), DEFAULTS)
    assert patch(first) != []
    assert second["allowed"]
    assert answer(mutate, request(stored), DEFAULTS) == {"uid": UID, "allowed": True}


@pytest.mark.parametrize(
    ("manager", "written", "stored"),
    [
        (APPLY, None, "Forbid"),
        (APPLY, "Allow", "Allow"),
        (APPLY, "Replace", "Replace"),
        (SERVER_SIDE_APPLY, None, "Forbid"),
        (SERVER_SIDE_APPLY, "Allow", "Allow"),
        (CREATE, None, "Allow"),
        (CREATE, "Allow", "Allow"),
    ],
)
def test_what_the_user_wrote_or_may_have_written_stays(manager: str, written: str | None, stored: str) -> None:
    raw = sent(tweaked(CRON_JOB, "spec.concurrencyPolicy", written), manager)
    assert (
        admit(raw, context("spec: {rules: {concurrencyPolicy: {default: Forbid}}}"))[2]["spec"]["concurrencyPolicy"]
        == stored
    )


def test_an_update_of_a_cron_job_is_repaired_only_where_it_is_made_worse() -> None:
    rules = "{startingDeadline: {required: true, defaultSeconds: 300}, activeDeadline: {defaultSeconds: 60}}"
    policies = context(f"spec: {{action: Deny, rules: {rules}}}")
    was = sent(tweaked(CRON_JOB, "spec.startingDeadlineSeconds", 100))
    becomes = sent(tweaked(CRON_JOB, "spec.schedule", "0 4 * * *"))
    first, second, stored = admit(becomes, policies, was)
    assert operations(first).keys() == {
        "/spec/startingDeadlineSeconds",
        "/metadata/annotations/batchwarden.io~1defaulted",
    }
    assert stored["spec"]["startingDeadlineSeconds"] == 300
    assert second["allowed"]
    (known,) = second["warnings"]
    said = "spec.jobTemplate.spec.activeDeadlineSeconds is missing; not denied: no worse than before ("
    assert known.startswith(said)


def test_a_job_is_given_back_what_was_written_into_it_and_nothing_else() -> None:
    policies = context("spec: {action: Deny, rules: {ttlAfterFinished: {defaultSeconds: 60}}}")
    first, _, was = admit(sent(JOB), policies)
    assert patch(first)
    becomes = tweaked(was, "spec.ttlSecondsAfterFinished", None)
    assert patch(answer(mutate, request(becomes, was), policies))[0] == {
        "op": "add",
        "path": "/spec/ttlSecondsAfterFinished",
        "value": 60,
    }
    denied = answer(validate, request(becomes, was), policies)
    assert "did not get the defaults of its policies: try again" in denied["status"]["message"]
    others = context("spec: {action: Deny, rules: {ttlAfterFinished: {defaultSeconds: 90}}}")
    assert answer(mutate, request(becomes, was), others) == {"uid": UID, "allowed": True}
    theirs = tweaked(sent(JOB), "spec.ttlSecondsAfterFinished", 60)
    removed = tweaked(theirs, "spec.ttlSecondsAfterFinished", None)
    assert answer(mutate, request(removed, theirs), policies) == {"uid": UID, "allowed": True}


def test_what_kubernetes_refuses_anyway_is_denied_early_with_all_else_that_is_wrong() -> None:
    policies = context(f"{STRICT}\n---\nname: helpful\nspec: {{rules: {{activeDeadline: {{defaultSeconds: 60}}}}}}")
    first = answer(mutate, request(sent(ALWAYS)), policies)
    assert "patch" not in first
    assert first["warnings"] == ["spec.activeDeadlineSeconds would be set to 60 (activeDeadline, policy helpful)"]
    assert first["status"]["message"] == (
        "Job team-a/import breaks 3 rules\n"
        "\n"
        "  spec.backoffLimit is 9; allowed: at most 3\n"
        "    Work that fails again and again costs as much as work that succeeds.   backoffLimit, policy house\n"
        "    backoffLimit: 3\n"
        "\n"
        "  spec.template.spec.restartPolicy is Always; allowed: Never or OnFailure\n"
        "    A Job's Pods must end; the API server refuses this.   restartPolicy, policy house\n"
        "    restartPolicy: Never  # for example\n"
        "\n"
        '  spec.template.spec.containers[0].resources.limits.memory is missing (container "work")\n'
        "    Without a limit one leak takes the node down.   resourceLimits, policy house\n"
        "    resources: {limits: {memory: 256Mi}}  # for example\n"
        "\n"
        "Why: batchwarden explain backoffLimit restartPolicy resourceLimits"
    )
    assert first["auditAnnotations"].keys() == {"denied"}


@pytest.mark.parametrize("user", ["tenant", "system:serviceaccount:kube-system:cronjob-controller"])
def test_what_kubernetes_refuses_is_denied_by_validation_too_whoever_asks(user: str) -> None:
    asked = request(sent(ALWAYS), userInfo={"username": user})
    assert not answer(validate, asked, context("spec: {rules: {restartPolicy: {action: Deny}}}"))["allowed"]


def test_what_a_default_repairs_is_not_refused() -> None:
    first, second, stored = admit(
        sent(tweaked(JOB, "spec.template.spec.restartPolicy", None)),
        context("spec: {action: Deny, rules: {restartPolicy: {default: OnFailure}}}"),
    )
    assert first["warnings"] == ["spec.template.spec.restartPolicy set to OnFailure (restartPolicy, policy house)"]
    assert (second["allowed"], stored["spec"]["template"]["spec"]["restartPolicy"]) == (True, "OnFailure")


TOLD = "spec.template.spec.restartPolicy is Always; allowed: Never or OnFailure (restartPolicy, policy house)"


@pytest.mark.parametrize(("action", "told"), [("Warn", [TOLD]), ("Audit", [])])
def test_under_a_policy_that_does_not_deny_it_is_left_to_kubernetes(action: str, told: list[str]) -> None:
    policies = f"spec: {{rules: {{restartPolicy: {{action: {action}}}, activeDeadline: {{defaultSeconds: 60}}}}}}"
    first = answer(mutate, request(sent(ALWAYS)), context(policies))
    assert first["allowed"]
    assert first["warnings"] == [*told, "spec.activeDeadlineSeconds would be set to 60 (activeDeadline, policy house)"]
    assert operations(first)["/spec/activeDeadlineSeconds"] == ("add", 60)


def test_on_an_update_it_is_told_and_left_to_kubernetes() -> None:
    path = "spec.jobTemplate.spec.template.spec.restartPolicy"
    first = answer(mutate, request(sent(tweaked(CRON_JOB, path, "Always")), sent(CRON_JOB)), context(STRICT))
    assert first["allowed"]
    assert first["warnings"] == [f"{path} is Always; allowed: Never or OnFailure (restartPolicy, policy house)"]


def test_what_kubernetes_let_stand_on_an_update_is_left_to_validation() -> None:
    was = sent(tweaked(CRON_JOB, "spec.jobTemplate.spec.template.spec.restartPolicy", "Always"))
    becomes = tweaked(was, "spec.schedule", "@daily")
    policies = "spec: {action: Deny, rules: {restartPolicy: {}, startingDeadline: {defaultSeconds: 300}}}"
    first, second, _ = admit(becomes, context(policies), was)
    assert first == {"uid": UID, "allowed": True}
    assert second["allowed"]
    assert "; not denied: no worse than before (restartPolicy, policy house)" in second["warnings"][0]


@pytest.mark.parametrize("dry_run", [False, True, None])
def test_a_dry_run_is_answered_alike_but_for_the_wording(*, dry_run: bool | None) -> None:
    first, second, stored = admit(sent(JOB), DEFAULTS, dryRun=dry_run)
    assert stored["spec"]["ttlSecondsAfterFinished"] == 60
    assert second["allowed"]
    verb = "would be set to" if dry_run else "set to"
    assert f"spec.ttlSecondsAfterFinished {verb} 60 (ttlAfterFinished, policy house)" in first["warnings"]


def test_what_will_be_denied_is_written_in_the_conditional() -> None:
    policies = (
        "spec: {action: Deny, rules: {activeDeadline: {defaultSeconds: 60, action: Warn}, backoffLimit: {max: 1}}}"
    )
    first, second, _ = admit(sent(JOB), context(policies))
    assert first["warnings"] == ["spec.activeDeadlineSeconds would be set to 60 (activeDeadline, policy house)"]
    assert patch(first)
    assert not second["allowed"]


def test_a_name_that_is_yet_to_be_made_up_is_shown_so() -> None:
    raw = {**filled(ALWAYS), "metadata": {"generateName": "import-"}}
    asked = request(raw)
    assert "name" not in asked
    denied = answer(mutate, asked, context(STRICT))
    assert denied["status"]["message"].startswith("Job team-a/import-(generated) breaks 3 rules\n")
    assert denied["status"]["details"]["name"] == ""


def test_the_namespace_is_the_one_of_the_request() -> None:
    raw = tweaked(filled(ALWAYS), "metadata", {"name": "import"})
    local = "kind: BatchPolicy\nspec: {action: Deny, rules: {backoffLimit: {max: 3}}}"
    assert answer(validate, request(raw), context(local))["status"]["message"].startswith("Job team-a/import breaks 1")
    assert answer(validate, request(raw, namespace="team-b"), context(local))["allowed"]


def test_audit_changes_nothing_and_reports_what_it_would_do() -> None:
    policies = """
spec: {action: Audit, rules: {restartPolicy: {allowed: [OnFailure]}, activeDeadline: {defaultSeconds: 60}}}
"""
    first, second, stored = admit(sent(JOB), context(policies))
    assert first == {
        "uid": UID,
        "allowed": True,
        "auditAnnotations": {
            "would-default": "spec.activeDeadlineSeconds would be set to 60 (activeDeadline, policy house)"
        },
    }
    assert second == {
        "uid": UID,
        "allowed": True,
        "auditAnnotations": {
            "audited": "spec.template.spec.restartPolicy is Never; allowed: OnFailure (restartPolicy, policy house); "
            "spec.activeDeadlineSeconds is missing (activeDeadline, policy house)"
        },
    }
    assert stored == sent(JOB)


def test_audit_annotations_have_names_that_kubernetes_takes() -> None:
    policies = """
name: denying
spec: {action: Deny, exceptions: {}, rules: {backoffLimit: {max: 1}, imageTag: {requireDigest: true}}}
---
name: warning
spec: {action: Warn, rules: {resourceLimits: {}, ttlAfterFinished: {defaultSeconds: 60}}}
---
name: auditing
spec: {action: Audit, rules: {resourceRequests: {}, activeDeadline: {defaultSeconds: 60}}}
---
kind: BatchPolicyException
name: lifting
spec: {policies: [denying], rules: [imageTag], selector: {}, reason: R, owner: me, expiresAt: "2026-06-02T00:00:00Z"}
"""
    first, second, _ = admit(sent(JOB), context(policies))
    assert first["auditAnnotations"].keys() == {"defaulted", "would-default"}
    assert second["auditAnnotations"].keys() == {"denied", "warned", "audited", "excepted"}
    assert [
        key for key in (*first["auditAnnotations"], *second["auditAnnotations"]) if not QUALIFIED_NAME.fullmatch(key)
    ] == []


def test_an_exception_that_does_not_hold_is_named() -> None:
    policies = context("""
spec: {action: Deny, exceptions: {maxDays: 7}, rules: {backoffLimit: {max: 1}, activeDeadline: {}}}
---
kind: BatchPolicyException
name: legacy
spec: {policies: [house], rules: [backoffLimit], selector: {}, reason: R, owner: me, expiresAt: "2026-01-02T00:00:00Z"}
""")
    denied = answer(validate, request(sent(JOB)), policies)
    assert "    Exception legacy: expired on 2026-01-02.\n    backoffLimit: 1\n" in denied["status"]["message"]
    assert denied["status"]["message"].count("legacy") == 1


def crash(*_: object) -> Any:
    raise ZeroDivisionError("never for users' eyes")


@pytest.fixture
def crashing(monkeypatch: pytest.MonkeyPatch) -> Context:
    """Give a policy whose deadline rule is broken, in both of its functions, beside one that works."""
    rule = rules()["activeDeadline"]
    broken = Rule(rule.module, rule.doc, rule.params, crash, crash)
    monkeypatch.setattr("policies.objects.rules", lambda: {**rules(), "activeDeadline": broken})
    return context(
        "spec: {action: Deny, rules: {activeDeadline: {defaultSeconds: 9}, restartPolicy: {}, backoffLimit: {max: 3}}}"
    )


UNCHECKED = "rule activeDeadline could not be checked: an error in Batchwarden, please tell your cluster admin"


def test_a_rule_that_crashes_stops_nobody(crashing: Context) -> None:
    good = sent(tweaked(JOB, "spec.backoffLimit", 1))
    for door in (mutate, validate):
        assert answer(door, request(good), crashing) == {"uid": UID, "allowed": True, "warnings": [UNCHECKED]}
        decision = door(review.read(body(request(good)), "application/json"), crashing)
        assert [str(failure.error) for failure in decision.failures] == ["never for users' eyes"]


def test_a_rule_that_crashes_hides_no_other(crashing: Context) -> None:
    for door in (mutate, validate):
        response = answer(door, request(sent(ALWAYS)), crashing)
        assert response["warnings"] == [UNCHECKED]
        assert response["status"]["message"].startswith("Job team-a/import breaks 2 rules\n")


def test_a_patch_that_does_not_give_what_was_judged_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        decide, "_operation", lambda *_: AddOperation({"op": "add", "path": "/spec/suspend", "value": True})
    )
    with pytest.raises(AssertionError, match="does not give the object that was judged"):
        answer(mutate, request(sent(JOB)), DEFAULTS)


EVERYTHING = context("""
spec:
  action: Deny
  rules:
    concurrencyPolicy: {default: Forbid}
    startingDeadline: {required: true, defaultSeconds: 300}
    historyLimits: {defaultSuccessful: 1, maxFailed: 1}
    ttlAfterFinished: {defaultSeconds: 60, maxSeconds: 60}
    resourceLimits: {defaults: {memory: 512Mi}, max: {memory: 1Gi}}
    resourceRequests: {defaults: {cpu: 50m, memory: 64Mi}, maxLimitToRequestRatio: {memory: 4}}
    backoffLimit: {default: 0, max: 3}
    restartPolicy: {default: Never}
    activeDeadline: {defaultSeconds: 60, maxSeconds: 60}
    imageTag: {requireDigest: true}
---
name: warning
spec: {rules: {activeDeadline: {defaultSeconds: 30, maxSeconds: 30}, imageTag: {allowedRegistries: [example.com]}}}
---
name: auditing
spec: {action: Audit, rules: {resourceLimits: {defaults: {cpu: 1}}, backoffLimit: {default: 1}}}
""")


@given(objects, objects)
def test_nothing_that_is_sent_raises_and_a_patch_once_is_a_patch_twice(raw: Raw, was: Raw) -> None:
    kind = str(raw["kind"])  # as the API server names it: a review of another kind is refused
    for old in (None, was):
        asked: Raw = {
            "raw": {**raw, "kind": kind},
            "was": old,
            "kind": {"group": "batch", "version": "v1", "kind": kind},
            "name": "x",
        }
        first = answer(mutate, request(**asked), EVERYTHING)
        answer(validate, request(**asked), EVERYTHING)
        stored = patched({**raw, "kind": kind}, first)
        second = answer(mutate, request(**{**asked, "raw": stored}), EVERYTHING)
        assert patched(stored, second) == stored

"""What people read is whole, in their words, in order, ready to be pasted, and never longer than what carries it."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from policies.catalog import rules
from policies.engine import evaluate
from tests.admission.reviews import (
    APPLY,
    CREATE,
    CRON_JOB,
    JOB,
    SERVER_SIDE_APPLY,
    Raw,
    admit,
    answer,
    context,
    request,
    sent,
    tweaked,
)
from tests.policies.cases import cases
from webhook.admission import message
from webhook.admission.decide import mutate, validate

POD = "spec.jobTemplate.spec.template.spec"
DESIGN = """
name: defaults
spec: {rules: {startingDeadline: {defaultSeconds: 300}}}
---
name: singleton-tasks
spec:
  action: Deny
  contact: "#platform-batch"
  rules: {concurrencyPolicy: {allowed: [Forbid], reason: Runs of a singleton task must not overlap}}
---
name: restricted
spec: {action: Deny, rules: {resourceLimits: {defaults: {memory: 512Mi}, reason: One leak takes the node down.}}}
"""


def told(raw: Raw, policies: str, was: Raw | None = None, **settings: Any) -> str:
    """Give the message of the validating webhook's denial."""
    response = answer(validate, request(raw, was), context(policies, **settings))
    assert not response["allowed"]
    return str(response["status"]["message"])


def test_a_denial_is_the_one_of_the_design() -> None:
    raw = tweaked(
        tweaked(CRON_JOB, "spec.concurrencyPolicy", "Allow"), f"{POD}.containers.0.resources.limits.memory", "0"
    )
    first, second, _ = admit(sent(raw), context(DESIGN, why_url="https://docs.example.com/batch"))
    assert first["warnings"] == ["spec.startingDeadlineSeconds would be set to 300 (startingDeadline, policy defaults)"]
    assert second["status"]["message"] == (
        "CronJob team-a/nightly breaks 2 rules\n"
        "\n"
        "  spec.concurrencyPolicy is Allow; allowed: Forbid\n"
        "    Runs of a singleton task must not overlap.   concurrencyPolicy, policy singleton-tasks\n"
        "    concurrencyPolicy: Forbid\n"
        "\n"
        "  spec.jobTemplate.spec.template.spec.containers[0].resources.limits.memory is 0, which limits nothing"
        ' (container "dump")\n'
        "    One leak takes the node down.   resourceLimits, policy restricted\n"
        "    resources: {limits: {memory: 512Mi}}\n"
        "\n"
        "Why: https://docs.example.com/batch#concurrencyPolicy    Help: #platform-batch"
    )
    assert second["status"]["details"]["causes"] == [
        {
            "reason": "FieldValueInvalid",
            "field": "spec.concurrencyPolicy",
            "message": "is Allow; allowed: Forbid (concurrencyPolicy, policy singleton-tasks)",
        },
        {
            "reason": "FieldValueInvalid",
            "field": "spec.jobTemplate.spec.template.spec.containers[0].resources.limits.memory",
            "message": "is 0, which limits nothing (resourceLimits, policy restricted)",
        },
    ]


def test_without_an_address_the_footer_names_the_command_for_every_rule() -> None:
    policies = "spec: {action: Deny, rules: {concurrencyPolicy: {}, resourceLimits: {}}}"
    assert told(CRON_JOB, policies).endswith("\n\nWhy: batchwarden explain resourceLimits concurrencyPolicy")


def test_a_job_made_by_hand_names_its_cron_job() -> None:
    owner = {"kind": "CronJob", "name": "nightly", "uid": "1", "controller": True}
    raw = tweaked(JOB, "metadata.ownerReferences", [owner])
    text = told(raw, "spec: {action: Deny, rules: {resourceLimits: {}}}")
    assert text.startswith("Job team-a/import, made from CronJob nightly, breaks 1 rule\n\n")
    raw = tweaked(JOB, "metadata.ownerReferences", [{**owner, "kind": "JobSet"}])
    assert told(raw, "spec: {action: Deny, rules: {resourceLimits: {}}}").startswith(
        "Job team-a/import breaks 1 rule\n"
    )


def test_one_rule_broken_in_many_places_is_one_rule() -> None:
    containers = [{"name": name, "image": "x:1"} for name in ("first", "second")]
    assert told(
        tweaked(JOB, "spec.template.spec.containers", containers), "spec: {action: Deny, rules: {resourceLimits: {}}}"
    ) == (
        "Job team-a/import breaks 1 rule in 2 places\n"
        "\n"
        '  spec.template.spec.containers[0].resources.limits.memory is missing (container "first")\n'
        "    Without a limit one leak takes the node down.   resourceLimits, policy house\n"
        "    resources: {limits: {memory: 256Mi}}  # for example\n"
        "\n"
        '  spec.template.spec.containers[1].resources.limits.memory is missing (container "second")\n'
        "    Without a limit one leak takes the node down.   resourceLimits, policy house\n"
        "    resources: {limits: {memory: 256Mi}}  # for example\n"
        "\n"
        "Why: batchwarden explain resourceLimits"
    )


def test_a_job_made_from_a_cronjob_names_it() -> None:
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": "1", "controller": True}
    made = tweaked(JOB, "metadata.ownerReferences", [owner])
    message = told(made, "spec: {action: Deny, rules: {activeDeadline: {}}}")
    assert message.startswith("Job team-a/import, made from CronJob nightly, breaks 1 rule\n")


@pytest.mark.parametrize(
    ("manager", "written", "whose"),
    [
        (APPLY, {}, " (filled in by Kubernetes)"),
        (APPLY, {"backoffLimit": 6}, ""),
        (SERVER_SIDE_APPLY, {}, " (filled in by Kubernetes)"),
        (SERVER_SIDE_APPLY, {"backoffLimit": 6}, ""),
        (CREATE, {}, " (yours or Kubernetes')"),
        (CREATE, {"backoffLimit": 6}, " (yours or Kubernetes')"),
    ],
)
def test_a_value_that_is_not_the_users_says_whose_it_is(manager: str, written: Raw, whose: str) -> None:
    raw = sent({**JOB, "spec": {**JOB["spec"], **written}}, manager)
    text = told(raw, "spec: {action: Deny, rules: {backoffLimit: {max: 3}}}")
    assert text.split("\n")[2] == f"  spec.backoffLimit is 6{whose}; allowed: at most 3"


def test_a_value_of_our_own_says_so_when_another_policy_denies_it() -> None:
    written = "name: generous\nspec: {rules: {activeDeadline: {defaultSeconds: 7200}}}"
    _, _, stored = admit(sent(JOB), context(written))
    text = told(stored, "spec: {action: Deny, rules: {activeDeadline: {maxSeconds: 3600}}}")
    assert (
        text.split("\n")[2] == "  spec.activeDeadlineSeconds is 7200 (set by a policy default); allowed: at most 3600"
    )


TWO = """
name: loose
spec: {action: Deny, contact: "#loose", rules: {activeDeadline: {maxSeconds: 7200}}}
---
name: strict
spec: {action: Deny, contact: "#strict", rules: {activeDeadline: {maxSeconds: 600, reason: The night is short}}}
---
name: advisory
spec: {action: Warn, contact: "#advisory", rules: {activeDeadline: {maxSeconds: 60}}}
"""


@pytest.mark.parametrize("seconds", [None, 100_000])
def test_the_line_to_paste_satisfies_every_policy_that_denies(seconds: int | None) -> None:
    found = "is missing" if seconds is None else f"is {seconds}"
    assert told(tweaked(JOB, "spec.activeDeadlineSeconds", seconds), TWO) == (
        "Job team-a/import breaks 1 rule\n"
        "\n"
        f"  spec.activeDeadlineSeconds {found}; allowed: at most 600, and at most 7200\n"
        "    The night is short.   activeDeadline, policies strict, loose\n"
        "    activeDeadlineSeconds: 600\n"
        "\n"
        "Why: batchwarden explain activeDeadline    Help: #strict, #loose"
    )


def test_where_no_line_satisfies_all_the_first_is_shown() -> None:
    policies = """
name: ours
spec: {action: Deny, rules: {imageTag: {allowedRegistries: [ours.example.com], forbiddenTags: []}}}
---
name: theirs
spec: {action: Deny, rules: {imageTag: {allowedRegistries: [theirs.example.com], forbiddenTags: []}}}
"""
    text = told(JOB, policies)
    assert '\n    image: "ours.example.com/import:1.4"  # for example\n' in text
    assert "allowed: from ours.example.com, and from theirs.example.com" in text


def test_where_a_line_could_not_be_written_the_first_is_shown() -> None:
    policies = "\n---\n".join(
        f"name: {name}\nspec: {{action: Deny, rules: {{resourceLimits: {{defaults: {{memory: {memory}}}}}}}}}"
        for name, memory in (("first", "1Gi"), ("second", "2Gi"))
    )
    text = told(tweaked(JOB, "spec.template.spec.containers.0.resources", "plenty"), policies)
    assert "\n    resources: {limits: {memory: 1Gi}}\n" in text


NOT_APPLIED = "A policy's default belongs here, but was not applied to this request: try again."
LIMITS = "spec: {action: Deny, rules: {activeDeadline: {defaultSeconds: 600}, resourceLimits: {}}}"


def test_what_a_default_would_have_cured_is_not_the_users_fault() -> None:
    assert told(sent(JOB), "spec: {action: Deny, rules: {activeDeadline: {defaultSeconds: 600}}}") == (
        "Job team-a/import did not get the defaults of its policies: try again\n"
        "\n"
        f"  spec.activeDeadlineSeconds is missing\n    {NOT_APPLIED}   activeDeadline, policy house\n"
        "    activeDeadlineSeconds: 600\n"
        "\n"
        "Why: batchwarden explain activeDeadline"
    )
    assert told(sent(JOB), LIMITS) == (
        "Job team-a/import breaks 2 rules\n"
        "\n"
        '  spec.template.spec.containers[0].resources.limits.memory is missing (container "work")\n'
        "    Without a limit one leak takes the node down.   resourceLimits, policy house\n"
        "    resources: {limits: {memory: 256Mi}}  # for example\n"
        "\n"
        f"  spec.activeDeadlineSeconds is missing\n    {NOT_APPLIED}   activeDeadline, policy house\n"
        "    activeDeadlineSeconds: 600\n"
        "\n"
        "Why: batchwarden explain resourceLimits activeDeadline"
    )


HOSTILE = [
    pytest.param("a\nWarning\r\n\tb", "a Warning b", id="newlines"),
    pytest.param("\x1b[31mred\x1b[0m\x07\x9b1m", "[31mred[0m1m", id="ANSI escapes and a bell"),
    pytest.param("\u202eevil\u2066\u200b", "evil", id="text that runs backwards, or is not seen"),
    pytest.param("ein Name 🚀 名前", "ein Name 🚀 名前", id="emoji and letters of the world"),
    pytest.param("\x00\ufeff\u2028x\u2029\x85", "x", id="nothing and separators"),
    pytest.param("x" * 100_000, "x" * 197 + "...", id="huge"),
    pytest.param("x" * 200, "x" * 200, id="just not too long"),
    pytest.param("🚀" * 100_000, "🚀" * 49 + "...", id="huge, of several bytes each"),
    pytest.param("{}%s%(x)s${y}", "{}%s%(x)s${y}", id="templates"),
]


@pytest.mark.parametrize(("given", "shown"), HOSTILE)
def test_hostile_names_and_images_do_not_break_the_message(given: str, shown: str) -> None:
    raw = tweaked(JOB, "metadata", {"name": given, "annotations": {"batchwarden.io/defaulted": given, given: given}})
    raw = tweaked(raw, "spec.template.spec.containers", [{"name": given, "image": f"{given}:latest"}])
    policies = "spec: {action: Deny, rules: {resourceLimits: {}, imageTag: {}}}"
    text = told(raw, policies)
    paragraphs = text.split("\n\n")
    assert len(paragraphs) == 4
    assert paragraphs[0] == f"Job team-a/{shown} breaks 2 rules"
    assert paragraphs[2].split("\n")[0].endswith(f' is missing (container "{shown}")')
    assert len(text) < 2000
    assert text.replace("\n", "").isprintable()
    response = answer(validate, request(raw), context(policies.replace("Deny", "Warn")))
    assert len(response["warnings"]) == 2
    assert all(line.isprintable() and len(line.encode()) <= 256 for line in response["warnings"])


@pytest.mark.parametrize("number", [50, 150])
def test_many_violations_are_told_in_bounds(number: int) -> None:
    containers = [{"name": f"c{index}", "image": "x:1"} for index in range(number)]
    raw = tweaked(JOB, "spec.template.spec.containers", containers)
    policies = "spec: {action: Deny, rules: {resourceLimits: {}}}"
    response = answer(validate, request(raw), context(policies))
    text = response["status"]["message"]
    assert text.startswith(f"Job team-a/import breaks 1 rule in {number} places\n\n")
    assert text.count("is missing") == 40
    assert text.endswith(f"\n\n  and {number - 40} more: mend these first\n\nWhy: batchwarden explain resourceLimits")
    assert len(response["status"]["details"]["causes"]) == 40
    assert [len(line) for line in response["auditAnnotations"].values()] == [4096]
    warned = answer(validate, request(raw), context(policies.replace("Deny", "Warn")))["warnings"]
    assert (
        warned[0]
        == "spec.template.spec.containers[0].resources.limits.memory is missing (resourceLimits, policy house)"
    )
    assert warned[-1] == "and more like these"
    assert len("".join(warned)) <= 4096


def test_just_as_many_violations_as_are_shown_are_shown_without_a_word() -> None:
    containers = [{"name": f"c{number}", "image": "x:1"} for number in range(40)]
    text = told(
        tweaked(JOB, "spec.template.spec.containers", containers), "spec: {action: Deny, rules: {resourceLimits: {}}}"
    )
    assert text.count("is missing") == 40
    assert " more" not in text


@pytest.mark.parametrize("text", ["a b", " a b", "a b ", "a  b", "a\tb", "\x07a b", "a\u200b b"])
def test_white_space_is_folded(text: str) -> None:
    assert message.printable(text) == "a b"


def test_an_old_fault_is_told_last_and_why_it_is_not_denied() -> None:
    was = tweaked(tweaked(JOB, "spec.backoffLimit", 9), "spec.activeDeadlineSeconds", 4000)
    raw = tweaked(was, "spec.activeDeadlineSeconds", 9000)
    policies = """
spec: {action: Deny, rules: {backoffLimit: {max: 3}}}
---
name: advice
spec: {action: Warn, rules: {activeDeadline: {maxSeconds: 3600}, backoffLimit: {max: 1}}}
---
name: older
spec: {action: Warn, rules: {resourceLimits: {}}}
"""
    response = answer(validate, request(raw, was), context(policies))
    assert response["warnings"] == [
        "spec.activeDeadlineSeconds is 9000; allowed: at most 3600 (activeDeadline, policy advice)",
        "spec.template.spec.containers[0].resources.limits.memory is missing (resourceLimits, policy older)",
        "spec.backoffLimit is 9; not denied: no worse than before (backoffLimit, policies advice, house)",
    ]


@pytest.mark.parametrize("length", [1, 5, 6, 44, 45])
def test_a_warning_leaves_out_what_is_allowed_where_that_alone_makes_it_short(length: int) -> None:
    name = "p" * length
    raw = tweaked(JOB, "spec.template.spec.containers.0.image", "busybox:latest")
    response = answer(validate, request(raw), context(f"name: {name}\nspec: {{rules: {{imageTag: {{}}}}}}"))
    statement = "spec.template.spec.containers[0].image is busybox:latest"
    full = f"{statement}; allowed: a tag that stays or a digest (imageTag, policy {name})"
    short = f"{statement} (imageTag, policy {name})"
    (line,) = response["warnings"]
    assert line == (full if length in {1, 5, 45} else short)
    assert (len(full) > 120, len(short) > 120) == (length > 5, length > 44)


def test_an_exceptions_line_says_who_let_it_off() -> None:
    policies = """
spec: {action: Deny, exceptions: {}, rules: {activeDeadline: {}}}
---
kind: BatchPolicyException
name: legacy
spec: {policies: [house], rules: [activeDeadline], selector: {}, reason: OPS-1, owner: data@example.com,
       expiresAt: "2026-06-02T00:00:00Z"}
"""
    response = answer(validate, request(JOB), context(policies))
    assert response["auditAnnotations"] == {
        "excepted": "spec.activeDeadlineSeconds is missing; let off by exception legacy of data@example.com"
        " (activeDeadline, policy house)"
    }


@pytest.mark.parametrize(
    ("dry_run", "verb"), [(False, "set to"), (True, "would be set to")], ids=["in earnest", "dry run"]
)
def test_a_default_is_told(*, dry_run: bool, verb: str) -> None:
    policies = "spec: {rules: {resourceLimits: {defaults: {memory: 512Mi}}}}"
    response = answer(mutate, request(sent(JOB), dryRun=dry_run), context(policies))
    line = f"spec.template.spec.containers[0].resources.limits.memory {verb} 512Mi (resourceLimits, policy house)"
    assert response["warnings"] == [line]
    assert response["auditAnnotations"] == {"defaulted": line}


@pytest.mark.parametrize("rule", rules())
def test_what_can_be_pasted_is_yaml_and_means_the_cure(rule: str) -> None:
    jobs = [(case, case.job()) for case in cases(rule) if not case.refused]
    found = [each for case, job in jobs for each in evaluate(job, case.select(rule, job)).violations]
    writes = [write for violation in found if violation.finding.fix for write in violation.finding.fix.writes]
    assert writes or {cure for case, _ in jobs for cure in case.cures} == {None}
    for path, value in writes:
        read = yaml.safe_load(message.paste(path, value))
        while isinstance(read, dict | list) and read != value:
            (read,) = read.values() if isinstance(read, dict) else read
        assert read == value


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (("spec", "backoffLimit"), 0, "backoffLimit: 0"),
        (("spec", "suspend"), True, "suspend: true"),
        (("spec", "template", "spec", "containers", 0, "image"), "x:1", 'image: "x:1"'),
        (
            ("spec", "template", "spec", "containers", 0, "resources", "limits", "nvidia.com/gpu"),
            "1",
            'resources: {limits: {"nvidia.com/gpu": "1"}}',
        ),
        (("metadata", "labels", "app.kubernetes.io/name"), "yes", 'labels: {"app.kubernetes.io/name": "yes"}'),
        (("spec", "template", "spec", "nodeSelector", "pool"), "batch", "nodeSelector: {pool: batch}"),
        (("spec", "template", "spec", "tolerations"), [{"key": "a"}], "tolerations: [{key: a}]"),
        (("spec", "template", "spec", "containers", 0, "args", 1), "--fast", '- "--fast"'),
    ],
)
def test_a_line_to_paste_begins_where_its_container_or_field_stands(path: Any, value: Any, line: str) -> None:
    assert message.paste(path, value) == line
    assert isinstance(yaml.safe_load(line), dict | list)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Never", "Never"),
        ("512Mi", "512Mi"),
        ("500m", "500m"),
        ("2", '"2"'),
        ("1e3", '"1e3"'),
        ("0x1F", '"0x1F"'),
        ("true", '"true"'),
        ("Off", '"Off"'),
        ("null", '"null"'),
        ("", '""'),
        ("a b", '"a b"'),
        ("a\x1b\u202eb\n", '"a\\u001b\\u202eb\\n"'),
        ("\ud800", '"\\ud800"'),
        (None, "null"),
        (0.5, "0.5"),
        ({"a": [1, "x-y", {}]}, "{a: [1, x-y, {}]}"),
    ],
)
def test_yaml_on_one_line(value: Any, text: str) -> None:
    assert message.flow(value) == text


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text().filter(str.isprintable),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5).filter(str.isprintable), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_yaml_on_one_line_is_read_back_as_it_was(value: Any) -> None:
    text = message.flow(value)
    assert "\n" not in text
    assert yaml.safe_load(text) == value


@given(st.lists(st.text(max_size=600), max_size=60))
def test_warnings_stay_in_bounds(lines: list[str]) -> None:
    kept = message.bounded(lines)
    assert sum(len(line.encode()) for line in kept) <= 4096
    assert all(len(line.encode()) <= 256 and line.isprintable() for line in kept)
    assert len(set(kept)) == len(kept)


def test_warnings_keep_their_order_and_are_told_once() -> None:
    assert message.bounded(["b", "a", "b", "a\n", "c " * 200]) == ("b", "a", ("c " * 200)[:253] + "...")
    many = message.bounded(f"{number:03}" + "x" * 97 for number in range(100))
    assert [line[:3] for line in many[:-1]] == [f"{number:03}" for number in range(38)]
    assert many[-1] == "and more like these"


def test_a_rule_that_crashed_is_told_once() -> None:
    assert list(message.unchecked(["imageTag", "schedule", "imageTag"])) == [
        "rule imageTag could not be checked: an error in Batchwarden, please tell your cluster admin",
        "rule schedule could not be checked: an error in Batchwarden, please tell your cluster admin",
    ]

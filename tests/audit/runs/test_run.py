"""A run is what the status of a Job says, runs add up in any order, and Events are read in either shape."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from policies.fields import put
from tests.policies.build import one_off
from tests.policies.cases import merge
from tests.policies.hostile import places
from webhook.audit.runs.event import Event, read_event
from webhook.audit.runs.history import History
from webhook.audit.runs.refusals import read_refusal
from webhook.audit.runs.run import Run, read_run
from webhook.audit.values import EARLIEST, count, moment

START, END = datetime(2026, 11, 21, 2, 15, tzinfo=UTC), datetime(2026, 11, 21, 2, 25, tzinfo=UTC)
COMPLETE = {
    "startTime": "2026-11-21T02:15:00Z",
    "completionTime": "2026-11-21T02:25:00Z",
    "succeeded": 1,
    "failed": 2,
    "conditions": [
        {"type": "SuccessCriteriaMet", "status": "True", "reason": "CompletionsReached"},
        {"type": "Complete", "status": "True", "reason": "CompletionsReached", "message": "Reached expected number"},
    ],
}
FAILED = {
    "startTime": "2026-11-21T02:15:00Z",
    "failed": 7,
    "conditions": [
        {"type": "FailureTarget", "status": "True", "reason": "BackoffLimitExceeded"},
        {
            "type": "Failed",
            "status": "True",
            "reason": "BackoffLimitExceeded",
            "lastTransitionTime": "2026-11-21T02:25:00Z",
        },
    ],
}
OWNERS = [
    {"kind": "Workflow", "uid": "w-1", "controller": False},
    {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": "c-1", "controller": True},
]


def status(**fields: Any) -> dict[str, Any]:
    return {**one_off(), "status": fields}


@pytest.mark.parametrize(
    ("manifest", "run"),
    [
        (one_off(), Run(retry_limit=6)),
        (
            one_off(metadata={"uid": "j-1", "ownerReferences": OWNERS}, activeDeadlineSeconds=900, backoffLimit=3),
            Run(uid="j-1", owner="c-1", deadline=900, retry_limit=3),
        ),
        (one_off(metadata={"ownerReferences": OWNERS[:1]}, ttlSecondsAfterFinished=0), Run(ttl=0, retry_limit=6)),
        (one_off(metadata={"ownerReferences": [{**OWNERS[1], "apiVersion": "example.com/v1"}]}), Run(retry_limit=6)),
        (one_off(metadata={"ownerReferences": [{**OWNERS[1], "controller": False}]}), Run(retry_limit=6)),
        (
            status(**COMPLETE),
            Run(
                outcome="Complete",
                reason="CompletionsReached",
                message="Reached expected number",
                start=START,
                end=END,
                retries=2,
                retry_limit=6,
            ),
        ),
        (
            status(**FAILED),
            Run(outcome="Failed", reason="BackoffLimitExceeded", start=START, end=END, retries=7, retry_limit=6),
        ),
        (status(conditions=[{"type": "Failed", "status": "False"}, None, {"status": "True"}]), Run(retry_limit=6)),
        (status(conditions=[{"type": "Failed", "status": "True", "reason": 5}]), Run(outcome="Failed", retry_limit=6)),
        (one_off(backoffLimit=2**31 - 1), Run()),
        (one_off(backoffLimitPerIndex=1, backoffLimit=2), Run()),
        (one_off(backoffLimit=-1, activeDeadlineSeconds=True), Run(retry_limit=6)),
        ([], Run(retry_limit=6)),
    ],
)
def test_a_run_is_what_the_status_of_a_job_says(manifest: Any, run: Run) -> None:
    assert run == read_run(manifest, 0)


@pytest.mark.parametrize("odd", [None, 5, "text", True, [], [5], {}, {"a": 1}])
def test_odd_shapes_read_as_absent(odd: Any) -> None:
    manifest = one_off(metadata={"uid": "j-1", "ownerReferences": OWNERS}, managedBy="a", backoffLimit=3, completions=3)
    for run in (COMPLETE, FAILED, {"startTime": "2026-11-21T02:15:00Z", "active": 1}):
        whole = {**manifest, "status": run}
        for place in places(whole)[1:]:
            assert read_run(put(whole, place, odd), 5).size == 5


@pytest.mark.parametrize(
    ("spec", "pods", "lacks", "without"),
    [
        ({}, {}, True, True),
        ({}, {"active": 1}, False, False),
        ({}, {"failed": 1}, True, False),
        ({}, {"terminating": 1}, True, False),
        ({"parallelism": 3, "completions": 9}, {"active": 2}, True, False),
        ({"parallelism": 3, "completions": 9}, {"active": 1, "succeeded": 8}, False, False),
        ({"parallelism": 3, "completions": 3}, {"active": 1, "succeeded": 1}, True, False),
        ({"parallelism": 3}, {"active": 1}, True, False),
        ({"parallelism": 3}, {"active": 1, "succeeded": 1}, False, False),
        ({"parallelism": 0}, {}, False, False),
        ({"suspend": True}, {}, False, False),
        ({"managedBy": "kubernetes.io/job-controller"}, {}, True, True),
        ({"managedBy": "example.com/other"}, {}, False, False),
        ({}, {"startTime": None}, False, False),
        ({}, {"conditions": [{"type": "FailureTarget", "status": "True"}]}, False, False),
        ({}, {"conditions": [{"type": "SuccessCriteriaMet", "status": "True"}]}, False, False),
        ({}, {"conditions": [{"type": "Suspended", "status": "False"}]}, True, True),
        ({}, COMPLETE, False, False),
    ],
)
def test_a_job_lacks_pods_where_its_controller_should_make_some(
    spec: dict[str, Any], pods: dict[str, Any], *, lacks: bool, without: bool
) -> None:
    manifest = merge(one_off(**spec), {"status": {"startTime": "2026-11-21T02:15:00Z", **pods}})
    run = read_run(manifest, 0)
    assert (lacks, without) == (run.lacks_pods, run.without_pods)


@pytest.mark.parametrize(
    ("run", "deadline", "retries"),
    [
        (Run(outcome="Complete", start=START, end=END, deadline=750, retries=4, retry_limit=5), True, True),
        (Run(outcome="Complete", start=START, end=END, deadline=751, retries=4, retry_limit=6), False, False),
        (Run(outcome="Complete", start=END, end=START, deadline=1), False, False),
        (Run(outcome="Complete", deadline=1), False, False),
        (Run(outcome="Complete", retries=1, retry_limit=1), False, True),
        (Run(outcome="Complete", retries=0, retry_limit=0), False, False),
        (Run(outcome="Failed", reason="DeadlineExceeded", deadline=1, retries=9, retry_limit=6), True, False),
        (Run(outcome="Failed", reason="DeadlineExceeded"), True, False),
        (Run(outcome="Failed", reason="BackoffLimitExceeded", retries=9, retry_limit=6), False, True),
        (
            Run(outcome="Failed", reason="BackoffLimitExceeded", start=START, end=END, deadline=1, retry_limit=0),
            False,
            False,
        ),
    ],
)
def test_a_run_comes_near_its_limits(run: Run, *, deadline: bool, retries: bool) -> None:
    assert (deadline, retries) == (run.neared_deadline, run.neared_retry_limit)


def test_runs_add_up_in_any_order() -> None:
    hour = timedelta(hours=1)
    runs = [
        Run(outcome="Complete", start=START, end=END, deadline=600),
        Run(outcome="Complete", start=START, end=START + hour, deadline=4000, retries=2, retry_limit=2),
        Run(outcome="Failed", start=START, end=END + hour, reason="BackoffLimitExceeded", message="m", retry_limit=3),
        Run(outcome="Failed", start=START, end=END + hour, reason="DeadlineExceeded", deadline=60),
        Run(outcome="Failed", reason="FailedIndexes"),
        Run(start=START, lacks_pods=True, without_pods=True),
        Run(start=END, lacks_pods=True),
        Run(),
    ]
    whole = History(
        finished=5,
        failed=3,
        active=3,
        longest=hour,
        last_success=START + hour,
        last_failure=END + hour,
        failure="DeadlineExceeded",
        lacking=2,
        without_pods=START,
        at_work=END,
        near_deadline=3,
        neared_deadline=4000,
        near_retry_limit=2,
        neared_retry_limit=3,
    )
    for order in permutations(runs, 8):
        history = History()
        for run in order:
            history.add(run)
        assert whole == history
    assert whole.succeeded == 2


@pytest.mark.parametrize(
    ("manifest", "uid", "event"),
    [
        (
            {
                "reason": "FailedCreate",
                "message": "no",
                "type": "Warning",
                "count": 3,
                "lastTimestamp": "2026-11-21T02:15:00Z",
                "eventTime": None,
                "involvedObject": {"uid": "u-1"},
            },
            "u-1",
            Event("FailedCreate", "no", 3, START, "Warning"),
        ),
        (
            {
                "lastTimestamp": None,
                "eventTime": "2026-11-21T02:15:00.000000Z",
                "series": {"count": 2, "lastObservedTime": "2026-11-21T02:25:00.000000Z"},
            },
            "",
            Event("", "", 2, END, ""),
        ),
        (
            {"metadata": {"creationTimestamp": "2026-11-21T02:15:00Z"}, "message": "x" * 9999},
            "",
            Event("", "x" * 1024, 1, START, ""),
        ),
        (None, "", Event("", "", 1, EARLIEST, "")),
    ],
)
def test_an_event_is_read_in_either_shape(manifest: Any, uid: str, event: Event) -> None:
    assert (uid, event) == read_event(manifest)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-21T02:15:00Z", START),
        ("2026-11-21T03:15:00+01:00", START),
        ("2026-11-21T02:15:00", None),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-12:00", None),
        ("yesterday", None),
        (5, None),
    ],
)
def test_a_time_is_read_or_absent(text: object, at: datetime | None) -> None:
    assert at == moment(text)


@pytest.mark.parametrize(("value", "read"), [(0, 0), (5, 5), (-1, None), (2**63, None), (True, None), ("5", None)])
def test_a_count_is_read_or_absent(value: object, read: int | None) -> None:
    assert read == count(value)


@pytest.mark.parametrize(
    ("message", "statement"),
    [
        (
            'Error creating: violates PodSecurity "baseline:v1": sysctls (a_(x), b), hostPort (a (1, 2)), hostPort',
            "Pod Security baseline:v1 refuses its Pods: sysctls, hostPort",
        ),
        (
            'Error creating: pods "x" is forbidden: status unknown for quota: compute, resources: pods',
            "ResourceQuota compute has no status, so it refuses its Pods: pods",
        ),
        (
            'Error creating: Pod "nightly-29726055-0-x7k2p" is invalid: spec.containers[0].image: Required value',
            "its Pods cannot be created: spec.containers[0].image: Required value",
        ),
        (
            "Error creating: nightly-x7k2p nightly-0-x7k2p nightly-29726055 nightly-29726055-3-x7k2p",
            "its Pods cannot be created: nightly-* nightly-* nightly-* nightly-*",
        ),
        (
            "Error creating: nightly-admin nightly-7 nightly-x7k2p-tls 2026-11-21T02:15:00.123+01:00: no\nyes\x1b[31m",
            "its Pods cannot be created: nightly-admin nightly-7 nightly-x7k2p-tls *: no yes[31m",
        ),
        (f"Error creating: {'x' * 999}", f"its Pods cannot be created: {'x' * 197}..."),
        ("whatever a user wrote", "its Pods cannot be created: whatever a user wrote"),
    ],
)
def test_why_something_was_refused_is_told_without_what_differs_from_try_to_try(message: str, statement: str) -> None:
    assert statement == read_refusal(message, "nightly").statement


def test_what_a_refusal_says_is_kept_as_evidence() -> None:
    message = "pods is forbidden: exceeded quota: q, requested: cpu=2,pods=1, used: cpu=3,pods=1, limited: cpu=4,pods=1"
    assert read_refusal(f"Error creating: {message}", "nightly").details == {
        "message": message.removeprefix("pods is forbidden: "),
        "quota": "q",
        "requested": "cpu=2,pods=1",
        "used": "cpu=3,pods=1",
        "limited": "cpu=4,pods=1",
    }

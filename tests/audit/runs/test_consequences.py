"""Each kind of consequence is found where it is, in these words, and nowhere else; all together keep the set's laws."""

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.rule import SEVERITIES
from policies.workload import Workload
from tests.audit.runs.looks import AT, CASES, SIZE, Case, Heard, Ran, cases, told
from tests.policies.hostile import objects, values
from webhook.audit.runs.consequences import CONSEQUENCES, Consequence
from webhook.audit.runs.engine import of_cron_job, of_job
from webhook.audit.runs.event import TELLING, read_event
from webhook.audit.runs.history import History
from webhook.audit.runs.run import read_run

ALL = [pytest.param(case, id=f"{kind}: {case.name}") for kind in CONSEQUENCES for case in cases(kind)]


@pytest.mark.parametrize("case", ALL)
def test_this_is_told_and_nothing_else(case: Case) -> None:
    assert case.finds == [told(each) for each in case.look()]


@pytest.mark.parametrize("case", ALL)
def test_the_same_is_told_at_the_next_look(case: Case) -> None:
    found = case.look()
    assert found == tuple(each for each in case.look(case.at + timedelta(minutes=1)) if each in found)


@pytest.mark.parametrize("case", ALL)
def test_a_statement_holds_no_counter(case: Case) -> None:
    more = {each.statement for each in case.look(times=2)}
    assert {each.statement for each in case.look()} <= more


@pytest.mark.parametrize("case", ALL)
def test_a_statement_holds_no_time(case: Case) -> None:
    assert [each.statement for each in case.look() if re.search(r"\d{4}-|\d:\d\d", each.statement)] == []


def test_each_kind_has_cases_and_each_case_a_kind() -> None:
    assert set(CONSEQUENCES) == {path.stem for path in CASES.iterdir()}


@pytest.mark.parametrize("kind", CONSEQUENCES)
def test_a_kind_has_cases_that_have_it_and_cases_that_do_not(kind: str) -> None:
    names = [case.name for case in cases(kind)]
    assert sorted(set(names)) == sorted(names)
    assert {True, False} == {kind in {each.kind for each in case.finds} for case in cases(kind)}


@pytest.mark.parametrize("kind", CONSEQUENCES)
def test_a_kind_is_told_in_sentences(kind: str) -> None:
    about = CONSEQUENCES[kind]
    assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", kind)
    assert [text for text in (about.summary, about.why) if not re.fullmatch(r"[A-Z].+\.", text)] == []


def test_the_gravest_is_told_first() -> None:
    failing = next(case for case in cases("noSuccess") if case.name == "at work, and failing")
    assert [each.kind for each in failing.look()] == ["noSuccess", "runFailed"]
    gravity = [SEVERITIES.index(about.severity) for about in CONSEQUENCES.values()]
    assert sorted(gravity) == gravity


def test_of_many_reasons_the_newest_three_are_told() -> None:
    events = [Heard(message=f"Error creating: no {name}", ago=f"{at}m") for at, name in enumerate("dacbe", start=1)]
    waiting = Ran(began="1h", tweak={"status": {"active": None}})
    found = Case(name="many", kind="Job", run=waiting, events=events).look()
    assert [f"its Pods cannot be created: no {name}" for name in "acd"] == [each.statement for each in found]


times = st.sampled_from(["2026-11-20T02:15:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "2026-11-21", ""])
hostile: st.SearchStrategy[Any] = times | values


def shaped(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


conditions = shaped(
    type=st.sampled_from(["Complete", "Failed", "FailureTarget"]) | hostile,
    status=st.just("True") | hostile,
    reason=st.sampled_from(["DeadlineExceeded", "BackoffLimitExceeded"]) | hostile,
    message=hostile,
    lastTransitionTime=hostile,
)
statuses = hostile | shaped(
    startTime=hostile,
    completionTime=hostile,
    active=hostile,
    failed=hostile,
    conditions=st.lists(conditions | hostile, max_size=2),
    lastScheduleTime=hostile,
    lastSuccessfulTime=hostile,
)
writes = shaped(time=hostile, fieldsV1=st.just({"f:spec": {"f:suspend": {}}}) | hostile, subresource=hostile)
messages = st.sampled_from([
    'Error creating: pods "a" is forbidden: exceeded quota: q, requested: , used: ',
    "Error creating job: failed quota: ",
    'Error creating: violates PodSecurity "x": )(,(),',
])  # fmt: skip
heard = hostile | shaped(
    reason=st.sampled_from(sorted(TELLING)) | hostile,
    message=messages | hostile,
    count=hostile,
    lastTimestamp=hostile,
    series=hostile,
    involvedObject=shaped(uid=hostile) | hostile,
    metadata=hostile,
)


@given(objects, statuses, hostile, st.lists(writes | hostile, max_size=2), st.lists(heard, max_size=3))
def test_nothing_raises_on_any_object(
    raw: dict[str, Any], status: Any, created: Any, managed: list[Any], events: list[Any]
) -> None:
    if isinstance(raw.get("metadata"), dict):
        raw = {**raw, "metadata": {**raw["metadata"], "creationTimestamp": created, "managedFields": managed}}
    raw, job = {**raw, "status": status}, Workload({**raw, "status": status})
    listened = [read_event(each)[1] for each in events]
    run, history = read_run(raw, SIZE), History()
    for _ in range(3):
        history.add(run)
    sound(of_cron_job(job, raw, history, listened, AT))
    sound(of_job(job, raw, run, listened, AT))


def sound(found: tuple[Consequence, ...]) -> None:
    """Hold what is told to its bounds."""
    for each in found:
        texts = [each.statement, *each.evidence.values(), *each.paste]
        assert CONSEQUENCES[each.kind]
        assert each.evidence["basis"]
        assert [text for text in texts if not text.isprintable() or len(text.encode()) > 1024] == []


@given(hostile, st.integers(0, 2**40))
def test_any_manifest_is_read_as_a_run(manifest: Any, size: int) -> None:
    run = read_run(manifest, size)
    assert (run.size, run.outcome, run.took) == (size, "", None)

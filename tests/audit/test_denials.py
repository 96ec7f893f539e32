"""Denials come from Events, whoever wrote those, and are counted once, by whomever and how often they are folded in."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import json, structs

from webhook.audit.denials import ANNOTATION, Denial, DenialEvent, Known, fold, read_event, write_event
from webhook.audit.policy_reports.denials import COUNTED, FORGOTTEN, NAME, read_report, write_report
from webhook.audit.policy_reports.report import LEFT_OUT, MOST_BYTES, OPENREPORTS, WGPOLICY, ReportApi

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NOTE = '{"what":"denied","user":"tenant","operation":"CREATE","kind":"Job","name":"import"}'


def denial(name: str = "import", **changes: Any) -> Denial:
    given = Denial(
        what="denied",
        user="tenant",
        operation="CREATE",
        kind="Job",
        namespace="team-a",
        name=name,
        rules=("backoffLimit", "imageTag"),
        policies=("house", "team-a/own"),
        first=AT - MINUTE,
        last=AT - MINUTE,
        count=1,
    )
    return structs.replace(given, **changes)


BROKEN = denial("opened", what="break-glass", rules=(), policies=())


def event(told: Denial, name: str = "e1", **changes: Any) -> dict[str, Any]:
    """Return an Event as the API server gives it."""
    return write_event(told, {"kind": told.kind, "name": told.name}, name, "replica-1") | changes


def read(told: Denial, name: str = "e1") -> DenialEvent:
    seen = read_event(event(told, name))
    assert seen is not None
    return seen


def test_an_event_tells_people_and_programs_the_same() -> None:
    made = event(denial())
    assert made["message"] == (
        "tenant was not allowed to create Job import: backoffLimit, imageTag (policies house, team-a/own)"
    )
    assert (made["reason"], made["type"], made["count"]) == ("Denied", "Warning", 1)
    assert (made["firstTimestamp"], made["source"]["host"]) == ("2026-06-01T11:59:00Z", "replica-1")
    assert read(denial()).denial == denial()
    assert event(BROKEN)["message"] == "tenant used break-glass to create Job opened: it was not judged"
    assert event(BROKEN)["reason"] == "BreakGlass"
    assert read(BROKEN).denial == BROKEN


def test_a_message_is_never_too_long() -> None:
    assert len(denial(user="u" * 400, name="n" * 400, policies=("p" * 253,) * 20).sentence) == 1024


@pytest.mark.parametrize(
    "note",
    [
        "", "{", "[]", "\ud800", 7, None, {"what": "denied"},
        NOTE.replace("denied", "allowed"),
        NOTE.replace('"Job"', '"Pod"'),
        NOTE.replace("CREATE", "DELETE"),
        NOTE.replace("tenant", "t" * 401),
        NOTE.replace('"import"', "7"),
        NOTE.replace('"import"', '"import","rules":' + str(["r"] * 51).replace("'", '"')),
        NOTE.replace('"import"', '"import","rules":["a, b"]'),
        NOTE.replace('"import"', '"import","rules":["\U0001f600"]'),
        NOTE.replace('"import"', '"import","policies":["house\\n"]'),
    ],
)  # fmt: skip
def test_what_is_no_such_event_tells_nothing(note: object) -> None:
    made = event(denial())
    assert read_event({**made, "metadata": {**made["metadata"], "annotations": {ANNOTATION: note}}}) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 0}, {"count": 2**31}, {"count": "1"}, {"count": None}, {"metadata": None}, {"metadata": []},
        {"firstTimestamp": None}, {"lastTimestamp": "yesterday"}, {"lastTimestamp": "2026-06-01T12:00:00"},
        {"firstTimestamp": "2026-06-01T12:00:00"}, {"firstTimestamp": "0001-01-01T00:00:00+14:00"},
        {"lastTimestamp": "9999-12-31T23:59:59-14:00"},
    ],
    ids=str,
)  # fmt: skip
def test_nor_does_one_without_times_and_count(changes: dict[str, Any]) -> None:
    assert read_event(event(denial(), **changes)) is None


def test_nothing_that_a_terminal_obeys_is_read() -> None:
    seen = read(denial("\x1b[2J", user="a\nb")).denial
    assert (seen.name, seen.user) == ("[2J", "a b")


def test_what_is_folded_in_is_counted_once() -> None:
    first = read(denial())
    known, news = fold(Known(), [first], AT)
    assert (known.denials, news) == ((denial(),), (denial(),))
    assert fold(known, [first], AT) == (known, ())
    again = read(denial(last=AT, count=4))
    known, news = fold(known, [again], AT)
    assert [(each.first, each.last, each.count) for each in known.denials] == [(AT - MINUTE, AT, 4)]
    assert [each.count for each in news] == [3]


def test_what_several_replicas_tell_adds_up() -> None:
    known, _ = fold(Known(), [read(denial(count=2)), read(denial(count=3, first=AT - 5 * MINUTE), "e2")], AT)
    assert [(each.first, each.count) for each in known.denials] == [(AT - 5 * MINUTE, 5)]


def test_in_whatever_order_events_come_the_count_is_the_same() -> None:
    seen = [read(denial(f"n{uid % 3}", count=count), f"e{uid}") for uid in range(9) for count in (1, 2, 5)]
    chance = random.Random(7)  # noqa: S311 - a shuffle
    for _ in range(20):
        known = Known()
        for each in chance.sample(seen, len(seen)):
            known, _ = fold(known, [each], AT)
        assert {each.name: each.count for each in known.denials} == {"n0": 15, "n1": 15, "n2": 15}


def test_an_event_is_counted_while_it_is_young_and_remembered_for_longer() -> None:
    seen = read(denial(last=AT, first=AT))
    known, _ = fold(Known(), [seen], AT)
    for later in (59 * MINUTE, 61 * MINUTE, 5 * HOUR):
        assert fold(known, [seen], AT + later)[1] == ()
    assert fold(Known(), [seen], AT + HOUR)[1] == ()
    assert fold(known, [], AT + 65 * MINUTE)[0].marks == known.marks
    assert fold(known, [], AT + 72 * MINUTE)[0].marks == {}


def test_nothing_is_yet_to_come() -> None:
    known, _ = fold(Known(), [read(denial(first=AT + HOUR, last=AT + 9 * HOUR))], AT)
    assert [(each.first, each.last) for each in known.denials] == [(AT, AT)]


def many(count: int) -> list[DenialEvent]:
    times = [AT - number * timedelta(seconds=1) for number in range(count)]
    return [read(denial(f"n{number}", first=at, last=at), f"e{number}") for number, at in enumerate(times)]


def test_the_latest_stay_and_what_falls_out_is_counted() -> None:
    known, news = fold(Known(), many(130), AT)
    assert [each.name for each in known.denials] == [f"n{number}" for number in range(100)]
    assert (known.left_out, len(news)) == (30, 130)
    assert fold(known, many(130), AT) == (known, ())


def test_only_so_many_events_are_remembered_and_none_is_counted_twice() -> None:
    known, news = fold(Known(), many(900), AT)
    assert (len(known.marks), len(news)) == (200, 900)
    assert fold(known, many(900), AT)[1] == ()
    again = [seen._replace(denial=structs.replace(seen.denial, count=2, last=AT)) for seen in many(900)]
    assert [each.count for each in fold(known, again, AT)[1]] == [1] * 200


def test_what_begins_after_a_flood_is_counted() -> None:
    known, _ = fold(Known(), many(900), AT)
    later = read(denial("later", first=AT + MINUTE, last=AT + MINUTE), "later")
    known, news = fold(known, [later], AT + MINUTE)
    assert ([each.name for each in news], known.denials[0].name) == (["later"], "later")


def test_an_event_that_is_deleted_and_written_again_is_the_same() -> None:
    known, _ = fold(Known(), [read(denial(count=3))], AT)
    assert [each.count for each in fold(known, [read(denial(count=4))], AT)[1]] == [1]


def test_what_others_remembered_of_the_future_stops_nothing() -> None:
    soon = int(AT.timestamp()) // 60
    made_up = Known(marks={read(denial()).mark: (99, soon + 60)}, forgotten=soon + 60)
    known, news = fold(made_up, [read(denial())], AT)
    assert ([each.count for each in news], known.forgotten) == ([1], 0)


@pytest.mark.parametrize("api", [WGPOLICY, OPENREPORTS], ids=lambda api: api.group)
def test_a_report_holds_what_is_known(api: ReportApi) -> None:
    known, _ = fold(Known(left_out=3), [read(denial()), read(BROKEN, "e2")], AT)
    made = write_report("team-a", known, api)
    assert (made["apiVersion"], made["kind"]) == (f"{api.group}/{api.version}", api.kind)
    assert made["metadata"]["name"] == NAME
    assert made["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "batchwarden",
        "batchwarden.io/report": "denials",
    }
    assert made["summary"] == {"pass": 0, "fail": 1, "warn": 1, "error": 0, "skip": 0}
    assert {each["source"] for each in made["results"]} == {NAME}
    assert made.get("source") == (NAME if api is OPENREPORTS else None)
    assert read_report(made) == known
    assert read_report(json.decode(json.encode(made))) == known


def test_no_two_results_have_one_id() -> None:
    told = [denial(), denial("other"), denial(user="me"), denial(rules=("ttlAfterFinished",)), BROKEN]
    results = write_report("team-a", Known(tuple(told)), WGPOLICY)["results"]
    results += write_report("team-b", Known((denial(namespace="team-b"),)), WGPOLICY)["results"]
    assert len({each["properties"]["resultID"] for each in results}) == 6
    again = write_report("team-a", Known((denial(count=9, last=AT),)), WGPOLICY)["results"]
    assert again[0]["properties"]["resultID"] == results[0]["properties"]["resultID"]
    assert again[0]["message"] == results[0]["message"]


def test_one_that_is_too_large_leaves_room_for_others() -> None:
    huge = denial("h" * 400, user="\U0001f600" * 400, policies=tuple(f"{'p' * 300}{n}" for n in range(20)), last=AT)
    made = write_report("team-a", Known((huge, huge, huge, denial())), WGPOLICY)
    assert "import" in [each["resources"][0]["name"] for each in made["results"]]
    assert len(json.encode(made)) <= MOST_BYTES


def test_a_report_is_never_too_large() -> None:
    full, _ = fold(Known(), [read(denial(f"{'n' * 200}{number}"), f"e{number}") for number in range(300)], AT)
    made = write_report("team-a", full, WGPOLICY)
    assert MOST_BYTES - 1000 < len(json.encode(made)) <= MOST_BYTES
    assert int(made["metadata"]["annotations"][LEFT_OUT]) == 300 - len(made["results"])
    assert fold(read_report(made), many(0), AT)[1] == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"result": "pass"}, {"resources": []}, {"resources": [{"kind": "Job", "name": "x"}] * 2}, {"rule": 7},
        {"properties": {}}, {"first": "x"}, {"count": "many"},
        {"last": "2026-06-01T12:00:00"}, {"first": "2026-06-01T12:00:00"}, {"first": "0001-01-01T00:00:00+14:00"},
        {"count": "0"}, {"count": "9" * 17},
    ],
    ids=str,
)  # fmt: skip
def test_what_others_made_of_a_result_is_left_out(changes: dict[str, Any]) -> None:
    made = write_report("team-a", Known((denial(),)), WGPOLICY)
    (result,) = made["results"]
    broken = {**result, "properties": {**result["properties"], **changes}, **changes}
    assert read_report({**made, "results": [7, {}, broken]}) == Known()
    assert read_report({**made, "results": [broken, result]}).denials == (denial(),)


def test_nor_does_it_matter_what_they_made_of_the_rest() -> None:
    assert (
        read_report(None) == read_report({}) == read_report({"results": 7, "metadata": {"annotations": []}}) == Known()
    )
    known = read_report({"metadata": {"annotations": {COUNTED: "x a:b:c a:1 :: 0123abcd:2:ff", LEFT_OUT: "-3"}}})
    assert known == Known(marks={"0123abcd": (2, 255)})


@pytest.mark.parametrize("number", ["9" * 5000, "\u0663", "1_0", 7, None])
def test_a_count_that_is_none_is_nothing(number: object) -> None:
    annotations = {COUNTED: f"0123abcd:{number}:f 0123abcd:1:{'f' * 9000}", LEFT_OUT: number, FORGOTTEN: number}
    known = read_report({"metadata": {"annotations": annotations}})
    assert (known.left_out, known.forgotten, len(known.marks)) == (0, 0, number == 7)

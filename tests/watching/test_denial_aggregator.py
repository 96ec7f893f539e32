"""What happens again and again is one series, written now and then; no namespace takes more than its room."""

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import structs

from webhook.admission.occurrences import Occurrence, Owner
from webhook.cluster.denials.aggregator import Aggregator, Series

AT = datetime(2030, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def occurrence(name: str = "import", **changes: Any) -> Occurrence:
    given = Occurrence(what="denied", user="tenant", operation="CREATE", kind="Job", namespace="team-a", name=name)
    return structs.replace(given, **changes)


def write(aggregator: Aggregator, clock: float) -> list[tuple[str, int]]:
    """Write what is due; return it by name, with how often it happened."""
    due = aggregator.due(clock)
    for series in due:
        series.wrote(series.count, clock)
    return [(series.occurrence.name, series.count) for series in due]


def test_the_first_is_due_at_once_and_what_follows_after_a_while() -> None:
    aggregator = Aggregator()
    assert aggregator.add(occurrence(), AT, 0) is None
    assert write(aggregator, 0) == [("import", 1)]
    assert [aggregator.add(occurrence(), AT + each * SECOND, each) for each in (1, 2)] == ["folded"] * 2
    assert (write(aggregator, 29), [each.count for each in aggregator.news()]) == ([], [3])
    assert write(aggregator, 30) == [("import", 3)]
    assert (write(aggregator, 99), aggregator.news()) == ([], [])


def test_a_tally_knows_when() -> None:
    aggregator = Aggregator()
    for seconds in (5, 9, 7):
        aggregator.add(occurrence(), AT + seconds * SECOND, 0)
    (series,) = aggregator.due(0)
    assert (series.first, series.last, series.count) == (AT + 5 * SECOND, AT + 9 * SECOND, 3)


def test_what_waits_longest_comes_first() -> None:
    aggregator = Aggregator()
    for clock, name in ((2, "b"), (1, "a"), (3, "c")):
        aggregator.add(occurrence(name), AT, clock)
    assert write(aggregator, 9) == [("a", 1), ("b", 1), ("c", 1)]


def test_after_a_quiet_time_it_is_another_one() -> None:
    aggregator = Aggregator()
    aggregator.add(occurrence(), AT, 0)
    (first,) = aggregator.due(0)
    first.wrote(1, 0)
    aggregator.due(599)
    assert aggregator.add(occurrence(), AT, 599) == "folded"
    write(aggregator, 599)
    aggregator.due(1199)
    assert aggregator.add(occurrence(), AT, 1199) is None
    (second,) = aggregator.due(1199)
    assert second.number != first.number


def test_what_is_not_written_is_not_forgotten() -> None:
    aggregator = Aggregator()
    aggregator.add(occurrence(), AT, 0)
    assert write(aggregator, 5000) == [("import", 1)]


def test_names_that_are_too_many_are_left_out() -> None:
    aggregator = Aggregator()
    owned = {"uid": "u", "owner": Owner("v1", "X", "x", "u")}
    outcomes = [aggregator.add(occurrence(f"n{number}", **owned), AT, 0) for number in range(40)]
    assert outcomes == [None] * 26 + ["folded"] * 14
    (rest,) = (each for each in aggregator.news() if each.occurrence.name == "*")
    assert (rest.count, rest.occurrence) == (15, occurrence("*"))
    assert aggregator.add(occurrence("n3", **owned), AT, 0) == "folded"


def test_a_namespace_has_so_much_room_and_there_is_so_much_in_all() -> None:
    aggregator = Aggregator()
    outcomes = [aggregator.add(occurrence(user=f"u{number}"), AT, 0) for number in range(60)]
    assert outcomes == [None] * 50 + ["dropped"] * 10
    assert aggregator.add(occurrence(namespace="team-b"), AT, 0) is None
    for number in range(3000):
        aggregator.add(occurrence(namespace=f"n{number}"), AT, 0)
    assert len(aggregator) == 2000


def test_what_is_forgotten_makes_room() -> None:
    aggregator = Aggregator()
    for number in range(50):
        aggregator.add(occurrence(user=f"u{number}"), AT, 0)
    found: list[Series] = aggregator.news()
    aggregator.forget(found[0])
    assert aggregator.add(occurrence(user="another"), AT, 0) is None

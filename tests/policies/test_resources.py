"""What a container will really be given and held to, and what LimitRanges come to."""

from typing import Any

import pytest

from policies.quantity import Amount, amounts, parse, read
from policies.resources import Share, ceilings, lacking, limit, limit_range, over, request
from policies.rule import LimitRange
from policies.workload import Workload
from tests.policies.build import containers, one_off

PATH = ("spec", "template", "spec", "containers", 0, "resources")
GIVEN = LimitRange(default=amounts({"memory": "1Gi"}), default_request=amounts({"memory": "1Mi"}))
NONE = LimitRange()


def sized(own: Any, pod: Any = None) -> Workload:
    """Give a Job of one container with these resources, and these of its Pod."""
    return Workload(one_off(pod={"containers": containers(work=own), "resources": pod or {}}))


@pytest.mark.parametrize(
    ("own", "pod", "given", "expected"),
    [
        ({"limits": {"memory": "64Mi"}}, {"limits": {"memory": "9Gi"}}, GIVEN, ("64Mi",)),
        ({}, {"limits": {"memory": "9Gi"}}, GIVEN, ("1Gi", "the namespace's LimitRange")),
        ({}, {"limits": {"memory": "9Gi"}}, NONE, ("9Gi", "the Pod's own limit")),
        ({"requests": {"memory": "64Mi"}}, {"requests": {"memory": "1Gi"}}, NONE, (None,)),
        ({"limits": {"cpu": "1"}}, {}, NONE, (None,)),
        ({"limits": {"memory": "512MB"}}, {}, NONE, (None,)),
        ({"limits": {"memory": None}}, {}, GIVEN, ("1Gi", "the namespace's LimitRange")),
        # A limit of 0 is none to the kubelet, and keeps the LimitRange from giving one.
        ({"limits": {"memory": 0}}, {}, GIVEN, (None, "", True)),
        ({"limits": {"memory": "0Mi"}}, {}, NONE, (None, "", True)),
        ({"limits": {"memory": "0"}}, {"limits": {"memory": "9Gi"}}, NONE, ("9Gi", "the Pod's own limit")),
        ({}, {"limits": {"memory": "0"}}, NONE, (None,)),
    ],
)
def test_the_limit_that_counts(own: Any, pod: Any, given: LimitRange, expected: Any) -> None:
    job = sized(own, pod)
    amount, *rest = expected
    share = Share((*PATH, "limits", "memory"), None if amount is None else read(amount), *rest)
    assert share == limit(job, job.containers[0], "memory", given)


@pytest.mark.parametrize(
    ("own", "pod", "given", "amount", "giver"),
    [
        ({"requests": {"memory": "64Mi"}, "limits": {"memory": "1Gi"}}, {}, GIVEN, "64Mi", ""),
        ({"limits": {"memory": "1Gi"}}, {"requests": {"memory": "9Gi"}}, GIVEN, "1Gi", "the container's limit"),
        ({}, {"requests": {"memory": "9Gi"}}, GIVEN, "1Mi", "the namespace's LimitRange"),
        ({}, {"requests": {"memory": "9Gi"}, "limits": {"memory": "10Gi"}}, NONE, "9Gi", "the Pod's own resources"),
        ({}, {"limits": {"memory": "10Gi"}}, NONE, "10Gi", "the Pod's own resources"),
        ({}, {}, NONE, None, ""),
        ({"requests": {"memory": []}}, {"requests": "text"}, NONE, None, ""),
    ],
)
def test_the_request_that_counts(own: Any, pod: Any, given: LimitRange, amount: Any, giver: str) -> None:
    job = sized(own, pod)
    expected = Share((*PATH, "requests", "memory"), None if amount is None else read(amount), giver)
    assert expected == request(job, job.containers[0], "memory", given)


@pytest.mark.parametrize(
    ("share", "given", "expected"),
    [
        (Share(("limits", "memory"), None), {"memory": "64Mi"}, ("is missing", "64Mi", False)),
        (Share(("limits", "memory"), None), {"cpu": "1"}, ("is missing", "256Mi", True)),
        (Share(("limits", "cpu"), None), None, ("is missing", "250m", True)),
        (Share(("limits", "nvidia.com/gpu"), None), None, ("is missing", 1, True)),
        (Share(("limits", "memory"), None), {"memory": 0}, ("is missing", 0, False)),
        (Share(("limits", "memory"), None, void=True), None, ("is 0, which limits nothing", "256Mi", True)),
    ],
)
def test_what_is_lacking_is_said_with_a_value_to_write(share: Share, given: Any, expected: tuple[object, ...]) -> None:
    finding = lacking(share, given, why="W")
    assert finding.fix is not None
    assert expected == (finding.found, finding.fix.value, finding.example)


@pytest.mark.parametrize(
    ("share", "most", "said"),
    [
        (Share(("memory",), read("2Gi")), read("1Gi"), ["is 2Gi"]),
        (Share(("memory",), read("2Gi"), "the Pod"), read("1Gi"), ["is 2Gi, given by the Pod"]),
        (Share(("memory",), read("1024Mi")), read("1Gi"), []),
        (Share(("memory",), read(10**40)), read("1Gi"), [f"is {10**40}"]),
        (Share(("memory",), read("2Gi")), None, []),
        (Share(("memory",), None), read("1Gi"), []),
    ],
)
def test_what_is_over_its_ceiling_is_found(share: Share, most: Amount | None, said: list[str]) -> None:
    assert said == [finding.found for finding in over(share, most)]


def test_resources_are_united_in_order() -> None:
    assert ceilings(("memory",), {"cpu": "2", "memory": 1}, {"cpu": 1.5, "gpu": 1}) == (
        ("memory", read(1)),
        ("cpu", read("2")),
        ("gpu", None),
    )
    assert ceilings((), None) == ()


def bounds(**given: dict[str, object]) -> LimitRange:
    """Give what LimitRanges come to."""
    return LimitRange(**{name: amounts(each) for name, each in given.items()})


def ranged(**item: Any) -> dict[str, Any]:
    """Write a LimitRange for containers."""
    return {"spec": {"limits": [{"type": "Container", **item}]}}


@pytest.mark.parametrize(
    ("manifests", "expected"),
    [
        ([], bounds()),
        (
            [ranged(default={"memory": "1Gi"}, defaultRequest={"memory": "1Mi"})],
            bounds(default={"memory": "1Gi"}, default_request={"memory": "1Mi"}),
        ),
        ([ranged(default={"cpu": 1})], bounds(default={"cpu": 1}, default_request={"cpu": 1})),
        (
            [ranged(max={"memory": "2Gi"})],
            bounds(default={"memory": "2Gi"}, default_request={"memory": "2Gi"}, max={"memory": "2Gi"}),
        ),
        ([ranged(min={"memory": "1Mi"})], bounds(default_request={"memory": "1Mi"}, min={"memory": "1Mi"})),
        (
            [ranged(min={"cpu": 1}, max={"cpu": 4}), ranged(min={"cpu": "500m"}, max={"cpu": "2"})],
            bounds(default={"cpu": 4}, default_request={"cpu": 4}, min={"cpu": 1}, max={"cpu": "2"}),
        ),
        (
            [ranged(min={"cpu": "1"}), ranged(max={"memory": "1Gi"}, min={"cpu": 2})],
            bounds(
                default={"memory": "1Gi"},
                default_request={"cpu": "1", "memory": "1Gi"},
                min={"cpu": 2},
                max={"memory": "1Gi"},
            ),
        ),
        ([{"spec": {"limits": [{"type": "Pod", "max": {"memory": "1Gi"}}, 5, {}]}}], bounds()),
        ([None, 5, {"spec": 5}, {"spec": {"limits": 5}}, ranged(max={"memory": "1GB", "cpu": True})], bounds()),
    ],
    ids=range(9),
)
def test_limit_ranges_come_to_the_tightest_bounds_and_the_first_defaults(
    manifests: list[Any], expected: LimitRange
) -> None:
    assert expected == limit_range(manifests)


@pytest.mark.parametrize(
    ("amount", "admitted"), [("500m", False), (1, True), ("1.5", True), ("2", True), ("2001m", False)]
)
def test_a_limit_range_admits_what_lies_between_its_bounds(amount: Any, *, admitted: bool) -> None:
    given = bounds(min={"cpu": "1"}, max={"cpu": 2})
    assert admitted is given.admits("cpu", parse(amount))
    assert given.admits("memory", parse(amount))

"""A Pod's tolerations and node affinity are compared as the scheduler would."""

from typing import Any

import pytest

from policies.nodes import Toleration, covers, misfits, selects, show
from policies.workload import Section

BATCH = {"key": "pool", "operator": "Equal", "value": "batch", "effect": "NoSchedule"}
ANY_POOL = {"key": "pool", "operator": "Exists"}
EVERYTHING = {"operator": "Exists"}


@pytest.mark.parametrize(("expected", "wide", "narrow"), [
    (True, BATCH, BATCH),
    (True, {"key": "pool", "value": "batch"}, BATCH),
    (False, BATCH, {"key": "pool", "value": "batch"}),
    (True, ANY_POOL, BATCH),
    (False, BATCH, ANY_POOL),
    (True, EVERYTHING, ANY_POOL),
    (False, ANY_POOL, EVERYTHING),
    (True, {**EVERYTHING, "effect": "NoSchedule"}, BATCH),
    (False, {**EVERYTHING, "effect": "NoExecute"}, BATCH),
    (True, {"key": "pool", "operator": "Exists", "value": ""}, BATCH),
    (True, {"key": "pool"}, {"key": "pool", "value": ""}),
    (True, {"key": "pool", "operator": "", "effect": ""}, {"key": "pool"}),
    (False, {"key": "pool", "operator": "Gt", "value": "5"}, {"key": "pool", "value": "5"}),
    (True, ANY_POOL, {"key": "pool", "operator": "Lt", "value": "5"}),
    (False, {"value": "batch"}, {"key": "pool", "value": "batch"}),
    (False, {**ANY_POOL, "effect": "NoExecute", "tolerationSeconds": 60}, {**ANY_POOL, "effect": "NoExecute"}),
    (True, ANY_POOL, {**ANY_POOL, "effect": "NoExecute", "tolerationSeconds": 60}),
    (False, {"key": ["pool"], "operator": {}}, BATCH),
])  # fmt: skip
def test_one_toleration_covers_another_where_it_tolerates_all_that_the_other_does(
    *, expected: bool, wide: dict[str, Any], narrow: dict[str, Any]
) -> None:
    assert expected == covers(wide, narrow)


def test_a_toleration_is_written_as_in_a_pod_and_shown_as_a_taint() -> None:
    assert Toleration(key="pool", value="batch", effect="NoSchedule").written == BATCH
    assert Toleration(operator="Exists").written == EVERYTHING
    assert [show(each) for each in (BATCH, ANY_POOL, EVERYTHING)] == ["pool=batch:NoSchedule", "pool", "every taint"]


@pytest.mark.parametrize(("expected", "number"), [(0, 0), (3, 3), (64, 64), (1, 65), (1, 9999)])
def test_tolerations_are_judged_one_by_one_unless_they_have_no_end(expected: int, number: int) -> None:
    given = Section(("spec",), {"tolerations": [{"key": f"pool-{index}"} for index in range(number)]})
    assert expected == len(list(misfits(given, [], exclusive=True)))


@pytest.mark.parametrize(("expected", "expressions"), [
    (True, [[{"key": "pool", "operator": "In", "values": ["batch"]}]]),
    (False, []),
    (False, [[]]),
    (False, [[{"key": "pool", "operator": "NotIn", "values": ["batch"]}]]),
    (False, [[{"key": "pool", "operator": "In", "values": ["batch"]}], []]),
])  # fmt: skip
def test_affinity_selects_nodes_where_each_of_its_terms_does(*, expected: bool, expressions: list[Any]) -> None:
    terms = [{"matchExpressions": each} for each in expressions]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    assert expected == selects({"affinity": {"nodeAffinity": required}}, "pool", "batch")


def test_a_node_selector_counts_before_affinity() -> None:
    assert not selects({"nodeSelector": {"pool": "web"}, "affinity": {}}, "pool", "batch")

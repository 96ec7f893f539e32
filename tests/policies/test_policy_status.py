"""A policy's status says whether it is in force, why not, and what becomes of its defaults."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from msgspec import json, structs

from policies.objects import CROWDED, decode_object
from policies.policy_status import faulty_policy_status, is_same, policy_status
from policies.status import LAST_GOOD, MOST_SAID, Known, PolicyStatus
from policies.strict import InvalidObjectError
from tests.policies.build import NOW, cluster, manifest

LATER = NOW + timedelta(days=1)
NONE = PolicyStatus()
PLAIN: Mapping[str, Any] = {"activeDeadline": {"maxSeconds": 60}}
WRITING: Mapping[str, Any] = {"backoffLimit": {"max": 3}, "ttlAfterFinished": {"defaultSeconds": 60}}


def known(**given: Any) -> Known:
    return Known(**{"generation": 2, "at": NOW, **given})


def status(rules: Mapping[str, Any] = WRITING, before: PolicyStatus = NONE, **given: Any) -> PolicyStatus:
    return policy_status(cluster("p", rules), known(**given), before)


def faulty(rules: Any, **spec: Any) -> PolicyStatus:
    """Give the status of a policy that cannot be used."""
    with pytest.raises(InvalidObjectError) as raised:
        decode_object(manifest("ClusterBatchPolicy", {"name": "p"}, {"rules": rules, **spec}))
    return faulty_policy_status(rules, raised.value, known(), NONE)


def test_a_sound_policy_is_ready_as_kubernetes_writes_it() -> None:
    assert json.decode(json.encode(status(PLAIN, namespaces=3, workloads=40))) == {
        "observedGeneration": 2,
        "rulesInForce": "1/1",
        "namespaces": 3,
        "workloads": 40,
        "rules": [{"rule": "activeDeadline", "inForce": True, "action": "Deny"}],
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "lastTransitionTime": "2026-11-21T12:00:00Z",
                "reason": "InForce",
                "message": "all of its rules are in force",
                "observedGeneration": 2,
            }
        ],
    }


@pytest.mark.parametrize(
    ("given", "condition", "rule"),
    [
        ({}, ("Unknown", "Unknown"), None),
        ({"covered": False}, ("False", "NotRegistered"), False),
        ({"covered": True}, ("True", "Registered"), True),
        ({"covered": True, "crowded": True}, ("False", "TooMany"), False),
        ({"covered": True, "rules": {"ttlAfterFinished": {"defaultSeconds": 60, "action": "Audit"}}},
         ("False", "Audit"), False),
    ],
)  # fmt: skip
def test_it_says_whether_its_defaults_are_written(
    given: dict[str, Any], condition: tuple[str, str], *, rule: bool | None
) -> None:
    found = status(**given)
    said = found.conditions[1]
    assert (said.type, said.status, said.reason) == ("DefaultsActive", *condition)
    assert {each.rule: each.defaults_active for each in found.rules}["ttlAfterFinished"] is rule
    assert all(each.defaults_active is None for each in found.rules if each.rule != "ttlAfterFinished")


@pytest.mark.parametrize("covered", [True, False])
def test_until_it_is_known_again_what_its_status_says_of_defaults_stands(*, covered: bool) -> None:
    before = status(covered=covered)
    assert status(before=before, at=LATER) == before
    edited = status(before=before, at=LATER, generation=3)
    assert edited.conditions[1].status == "Unknown"
    assert status(before=edited, at=LATER, generation=3) == edited


def test_what_is_counted_stands_until_the_next_count() -> None:
    before = status(namespaces=3, workloads=40)
    assert status(before=before) == before
    assert (status(before=before, namespaces=0, workloads=0).namespaces) == 0


def test_violations_are_told_by_rule_and_stand_until_the_next_scan() -> None:
    def told(found: PolicyStatus) -> tuple[int | None, dict[str, int | None]]:
        return found.violations, {each.rule: each.violations for each in found.rules}

    before = status(violations={"backoffLimit": 3})
    assert told(before) == (3, {"backoffLimit": 3, "ttlAfterFinished": 0})
    assert status(before=before) == before
    assert told(status(before=before, violations={})) == (0, {"backoffLimit": 0, "ttlAfterFinished": 0})
    for violations in (None, {"backoffLimit": 3}):  # of one too many in its namespace no scan tells
        crowded = status(before=before, violations=violations, crowded=True)
        assert told(crowded) == (None, {"backoffLimit": None, "ttlAfterFinished": None})
    assert told(status()) == (None, {"backoffLimit": None, "ttlAfterFinished": None})


def test_one_too_many_in_its_namespace_is_not_ready() -> None:
    found = status(PLAIN, crowded=True)
    assert found.rules_in_force == "0/1"
    assert [(rule.in_force, rule.message) for rule in found.rules] == [(False, CROWDED)]
    assert [(each.type, each.status, each.reason) for each in found.conditions] == [("Ready", "False", "TooMany")]


def test_since_when_it_is_so_is_read_from_the_status() -> None:
    before = status(PLAIN)
    assert status(PLAIN, before, at=LATER) == before
    assert status(PLAIN, json.decode(json.encode(before), type=PolicyStatus), at=LATER) == before
    crowded = status(PLAIN, before, at=LATER, crowded=True)
    assert crowded.conditions[0].last_transition_time == LATER


def test_of_one_that_cannot_be_used_each_fault_is_told_where_it_is() -> None:
    found = faulty({"backoffLimit": {"max": "x"}, "activeDeadline": {}, "unheardOf": {}}, action="Refuse")
    assert found.rules_in_force == "0/3"
    assert {rule.rule: bool(rule.message) for rule in found.rules} == {
        "backoffLimit": True,
        "activeDeadline": False,
        "unheardOf": True,
    }
    assert not any(rule.in_force for rule in found.rules)
    (ready,) = found.conditions
    assert (ready.status, ready.reason) == ("False", "Invalid")
    for words in ("spec.rules.backoffLimit.max: max is", "spec.action: action is", LAST_GOOD):
        assert words in ready.message


def test_what_is_too_long_for_a_status_is_cut() -> None:
    found = faulty({"r" * 100: {}, **{f"rule{index}": {} for index in range(99)}})
    assert len(found.rules) == 64
    assert found.rules[0].rule == "r" * 64
    assert len(found.conditions[0].message) == MOST_SAID
    with pytest.raises(InvalidObjectError) as raised:
        decode_object("no object")
    (ready,) = faulty_policy_status({}, raised.value, known(), NONE).conditions
    assert ready.message.startswith("kind: kind is missing")
    bare = faulty_policy_status({}, InvalidObjectError((), "it cannot be read"), known(), NONE)
    assert bare.conditions[0].message == f"it cannot be read ({LAST_GOOD})"


def test_two_policies_are_the_same_where_nothing_differs() -> None:
    assert is_same(cluster("p", PLAIN), cluster("p", PLAIN))
    assert not is_same(cluster("p", PLAIN), cluster("p", PLAIN, contact="me"))
    assert not is_same(cluster("p", PLAIN), structs.replace(cluster("p", PLAIN), namespace="team-a"))
    assert not is_same(cluster("p", PLAIN), None)

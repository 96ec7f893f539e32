"""A rule is found because its file is there, and its page comes from its file."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from msgspec import Meta

from policies import rules as package
from policies.catalog import Example, Parameter, example, page, parameters, rules, summary
from policies.rule import Amounts, Rule, RuleParams, Texts

PAGE = """A container says the most it may use.

Why it matters.

Flagged, with ``{max: 3}``::

    kind: Job
    spec:
      backoffLimit: 10

    metadata: {}

Allowed::

    kind: Job
"""


class Params(RuleParams, frozen=True):
    most: Annotated[Annotated[int, Meta(ge=0)] | None, Meta(description="The most.")] = None
    allowed: Annotated[tuple[Literal["a", "b"], ...], Meta(description="Which.")] = ("a",)
    names: Annotated[Texts | None, Meta(description="Globs.")] = None
    amounts: Annotated[Amounts | None, Meta(description="How much.")] = None
    strict: bool = False


RULE = Rule("policies.rules.most_of_all", PAGE, Params, lambda *_: ())


def test_there_is_one_rule_for_each_file_in_order() -> None:
    (folder,) = map(Path, package.__path__)
    files = sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")
    assert files == [rule.module.rpartition(".")[2] for rule in rules().values()]
    assert list(rules()) == [rule.key for rule in rules().values()]


def test_a_rule_is_named_after_its_file() -> None:
    assert (RULE.key, rules()["ttlAfterFinished"].module) == ("mostOfAll", "policies.rules.ttl_after_finished")


def test_the_catalog_is_read_once() -> None:
    assert rules() is rules()


def test_a_rules_page_gives_its_sentence_and_its_examples() -> None:
    assert summary(RULE) == "A container says the most it may use."
    assert example(RULE, "Flagged") == Example("kind: Job\nspec:\n  backoffLimit: 10\n\nmetadata: {}\n\n", "{max: 3}")
    assert example(RULE, "Allowed") == Example("kind: Job\n", "{}")


def test_an_example_that_is_not_there_is_asked_for() -> None:
    with pytest.raises(ValueError, match="mostOfAll: the docstring has no example 'Cured::'"):
        example(RULE, "Cured")


def test_parameters_are_described_in_the_order_of_the_file_the_common_ones_last() -> None:
    assert [*parameters(RULE)][:5] == [
        Parameter("most", "a whole number, at least 0", "", "The most."),
        Parameter("allowed", "a list, each a or b", '["a"]', "Which."),
        Parameter("names", "a list of 1 to 64, each text of 1 to 256 characters", "", "Globs."),
        Parameter("amounts", 'a mapping of 1 to 15 names, each to a quantity, e.g. 512Mi or "0.5"', "", "How much."),
        Parameter("strict", "true or false", "false", ""),
    ]
    assert [(each.key, each.values) for each in parameters(RULE)][5:] == [
        ("action", "Deny, Warn or Audit"),
        ("reason", "text of 1 to 512 characters"),
    ]


def test_a_page_for_a_terminal_has_no_markup_of_its_own() -> None:
    text = page(RULE)
    assert text.startswith("mostOfAll  (Job, CronJob; Hygiene, medium; since 0.1)\n\nA container says")
    assert "Flagged, with `{max: 3}`:\n\n    kind: Job" in text
    assert "\n  most: a whole number, at least 0\n      The most.\n" in text
    assert '\n  allowed: a list, each a or b (built in: ["a"])\n      Which.\n' in text
    assert "::" not in text

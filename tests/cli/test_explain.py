"""``batchwarden explain`` prints the pages that denials point to, and knows what it has."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from policies.catalog import page, rules
from webhook.audit.runs.consequences import CONSEQUENCES
from webhook.cli import main

HOUSE = """\
apiVersion: batchwarden.io/v1alpha1
kind: BatchPolicy
metadata: {name: house, namespace: team-a}
spec: {rules: {backoffLimit: {max: 3, action: Deny, reason: retries cost money}}}
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["explain", *arguments])


@pytest.mark.parametrize("rule", rules())
def test_every_rule_has_its_page(rule: str) -> None:
    result = run(rule)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == page(rules()[rule]) + "\n"
    assert result.stdout.startswith(f"{rule}  (")


@pytest.mark.parametrize("kind", CONSEQUENCES)
def test_every_consequence_is_explained(kind: str) -> None:
    result = run(kind)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{kind}  (")
    assert CONSEQUENCES[kind].why in result.stdout


def test_no_consequence_has_the_name_of_a_rule() -> None:
    assert not CONSEQUENCES.keys() & rules().keys()


def test_pages_come_in_the_order_asked_for() -> None:
    result = run("restartPolicy", "imageTag")
    assert result.stdout == f"{page(rules()['restartPolicy'])}\n\n{page(rules()['imageTag'])}\n"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("no\x1b[31m-such", "allowed: activeDeadline, backoffLimit, "), ("restartPolice", "did you mean restartPolicy?")],
)
def test_an_unknown_rule_is_told_with_those_that_are_known(name: str, hint: str) -> None:
    result = run("imageTag", name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"there is no rule or consequence {name!r}; {hint}" in result.stderr
    assert "\x1b" not in result.stderr


def test_upper_and_lower_case_do_not_matter() -> None:
    assert run("RESTARTpolicy").stdout == run("restartPolicy").stdout


def test_the_parameters_in_force_are_shown_for_each_policy(tmp_path: Path) -> None:
    (tmp_path / "house.yaml").write_text(HOUSE)
    options = [f"--policies={tmp_path}", "--policy=restricted", "--policy=baseline"]
    assert run("backoffLimit", *options).stdout.partition("In force:\n\n")[2] == (
        '  namespace team-a, policy house: {max: 3, action: Deny, reason: "retries cost money"}\n'
        "  policy baseline: {action: Warn}\n  policy restricted: {max: 6, action: Deny}\n"
    )
    assert run("imageTag", f"--policies={tmp_path}").stdout.endswith("In force:\n\n  in none of these policies\n")


def test_broken_policies_are_named(tmp_path: Path) -> None:
    (tmp_path / "house.yaml").write_text(HOUSE.replace("max", "mux"))
    result = run("backoffLimit", f"--policies={tmp_path}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "did you mean max?" in result.stderr


def test_no_rule_at_all_is_told() -> None:
    result = run()
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Missing argument 'RULE...'" in result.stderr


@pytest.mark.parametrize("name", ["no-such", "__main__", "../cli"])
def test_another_command_is_unknown(name: str) -> None:
    result = CliRunner().invoke(main, [name])
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"Error: No such command '{name}'" in result.stderr

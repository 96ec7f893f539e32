"""``batchwarden explain`` prints the pages that denials point to, and knows what it has."""

import pytest
from click.testing import CliRunner, Result

from policies.catalog import page, rules
from webhook.cli import main


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["explain", *arguments])


@pytest.mark.parametrize("rule", rules())
def test_every_rule_has_its_page(rule: str) -> None:
    result = run(rule)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == page(rules()[rule]) + "\n"
    assert result.stdout.startswith(f"{rule}  (")


def test_pages_come_in_the_order_asked_for() -> None:
    result = run("restartPolicy", "imageTag")
    assert result.stdout == f"{page(rules()['restartPolicy'])}\n\n{page(rules()['imageTag'])}\n"


def test_an_unknown_rule_is_told_with_all_that_are_known() -> None:
    result = run("imageTag", "no\x1b[31m-such")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is not one of 'activeDeadline', 'backoffLimit', " in result.stderr
    assert "\x1b" not in result.stderr


def test_no_rule_at_all_is_told() -> None:
    result = run()
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Missing argument 'RULE...'" in result.stderr


def test_commands_are_found_by_their_modules() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for name in ("certs", "explain", "serve"):
        assert f"\n  {name} " in result.stdout
    assert "__main__" not in result.stdout


@pytest.mark.parametrize("name", ["no-such", "__main__", "../cli"])
def test_another_command_is_unknown(name: str) -> None:
    result = CliRunner().invoke(main, [name])
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"Error: No such command '{name}'" in result.stderr

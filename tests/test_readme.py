"""What the README shows is what the commands print."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from policies.catalog import rules

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
EXPECTED = ROOT / "deploy" / "examples" / "expected"


def test_what_kubectl_prints_is_shown_as_it_is_printed() -> None:
    shown = re.findall(r"    \$ kubectl apply -f (\S+)\.yaml\n((?:    .*\n|\n(?=    ))+)", README)
    assert [name for name, _ in shown] != []
    for name, text in shown:
        assert (EXPECTED / f"{name}.txt").read_text() == re.sub(r"^ {4}", "", text, flags=re.MULTILINE)


SHOWN = re.findall(r"    \$ (batchwarden .*)\n((?:    .*\n|\n(?=    ))+)", README)


@pytest.mark.parametrize(("command", "text"), SHOWN, ids=range(len(SHOWN)))
def test_what_a_command_prints_is_shown_as_it_is_printed(command: str, text: str) -> None:
    program = [sys.executable, "-m", "webhook.cli", *shlex.split(command)[1:]]
    printed = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (printed.stdout, printed.stderr) == (re.sub(r"^ {4}", "", text, flags=re.MULTILINE), "")


def test_every_rule_that_is_listed_exists() -> None:
    listed = re.findall(r"`(\w+)`", "".join(re.findall(r"^- what .*", README, re.MULTILINE)))
    assert listed != []
    assert [name for name in listed if name not in rules()] == []


def test_every_make_target_and_option_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"\bmake ([a-z0-9]+)\b", README))
    assert {"demo", "test"} <= targets
    assert [target for target in targets if not re.search(rf"^{target}: ", makefile, re.MULTILINE)] == []
    folders = (ROOT / "webhook", ROOT / "webhook" / "cli")
    source = "".join(file.read_text() for folder in folders for file in sorted(folder.glob("*.py")))
    others = r"(?:helm|kubectl\s(?!batchwarden))[^`\n]*(?:\n[^`\n]*(?=`)|(?<=\\)\n[^\n]*)?"  # what they are told
    options = set(re.findall(r"--[a-z]+(?:-[a-z]+)*", re.sub(others, "", README))) - {"--help"}
    assert [option for option in options if f'"{option}"' not in source] == []

"""The demo runs by itself, and prints of each example what kubectl prints, as tests/cluster/test_examples.py sees."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "deploy" / "examples"
NAMES = sorted(file.stem for file in EXAMPLES.glob("*.yaml"))
COMMAND = "$ kubectl apply -f "


@pytest.fixture(scope="module")
def shown() -> dict[str, str]:
    """Return what the demo prints below each command: name of the example to text."""
    program = [sys.executable, "deploy/demo.py"]
    run = subprocess.run(
        program, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    first, *parts = f"\n{run.stdout}".split(f"\n{COMMAND}")
    assert first == ""
    return dict(part.split(".yaml\n", 1) for part in parts)


def test_every_example_is_shown_and_its_answer_known(shown: dict[str, str]) -> None:
    assert list(shown) == NAMES == sorted(file.stem for file in (EXAMPLES / "expected").iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_answered_as_expected(name: str, shown: dict[str, str]) -> None:
    answer, _, _ = shown[name].partition("\n--- as sent\n")
    refresh = "if this is better, run .venv/bin/python deploy/demo.py --write"
    assert answer.rstrip() == (EXAMPLES / "expected" / f"{name}.txt").read_text().rstrip(), refresh


def test_what_is_written_is_shown_as_a_difference(shown: dict[str, str]) -> None:
    written = {name for name, text in shown.items() if " set to " in text and "Error from server" not in text}
    assert written
    assert {name for name, text in shown.items() if "\n--- as sent\n+++ as stored\n" in text} == written

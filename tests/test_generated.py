"""What is generated from the rules is as the rules are."""

from pathlib import Path

import pytest

from deploy import generate

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("file", generate.pages(), ids=lambda file: str(file.relative_to(ROOT)))
def test_a_generated_file_is_up_to_date(file: Path) -> None:
    written = file.read_text(encoding="utf-8") if file.exists() else ""
    assert generate.pages()[file] == written, f"{file.relative_to(ROOT)} is stale; run: make generate"


@pytest.mark.parametrize("folder", generate.FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_nothing_else_lies_among_what_is_generated(folder: Path) -> None:
    wanted = {file for file in generate.pages() if file.parent == folder}
    assert wanted == set(folder.iterdir()), "run: make generate"

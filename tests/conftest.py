"""Every test starts from the same surroundings and leaves nothing behind: no thread, process or variable."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parent.parent

# Read before any test hides it: where the real manifests of other projects lie.
CORPUS = os.environ.get("BATCHWARDEN_CORPUS")

# What a developer's shell may hold and the programs under test would follow: their own settings, those of
# gunicorn and kubectl, and, by their whole names, proxies and the looks of a terminal.
FOLLOWED = ("BATCHWARDEN_", "GUNICORN_", "KUBECONFIG", "KUBERNETES_")
PROXIES = {"ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"}
LOOKS = {"CLICOLOR_FORCE", "COLUMNS", "FORCE_COLOR", "NO_COLOR"}

# The same examples in every run, so that a red one is about the change at hand; time is not asserted on.
settings.register_profile("house", database=None, deadline=None, derandomize=True)
settings.load_profile("house")


@pytest.fixture(autouse=True)
def no_leftovers() -> Iterator[None]:
    """Fail a test that leaves a thread running, another folder to work in or a variable behind."""
    threads, found = set(threading.enumerate()), surroundings()
    yield
    left = [thread for thread in threading.enumerate() if thread not in threads]
    for thread in left:
        thread.join(5)
    assert [thread.name for thread in left if thread.is_alive()] == [], "these threads still run"
    assert surroundings() == found, "the test changed its folder or its variables"


@pytest.fixture(autouse=True)
def clean_environment(no_leftovers: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide what the programs under test would follow; what a test patches is undone before it is checked."""
    for name in list(os.environ):
        if name.startswith(FOLLOWED) or name.upper() in PROXIES | LOOKS:
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True, scope="session")
def no_children() -> Iterator[None]:
    """Fail the run if a process that it started was not waited for."""
    yield
    try:
        process, _ = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return
    pytest.fail(f"a process of the tests was not waited for (its id, or 0 while it still runs: {process})")


def surroundings() -> tuple[Path, dict[str, str]]:
    """Return the working folder and the variables, but the one in which pytest notes its progress."""
    return Path.cwd(), {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Return the folder of real manifests; only a run that is not told where it is leaves out its tests."""
    folder = Path(CORPUS) if CORPUS else ROOT.parent / "shared" / "corpus"
    if not CORPUS and not folder.is_dir():
        pytest.skip("no corpus of real manifests: say where it is in BATCHWARDEN_CORPUS")
    assert folder.is_dir(), f"BATCHWARDEN_CORPUS names {folder}, which is no folder"
    return folder

"""One browser for the whole run; each test opens pages from disk, as people do, and anything amiss there fails it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.audit.pages import everything, large, page

# As `run` says, read before any test hides it.
CHROMIUM = os.environ.get("BATCHWARDEN_BROWSER")
# It runs as root, without a screen, and asks nobody anything over the network.
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
WIDE = ViewportSize(width=1280, height=900)

Open: TypeAlias = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return a running browser."""
    assert CHROMIUM, "which browser? run these tests by: make e2e-browser"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the pages lie: one with something of everything, one with 10,000 findings, one of nothing."""
    folder = tmp_path_factory.mktemp("pages")
    for name, found in {"everything": everything(), "large": large(10_000), "nothing": []}.items():
        (folder / f"{name}.html").write_text(page(found, why_url="https://example.com/why"), encoding="utf-8")
    return folder


@pytest.fixture
def complaints() -> list[str]:
    """Return what pages complain of, and what they ask the network for."""
    return []


@pytest.fixture
def view(browser: Browser, folder: Path, complaints: list[str]) -> Iterator[Open]:
    """Return what opens a page; complaints that are left in the end fail the test."""
    contexts = []

    def view(name: str = "everything", **looks: Any) -> Page:
        context = browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce"} | looks)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda asked: complaints.append(asked.url) if not asked.url.startswith("file:") else None)
        page.goto((folder / f"{name}.html").as_uri())
        return page

    yield view
    for context in contexts:
        context.close()
    assert complaints == []

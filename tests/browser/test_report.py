"""The report as people use it: from disk, by mouse or by keyboard, in the dark, on paper, narrow, without scripts."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize, expect

from tests.audit.pages import HOSTILE
from tests.browser.conftest import Open

NARROW = ViewportSize(width=320, height=640)  # as WCAG 1.4.10 asks: a window of 1280 at four times the size


def shown(page: Page) -> int:
    """Count the findings that are not hidden."""
    return page.locator("#objects li:not([hidden])").filter(visible=True).count()


def hidden(page: Page) -> int:
    found: int = page.evaluate("document.querySelectorAll('#objects li[hidden], #objects article[hidden] li').length")
    return found


def broken_rules(page: Page) -> list[tuple[str, list[str]]]:
    """Name the rules of accessibility that axe-core finds broken, each with the first places."""
    response = Axe().run(page, options={"resultTypes": ["violations"]}).response
    return [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in response["violations"]]


def press_until(page: Page, key: str, selector: str) -> None:
    """Press a key until the focus is on what is sought."""
    for _ in range(200):
        page.keyboard.press(key)
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"{key} never leads to {selector}")


@pytest.mark.parametrize("name", ["everything", "nothing"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [ViewportSize(width=1280, height=900), NARROW], ids=["wide", "narrow"])
def test_no_rule_of_accessibility_is_broken(view: Open, name: str, scheme: str, viewport: ViewportSize) -> None:
    page = view(name, color_scheme=scheme, viewport=viewport)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert broken_rules(page) == []


@pytest.mark.parametrize("name", ["everything", "large", "nothing"])
def test_at_320_pixels_nothing_but_tables_scrolls_sideways(view: Open, name: str) -> None:
    page = view(name, viewport=NARROW)
    assert page.evaluate("document.documentElement.scrollWidth") == 320


@pytest.mark.parametrize("width", [320, 760, 1280])
def test_no_label_of_a_card_breaks_within_a_word(view: Open, width: int) -> None:
    label = view(viewport=ViewportSize(width=width, height=900)).locator(".tiles dt", has_text="Consequences")
    assert label.evaluate("each => each.offsetHeight < 1.5 * parseFloat(getComputedStyle(each).lineHeight)")


def test_the_dark_is_dark_and_the_light_is_light(view: Open) -> None:
    def brightness(page: Page) -> int:
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", colour)[:3]))

    assert brightness(view(color_scheme="light")) > 700
    assert brightness(view(color_scheme="dark")) < 100


def test_words_of_others_stay_words(view: Open) -> None:
    page = view()
    assert page.title() == "Batch report: prod"
    assert page.locator("img").count() == 0
    assert page.get_by_role("heading", name=f"CronJob team-{HOSTILE}/{HOSTILE}", exact=True).count() == 1
    page.get_by_label("Namespace", exact=True).select_option(f"team-{HOSTILE}")
    expect(page.get_by_role("status")).to_have_text(re.compile("in 1 object$"))


def test_what_is_run_by_name_is_refused_by_the_policy(view: Open, complaints: list[str]) -> None:
    page = view()
    refused: list[Any] = page.evaluate(
        """async () => {
            const refused = [];
            addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
            const node = document.createElement("div");
            node.innerHTML = "<i style='color: red'></i><img src='https://example.com/x.png'>";
            document.body.append(node);
            const script = document.createElement("script");
            script.textContent = "document.title = 'owned'";
            document.body.append(script);
            await new Promise((resolve) => setTimeout(resolve, 300));
            return [...new Set(refused)].sort();
        }"""
    )
    assert refused == ["img-src", "script-src-elem", "style-src-attr"]
    assert page.title() == "Batch report: prod"
    assert all("Content Security Policy" in each or each == "https://example.com/x.png" for each in complaints)
    complaints.clear()


def test_findings_are_searched_and_filtered_by_keyboard_alone(view: Open) -> None:
    page = view()
    total = shown(page)
    press_until(page, "Tab", "input[type=search]")
    page.keyboard.type("HOURLY limits.memory")
    expect(page.get_by_role("status")).to_have_text(f"1 of {total} findings in 1 object")
    assert shown(page) == 1
    press_until(page, "Tab", "button[type=reset]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text(f"{total} findings in 5 objects")
    press_until(page, "Shift+Tab", "select[name=rule]")
    page.keyboard.type("topOf")
    expect(page.get_by_role("status")).to_have_text(f"4 of {total} findings in 4 objects")
    press_until(page, "Tab", "select[name=outcome]")
    page.keyboard.type("Let")
    expect(page.get_by_role("status")).to_have_text(f"0 of {total} findings in 0 objects")


def test_the_first_tab_skips_to_the_report(view: Open) -> None:
    page = view()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top >= 0")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_the_focus_can_be_seen(view: Open) -> None:
    page = view()
    for selector in ("nav a", "th button", "select[name=rule]", "summary"):
        press_until(page, "Tab", selector)
        assert page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)") >= 2


def test_numbers_lead_to_their_findings_and_findings_to_their_rule_and_exception(view: Open) -> None:
    page = view()
    page.locator("#rule-imageTag th a").first.click()
    assert page.get_by_label("Rule", exact=True).input_value() == "imageTag"
    assert page.url.endswith("#findings")
    assert {each.get_attribute("data-rule") for each in page.locator("#objects li:not([hidden])").all()} == {"imageTag"}
    page.locator("#objects").get_by_role("link", name="the exception").first.click()
    assert page.url.endswith("#exception-2")
    assert "legacy" in page.locator("tr:target").inner_text()
    page.get_by_role("table", name="December 2026").get_by_role("link").click()
    assert page.url.endswith("#exception-2")


def test_a_link_to_what_is_filtered_away_shows_it_again(view: Open) -> None:
    page = view()
    page.get_by_label("Search", exact=True).fill("nothing has this in it")
    expect(page.get_by_role("status")).to_have_text(re.compile("^0 of"))
    page.get_by_role("table", name="Runs of the next 24 hours and how").get_by_role("link").first.click()
    expect(page.locator("article:target")).to_be_visible()
    assert "CronJob team-b/hourly" in page.locator("article:target").inner_text()


def test_tables_and_findings_are_sorted(view: Open) -> None:
    page = view()
    table = page.get_by_role("table", name="By rule")
    names = [re.split(r"\s", text)[0] for text in table.locator("tbody th").all_inner_texts()]
    head = table.get_by_role("columnheader", name="Rule")
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    sorted_names = [re.split(r"\s", text)[0] for text in table.locator("tbody th").all_inner_texts()]
    assert sorted_names == sorted(names, key=str.casefold)
    page.get_by_label("Order", exact=True).select_option("name")
    titles = page.locator("#objects h3").all_text_contents()
    assert titles[1:] == [
        f"CronJob {name}" for name in ("team-a/nightly", "team-b/hourly", "team-b/other", "team-c/from-file")
    ]


def test_squares_of_the_week_are_read_as_numbers(view: Open) -> None:
    row = view().get_by_role("table", name="Runs that begin in each hour").get_by_role("row", name=re.compile("^Mon"))
    cells = row.get_by_role("cell").all_inner_texts()
    assert len(cells) == 25
    assert re.sub(r"\s+", " ", cells[4]) == "11 of which at minute 0: 5"


def test_the_report_of_real_manifests_opens(view: Open, folder: Path, corpus: Path) -> None:
    program = [sys.executable, "-m", "webhook.cli", "report", "--policy", "restricted", "--fail-on", "never"]
    chosen = ["--format", "html", "--time-zone", "Europe/Berlin", "--output", str(folder / "corpus.html")]
    made = subprocess.run([*program, *chosen, corpus], capture_output=True, text=True, check=False, timeout=60)
    assert made.returncode == 0, made.stderr
    page = view("corpus")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Jobs and CronJobs")
    assert shown(page) > 500
    assert page.get_by_role("table", name="Runs that begin in each hour").get_by_role("row").count() == 8
    assert broken_rules(page) == []


def test_ten_thousand_findings_stay_usable(view: Open) -> None:
    page = view("large")
    total = page.evaluate("document.querySelectorAll('#objects li').length")
    assert total >= 10_000
    page.get_by_label("Search", exact=True).fill("team-42 limits.memory")
    expect(page.get_by_role("status")).to_have_text(re.compile(rf"^\d+ of {total:,} findings in \d+ objects$"))
    left = total - hidden(page)
    assert 0 < left < 100
    page.get_by_label("Search", exact=True).fill("")
    expect(page.get_by_role("status")).to_have_text(re.compile(f"^{total:,} findings"))
    assert hidden(page) == 0
    page.get_by_label("Order", exact=True).select_option("name")
    assert page.locator("#objects h3").first.text_content() == "CronJob team-0/job-0"


def test_paper_has_all_of_it_and_no_controls(view: Open) -> None:
    page = view()
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator("nav")).to_be_hidden()
    expect(page.locator("#filter")).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('article')).contentVisibility") == "visible"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() > 0
    assert page.pdf().startswith(b"%PDF-")


def test_without_scripts_all_can_be_read_and_no_control_is_dead(view: Open) -> None:
    page = view(java_script_enabled=False)
    expect(page.locator("#filter")).to_be_hidden()
    assert page.locator("th button").count() == 0
    assert shown(page) > 20
    page.get_by_role("link", name="Findings", exact=True).click()
    assert page.url.endswith("#findings")
    page.get_by_text("Hour by hour, as numbers").click()
    expect(page.get_by_role("table", name="Runs of the next 24 hours, hour by hour")).to_be_visible()

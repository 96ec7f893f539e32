"""The page is one file with nothing from elsewhere, well-formed for readers of all sorts, and says what was found."""

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from tests.audit.pages import (
    AT,
    BERLIN,
    FAILED,
    HOSTILE,
    TURNED,
    context,
    cron_job,
    denial,
    everything,
    judge,
    page,
    standing,
)
from webhook.audit.formats.html import expiry, pictures
from webhook.audit.formats.html.grade import Cure, Grade
from webhook.audit.report import Grant
from webhook.files import Unreadable

VOID = {"meta", "link", "br", "input", "img", "hr"}


class Reader(HTMLParser):
    """Reads a page: each start tag with its attributes, the text, and the content of style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.inside: dict[str, str] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), (tag, attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in {"style", "script"}:
            self.inside[self.open[-1]] = data
        else:
            self.text.append(data)

    def having(self, attribute: str) -> Iterator[str]:
        return (attrs[attribute] or "" for _, attrs in self.tags if attribute in attrs)

    @property
    def said(self) -> str:
        return " ".join("".join(self.text).split())


@pytest.fixture(scope="module")
def whole() -> Reader:
    return Reader(page(everything(), why_url="https://example.com/why"))


def test_all_that_is_opened_is_closed(whole: Reader) -> None:
    assert whole.open == []


def test_the_policy_allows_the_one_style_and_the_one_script_and_nothing_else(whole: Reader) -> None:
    tags = Counter(tag for tag, _ in whole.tags)
    assert (tags["style"], tags["script"], tags["img"], tags["link"], tags["iframe"]) == (1, 1, 0, 0, 0)
    (policy,) = (attrs["content"] for _, attrs in whole.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    style, script = hashed(whole.inside["style"]), hashed(whole.inside["script"])
    own = f"style-src '{style}'; script-src '{script}'"
    assert policy == f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"
    names = [tag for tag, _ in whole.tags]
    assert names.index("meta") < names.index("style")


def hashed(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def test_nothing_is_styled_or_run_or_fetched_beside_them(whole: Reader) -> None:
    attributes = {name for _, attrs in whole.tags for name in attrs}
    assert {
        name for name in attributes if name.startswith("on") or name in {"style", "src", "srcset", "action"}
    } == set()
    elsewhere = {link for link in whole.having("href") if not link.startswith("#")}
    assert all(link.startswith("https://example.com/why#") for link in elsewhere)
    assert "url(" not in whole.inside["style"]
    assert "@import" not in whole.inside["style"]


def test_each_link_within_the_page_has_its_end_and_ids_are_unique(whole: Reader) -> None:
    ids = list(whole.having("id"))
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in whole.having("href") if link.startswith("#")} <= set(ids)
    assert {each for labels in whole.having("aria-labelledby") for each in labels.split()} <= set(ids)


def test_headings_leave_out_no_level(whole: Reader) -> None:
    levels = [int(tag[1]) for tag, _ in whole.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_each_table_has_a_caption_and_each_head_a_scope(whole: Reader) -> None:
    tags = [tag for tag, _ in whole.tags]
    assert all(tags[at + 1] == "caption" for at, tag in enumerate(tags) if tag == "table")
    assert {attrs.get("scope") for tag, attrs in whole.tags if tag == "th"} == {"row", "col"}


def test_words_of_others_stay_words(whole: Reader) -> None:
    assert whole.said.count(HOSTILE) > 5
    assert "49" not in re.findall(r"onerror=alert\(1\)>(\d+)", whole.said)


def test_what_turns_lines_around_or_cannot_be_shown_is_shown_as_an_escape() -> None:
    text = page([Unreadable(TURNED, 0, 0, "gone \ud800")], context(TURNED, denials=(denial(TURNED),)))
    assert {char for char in text if not char.isprintable()} == {"\n"}
    assert text.count("a\\u202eb\\x00c") == 4
    assert "gone \\ud800" in text
    text.encode()


def test_it_says_what_was_found(whole: Reader) -> None:
    for words in (
        "As of 2026-11-21 15:10 Europe/Berlin. Judged by policy house.",
        "6 objects keep 10 of 60 points.",
        "the latest run failed",
        "basis: 1 of 3 runs; reason: x",
        "vendor images, OPS-1 (data@example.com, until 2026-12-24)",
        "activeDeadlineSeconds: 3600",
        "jane",
        "Break-glass",
        "March 2027",
        "deploy/<b>/cron.yaml:7",
        "deploy/broken.yaml:3",
        "Not everything could be looked at",
        "longest known",
    ):
        assert words in whole.said


def test_findings_let_off_lead_to_their_exception(whole: Reader) -> None:
    (letting,) = {link for link in whole.having("href") if link.startswith("#exception-") if link != "#exception-3"}
    assert letting == "#exception-2"


def test_a_page_of_nothing_is_a_page() -> None:
    said = Reader(page([], context(denials=(), grants=(), missing=("Events could not be read.",)))).said
    for words in (
        "There was nothing to grade.",
        "No object loses any points.",
        "No Job and no CronJob was found.",
        "No exceptions were found.",
        "No denials are known.",
        "No CronJobs were found.",
        "Events could not be read.",
    ):
        assert words in said


def test_findings_beyond_the_bound_are_cut_the_worst_objects_kept_and_the_page_says_so() -> None:
    ask = judge()
    found = [standing(ask, cron_job(f"job-{at}"), *[FAILED] * 500) for at in range(41)]
    clean = cron_job("clean", resources={"limits": {"memory": "1Gi"}})
    text = page([standing(ask, clean, *[FAILED] * 500), *found])
    told = 41 * 505 + 504
    assert text.count("<li data-rule=") == 40 * 500
    assert f"{told - 20_000:,} of {told:,} findings are not shown one by one" in text
    assert "<h3><bdi>CronJob team-a/clean</bdi></h3>" not in text
    assert "5 more findings of this object are not shown." in text


def test_only_the_worst_namespaces_are_listed_and_the_page_says_so() -> None:
    ask = judge()
    said = Reader(page([standing(ask, cron_job("a", f"team-{at}")) for at in range(205)])).said
    assert "The 200 namespaces that lose most are listed; 5 more are counted in the sums alone." in said


@pytest.mark.parametrize(
    ("costs", "score", "letter"),
    [
        ([{}], 100, "A"),
        ([{"imageTag": 10}, {}], 50, "E"),
        ([{"imageTag": 1}] * 9 + [{"imageTag": 2}], 89, "B"),
        ([{"imageTag": 3, "topOfHour": 1}], 60, "D"),
        ([{"imageTag": 30}], 0, "F"),
    ],
)
def test_the_score_is_what_is_kept_of_ten_points_for_each(costs: list[dict[str, int]], score: int, letter: str) -> None:
    grade = Grade()
    for each in costs:
        grade.add(Counter(each))
    assert (grade.score, grade.letter) == (score, letter)


def test_a_cure_raises_the_score_only_as_far_as_others_let_it() -> None:
    grade = Grade()
    grade.add(Counter({"resourceLimits": 20, "imageTag": 3}))
    grade.add(Counter({"imageTag": 3, "topOfHour": 1}))
    assert grade.cures == [Cure("resourceLimits", 35.0), Cure("imageTag", 15.0), Cure("topOfHour", 5.0)]
    assert (grade.whole, grade.broke, grade.kept) == (0, 1, 6)


def grant(ends: datetime) -> Grant:
    return Grant("a", f"{ends:%d}", ("house",), ("imageTag",), "R", "I", ends, "Active")


def test_the_calendar_has_the_months_in_which_something_ends() -> None:
    end = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)  # in Berlin it is December
    past, soon, late = grant(AT - timedelta(days=40)), grant(end), grant(datetime(2028, 2, 29, tzinfo=UTC))
    expiries = expiry.by_end([late, soon, past], AT, BERLIN)
    assert [(each.number, each.days) for each in expiries] == [(1, -40), (2, 10), (3, 465)]
    december, february = expiry.months(expiries, AT.date())
    assert (december.first, february.first) == (date(2026, 12, 1), date(2028, 2, 1))
    squares = [square for week in december.weeks for square in week if square]
    assert [square.day.day for square in squares] == list(range(1, 32))
    assert [square.day for square in squares if square.ends] == [date(2026, 12, 1)]
    assert [len(week) for week in february.weeks] == [7] * 5


def test_the_calendar_has_a_year_at_most() -> None:
    expiries = expiry.by_end([grant(AT + timedelta(days=31 * at)) for at in range(20)], AT, UTC)
    assert len(expiry.months(expiries, AT.date())) == 12


@pytest.mark.parametrize(
    ("number", "least", "most", "level"),
    [(0, 0, 9, 0), (1, 0, 100, 1), (100, 0, 100, 6), (25, 0, 100, 3), (665, 665, 672, 1), (672, 665, 672, 2)],
)
def test_squares_are_as_dark_as_they_stand_out(number: int, least: int, most: int, level: int) -> None:
    assert pictures.level(number, least, most) == level


def test_bars_show_whatever_is_more_than_nothing() -> None:
    assert pictures.heights([0, 1, 1000]) == [0, 1, 100]
    assert pictures.heights([0, 0]) == [0, 0]

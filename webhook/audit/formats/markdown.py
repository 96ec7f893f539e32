"""For a pull request or a wiki: totals, then the findings by group, the worst first, in as much text as these take.

What others chose stands in code spans, in which nothing is a link, a mention or HTML.
Source: https://github.github.com/gfm/; a comment on GitHub holds 65,536 characters.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TextIO

from policies.rule import SEVERITIES, Action
from webhook.admission.message import cut, printable, unchecked
from webhook.audit.denials import Denial
from webhook.audit.entries import Entry, Result
from webhook.audit.report import Grant, Grouping, Report
from webhook.files import Unreadable

MOST: Final = 60_000  # characters
MOST_ROWS: Final = 20  # of a table
FRAME: Final = 100  # characters: more than what is around the words of a table or of a row
MOST_CODE: Final = 600  # bytes: no line to paste is longer
OUTCOMES: Final = (*(action.value for action in Action), "consequence", "skip")
HEADS: Final = ("Outcome", "Object", "Finding", "Cure")
GRANT_HEADS: Final = ("Until", "State", "Exception", "Rules", "Reason", "Owner", "Objects")
DENIAL_HEADS: Final = ("Last", "Times", "Who", "Object", "Rules")

_TICKS: Final = re.compile("`+")
_PROSE: Final = re.compile(r"(?!.*(?:://|www\.))[\w ,.;:'\"()%?!=/+-]*")


class Section(NamedTuple):
    """A group of findings, the worst first, and how many there are of each outcome."""

    name: str
    found: Sequence[tuple[Entry, Result]]
    counts: Counter[str]


def write(report: Report, out: TextIO) -> None:
    """Write it, once all is known."""
    by = report.group_by or Grouping.NAMESPACE
    groups: dict[str, list[tuple[Entry, Result]]] = {}
    broken: list[str] = []
    for each in report:
        if isinstance(each, Unreadable):
            broken.append(str(each))
            continue
        broken.extend(f"{each.title}: {text}" for text in unchecked(each.crashed))
        for result in each.told:
            groups.setdefault(by.of(each, result), []).append((each, result))
    sections = _sorted(by, groups)
    head, tail = [*_head(report), *_totals(by, sections), *_broken(broken, report)], [*_around(report)]
    room = MOST - sum(len(line) + 1 for line in (*head, *tail))
    out.writelines(f"{line}\n" for line in (*head, *_findings(sections, room), *tail))


def _sorted(by: Grouping, groups: dict[str, list[tuple[Entry, Result]]]) -> list[Section]:
    """Put first what has more of the worst; severities stay in their order."""
    sections = [
        Section(
            name,
            sorted(found, key=lambda each: (OUTCOMES.index(each[1].outcome), SEVERITIES.index(each[1].severity))),
            Counter(result.outcome for _, result in found),
        )
        for name, found in groups.items()
    ]
    sections.sort(key=lambda section: [-section.counts[outcome] for outcome in OUTCOMES])
    return sorted(sections, key=lambda section: by.rank(section.name)) if by is Grouping.SEVERITY else sections


def _head(report: Report) -> Iterator[str]:
    around = report.context
    where = f"{_code(around.title)}, " if around.title else ""
    policies = f", by {', '.join(map(_code, around.policies[:MOST_ROWS]))}" if around.policies else ""
    yield from ("# Batchwarden report", "", f"{where}{report.at:%Y-%m-%d %H:%M} UTC{policies}.", "")
    yield from (f"{_prose(report.summary)}.", "")


def _totals(by: Grouping, sections: Sequence[Section]) -> Iterator[str]:
    rows = [(_named(each.name), *(str(each.counts[outcome]) for outcome in OUTCOMES)) for each in sections]
    yield from _table(f"By {by}", (by.capitalize(), *OUTCOMES), rows[:MOST_ROWS], len(rows))


def _broken(broken: Sequence[str], report: Report) -> Iterator[str]:
    for title, texts in (("Not looked at", broken), ("Missing here", report.context.missing)):
        yield from _table(title, ("What",), [(_code(text),) for text in texts[:MOST_ROWS]], len(texts))


def _findings(sections: Iterable[Section], room: int) -> Iterator[str]:
    """Write as much as there is room for."""
    left_out = 0
    for section in sections:
        rows: list[tuple[str, ...]] = []
        room -= len(section.name) + FRAME
        for entry, result in section.found[:MOST_ROWS]:
            row = _row(entry, result)
            room -= sum(map(len, row)) + FRAME
            if room < 0:
                break
            rows.append(row)
        left_out += 0 if rows else len(section.found)
        yield from _table(_named(section.name), HEADS, rows, len(section.found))
    if left_out:
        yield from (f"{left_out} findings more, in other groups: another format tells all.", "")


def _row(entry: Entry, result: Result) -> tuple[str, ...]:
    words = result.words
    named = _code(entry.title) + (f" of {_code(entry.owner)}" if entry.owner else "")
    place = f"<br>{_code(f'{entry.source}:{result.position.line}')}" if entry.source else ""
    seen = f"<br>{_code(result.seen)}" if result.seen else ""
    finding = f"{_code(words.statement)}{seen}<br>{_prose(words.why)} *{_prose(words.source)}*"
    return result.outcome, f"{named}{place}", finding, "<br>".join(map(_code, words.paste))


def _around(report: Report) -> Iterator[str]:
    around = report.context
    grants, denials = [*map(_grant, around.grants[:MOST_ROWS])], [*map(_denial, around.denials[:MOST_ROWS])]
    yield from _table("Exceptions", GRANT_HEADS, grants, len(around.grants))
    yield from _table("Refused at admission", DENIAL_HEADS, denials, len(around.denials))


def _grant(grant: Grant) -> tuple[str, ...]:
    until, named, rules = f"{grant.expires_at:%Y-%m-%d}", f"{grant.namespace}/{grant.name}", ", ".join(grant.rules)
    return until, grant.state, _code(named), rules, _code(grant.reason), _code(grant.owner), str(grant.covers)


def _denial(denial: Denial) -> tuple[str, ...]:
    last, named = f"{denial.last:%Y-%m-%d %H:%M}", f"{denial.kind} {denial.namespace}/{denial.name}"
    return last, str(denial.count), _code(denial.user), _code(named), _code(", ".join(denial.rules) or denial.what)


def _table(title: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], all_rows: int) -> Iterator[str]:
    """Write a table under its title, and how many rows are left out; nothing where there are none."""
    if not rows:
        return
    yield from (f"## {title}", "", f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}")
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""
    if all_rows > len(rows):
        yield from (f"{all_rows - len(rows)} more.", "")


def _named(group: str) -> str:
    return _code(group) if group else "nobody known"


def _code(text: str) -> str:
    """Write a text that is shown as it is; a bar would end the cell of a table even there."""
    text = cut(printable(text), MOST_CODE).replace("|", "\\|")
    longest = max(map(len, _TICKS.findall(text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest else ""
    return f"{fence}{space}{text}{space}{fence}" if text else ""


def _prose(text: str) -> str:
    """Write a sentence as one, if there is nothing in it that Markdown, or who shows it, takes for something else."""
    return text.replace("_", "\\_") if _PROSE.fullmatch(text) else _code(text)

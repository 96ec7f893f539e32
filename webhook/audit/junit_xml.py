"""Pure: JUnit's XML, as CI servers read it.

Shaped so that both https://github.com/windyroad/JUnit-Schema and the xunit plugin of Jenkins take it.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final, NamedTuple

_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


class Case(NamedTuple):
    """A test case, how it went (``failure``, ``error``, or nothing where it passed), and what is to be told beside."""

    xml: str
    outcome: str
    beside: list[str]


def case(source: str, name: str, beside: list[str], wrong: tuple[str, str, list[str]] | None) -> Case:
    """Write a test case; ``wrong`` is the outcome, what it is in short, and the lines about it."""
    start = f'<testcase classname="{_xml(source)}" name="{_xml(name)}" time="0"'
    if wrong is None:
        return Case(f"{start}/>", "", beside)
    outcome, what, lines = wrong
    text = _xml("\n".join(lines))
    told = f'<{outcome} type="batchwarden" message="{_xml(what)}">{text}</{outcome}>'
    return Case(f"{start}>{told}</testcase>", outcome, beside)


def suites(found: Iterable[tuple[str, Iterable[Case]]], at: datetime) -> Iterator[str]:
    """Write the cases of each source as a suite, line by line; those of one are held, as their number stands first."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n'
    for number, (source, cases) in enumerate(found):
        yield from (f"{line}\n" for line in _suite(number, source, list(cases), f"{at:%Y-%m-%dT%H:%M:%S}"))
    yield "</testsuites>\n"


def _suite(number: int, source: str, cases: list[Case], at: str) -> Iterator[str]:
    outcomes = [case.outcome for case in cases]
    yield (
        f'<testsuite id="{number}" name="{_xml(source)}" package="batchwarden" hostname="localhost" timestamp="{at}"'
        f' time="0" tests="{len(cases)}" failures="{outcomes.count("failure")}" errors="{outcomes.count("error")}">'
    )
    yield "<properties/>"
    yield from (case.xml for case in cases)
    beside = "".join(f"{line}\n" for case in cases for line in case.beside)
    yield f"<system-out>{_xml(beside)}</system-out>"
    yield "<system-err/>"
    yield "</testsuite>"


def _xml(text: str) -> str:
    return _NO_XML.sub("\ufffd", text).translate(_ESCAPES)

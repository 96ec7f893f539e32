"""Writes the page: one file, without anything from elsewhere, and every value in it as text that others chose."""

from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from policies import cron
from webhook.audit.formats.html import expiry, grade, model, pictures
from webhook.audit.report import Report

MOST_DENIALS: Final = 1000
PLAIN_SPACE: Final = frozenset("\n ")


def pieces(report: Report) -> Iterator[str]:
    """Go through the report, then give the page piece by piece."""
    gathering = model.Gathering(report.at, report.zone)
    for found in report:
        gathering.add(found)
    yield from _environment().get_template("page.html").generate(_values(report, gathering))


def _values(report: Report, gathering: model.Gathering) -> dict[str, Any]:
    around, zone, shown, agenda = report.context, report.zone, gathering.shown, gathering.agenda
    expiries = expiry.by_end(around.grants, report.at, zone)
    denials = sorted(around.denials, key=lambda each: each.last, reverse=True)
    entries = [each.entry for each in shown]
    return {
        "report": report,
        "around": around,
        "found": gathering,
        "grade": gathering.grade,
        "shown": shown,
        "numbers": {(each.kind, each.namespace, each.name): at for at, each in reversed([*enumerate(entries, 1)])},
        "expiries": expiries,
        "expiry_numbers": {(each.grant.namespace, each.grant.name): each.number for each in expiries},
        "months": expiry.months(expiries, report.at.astimezone(zone).date()),
        "denials": denials[:MOST_DENIALS],
        "more_denials": len(denials[MOST_DENIALS:]),
        "agenda": agenda,
        "week": agenda.week(),
        "day": agenda.day(),
        "moment": lambda at: at.astimezone(zone).strftime("%Y-%m-%d %H:%M"),
        "zone": str(zone),
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__, ""),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    parts = {part: _part(f"report.{part}") for part in ("css", "js")}
    environment.globals |= {
        **parts,
        "hashes": {part: _hash(text) for part, text in parts.items()},
        "grades": grade,
        "model": model,
        "pictures": pictures,
        "timedelta": timedelta,
        "counted": _counted,
        "outcomes": model.OUTCOMES,
    }
    environment.filters |= {"count": "{:,}".format, "span": _span, "iso": datetime.isoformat}
    return environment


def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Name a part as a content security policy does: https://www.w3.org/TR/CSP3/#grammardef-hash-source."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _visible(value: object) -> object:
    """Show what turns a line around or cannot be in a page at all, such as a zero, as the escape that it is."""
    if not isinstance(value, str) or value.isprintable() or hasattr(value, "__html__"):
        return value
    return "".join(char if char.isprintable() or char in PLAIN_SPACE else _escaped(char) for char in value)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _span(length: timedelta) -> str:
    """Say how long that is, in two words at most."""
    words = cron.span(int(length.total_seconds())).split()
    return " ".join(words[:4]) or "less than a second"

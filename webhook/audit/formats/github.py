"""For GitHub Actions: workflow commands, which become annotations beside the lines of a pull request.

Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands, and ``escapeData`` and
``escapeProperty`` in packages/core/src/command.ts of https://github.com/actions/toolkit.
"""

from typing import Final, TextIO

from policies.rule import Action
from webhook.admission.message import unchecked
from webhook.audit.entries import Entry
from webhook.audit.formats import relative
from webhook.audit.report import Report
from webhook.files import Unreadable

COMMANDS: Final = {Action.DENY: "error", Action.WARN: "warning", Action.AUDIT: "notice"}

_DATA: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def write(report: Report, out: TextIO) -> None:
    """Write a command for each finding that no exception lifts, then the sum of it, which is only logged."""
    for entry in report:
        if isinstance(entry, Unreadable):
            place = (entry.line, entry.column)
            out.write(_command("error", entry.source, place, "cannot be read", entry.reason))
        else:
            _write_entry(entry, out)
    out.write(f"{report.summary}.\n")


def _write_entry(entry: Entry, out: TextIO) -> None:
    crashed = unchecked(entry.crashed)
    out.writelines(_command("error", entry.source, entry.position, entry.title, line) for line in crashed)
    for result in entry.results:
        if result.skip is None:
            title, text = f"{result.rule}: {entry.title}", "\n".join(result.lines)
            out.write(_command(COMMANDS[result.action], entry.source, result.position, title, text))


def _command(name: str, source: str, place: tuple[int, int], title: str, text: str) -> str:
    file = {"file": relative(source).as_posix()} if source else {}
    given = {**file, **(dict(zip(("line", "col"), place, strict=True)) if place[0] else {}), "title": title}
    properties = ",".join(f"{key}={str(value).translate(_PROPERTY)}" for key, value in given.items())
    return f"::{name} {properties}::{text.translate(_DATA)}\n"

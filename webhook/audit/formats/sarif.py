"""For code scanning: SARIF 2.1.0, with a page for each rule and fingerprints that survive moved lines.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final, TextIO
from urllib.parse import quote

from msgspec import json

from policies.catalog import parameters, rules, summary
from policies.rule import Action, Rule
from webhook.admission.message import unchecked
from webhook.audit.entries import MANIFEST, READABLE, Entry, Result
from webhook.audit.formats import relative
from webhook.audit.report import Report
from webhook.audit.runs.consequences import CONSEQUENCES
from webhook.files import Unreadable

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS: Final = {Action.DENY: "error", Action.WARN: "warning", Action.AUDIT: "note"}
OURS: Final = {
    MANIFEST: "The API server takes the manifest as it is written.",
    READABLE: "Every file can be read, and every rule checked.",
}
"""What is told beside the rules of policies."""


def write(report: Report, out: TextIO) -> None:
    """Write one run, its results first: so none is held."""
    out.write(f'{{"$schema": "{SCHEMA}", "version": "2.1.0", "runs": [{{"results": [')
    between = ""
    for entry in report:
        for result in _unreadable(entry) if isinstance(entry, Unreadable) else _entry(entry):
            out.write(f"{between}\n{json.encode(result).decode()}")
            between = ","
    rest = {
        "columnKind": "unicodeCodePoints",
        "tool": {"driver": _driver(report)},
        "invocations": [_invocation(report)],
    }
    out.write(f"\n], {json.encode(rest).decode()[1:]}]}}\n")


def _invocation(report: Report) -> Mapping[str, Any]:
    ran = {"executionSuccessful": report.looked, "exitCode": report.exit_code}
    missing = [{"level": "warning", "message": {"text": text}} for text in report.context.missing]
    return {**ran, "toolExecutionNotifications": missing} if missing else ran


def _driver(report: Report) -> Mapping[str, Any]:
    from importlib.metadata import version  # noqa: PLC0415 - slow to load, for whoever asks for another format

    known = [_rule(key, summary(rule), _page(rule), report.why_url) for key, rule in rules().items()]
    known += [_rule(key, text, text, "") for key, text in OURS.items()]
    come = {kind: about for kind, about in CONSEQUENCES.items() if kind in report.consequences}
    known += [_rule(kind, about.summary, f"{about.summary}\n\n{about.why}", "") for kind, about in come.items()]
    return {"name": "Batchwarden", "version": version("batchwarden"), "rules": known}


def _rule(key: str, short: str, page: str, why_url: str) -> Mapping[str, Any]:
    described = {
        "id": key,
        "name": key[0].upper() + key[1:],
        "shortDescription": {"text": short},
        "help": {"text": page, "markdown": page},
    }
    return {**described, "helpUri": f"{why_url}#{key}"} if why_url else described


def _page(rule: Rule[Any]) -> str:
    """Write a rule's page as Markdown: its examples are indented, which Markdown takes for code."""
    text = rule.doc.strip().replace("``", "`").replace("::\n", ":\n")
    return "\n".join([text, "", *(f"- `{each.key}`: {each.values}. {each.description}" for each in parameters(rule))])


def _unreadable(unreadable: Unreadable) -> Iterator[Mapping[str, Any]]:
    place = (unreadable.line, unreadable.column)
    yield _told(READABLE, unreadable.reason, _location(unreadable.source, place), [unreadable.source])


def _entry(entry: Entry) -> Iterator[Mapping[str, Any]]:
    for line in unchecked(entry.crashed):
        yield _told(READABLE, line, _location(entry.source, entry.position), [entry.source, entry.title])
    for result in entry.told:
        yield _result(entry, result)


def _result(entry: Entry, result: Result) -> Mapping[str, Any]:
    location = _location(entry.source, result.position)
    named = f"{entry.title} {result.path}".rstrip()
    location["logicalLocations"] = [{"fullyQualifiedName": named, "kind": "object"}]
    identity = [_uri(entry.source), entry.title, result.place]
    told = _told(result.rule, "\n".join(result.lines), location, identity) | {"level": _level(result)}
    if result.skip is not None:
        told["suppressions"] = [{"kind": "external", "status": "accepted", "justification": result.words.why}]
    return told


def _level(result: Result) -> str:
    if result.evidence is None:
        return LEVELS[result.action]
    return "note" if result.severity == "low" else "warning"


def _told(rule: str, text: str, location: Mapping[str, Any], identity: list[str]) -> dict[str, Any]:
    """Make a result; ``identity`` tells it from others of the rule, wherever in the file it moves."""
    return {
        "ruleId": rule,
        "level": "error",
        "message": {"text": text},
        "locations": [location],
        "partialFingerprints": {"batchwarden/v1": sha256(json.encode([rule, *identity])).hexdigest()},
    }


def _location(source: str, place: tuple[int, ...]) -> dict[str, Any]:
    if not source:
        return {}
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(source)}}
    line, column = place
    if line:
        physical["region"] = {"startLine": line, "startColumn": column}
    return {"physicalLocation": physical}


def _uri(source: str) -> str:
    path = relative(source)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())

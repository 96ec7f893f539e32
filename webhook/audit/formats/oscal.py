"""For compliance programs: OSCAL assessment results, a rule in the place of a control's objective.

An observation for each finding and consequence, a finding for each rule that is broken, a risk for each exception.
Source: https://pages.nist.gov/OSCAL-Reference/models/v1.1.3/assessment-results/json-outline/
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TextIO
from uuid import UUID, uuid5

from msgspec import json

from webhook.admission.message import unchecked
from webhook.audit.entries import Entry, Result
from webhook.audit.report import Grant, Report
from webhook.audit.values import stamp
from webhook.files import Unreadable

VERSION: Final = "1.1.3"
PROPERTIES: Final = "https://batchwarden.io/oscal"  # the namespace of the names that OSCAL does not know
NAMES: Final = UUID("5b8e3a60-91e4-5f0c-8f3e-6f2f2f6a7c11")  # of what is named here: the same in each report
MOST_REMARKS: Final = 100
LEAD: Final = "What could not be looked at:"

Part = Mapping[str, Any]


class _Gathered:
    """What is told after the observations: of which objects they are, and which bear out what."""

    def __init__(self) -> None:
        self.items: list[Part] = []
        self.broken: dict[str, list[str]] = {}
        self.excepted: dict[tuple[str, str], list[str]] = {}
        self.remarks: list[str] = []


def write(report: Report, out: TextIO) -> None:
    """Write one document, its observations as they come."""
    gathered, at = _Gathered(), stamp(report.at)
    document = _id("document", report.context.title, at)
    start = {"uuid": document, "metadata": {"title": "Batchwarden report", "last-modified": at, "version": at,
             "oscal-version": VERSION}, "import-ap": {"href": f"#{_id('policies', document)}"}}  # fmt: skip
    out.write(f'{{"assessment-results": {_line(start)[:-1]}, "results": [{{"uuid": "{_id("result", document)}"')
    between = ', "observations": ['
    for observation in _observations(report, gathered, at):
        out.write(f"{between}\n{_line(observation)}")
        between = ","
    out.write("\n]" if between == "," else "")
    rest = _result(report, gathered) | {"start": at, "end": at}
    out.write(f", {_line(rest)[1:]}], {_line({'back-matter': {'resources': [_policies(report, document)]}})[1:]}}}\n")


def _line(value: object) -> str:
    return json.encode(value).decode()


def _id(*parts: str) -> str:
    return str(uuid5(NAMES, _line(parts)))


def _observations(report: Report, gathered: _Gathered, at: str) -> Iterator[Part]:
    for each in report:
        if isinstance(each, Unreadable):
            gathered.remarks.append(str(each))
            continue
        gathered.remarks += [f"{each.title}: {text}" for text in unchecked(each.crashed)]
        item = _id("object", each.source, each.title, each.uid)
        if each.told:
            gathered.items.append(_item(item, each))
        for result in each.told:
            observation = _observation(report, item, each, result) | {"collected": at}
            yield observation
            if result.skip is None:
                gathered.broken.setdefault(result.rule, []).append(observation["uuid"])
            else:
                metadata = result.skip.exception.metadata
                gathered.excepted.setdefault((metadata.namespace, metadata.name), []).append(observation["uuid"])


def _item(uuid: str, entry: Entry) -> Part:
    named = {"kind": entry.kind, "namespace": entry.namespace, "name": entry.name, "uid": entry.uid}
    told = {**named, "owner": entry.owner, "source": entry.source}
    return {"uuid": uuid, "description": entry.title, "props": _props(told)}


def _observation(report: Report, item: str, entry: Entry, result: Result) -> dict[str, Any]:
    told = {
        "outcome": result.outcome,
        "failing": "yes" if report.fails(result) else "no",
        "rule": result.rule,
        "severity": result.severity,
        "category": result.category,
        "field": result.path,
        "policies": ", ".join(result.policies),
    }
    observation: dict[str, Any] = {
        "uuid": _id(item, result.rule, result.place, result.outcome, *result.policies),
        "title": f"{result.rule}: {entry.title}",
        "description": "\n".join(result.lines),
        "props": _props(told),
        "methods": ["TEST"],
        "types": ["finding"],
        "subjects": [{"subject-uuid": item, "type": "inventory-item", "title": entry.title}],
    }
    evidence = [{"description": text} for text in (result.seen, result.found) if text]
    return observation | ({"relevant-evidence": evidence} if evidence else {})


def _props(told: Mapping[str, str]) -> Sequence[Part]:
    """Write properties; one may not be empty, nor begin or end with a space."""
    stripped = {name: " ".join(value.split()) for name, value in told.items()}
    return [{"name": name, "ns": PROPERTIES, "value": value} for name, value in stripped.items() if value]


def _result(report: Report, gathered: _Gathered) -> dict[str, Any]:
    around = report.context
    remarks = [*gathered.remarks[:MOST_REMARKS], *around.missing]
    parts: dict[str, Any] = {
        "title": around.title or "Jobs and CronJobs",
        "description": f"{report.summary}.",
        "reviewed-controls": {
            "description": "Every rule of the policies that are named in the back matter.",
            "control-selections": [{"include-all": {}}],
        },
        "local-definitions": {"inventory-items": gathered.items} if gathered.items else None,
        "findings": [*_findings(gathered)],
        "risks": [_risk(each, gathered.excepted) for each in around.grants if each.covers],
        "remarks": "\n\n".join((LEAD, *remarks)) if remarks else "",
    }
    return {key: value for key, value in parts.items() if value}  # nothing may be empty


def _findings(gathered: _Gathered) -> Iterator[Part]:
    for rule, observed in gathered.broken.items():
        yield {
            "uuid": _id("rule", rule, *observed),
            "title": rule,
            "description": f"Broken in {len(observed)} places." if len(observed) > 1 else "Broken in one place.",
            "target": {"type": "objective-id", "target-id": rule, "status": {"state": "not-satisfied"}},
            "related-observations": _related(observed),
        }


def _risk(grant: Grant, excepted: Mapping[tuple[str, str], list[str]]) -> Part:
    named = f"Exception {grant.namespace}/{grant.name}"
    return {
        "uuid": _id("exception", grant.namespace, grant.name, stamp(grant.expires_at)),
        "title": named,
        "description": f"{named} of {grant.owner} lifts {', '.join(grant.rules)} of {', '.join(grant.policies)}.",
        "statement": grant.reason,
        "status": "deviation-approved",
        "deadline": stamp(grant.expires_at),
        "related-observations": _related(excepted.get((grant.namespace, grant.name), ())),
    }


def _related(observed: Iterable[str]) -> Sequence[Part]:
    return [{"observation-uuid": each} for each in observed]


def _policies(report: Report, document: str) -> Part:
    names = ", ".join(report.context.policies) or "not told"
    return {
        "uuid": _id("policies", document),
        "title": "The policies by which it was assessed",
        "description": f"By name: {names}. Batchwarden takes them in the place of an assessment plan.",
    }

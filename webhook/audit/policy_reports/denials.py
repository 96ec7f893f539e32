"""Pure: the report of a namespace's denials, to and from a PolicyReport of either group, in so many bytes."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Annotated, Any, Final

from msgspec import Meta, Struct, ValidationError, convert, json

from policies.fields import lookup, mapping, sequence
from webhook.admission.message import printable
from webhook.admission.occurrences import What
from webhook.audit.denials import MOST_KEPT, MOST_MARKS, Aware, Denial, Known, Marks, latest_first
from webhook.audit.policy_reports.report import LEFT_OUT, MOST_BYTES, REPORT, Manifest, ReportApi, skeleton
from webhook.audit.policy_reports.results import Result, result_id
from webhook.audit.values import stamp

NAME: Final = "batchwarden-denials"  # of the report, and the source of its results
KIND: Final = "denials"
CHOSEN: Final[Mapping[str, str]] = {"labelSelector": f"{REPORT}={KIND}"}
COUNTED: Final = "batchwarden.io/counted-events"
FORGOTTEN: Final = "batchwarden.io/forgotten-until"  # a minute since 1970, as marks have it
BREAK_GLASS: Final = "break-glass"  # in the place of a policy, which a result must name
RESULTS: Final[Mapping[What, str]] = {"denied": "fail", "break-glass": "warn"}
LIST: Final = ", "  # no name of a rule or a policy holds it
DIGITS: Final = 32  # bytes by which counts may grow where results are left out
_NUMBER: Final = re.compile(r"[0-9]{1,15}")
_MARK: Final = re.compile(r"([0-9a-f]{8}):([0-9]{1,10}):([0-9a-f]{1,8})")


class _Properties(Struct, frozen=True):
    user: str
    operation: str
    first: Aware
    last: Aware
    count: Annotated[int, Meta(ge=1, le=2**53)]


class _Resource(Struct, frozen=True):
    kind: str
    name: str


class _Told(Struct, frozen=True):
    result: str
    resources: tuple[_Resource, ...]
    properties: _Properties
    policy: str = ""
    rule: str = ""


def write_report(namespace: str, known: Known, api: ReportApi) -> Manifest:
    """Write the report; the oldest fall out where it would be too large, and are counted.

    Every field is written always, so that who applies it owns them all, and nothing of before is left.
    """
    room = MOST_BYTES - DIGITS - len(json.encode(_manifest(namespace, known, [], api)))
    results = list[Result]()
    for result in map(_result, known.denials):
        size = len(json.encode(result)) + 1
        if size <= room:
            results.append(result)
            room -= size
    left_out = known.left_out + len(known.denials) - len(results)
    return _manifest(namespace, known._replace(left_out=left_out), results, api)


def read_report(manifest: Mapping[str, Any] | None) -> Known:
    """Read what is known from a report; what somebody else made of it is left out."""
    annotations = mapping(lookup(manifest, ("metadata", "annotations")))
    home = str(lookup(manifest, ("metadata", "namespace")) or "")
    found = (_read(each, home) for each in sequence(mapping(manifest).get("results"))[:MOST_KEPT])
    left_out, forgotten = (_number(annotations.get(key)) for key in (LEFT_OUT, FORGOTTEN))
    marks = dict(_read_marks(str(annotations.get(COUNTED, ""))))
    return Known(latest_first(filter(None, found)), marks, left_out, forgotten)


def _manifest(namespace: str, known: Known, results: list[Result], api: ReportApi) -> Manifest:
    counts = {word: sum(each["result"] == word for each in results) for word in RESULTS.values()}
    manifest = skeleton(api, NAME, KIND, namespace)
    annotations = {
        COUNTED: _write_marks(known.marks),
        FORGOTTEN: str(known.forgotten),
        LEFT_OUT: str(known.left_out),
    }
    return {
        **manifest,
        **({"source": NAME} if api.names_source else {}),
        "metadata": {**manifest["metadata"], "annotations": annotations},
        "results": results,
        "summary": {"pass": 0, **counts, "error": 0, "skip": 0},
    }


def _result(denial: Denial) -> Result:
    return {
        "source": NAME,
        "category": "Denials",
        "policy": LIST.join(denial.policies) or BREAK_GLASS,
        "rule": LIST.join(denial.rules),
        "result": RESULTS[denial.what],
        "message": denial.sentence,
        "timestamp": {"seconds": int(denial.last.timestamp()), "nanos": 0},
        "resources": [
            {"apiVersion": "batch/v1", "kind": denial.kind, "namespace": denial.namespace, "name": denial.name}
        ],
        "properties": {
            "user": denial.user,
            "operation": denial.operation,
            "first": stamp(denial.first),
            "last": stamp(denial.last),
            "count": str(denial.count),
            "resultID": result_id(*denial.key),
        },
    }


def _read(result: Any, namespace: str) -> Denial | None:  # noqa: ANN401 - whatever stands in a report
    try:
        told = convert(result, _Told, strict=False)
        (resource,) = told.resources
        what = next(what for what, word in RESULTS.items() if word == told.result)
        first, last = (each.astimezone(UTC) for each in (told.properties.first, told.properties.last))
    except (ValidationError, ValueError, OverflowError, StopIteration):
        return None
    return Denial(
        what=what,
        user=printable(told.properties.user),
        operation=printable(told.properties.operation),
        kind=printable(resource.kind),
        namespace=namespace,
        name=printable(resource.name),
        rules=_names(told.rule),
        policies=_names(told.policy) if what == "denied" else (),
        first=first,
        last=last,
        count=told.properties.count,
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(map(printable, filter(None, text.split(LIST))))


def _write_marks(marks: Marks) -> str:
    return " ".join(f"{mark}:{count}:{minute:x}" for mark, (count, minute) in marks.items())


def _read_marks(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Read them; what somebody else wrote there is left out."""
    for found in filter(None, map(_MARK.fullmatch, text.split()[:MOST_MARKS])):
        yield found[1], (int(found[2]), int(found[3], 16))


def _number(value: object) -> int:
    return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else 0

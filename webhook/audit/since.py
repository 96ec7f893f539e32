"""Pure: of what stands in a cluster, what has come about since a moment."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from policies.clauses import sort
from policies.fields import mapping, sequence
from policies.selection import NO_FACTS, Selection
from policies.verdict import Defaulting, Verdict
from webhook.audit.report import Found
from webhook.audit.runs.consequences import Consequence
from webhook.audit.scan import Judged, LeftOut
from webhook.audit.standing import Standing
from webhook.audit.values import latest, moment

UNASKED: Final = Selection(sort(()), NO_FACTS)
STAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
FOREIGN: Final = "message"  # of evidence what others said, and so the times they named


def recent(found: Iterable[Found], since: datetime) -> Iterator[Found]:
    """Keep objects that were made or changed since then, and of others what has come of them since then, and no more.

    A consequence whose evidence tells no time goes with its object.
    """
    for each in found:
        yield _recent(each, since) if isinstance(each, Standing) else each


def changed(manifest: Mapping[str, Any]) -> datetime | None:
    """Say when an object was last written, but for its status; None where nothing tells.

    Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/, on managedFields
    """
    metadata = mapping(manifest.get("metadata"))
    writes = [mapping(each) for each in sequence(metadata.get("managedFields"))]
    return latest(
        moment(metadata.get("creationTimestamp")),
        *(moment(each.get("time")) for each in writes if each.get("subresource") != "status"),
    )


def _recent(standing: Standing, since: datetime) -> Standing | LeftOut:
    judged = standing.judged
    written = changed(judged.document.value)
    is_recent = written is None or written >= since
    told = tuple(each for each in standing.consequences if _is_recent(each, since, otherwise=is_recent))
    if is_recent:
        return standing._replace(consequences=told)
    if told:
        return standing._replace(judged=_unjudged(judged), consequences=told)
    return LeftOut(f"not changed since {since:%Y-%m-%d %H:%M} UTC")


def _is_recent(consequence: Consequence, since: datetime, *, otherwise: bool) -> bool:
    own = (text for key, text in consequence.evidence.items() if key != FOREIGN)
    seen = latest(*(moment(each) for text in own for each in STAMP.findall(text)))
    return otherwise if seen is None else seen >= since


def _unjudged(judged: Judged) -> Judged:
    return judged._replace(faults=(), verdict=Verdict(), result=Defaulting((), judged.result.job, UNASKED))

"""Pure: what was refused at admission, or let through without being judged: to and from Events, and folded together.

Whoever may write Events in a namespace may make some up, or delete ours: what is read is bounded, and told of that
namespace alone.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from operator import attrgetter
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias

from msgspec import DecodeError, Meta, Struct, ValidationError, convert, json, structs

from policies.fields import lookup
from webhook.admission.message import printable
from webhook.admission.occurrences import What
from webhook.audit.values import stamp

COMPONENT: Final = "batchwarden-webhook"
# Source: ToSelectableFields in k8s.io/kubernetes pkg/registry/core/event/strategy.go
CHOSEN: Final[Mapping[str, str]] = {"fieldSelector": f"source={COMPONENT}"}
ANNOTATION: Final = "batchwarden.io/denial"
REASONS: Final = {"denied": "Denied", "break-glass": "BreakGlass"}
LIFE: Final = timedelta(hours=1)  # kube-apiserver's --event-ttl
MEMORY: Final = LIFE + timedelta(minutes=10)  # of what was counted: longer than another clock lets anybody count it
MOST_KEPT: Final = 100  # denials of a namespace
MOST_MARKS: Final = 200  # Events of a namespace that are remembered
MOST_COUNT: Final = 2**31 - 1  # of an Event
# Characters: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
MOST_MESSAGE: Final = 1024
MARK: Final = 8  # characters of a digest: no two Events that are remembered in a namespace are likely to share one
MINUTE: Final = 60

Aware: TypeAlias = Annotated[datetime, Meta(tz=True)]
Count: TypeAlias = Annotated[int, Meta(ge=1, le=MOST_COUNT)]
Marks: TypeAlias = Mapping[str, tuple[int, int]]
"""An Event, by its mark, to how much of it was counted, and in which minute since 1970 it was last seen to happen."""


class Denial(Struct, frozen=True, kw_only=True):
    """What one user was refused, for the same reasons, how often; or what was let through without being judged."""

    what: What
    user: str
    operation: str
    kind: str
    namespace: str
    name: str
    rules: tuple[str, ...]
    policies: tuple[str, ...]
    first: datetime
    last: datetime
    count: int

    @property
    def key(self) -> tuple[object, ...]:
        """Give all that makes it the same as another one."""
        return (self.what, self.user, self.operation, self.kind, self.namespace, self.name, self.rules, self.policies)

    @property
    def sentence(self) -> str:
        """Say in one line who was refused what, and by which rules and policies."""
        did = f"{self.operation.lower()} {self.kind} {self.name}"
        if self.what == "break-glass":
            return f"{self.user} used break-glass to {did}: it was not judged"[:MOST_MESSAGE]
        named = f"{'policy' if len(self.policies) == 1 else 'policies'} {', '.join(self.policies)}"
        return f"{self.user} was not allowed to {did}: {', '.join(self.rules)} ({named})"[:MOST_MESSAGE]


class DenialEvent(NamedTuple):
    """An Event: what it tells, and a mark by which it is known again, though it was deleted meanwhile."""

    mark: str
    denial: Denial


class Known(NamedTuple):
    """What is known of a namespace, the latest first: which Events were counted, and how many denials fell out.

    Events that began until ``forgotten``, a minute since 1970, are counted, or lost, if no mark remembers them.
    """

    denials: tuple[Denial, ...] = ()
    marks: Marks = MappingProxyType({})
    left_out: int = 0
    forgotten: int = 0


class _Note(Struct, frozen=True):
    """What an Event's annotation holds: all that its own fields have no place for."""

    what: What
    user: Annotated[str, Meta(max_length=400)]
    operation: Literal["CREATE", "UPDATE"]
    kind: Literal["Job", "CronJob"]
    name: Annotated[str, Meta(max_length=400)]
    rules: Annotated[tuple[Annotated[str, Meta(pattern=r"^[A-Za-z0-9]{1,63}\Z")], ...], Meta(max_length=50)] = ()
    policies: Annotated[tuple[Annotated[str, Meta(pattern=r"^[a-z0-9./-]{1,320}\Z")], ...], Meta(max_length=20)] = ()


class _Told(Struct, frozen=True, rename="camel"):
    first_timestamp: Aware
    last_timestamp: Aware
    count: Count


def write_event(denial: Denial, about: Mapping[str, str], name: str, instance: str) -> dict[str, Any]:
    """Write the Event of a name that tells of a denial; ``about`` is its involvedObject, ``instance`` who tells."""
    note = _Note(**{field: getattr(denial, field) for field in _Note.__struct_fields__})
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": name,
            "namespace": denial.namespace,
            "annotations": {ANNOTATION: json.encode(note).decode()},
        },
        "involvedObject": {**about},
        "type": "Warning",
        "reason": REASONS[denial.what],
        "message": denial.sentence,
        "source": {"component": COMPONENT, "host": instance},
        "reportingComponent": COMPONENT,
        "reportingInstance": instance,
        "firstTimestamp": stamp(denial.first),
        "lastTimestamp": stamp(denial.last),
        "count": denial.count,
    }


def read_event(manifest: Mapping[str, Any]) -> DenialEvent | None:
    """Read what such an Event tells; None where it is none."""
    annotation = lookup(manifest, ("metadata", "annotations", ANNOTATION))
    home, name = (str(lookup(manifest, ("metadata", key)) or "") for key in ("namespace", "name"))
    if not isinstance(annotation, str):
        return None
    try:
        note, told = json.decode(annotation, type=_Note), convert(manifest, _Told)
        denial = Denial(
            **{field: _clean(value) for field, value in structs.asdict(note).items()},
            namespace=home,
            first=told.first_timestamp.astimezone(UTC),
            last=told.last_timestamp.astimezone(UTC),
            count=told.count,
        )
    except (DecodeError, ValidationError, UnicodeEncodeError, OverflowError):
        return None
    return DenialEvent(sha256(name.encode()).hexdigest()[:MARK], denial)


def fold(known: Known, events: Iterable[DenialEvent], at: datetime) -> tuple[Known, tuple[Denial, ...]]:
    """Count what Events tell that was not counted yet; give what is known then, and what of it is news.

    Whoever folds the same Events in, in whatever order and how often, comes to the same count. Events are counted
    while they are younger than LIFE, and remembered for longer.
    """
    old, soon = _minute(at - MEMORY), _minute(at + MEMORY - LIFE)  # what is later, somebody made up
    marks = {mark: each for mark, each in known.marks.items() if old < each[1] <= soon}
    forgotten = known.forgotten if known.forgotten <= soon else 0
    table = {each.key: each for each in known.denials}
    news = list[Denial]()
    for mark, seen in events:
        last = min(seen.last, at)
        first = min(seen.first, last)
        counted = marks[mark][0] if mark in marks else 0 if _minute(first) > forgotten else MOST_COUNT
        if at - last >= LIFE or seen.count <= counted:
            continue
        marks[mark] = seen.count, _minute(last)
        fresh = structs.replace(seen, first=first, last=last, count=seen.count - counted)
        news.append(fresh)
        table[seen.key] = _united(table[seen.key], fresh) if seen.key in table else fresh
    latest = sorted(marks.items(), key=lambda each: each[1][1], reverse=True)
    forgotten = max([forgotten, *(minute for _, (_, minute) in latest[MOST_MARKS:])])
    ordered = latest_first(table.values())
    left_out = known.left_out + len(ordered[MOST_KEPT:])
    return Known(ordered[:MOST_KEPT], dict(latest[:MOST_MARKS]), left_out, forgotten), tuple(news)


def latest_first(denials: Iterable[Denial]) -> tuple[Denial, ...]:
    """Put them in order."""
    return tuple(sorted(denials, key=attrgetter("last", "count"), reverse=True))


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // MINUTE


def _united(one: Denial, other: Denial) -> Denial:
    first, last = min(one.first, other.first), max(one.last, other.last)
    return structs.replace(one, first=first, last=last, count=one.count + other.count)


def _clean(value: Any) -> Any:  # noqa: ANN401 - a text or several
    return printable(value) if isinstance(value, str) else tuple(map(printable, value))

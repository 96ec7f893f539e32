"""Pure: the shape of a report as JSON, of which the schema is made; fields may be added, and none will vanish."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType, json

from policies.rule import Action
from webhook.admission.occurrences import What

TITLE: Final = "A report of batchwarden check or batchwarden report, as JSON"

Moment: TypeAlias = Annotated[str, Meta(description="RFC 3339, in UTC.", extra_json_schema={"format": "date-time"})]
Count: TypeAlias = Annotated[int, Meta(ge=0)]
Counts: TypeAlias = Mapping[str, Count]
Texts: TypeAlias = tuple[str, ...]
Severity: TypeAlias = Annotated[str, Meta(extra_json_schema={"enum": ["low", "medium", "high"]})]
Paste: TypeAlias = Annotated[Texts, Meta(description="Lines of YAML that cure it.")]
Line: TypeAlias = Annotated[Count, Meta(description="From 1; 0 where there is none, as of a cluster.")]


class _Shape(Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class LetOff(_Shape, frozen=True):
    """The exception that lets a finding off."""

    name: str
    reason: str
    owner: str
    expires_at: Moment


class Finding(_Shape, frozen=True):
    """What is wrong at one place, by one rule."""

    rule: Annotated[str, Meta(description="Its name; manifest: no API server takes it.")]
    action: Annotated[Action, Meta(description="The strongest of the policies that say so.")]
    failing: Annotated[bool, Meta(description="Whether it makes the exit code 1.")]
    severity: Severity
    category: str
    path: Annotated[str, Meta(description="The field, as Kubernetes writes it.")]
    line: Line
    column: Line
    message: str
    found: Annotated[str, Meta(description="What follows the path in the message.")]
    allowed: Annotated[str, Meta(description="Empty where nothing in particular is.")]
    why: str
    not_lifted: Annotated[Texts, Meta(description="Why exceptions that name it do not lift it.")]
    paste: Paste
    policies: Annotated[Texts, Meta(description="By name; none where it is the API server that refuses.")]
    contacts: Annotated[Texts, Meta(description="Where these policies send people for help.")]
    exception: Annotated[LetOff | UnsetType, Meta(description="Left out where none lets it off.")] = UNSET


class Consequence(_Shape, frozen=True):
    """What has come of an object, or of the cluster around it."""

    kind: str
    severity: Severity
    category: str
    path: Annotated[str, Meta(description="The field to look at; empty where it is none.")]
    message: Annotated[str, Meta(description="Without counters and times, so that it stays the same.")]
    why: str
    evidence: Annotated[Mapping[str, str], Meta(description="What it is known by; basis says all in words.")]
    paste: Paste


class Runs(_Shape, frozen=True):
    """The runs of a CronJob that still exist."""

    finished: Count
    failed: Count
    active: Count
    longest_seconds: Annotated[float | None, Meta(description="Of those that succeeded.")]
    last_success: Moment | None
    last_failure: Moment | None


class Timing(_Shape, frozen=True):
    """When a CronJob runs."""

    schedule: str
    time_zone: Annotated[str, Meta(description="Empty: that of the cluster's controller.")]
    suspended: bool
    deadline_seconds: Annotated[int | None, Meta(description="null: nothing ends a run.")]
    runs: Runs


class Object(_Shape, frozen=True):
    """A Job or CronJob that was judged."""

    source: Annotated[str, Meta(description="The file; empty where it is from a cluster.")]
    line: Line
    kind: Annotated[str, Meta(extra_json_schema={"enum": ["Job", "CronJob"]})]
    namespace: str
    name: str
    uid: Annotated[str, Meta(description="Empty where it is from a file.")]
    owner: Annotated[str, Meta(description="Who answers for it, by --owner-label; empty where nobody is known to.")]
    passed: Annotated[Count, Meta(description="Of all rules of all policies, how many found nothing.")]
    findings: tuple[Finding, ...]
    consequences: tuple[Consequence, ...]
    defaults: Annotated[Texts, Meta(description="What policies would write, or have written, one sentence each.")]
    crashed: Annotated[Texts, Meta(description="Rules that could not be checked: an error in Batchwarden.")]
    timing: Annotated[Timing | None, Meta(description="null for a Job.")]


class Unread(_Shape, frozen=True):
    """What could not be looked at."""

    source: str
    line: Line
    column: Line
    reason: str


class Grant(_Shape, frozen=True):
    """An exception, and whom it lets off."""

    namespace: str
    name: str
    policies: Texts
    rules: Texts
    reason: str
    owner: str
    state: Annotated[str, Meta(extra_json_schema={"enum": ["Active", "ExpiringSoon", "Expired", "Inert"]})]
    covers: Annotated[Count, Meta(description="How many of the objects here it lets off.")]
    expires_at: Moment


class Denial(_Shape, frozen=True):
    """What one user was refused at admission, or what was let through without being judged."""

    what: What
    user: str
    operation: str
    kind: str
    namespace: str
    name: str
    rules: Texts
    policies: Texts
    first: Moment
    last: Moment
    count: Count


class Summary(_Shape, frozen=True):
    """The counts."""

    objects: Count
    findings: Annotated[Mapping[Action, Count], Meta(description="By action, those that no exception lifts.")]
    excepted: Count
    failing: Count
    consequences: Annotated[Counts, Meta(description="By kind.")]
    skipped: Annotated[Counts, Meta(description="Objects of other kinds, by kind.")]
    left_out: Annotated[Counts, Meta(description="Objects that are not judged by themselves, by why.")]


class Whole(_Shape, frozen=True):
    """A report."""

    objects: tuple[Object, ...]
    unreadable: tuple[Unread, ...]
    at: Moment
    title: Annotated[str, Meta(description="Which cluster or files; empty from check.")]
    policies: Annotated[Texts, Meta(description="By which it was judged; empty from check.")]
    exceptions: tuple[Grant, ...]
    denials: tuple[Denial, ...]
    missing: Annotated[Texts, Meta(description="What could not be learnt, a sentence each.")]
    summary: Summary


def schema() -> Mapping[str, Any]:
    """Write the schema down."""
    found = json.schema(Whole)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": TITLE, **found}

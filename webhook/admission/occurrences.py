"""Pure: what a denial leaves behind: who was refused what, and by which rules and policies."""

from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct

from policies.fields import lookup, mapping, sequence
from policies.rule import Action
from webhook.admission.exempt import BREAK_GLASS
from webhook.admission.message import policy_name, printable
from webhook.admission.review import AdmissionRequest, Decision

MOST_TEXT: Final = 400  # characters of what somebody else chose: the longest name of a service account has 338
MOST_NAMES: Final = 20  # policies
GENERATED: Final = "*"  # in the place of what the API server will generate: no name holds it

What: TypeAlias = Literal["denied", "break-glass"]


class Owner(Struct, frozen=True, rename="camel"):
    """Whoever controls a Job and is no CronJob, e.g. a JobSet: who made that sees what befalls it, and not the Job."""

    api_version: str
    kind: str
    name: str
    uid: str


class Occurrence(Struct, frozen=True, kw_only=True):
    """Who was refused what, or let through without being judged; equal ones tell of the same.

    ``name`` ends in GENERATED where the API server generates it; ``uid`` is empty of what is created.
    """

    what: What
    user: str
    operation: str
    kind: str
    namespace: str
    name: str
    rules: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    uid: str = ""
    owner: Owner | None = None


def occurrence_of(webhook: str, request: AdmissionRequest, decision: Decision) -> Occurrence | None:
    """Say what is to be told of a decision; None of one that is nobody's trouble, and always of a dry run.

    Of what both webhooks pass over the validating one tells, so that it is told once.
    """
    broke_glass = decision.exempt == BREAK_GLASS and webhook == "validate"
    if request.dry_run or (decision.allowed and not broke_glass):
        return None
    denied = [each for each in decision.violations if each.action is Action.DENY]
    strongest = (each for violation in denied for each in violation.judgements if each.action is Action.DENY)
    policies = dict.fromkeys(policy_name(each.clause.policy) for each in strongest)
    return Occurrence(
        what="break-glass" if broke_glass else "denied",
        user=_text(request.user_info.username),
        operation=request.operation,
        kind=request.kind.kind,
        namespace=request.namespace,
        name=_name(request),
        rules=tuple(sorted({violation.rule for violation in denied})),
        policies=tuple(policies)[:MOST_NAMES],
        uid=_text(lookup(request.old_object, ("metadata", "uid"))),
        owner=_owner(request),
    )


def _name(request: AdmissionRequest) -> str:
    """Name the object; a name that is generated differs each time, and the validating webhook is told of it."""
    begin = _text(lookup(request.object, ("metadata", "generateName")))
    is_generated = request.operation == "CREATE" and begin and request.name.startswith(begin)
    return f"{begin}{GENERATED}" if is_generated or not request.name else _text(request.name)


def _owner(request: AdmissionRequest) -> Owner | None:
    owners = map(mapping, sequence(lookup(request.object, ("metadata", "ownerReferences"))))
    found = next((each for each in owners if each.get("controller") is True), {})
    if request.kind.kind != "Job" or found.get("kind") in (None, "CronJob"):
        return None
    return Owner(*(_text(found.get(key)) for key in ("apiVersion", "kind", "name", "uid")))


def _text(value: Any) -> str:  # noqa: ANN401 - whatever stands there, which built-in validation has not yet seen
    return printable(value)[:MOST_TEXT] if isinstance(value, str) else ""

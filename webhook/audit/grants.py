"""Pure: exceptions as auditors ask for them: who is let off what, why, until when, and whether it holds."""

from datetime import datetime, timedelta
from typing import Final

from policies.exception_status import exception_status
from policies.objects import BatchPolicyException
from policies.selection import Near, Snapshot
from policies.status import ExceptionStatus, Known
from webhook.admission.message import printable
from webhook.audit.report import Grant

AHEAD: Final = timedelta(days=14)  # of its end, within which an exception counts as expiring soon


def grants(snapshot: Snapshot, at: datetime) -> tuple[Grant, ...]:
    """List the exceptions, those that end first before the others."""
    near = Near(snapshot.policies)
    ordered = sorted(
        snapshot.exceptions, key=lambda each: (each.spec.expires_at, each.metadata.namespace, each.metadata.name)
    )
    return tuple(_grant(each, near, at) for each in ordered)


def _grant(exception: BatchPolicyException, near: Near, at: datetime) -> Grant:
    metadata, spec = exception.metadata, exception.spec
    known, before = Known(generation=0, at=at), ExceptionStatus()
    status = exception_status(exception, near.named_by(exception), known, before, AHEAD)
    return Grant(
        metadata.namespace,
        metadata.name,
        tuple(map(printable, spec.policies)),
        tuple(spec.rules),
        printable(spec.reason),
        printable(spec.owner),
        spec.expires_at,
        str(status.state),
    )

"""Writes statuses and Events, not too many at a time; what is refused for one object stops no other."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from msgspec import structs, to_builtins

from policies.exception_status import ACTIVE, Reminder
from policies.objects import BatchPolicyException
from policies.policy_status import DEFAULTS_ACTIVE, READY
from policies.status import ExceptionStatus
from webhook.cluster.api import CONFLICT, NOT_FOUND, Api, ApiError, Manifest
from webhook.cluster.events import EVENTS, event
from webhook.cluster.inventory import Entry, ObjectStatus
from webhook.cluster.kinds import Meta
from webhook.cluster.listing import within
from webhook.cluster.retry import AWAY

WRITE_SECONDS: Final = 0.05  # from one write to the next
MOST_WRITES: Final = 200  # in one look: then what has changed meanwhile is read
OWN: Final = {READY, DEFAULTS_ACTIVE, ACTIVE}  # conditions; any other is somebody else's


class StatusWriter:
    """Writes for one look; ``refused`` says of which objects something was refused, and ``stale`` which had changed."""

    def __init__(self, api: Api, wait: Callable[[float], object], at: datetime) -> None:
        """Take whom to write to, how to wait some seconds, and the time."""
        self._api, self._wait, self._at = api, wait, at
        self._tried = 0
        self.written = 0
        self.stale = 0
        self.refused: dict[str, str] = {}

    @property
    def is_spent(self) -> bool:
        """Whether it has written enough."""
        return self._tried >= MOST_WRITES

    def write(self, entry: Entry, status: ObjectStatus, due: Reminder | None) -> None:
        """Remind the owner, where that is due, and write the status where it says something else than before."""
        if due and isinstance(entry.found, BatchPolicyException) and isinstance(status, ExceptionStatus):
            note = reminding_event(entry.found, entry.meta, due, self._at)
            if self._try(entry, lambda: self._api.create(within(EVENTS, entry.meta.namespace), note), CONFLICT):
                status = structs.replace(status, reminded_at=self._at.replace(microsecond=0))
        if status != _own(entry.status):
            self._try(entry, lambda: self._api.apply(entry.path, _manifest(entry, status)))

    def _try(self, entry: Entry, call: Callable[[], object], done: int | None = None) -> bool:
        """Tell whether it was written, or ``done`` says that it is; raises ApiError where the API server is away."""
        self._tried += 1
        self._wait(WRITE_SECONDS)
        try:
            call()
        except ApiError as error:
            if error.status == done:
                return True
            if error.status in {CONFLICT, NOT_FOUND}:
                self.stale += 1
                return False
            self.refused[str(entry)] = str(error)
            if error.status in AWAY:
                raise
            return False
        self.written += 1
        return True


def reminding_event(exception: BatchPolicyException, meta: Meta, due: Reminder, at: datetime) -> Manifest:
    """Write the Event by which the owner of an exception is reminded of this end of it."""
    about = {
        "apiVersion": exception.api_version,
        "kind": "BatchPolicyException",
        "name": meta.name,
        "namespace": meta.namespace,
        "uid": meta.uid,
    }
    once = f"{meta.uid} {due.reason} {due.day} {exception.spec.expires_at.isoformat()}"
    return event(about, ("Warning", due.reason, due.message), once, at)


def differs(entry: Entry, status: ObjectStatus) -> bool:
    """Whether a status says something else than the one that is there."""
    return status != _own(entry.status)


def _own(status: ObjectStatus) -> ObjectStatus:
    return structs.replace(status, conditions=tuple(each for each in status.conditions if each.type in OWN))


def _manifest(entry: Entry, status: ObjectStatus) -> Manifest:
    """Apply it to this version of the object alone.

    Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/
    """
    return {
        "apiVersion": "batchwarden.io/v1alpha1",
        "kind": entry.kind.name,
        "metadata": {"name": entry.meta.name, "resourceVersion": entry.meta.resource_version},
        "status": to_builtins(status),
    }

"""A request is judged by a snapshot that knows its namespace: one that was made a moment ago is waited for.

Never "no policy applies". The API server itself tries again after a 503 that says when, within its own time limit.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeAlias

from policies.selection import Snapshot
from webhook.admission.decide import Context
from webhook.admission.exempt import exemption
from webhook.admission.message import quoted
from webhook.admission.review import AdmissionRequest
from webhook.admission.settings import Settings

MOST_SECONDS: Final = 0.5
NOT_ASKED: Final = Snapshot()

_UNITS: Final = {"ms": 0.001, "s": 1.0}
_DURATION: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,9})?)(ms|s)")  # as Go writes what is under a minute

Knowing: TypeAlias = Callable[[str, float], Snapshot | None]
"""Gives a snapshot that knows a namespace, within some seconds."""
Asking: TypeAlias = Callable[[AdmissionRequest, Callable[[], str]], Context]
"""Gives what decides a request, whose ``?timeout=`` is read only if it has to wait; raises UnknownNamespaceError."""


class UnknownNamespaceError(Exception):
    """Nobody knows the namespace yet: for the API server, in one sentence, to try again."""


def patient(knowing: Knowing, settings: Settings, clock: Callable[[], datetime]) -> Asking:
    """Make what decides out of snapshots."""

    def ask(request: AdmissionRequest, timeout: Callable[[], str]) -> Context:
        snapshot = knowing(request.namespace, 0)
        if snapshot is None and exemption(request, settings):
            snapshot = NOT_ASKED
        if snapshot is None:
            snapshot = knowing(request.namespace, patience(timeout()))
        if snapshot is None:
            raise UnknownNamespaceError(
                f"namespace {quoted(request.namespace)} is not known to Batchwarden yet; try again"
            )
        return Context(snapshot, settings, clock())

    return ask


def patience(timeout: str) -> float:
    """Give the seconds to wait: half of what the API server waits for us, and not long; what is no time is ignored."""
    match = _DURATION.fullmatch(timeout)
    return min(MOST_SECONDS, float(match[1]) * _UNITS[match[2]] / 2) if match else MOST_SECONDS

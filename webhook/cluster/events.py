"""What befalls an object is told beside it, as Events: ``kubectl describe`` and ``kubectl events`` show them.

They are core/v1 Events, which are found by their ``involvedObject`` (``kubectl describe`` asks for its uid as well) and
kept for an hour (kube-apiserver's ``--event-ttl``). The name says what one is of, so that it is written once, whoever
tries how often: after a restart, or a second controller.
Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal, TypeAlias

from webhook.audit.values import stamp
from webhook.cluster.api import CONFLICT, MANAGER, Api, ApiError, Manifest
from webhook.cluster.listing import within

EVENTS: Final = "/api/v1/events"
NOWHERE: Final = "default"  # the namespace of Events about what is in none: ValidateEvent in pkg/apis/core/validation
MOST_NAME: Final = 200  # characters of the object's name, of 253 that a name may have

Said: TypeAlias = tuple[Literal["Normal", "Warning"], str, str]
"""The type of an Event, its reason in one word, and a sentence."""


def event(about: Mapping[str, str], said: Said, once: str, at: datetime) -> Manifest:
    """Write an Event about an object, given as ``involvedObject``; there is one of the same text ``once``."""
    kind, reason, message = said
    moment, digest = stamp(at), sha256(once.encode()).hexdigest()[:16]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{about['name'][:MOST_NAME].rstrip('-.')}.{digest}",
            "namespace": about.get("namespace", NOWHERE),
        },
        "involvedObject": {**about},
        "type": kind,
        "reason": reason,
        "message": message,
        "source": {"component": MANAGER},
        "reportingComponent": MANAGER,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }


def announce(api: Api, about: Mapping[str, str], said: Said, at: datetime) -> None:
    """Tell something of an object, given as for ``event``; the same is told once a day. Raises ApiError."""
    once = " ".join((*said[1:], f"{at:%Y-%m-%d}"))
    try:
        api.create(within(EVENTS, about.get("namespace", NOWHERE)), event(about, said, once, at))
    except ApiError as error:
        if error.status != CONFLICT:
            raise

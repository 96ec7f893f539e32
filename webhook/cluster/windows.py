"""Notes from when to when no endpoint of the webhook answered, and what became of Jobs and CronJobs meanwhile.

An API server that calls in vain tells nobody: with Ignore it lets an object through, with Fail it refuses it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from webhook.audit.values import stamp
from webhook.cluster.api import Api, Manifest
from webhook.cluster.endpoints import Handshake, find_endpoints, verify_all
from webhook.cluster.events import Said, announce
from webhook.cluster.material import CONFIGURATIONS, MUTATING, VALIDATING, bundles_of
from webhook.cluster.observe import KeeperObserver
from webhook.cluster.settings import ControllerSettings

LOOK_SECONDS: Final = 5.0
SOON_SECONDS: Final = 1.0  # until it is asked again whether nobody answers: one look may fail by chance
CLOSED: Final = "failed closed, Jobs and CronJobs refused"
MEANING: Final[Mapping[tuple[str, str], str]] = {
    (MUTATING, "Ignore"): "failed open, no defaults written",
    (MUTATING, "Fail"): CLOSED,
    (VALIDATING, "Ignore"): "failed open, Jobs and CronJobs let through without being judged",
    (VALIDATING, "Fail"): CLOSED,
}


class WindowKeeper:
    """Looks whether anybody answers, as long as anybody is to be asked."""

    name: Final = "windows"

    def __init__(
        self, api: Api, settings: ControllerSettings, observer: KeeperObserver, registry: CollectorRegistry
    ) -> None:
        """Take whom to ask, what for, and whom to tell; register the metric."""
        self._api, self._settings, self._observer = api, settings, observer
        self._suspected: datetime | None = None  # since when nobody answers, it seems
        self._since: datetime | None = None  # since when nobody answers
        self._unanswered = Gauge(
            "batchwarden_unanswered", "1 while no endpoint of the webhook answers.", registry=registry
        )

    def keep(self, at: datetime) -> float:
        """Tell where a window begins or ends; raises ApiError."""
        there = {kind: self._api.get(f"{path}/{self._settings.name}") for kind, path in CONFIGURATIONS.items()}
        registered = {kind: each for kind, each in there.items() if each}
        if not registered or self._is_answered(registered):
            self._end(registered, at)
            return LOOK_SECONDS
        if self._suspected is None:
            self._suspected = at
            return SOON_SECONDS
        self._unanswered.set(1)
        if self._since is None:
            self._tell(registered, ("Warning", "Unanswered", f"since {stamp(self._suspected)} nobody answers"), at)
            self._since = self._suspected
        return SOON_SECONDS

    def _is_answered(self, registered: Mapping[str, Manifest]) -> bool:
        """Whether an endpoint that is sent requests is trusted by what API servers trust."""
        bundle = b"".join(bundle for each in registered.values() for bundle in bundles_of(each))
        ready = [each for each in find_endpoints(self._api, self._settings) if each.ready]
        shakes: list[Handshake] = verify_all(ready, self._settings.host, bundle)
        return any(each.answer == "trusted" for each in shakes)

    def _end(self, registered: Mapping[str, Manifest], at: datetime) -> None:
        self._unanswered.set(0)
        if self._since is not None:
            span = f"from {stamp(self._since)} to {stamp(at)} nobody answered"
            self._tell(registered, ("Normal", "Answered", span), at)
        self._suspected = self._since = None

    def _tell(self, registered: Mapping[str, Manifest], said: Said, at: datetime) -> None:
        """Tell of it by an Event on each configuration, with what that means there."""
        kind, reason, text = said
        for configuration, there in registered.items():
            policies = {str(each.get("failurePolicy")) for each in there.get("webhooks") or ()}
            found = sorted(MEANING.get((configuration, policy), policy) for policy in policies)
            message = f"{text}: {'; '.join(found)} (failurePolicy {', '.join(sorted(policies))})"
            about = {
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": configuration,
                "name": self._settings.name,
                "uid": str(there["metadata"]["uid"]),
            }
            announce(self._api, about, (kind, reason, message), at)
            self._observer.found(f"{self.name}: {configuration}", message)

"""Puts the controller together: who keeps what, what wakes whom, and what is told of it."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from policies.selection import Snapshot
from webhook.cluster.api import Api
from webhook.cluster.certificates import CertificateKeeper, Craft
from webhook.cluster.manager import Manager
from webhook.cluster.mirror import Mirror
from webhook.cluster.observe import KeeperObserver, WatchObserver
from webhook.cluster.registrations import RegistrationKeeper
from webhook.cluster.settings import ControllerSettings
from webhook.cluster.statuses import Sources, StatusKeeper
from webhook.cluster.triggers import Trigger, kinds_for, watch_all
from webhook.cluster.watch import Pace


class Controller:
    """All that runs, from ``start`` until ``stop``."""

    def __init__(self, api: Api, settings: ControllerSettings, craft: Craft, write: Callable[..., None]) -> None:
        """Take whom to ask, what for, and who knows about certificates; ``write`` takes an event and its fields."""
        self._api, self._settings, self._registry, self._ended = api, settings, CollectorRegistry(), Event()
        self._watching = WatchObserver(self._registry, write, time.monotonic)
        self._pace = Pace(self._ended.wait, time.monotonic, random.random)  # noqa: S311 - only spreads load
        observer = KeeperObserver(self._registry, write)
        self._manager = Manager(observer, lambda: datetime.now(UTC), self._pace.chance)
        self._certificates = CertificateKeeper(api, settings, craft, observer)
        self._registrations = RegistrationKeeper(api, settings, craft, observer)
        self._mirror = Mirror(api, self._watching, self._learn)
        sources = Sources(lambda: self._mirror.snapshot, lambda: self._registrations.covered)
        statuses = StatusKeeper(api, settings, sources, observer, self._ended.wait)
        for keeper in (self._certificates, self._registrations, statuses):
            self._manager.add(keeper)

    @property
    def missing(self) -> str:
        """Say what is not known or done yet; empty when all is."""
        undone = self._manager.missing
        return self._mirror.missing or (undone and f"not done once yet: {undone}")

    def start(self) -> None:
        """Begin."""
        trigger = Trigger(lambda: self._manager.wake(self._certificates.name, self._registrations.name))
        watch_all(kinds_for(self._settings), self._api, trigger, self._watching, self._pace)
        self._mirror.start(self._ended, self._pace)
        self._manager.start()

    def stop(self) -> None:
        """End."""
        self._ended.set()
        self._manager.stop()

    def scrape(self) -> bytes:
        """Give the metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def _learn(self, snapshot: Snapshot) -> None:
        self._registrations.learn(snapshot)
        self._manager.wake(self._registrations.name)

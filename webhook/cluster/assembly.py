"""Puts the controller together: who keeps what, what wakes whom, and what is told of it."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from policies.selection import Snapshot
from webhook.audit.policy_reports.report import ReportApi
from webhook.cluster.api import Api
from webhook.cluster.certificates import CertificateKeeper, Craft
from webhook.cluster.denials.keeper import DenialKeeper, DenialObserver
from webhook.cluster.denials.keeper import Sources as DenialSources
from webhook.cluster.denials.store import DENIALS, DenialStore
from webhook.cluster.manager import Manager
from webhook.cluster.mirror import Mirror
from webhook.cluster.observe import KeeperObserver, WatchObserver
from webhook.cluster.registrations import RegistrationKeeper
from webhook.cluster.reports.discovery import choose, served
from webhook.cluster.reports.keeper import ReportKeeper
from webhook.cluster.reports.observe import ScanObserver
from webhook.cluster.reports.scanner import Scanner
from webhook.cluster.settings import ControllerSettings
from webhook.cluster.statuses import Sources, StatusKeeper
from webhook.cluster.triggers import Trigger, kinds_for, watch_all
from webhook.cluster.watch import Pace
from webhook.cluster.windows import WindowKeeper


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
        self._reports = self._reporting(observer)
        sources = Sources(
            lambda: self._mirror.snapshot, lambda: self._registrations.covered, lambda: self._reports.violations
        )
        statuses = StatusKeeper(api, settings, sources, observer, self._ended.wait)
        self._windows = WindowKeeper(api, settings, observer, self._registry)
        self._denied = DenialStore(lambda: self._manager.wake(DenialKeeper.name))
        for keeper in (
            self._certificates,
            self._registrations,
            statuses,
            self._windows,
            self._denials(observer, write),
        ):
            self._manager.add(keeper)
        self._manager.add(self._reports, awaited=False)  # a large cluster takes minutes

    @property
    def missing(self) -> str:
        """Say what is not known or done yet; empty when all is."""
        undone = self._manager.missing
        return self._mirror.missing or (undone and f"not done once yet: {undone}")

    def start(self) -> None:
        """Begin."""
        names = (self._certificates.name, self._registrations.name, self._windows.name)
        trigger = Trigger(lambda: self._manager.wake(*names))
        watch_all(kinds_for(self._settings), self._api, trigger, self._watching, self._pace)
        watch_all([DENIALS], self._api, self._denied, self._watching, self._pace)
        self._mirror.start(self._ended, self._pace)
        self._manager.start()

    def stop(self) -> None:
        """End."""
        self._ended.set()
        self._manager.stop()

    def scrape(self) -> bytes:
        """Give the metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def _reporting(self, observer: KeeperObserver) -> ReportKeeper:
        scans = ScanObserver(self._registry, observer, time.monotonic)
        scanner = Scanner(self._api, self._settings, scans, self._ended.wait)
        every = timedelta(seconds=self._settings.reports.scan_seconds)
        return ReportKeeper(scanner, every, lambda: self._mirror.snapshot, scans)

    def _denials(self, observer: KeeperObserver, write: Callable[..., None]) -> DenialKeeper:
        def find() -> ReportApi | None:
            return choose(self._settings.reports.api, served(self._api))

        sources = DenialSources(self._denied, find, self._ended.wait)
        return DenialKeeper(self._api, sources, observer, DenialObserver(self._registry, write))

    def _learn(self, snapshot: Snapshot) -> None:
        self._registrations.learn(snapshot)
        self._manager.wake(self._registrations.name)

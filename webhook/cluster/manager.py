"""Keepers look at what there is and do what is due, each in a thread of its own; what one cannot do stops no other."""

from collections.abc import Callable
from datetime import datetime
from threading import Event, Thread
from typing import Final, Protocol

from webhook.cluster.backoff import wait_after
from webhook.cluster.observe import KeeperObserver

REST_SECONDS: Final = 0.1  # between two looks, however many changes there are
MOST_WAIT: Final = 15.0  # seconds, after failures


class Keeper(Protocol):
    """Keeps one thing as it should be, seen from what there is; it may be killed anywhere, and there may be two."""

    @property
    def name(self) -> str:
        """Say in a word what it keeps."""

    def keep(self, at: datetime) -> float:
        """Do what is due, and say after how many seconds to look again at the latest; may raise anything."""


class Manager:
    """Lets keepers do their work from ``start`` until ``stop``."""

    def __init__(self, observer: KeeperObserver, clock: Callable[[], datetime], chance: Callable[[], float]) -> None:
        """Begin without keepers; ``chance`` gives numbers that are at least 0 and below 1."""
        self._observer, self._clock, self._chance = observer, clock, chance
        self._keepers: dict[str, Keeper] = {}
        self._wakes: dict[str, Event] = {}
        self._awaited: list[str] = []
        self._stopping = Event()

    def add(self, keeper: Keeper, *, awaited: bool = True) -> None:
        """Take a keeper on, before the start; one that is not ``awaited`` is not missed until it has done its work."""
        self._keepers[keeper.name], self._wakes[keeper.name] = keeper, Event()
        if awaited:
            self._awaited.append(keeper.name)

    def wake(self, *names: str) -> None:
        """Let keepers look again at once, all of them where none is named; who looks already, looks once more."""
        for name in names or self._wakes:
            self._wakes[name].set()

    def start(self) -> None:
        """Begin."""
        for keeper in self._keepers.values():
            Thread(target=self._tend, args=(keeper,), name=keeper.name, daemon=True).start()

    def stop(self) -> None:
        """End: nobody begins another look."""
        self._stopping.set()
        self.wake()

    @property
    def missing(self) -> str:
        """Say who has not done its work once of those that are awaited; empty when all have."""
        return ", ".join(name for name in self._awaited if name not in self._observer.kept_once)

    def _tend(self, keeper: Keeper) -> None:
        """Let a keeper look, whenever it wants to or is woken; after a failure wait, whatever wakes it."""
        woken, failures, wait = self._wakes[keeper.name], 0, 0.0
        while not self._stopping.wait(wait or REST_SECONDS):
            woken.clear()
            try:
                patience = keeper.keep(self._clock())
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and tried again
                if self._stopping.is_set():  # what it needed is ended already
                    return
                wait = wait_after(error, failures, MOST_WAIT, self._chance())
                failures += 1
                self._observer.failed(keeper.name, error)
            else:
                failures, wait = 0, 0.0
                self._observer.kept(keeper.name, self._clock())
                woken.wait(patience)

"""Keepers look at what there is and do what is due, each in a thread of its own; what one cannot do stops no other."""

from collections.abc import Callable
from datetime import datetime
from threading import Event, Thread
from typing import Final, NamedTuple, Protocol

from webhook.cluster.api import ApiError
from webhook.cluster.observe import KeeperObserver

REST_SECONDS: Final = 0.1  # between two looks, however many changes there are
LEAST_WAIT: Final = 0.5
MOST_WAIT: Final = 15.0
MOST_DOUBLED: Final = 10
MOST_ASKED: Final = 60.0  # seconds that an API server may ask us to wait


class Keeper(Protocol):
    """Keeps one thing as it should be, seen from what there is; it may be killed anywhere, and there may be two."""

    @property
    def name(self) -> str:
        """Say in a word what it keeps."""

    def keep(self, at: datetime) -> float:
        """Do what is due, and say after how many seconds to look again at the latest; may raise anything."""


class Chance(NamedTuple):
    """Time and chance: ``clock`` gives the time, ``draw`` a number that is at least 0 and below 1."""

    clock: Callable[[], datetime]
    draw: Callable[[], float]


class Controller:
    """Lets keepers do their work from ``start`` until ``stop``."""

    def __init__(self, observer: KeeperObserver, chance: Chance) -> None:
        """Begin without keepers."""
        self._observer, self._chance = observer, chance
        self._keepers: dict[str, Keeper] = {}
        self._wakes: dict[str, Event] = {}
        self._stopping = Event()

    def add(self, keeper: Keeper) -> None:
        """Take a keeper on, before the start."""
        self._keepers[keeper.name], self._wakes[keeper.name] = keeper, Event()

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
        """Say who has not done its work once; empty when all have."""
        return ", ".join(name for name in self._keepers if name not in self._observer.kept_once)

    def _tend(self, keeper: Keeper) -> None:
        """Let a keeper look, whenever it wants to or is woken; after a failure wait, whatever wakes it."""
        woken, failures, wait = self._wakes[keeper.name], 0, 0.0
        while not self._stopping.wait(wait or REST_SECONDS):
            woken.clear()
            try:
                patience = keeper.keep(self._chance.clock())
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and tried again
                if self._stopping.is_set():  # what it needed is ended already
                    return
                failures = min(failures + 1, MOST_DOUBLED)
                wait = self._wait_after(error, failures)
                self._observer.failed(keeper.name, error)
            else:
                failures, wait = 0, 0.0
                self._observer.kept(keeper.name, self._chance.clock())
                woken.wait(patience)

    def _wait_after(self, error: Exception, failures: int) -> float:
        wait = min(MOST_WAIT, LEAST_WAIT * 2.0 ** (failures - 1)) * (1 + self._chance.draw()) / 2
        return wait + (min(error.retry_after, MOST_ASKED) if isinstance(error, ApiError) else 0)

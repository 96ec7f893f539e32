"""The Events that tell of denials, as they are watched: of each namespace what was seen, and which have news."""

from collections.abc import Callable, Hashable, Iterable
from threading import Lock
from typing import Any, Final

from msgspec import Raw, json

from webhook.audit.denials import CHOSEN, DenialEvent, read_event
from webhook.cluster.events import EVENTS
from webhook.cluster.kinds import Item, Kind, Meta

MOST: Final = 5000  # Events
MOST_IN_NAMESPACE: Final = 300
MOST_LISTED: Final = 1000  # of a namespace: whoever may write Events there can make up any number


def _keep(_meta: Meta, raw: Raw) -> Any:  # noqa: ANN401 - as a Kind keeps it
    return read_event(json.decode(raw))


DENIALS: Final = Kind("Event", EVENTS, _keep, query={**CHOSEN}, most=MOST_LISTED)


class DenialStore:
    """Takes what is listed and watched, of each namespace the latest; ``told`` is called where there is news.

    A namespace whose Events are too many loses its own, and where there are too many in all the fullest does.
    """

    def __init__(self, told: Callable[[], None]) -> None:
        """Know nothing."""
        self._told, self._lock = told, Lock()
        self._homes: dict[str, dict[Hashable, DenialEvent]] = {}
        self._changed: set[str] = set()

    def replace(self, _kind: str, items: Iterable[Item]) -> None:
        """Take these for all there are."""
        found = [item for item in items if item.value is not None]
        with self._lock:
            self._homes = {}
            for item in sorted(found, key=lambda each: each.value.denial.last):
                self._put(item)
        self._told()

    def put(self, _kind: str, item: Item) -> None:
        """Take one that is there."""
        if item.value is not None:
            with self._lock:
                self._put(item)
            self._told()

    def remove(self, _kind: str, key: Hashable) -> None:
        """Take one that is gone: what was counted stays so."""
        with self._lock:
            for home, seen in list(self._homes.items()):
                if seen.pop(key, None) and not seen:
                    del self._homes[home]

    def take(self) -> dict[str, list[DenialEvent]]:
        """Give all that was seen of the namespaces that have news since the last time."""
        with self._lock:
            changed, self._changed = self._changed, set()
            return {home: list(self._homes[home].values()) for home in changed & self._homes.keys()}

    def take_all(self) -> dict[str, list[DenialEvent]]:
        """Give all that was seen, as if it were news."""
        with self._lock:
            self._changed = {*self._homes}
        return self.take()

    def _put(self, item: Item) -> None:
        """Take one for the latest; ``_homes`` are in no order, what a namespace has is in that of coming."""
        home = item.value.denial.namespace
        seen = self._homes.setdefault(home, {})
        seen.pop(item.key, None)
        seen[item.key] = item.value
        self._changed.add(home)
        full = seen if len(seen) > MOST_IN_NAMESPACE else None
        if full is None and sum(map(len, self._homes.values())) > MOST:
            full = max(self._homes.values(), key=len)
        if full:
            del full[next(iter(full))]

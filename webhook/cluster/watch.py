"""A kind of object is listed in pages, then watched from there on, for ever; what may have been missed is listed again.

As client-go's reflector does it: tools/cache/reflector.go in https://github.com/kubernetes/client-go; the protocol is
described in https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Final, Literal, NamedTuple, Protocol

from msgspec import Raw, Struct

from webhook.cluster.api import GARBAGE, JSON, NOT_FOUND, OK, SILENT, Api, ApiError, Status, decode_json
from webhook.cluster.backoff import wait_after
from webhook.cluster.kinds import Item, Kind
from webhook.cluster.listing import GONE, METADATA, PAGE, Head, read_page
from webhook.cluster.observe import WatchObserver

WATCH_SECONDS: Final = 300  # up to twice that, so that not all watches end at one time
# A bookmark comes every minute (k8s.io/apiserver pkg/storage/cacher, defaultBookmarkFrequency), but none where nothing
# has happened since the API server began. Whether a silent connection is dead, the next one tells.
SILENT_SECONDS: Final = 75.0
SHORT_SECONDS: Final = 1.0  # a watch that ends within these is none
SOUND_SECONDS: Final = 5.0  # a failure so long after the one before is a first one
MOST_WAIT: Final = 10.0
MOST_UNANSWERED: Final = 2.0  # of waiting where nobody answers: it burdens nobody, and who comes back is heard of soon
LOOK_SECONDS: Final = 5.0  # for a kind that is not there
TRIES: Final = 3  # in a row: until then a kind that was there is hidden, not gone
MOST_BYTES: Final = 16 * 1024 * 1024  # of one event: an object of 1.5 MiB, with room
BUSY: Final = frozenset({0, 429, 503})  # answers, or none, that say nothing of the version that was asked for


class Sink(Protocol):
    """What is told of the objects of a kind."""

    def replace(self, kind: str, items: Iterable[Item]) -> None:
        """Take these for all there are."""

    def put(self, kind: str, item: Item) -> None:
        """Take one that is there."""

    def remove(self, kind: str, key: Hashable) -> None:
        """Take one that is gone."""


class Pace(NamedTuple):
    """Time and chance: ``wait`` waits some seconds and says whether to stop, ``chance`` is at least 0 and below 1.

    ``silent_seconds`` is how long a watch may say nothing before its connection is taken for dead.
    """

    wait: Callable[[float], bool]
    clock: Callable[[], float]
    chance: Callable[[], float]
    silent_seconds: float = SILENT_SECONDS


class _Event(Struct, frozen=True):
    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
    object: Raw


class ListWatch:
    """Keeps a sink up to date with one kind of object."""

    def __init__(self, api: Api, kind: Kind, sink: Sink, observer: WatchObserver, pace: Pace) -> None:
        """Take whom to ask, for what, and whom to tell."""
        self._api, self._kind, self._sink, self._observer, self._pace = api, kind, sink, observer, pace
        self._version = ""  # where the next watch begins; empty: list first
        self._failures = Counter[bool]()  # in a row, by whether there was an answer
        self._missing = 0  # how often in a row the kind was not there
        self._known = False  # whether it was there before
        self._whole = False  # whether to list in one piece, since the pages went stale

    def run(self) -> None:
        """List and watch until told to stop; whatever happens, wait a moment and go on."""
        wait = 0.0
        while not self._pace.wait(wait):
            start = self._pace.clock()
            try:
                self._watch(start) if self._version else self._list()
                wait = 0
            except ApiError as error:
                wait = self._recover(error, self._pace.clock() - start)
            except Exception as error:  # noqa: BLE001 - our bug; without the thread all would be stale, and nobody knew
                wait = self._recover(ApiError(OK, "error", f"an error in Batchwarden: {error!r}"), 0)

    def _list(self) -> None:
        items, counts = list[Item](), Counter[str]()
        query = self._kind.query if self._whole else {**self._kind.query, "limit": str(PAGE)}
        while True:
            page = read_page(self._api, self._kind.path, query, bare=self._kind.bare)
            for raw in page.items or ():
                meta = decode_json(raw, Head).metadata
                counts[meta.namespace] += 1
                if counts[meta.namespace] <= self._kind.most:
                    items.append(self._kind.read(meta, raw))
            self._observer.heard(self._kind.name)
            if not page.metadata.more:
                break
            query = {**query, "continue": page.metadata.more}
        self._sink.replace(self._kind.name, items)
        self._observer.installed(self._kind.name, there=True)
        self._version, self._missing, self._known, self._whole = page.metadata.resource_version, 0, True, False

    def _watch(self, start: float) -> None:
        query = {
            **self._kind.query,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(int(WATCH_SECONDS * (1 + self._pace.chance()))),
        }
        accept = METADATA if self._kind.bare else JSON
        chunks = self._api.stream(self._kind.path, query, accept, self._pace.silent_seconds)
        for line in _lines(self._until_silent(chunks)):
            self._take(decode_json(line, _Event))
        if self._pace.clock() - start < SHORT_SECONDS:
            raise ApiError(0, "short", "a watch ended as soon as it had begun")

    def _until_silent(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        begun = False
        try:
            for chunk in chunks:
                begun = True
                self._observer.heard(self._kind.name)
                yield chunk
        except ApiError as error:
            if not begun or error.reason != SILENT:
                raise

    def _take(self, event: _Event) -> None:
        if event.type == "ERROR":
            status = decode_json(event.object, Status)
            raise ApiError(status.code or 500, str(status.code), f"{status.code} {status.message}")
        meta = decode_json(event.object, Head).metadata
        if event.type != "BOOKMARK":
            item = self._kind.read(meta, event.object)
            if event.type == "DELETED":
                self._sink.remove(self._kind.name, item.key)
            else:
                self._sink.put(self._kind.name, item)
        self._version = meta.resource_version

    def _recover(self, error: ApiError, lasted: float) -> float:
        """Decide from where to go on, and after how many seconds."""
        if error.status == NOT_FOUND:
            return self._miss(error)
        self._observer.failed(self._kind.name, error)
        self._whole = error.status == GONE and not self._version
        if error.status not in BUSY:
            self._version = ""
        if lasted >= SOUND_SECONDS:
            self._failures.clear()
        answered = error.status != 0
        most = MOST_WAIT if answered else MOST_UNANSWERED
        wait = wait_after(error, self._failures[answered], most, self._pace.chance())
        self._failures[answered] += 1
        return wait

    def _miss(self, error: ApiError) -> float:
        """Take a kind that is not there for one of which there is nothing, and look again."""
        self._version = ""
        self._missing += 1
        if self._known and self._missing < TRIES:
            self._observer.failed(self._kind.name, error)
        else:
            self._known = False
            self._sink.replace(self._kind.name, ())
            self._observer.installed(self._kind.name, there=False)
            self._observer.heard(self._kind.name)
        return LOOK_SECONDS * (1 + self._pace.chance()) / 2


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Put lines together; what is not ended is none, for it will come again."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from filter(None, whole)
        if len(rest) > MOST_BYTES:
            raise ApiError(OK, GARBAGE, f"an event is over {MOST_BYTES} bytes")

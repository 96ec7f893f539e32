"""Lists are read page by page, so that no more than one of them is held; pages that went stale are read on from there.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from msgspec import Raw, Struct

from webhook.cluster.api import JSON, Api, ApiError, ListMeta, Manifest, decode_json
from webhook.cluster.kinds import WORKLOADS, Meta

PAGE: Final = 100  # objects: a tenant may fill each of them up with a quarter of a megabyte of annotations
LIST_SECONDS: Final = 30.0  # of silence
GONE: Final = 410
BUSY: Final = frozenset({429, 503})  # answers that ask to come back
TRIES: Final = 4
LEAST_WAIT: Final = 1.0
MOST_WAIT: Final = 10.0
# https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
METADATA: Final = f"{JSON};as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST: Final = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class Head(Struct, frozen=True):
    """The part of an object that any kind has."""

    metadata: Meta


class PageMeta(ListMeta, frozen=True, rename="camel", kw_only=True):
    """What is said of a page: the moment that it is of, beside where the next one is."""

    resource_version: str


class Page(Struct, frozen=True):
    """A part of a list."""

    metadata: PageMeta
    items: list[Raw] | None = None


def within(path: str, namespace: str) -> str:
    """Give the path of a kind in one namespace; an empty name is every namespace."""
    start, _, resource = path.rpartition("/")
    return f"{start}/namespaces/{quote(namespace, safe='')}/{resource}" if namespace else path


def read_page(api: Api, path: str, query: Mapping[str, str], *, bare: bool = False) -> Page:
    """Read a page; of ``bare`` objects metadata alone. Raises ApiError."""
    return decode_json(api.read(path, query, METADATA_LIST if bare else JSON, LIST_SECONDS), Page)


def read_items(api: Api, path: str, wait: Callable[[float], object], *, bare: bool = False) -> Iterator[Raw]:
    """Go through a list once, however long; ``wait`` waits some seconds. Raises ApiError.

    Where it takes so long that its pages go stale, the rest is that of a later moment: what was made or removed
    meanwhile may be missed, and nothing else.
    """
    query, stale = {"limit": str(PAGE)}, 0
    while True:
        try:
            page = _read_patiently(api, path, query, wait, bare=bare)
        except ApiError as error:
            stale += 1
            if error.status != GONE or not error.more or stale == TRIES:
                raise
            more = error.more
        else:
            stale = 0
            yield from page.items or ()
            more = page.metadata.more
        if not more:
            return
        query["continue"] = more


def read_heads(api: Api, kind: str, wait: Callable[[float], object], namespace: str = "") -> Iterator[Manifest]:
    """Go through the metadata of all Jobs, or all CronJobs, there. Raises ApiError."""
    for raw in read_items(api, within(WORKLOADS[kind], namespace), wait, bare=True):
        yield {**decode_json(raw, dict[str, Any]), "kind": kind}


def _read_patiently(
    api: Api, path: str, query: Mapping[str, str], wait: Callable[[float], object], *, bare: bool
) -> Page:
    """Ask again where the API server says that it has no time, and after as long as it asks for."""
    for _ in range(TRIES - 1):
        try:
            return read_page(api, path, query, bare=bare)
        except ApiError as error:
            if error.status not in BUSY:
                raise
            wait(min(max(error.retry_after, LEAST_WAIT), MOST_WAIT))
    return read_page(api, path, query, bare=bare)

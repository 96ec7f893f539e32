"""Lists are read page by page, so that no more than one of them is held; pages that went stale are read on from there.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from msgspec import Raw, Struct

from webhook.cluster.api import EMPTY, JSON, Api, ApiError, ListMeta, Manifest, decode_json
from webhook.cluster.kinds import WORKLOADS, Meta
from webhook.cluster.retry import TRIES, retry

PAGE: Final = 100  # objects: a tenant may fill each of them up with a quarter of a megabyte of annotations
LIST_SECONDS: Final = 30.0  # of silence
GONE: Final = 410
# https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
METADATA: Final = f"{JSON};as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST: Final = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class Head(Struct, frozen=True):
    """The part of an object that any kind has."""

    metadata: Meta


class PageMeta(ListMeta, frozen=True, rename="camel", kw_only=True):
    """What is said of a page: the moment that it is of, and how many objects come after it, where that is known."""

    resource_version: str
    remaining_item_count: int = 0


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


def read_items(
    api: Api, path: str, wait: Callable[[float], object], *, bare: bool = False, chosen: Mapping[str, str] = EMPTY
) -> Iterator[Raw]:
    """Go through a list once, however long, or through what is chosen by selectors. Raises ApiError.

    Where it takes so long that its pages go stale, the rest is that of a later moment: what was made or removed
    meanwhile may be missed, and nothing else.
    """
    query, stale = {"limit": str(PAGE), **chosen}, 0
    while True:
        try:
            page = retry(lambda: read_page(api, path, query, bare=bare), wait)
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

"""A list is read page by page, and to its end whatever becomes of the pages."""

import json
from collections.abc import Sequence

import pytest

from tests.watching.apiserver import Answer, ApiServer, api_server, namespace, page, status, whole
from webhook.cluster.api import ApiError, decode_json
from webhook.cluster.listing import Head, read_items, within
from webhook.cluster.retry import MOST_WAIT, TRIES

PATH = "/api/v1/namespaces"


def stale(more: str) -> Answer:
    """Say that the pages have gone stale, and where a list of this moment goes on."""
    body = {"kind": "Status", "code": 410, "message": "expired", "metadata": {"continue": more}}
    return whole(410, json.dumps(body).encode())


def read(server: ApiServer, *script: Answer, bare: bool = False) -> tuple[list[str], list[float]]:
    """Return the names that were read, and how long was waited between."""
    server.script, waits = list(script), list[float]()
    return [
        decode_json(raw, Head).metadata.name for raw in read_items(server.api, PATH, waits.append, bare=bare)
    ], waits


def pages(*names: str) -> Sequence[Answer]:
    """Answer with one object on each page."""
    return [page([namespace(name)], more=f"after-{name}" if name != names[-1] else "") for name in names]


def test_each_page_leads_to_the_next() -> None:
    with api_server() as server:
        assert read(server, *pages("a", "b", "c")) == (["a", "b", "c"], [])
        assert [query.get("continue") for _, query in server.asked] == [None, "after-a", "after-b"]
        assert {query["limit"] for _, query in server.asked} == {"100"}


def test_no_page_is_asked_for_before_the_one_before_is_gone_through() -> None:
    with api_server() as server:
        server.script = list(pages("a", "b"))
        items = read_items(server.api, PATH, lambda _: None)
        next(items)
        assert len(server.asked) == 1
        assert len(list(items)) == 1


def test_pages_that_went_stale_are_read_on_from_there() -> None:
    with api_server() as server:
        first, last = pages("a", "b")
        assert read(server, first, stale("b-of-today"), last) == (["a", "b"], [])
        assert [query.get("continue") for _, query in server.asked] == [None, "after-a", "b-of-today"]


@pytest.mark.parametrize("script", [[status(410, "gone")], [stale("x")] * TRIES], ids=["no-way-on", "no-end"])
def test_pages_that_cannot_be_read_on_are_an_error(script: list[Answer]) -> None:
    with api_server() as server, pytest.raises(ApiError) as raised:
        read(server, *script)
    assert raised.value.status == 410


def test_an_api_server_that_has_no_time_is_asked_again_when_it_says() -> None:
    with api_server() as server:
        busy = [status(429, "busy", **{"Retry-After": 3}), status(503, "busy"), status(429, "x", **{"Retry-After": 99})]
        assert read(server, *busy, *pages("a")) == (["a"], [3, 1, MOST_WAIT])
        with pytest.raises(ApiError, match="429 busy"):
            read(server, *[status(429, "busy")] * TRIES)


def test_metadata_alone_is_asked_for_by_its_form() -> None:
    with api_server() as server:
        read(server, *pages("a"), bare=True)
        assert server.headers[0]["Accept"].endswith(";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")


@pytest.mark.parametrize(
    ("path", "namespace", "whole"),
    [
        ("/api/v1/limitranges", "a", "/api/v1/namespaces/a/limitranges"),
        ("/apis/batch/v1/jobs", "a", "/apis/batch/v1/namespaces/a/jobs"),
        ("/apis/batch/v1/jobs", "", "/apis/batch/v1/jobs"),
        ("/apis/batch/v1/jobs", "a/../b?c=1", "/apis/batch/v1/namespaces/a%2F..%2Fb%3Fc%3D1/jobs"),
    ],
    ids=range(4),
)
def test_a_kind_has_its_path_in_a_namespace(path: str, namespace: str, whole: str) -> None:
    assert within(path, namespace) == whole

"""A small real HTTP server that lists in pages, applies and deletes as an API server does, and refuses on demand."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Final
from urllib.parse import parse_qs, urlsplit

from kubernetes.client import Configuration

from tests.watching.jsonhttp import JsonHandler, serving
from webhook.cluster.api import Api, Manifest

PATH: Final = re.compile(r"(/api/v1|/apis/[^/]+/[^/]+)(?:/namespaces/([^/]+))?(?:/([^/]+))?(?:/([^/]+))?")
Key = tuple[str, str, str, str]  # group and version, plural, namespace, name
Refuse = Callable[[str, str], int]


class Handler(JsonHandler, BaseHTTPRequestHandler):
    """Reads and writes what the server keeps."""

    server: "ClusterServer"  # type: ignore[mutable-override]

    def do_GET(self) -> None:
        self.handle_call(self.read)

    def do_PATCH(self) -> None:
        self.handle_call(self.apply)

    def do_DELETE(self) -> None:
        self.handle_call(self.delete)

    def handle_call(self, call: Callable[[Key], None]) -> None:
        """Answer, unless it is to be refused."""
        path = urlsplit(self.path).path
        with self.server.lock:
            self.server.asked.append((self.command, path))
            refused = self.server.refuse(self.command, path)
        found = PATH.fullmatch(path)
        if refused or not found:
            self.answer(refused or 404, {"message": "refused"})
        else:
            prefix, namespace, plural, name = (each or "" for each in found.groups())
            with self.server.lock:
                call((prefix, plural, namespace, name))

    def read(self, key: Key) -> None:
        prefix, plural, _, name = key
        kinds = [kind for where, kind in self.server.served if where == prefix]
        if not kinds or (plural and plural not in kinds):
            self.answer(404, {"message": "not served"})
        elif not plural:
            self.answer(200, {"resources": [{"name": kind} for kind in kinds]})
        elif name:
            held = self.server.objects.get(key)
            self.answer(200 if held else 404, held or {"message": "none"})
        else:
            self.answer(200, self.page(key))

    def page(self, wanted: Key) -> Manifest:
        """Return what a list holds, from where the page before ended."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        labels = query.get("labelSelector", "")
        every = {
            f"{key[2]}/{key[3]}": each
            for key, each in self.server.objects.items()
            if key[:2] == wanted[:2] and ("scan" not in labels or is_of_scan(each))
        }
        names = sorted(name for name in every if name > query.get("continue", ""))
        shown, rest = names[: int(query["limit"])], names[int(query["limit"]) :]
        more = {"continue": shown[-1], "remainingItemCount": len(rest)} if rest else {}
        return {"metadata": {"resourceVersion": "1", **more}, "items": [every[name] for name in shown]}

    def apply(self, key: Key) -> None:
        self.answer(200, self.server.put(key, self.body()))

    def delete(self, key: Key) -> None:
        held, wanted = self.server.objects.get(key), self.body()["preconditions"]
        if held and {name: held["metadata"][name] for name in wanted} == wanted:
            self.answer(200, self.server.objects.pop(key))
        else:
            self.answer(409 if held else 404, {"message": "another one"})


def is_of_scan(manifest: Manifest) -> bool:
    """Tell whether a report is selected as one of the scan's."""
    return manifest["metadata"].get("labels", {}).get("batchwarden.io/report") in {"scan", "totals"}


class ClusterServer(ThreadingHTTPServer):
    """Objects by where they are; ``refuse`` gives the status of what is refused, else 0, ``prune`` what is kept."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.served = {("/apis/batch/v1", "cronjobs"), ("/apis/batch/v1", "jobs"), ("/api/v1", "events")}
        self.objects: dict[Key, Manifest] = {}
        self.asked: list[tuple[str, str]] = []
        self.lock = Lock()
        self.refuse: Refuse = lambda _method, _path: 0
        self.prune: Callable[[Manifest], Manifest] = lambda manifest: manifest
        self._version = 0

    @property
    def api(self) -> Api:
        """Make a client of it."""
        return Api(Configuration(host=f"http://127.0.0.1:{self.server_address[1]}"))

    @property
    def written(self) -> list[str]:
        """Return what was asked to be written or deleted."""
        return [f"{method} {path.rpartition('/')[2]}" for method, path in self.asked if method != "GET"]

    def put(self, key: Key, manifest: Manifest) -> Manifest:
        """Keep an object that was applied."""
        self._version += 1
        held = self.objects.get(key, {"metadata": {"uid": f"uid-{self._version}"}})
        self.objects[key] = {
            **self.prune(manifest),
            "metadata": {
                **manifest["metadata"],
                "uid": held["metadata"]["uid"],
                "resourceVersion": str(self._version),
            },
        }
        return self.objects[key]


def cluster_server() -> AbstractContextManager[ClusterServer]:
    """Run one for the length of the context."""
    return serving(ClusterServer())

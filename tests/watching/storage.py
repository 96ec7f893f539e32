"""A small real HTTP server that keeps objects as an API server does: versions, conflicts, and what was written."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from urllib.parse import urlsplit

from kubernetes.client import Configuration

from tests.watching.jsonhttp import JsonHandler, serving
from webhook.cluster.api import Api, Manifest

TIME = "2030-01-01T00:00:00Z"
Refuse = Callable[[str, Manifest], str]


class Handler(JsonHandler, BaseHTTPRequestHandler):
    """Reads and writes what the server keeps."""

    server: "Storage"  # type: ignore[mutable-override]

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        items = [each for at, each in self.server.objects.items() if at.startswith(f"{path}/")]
        if found := self.server.objects.get(path):
            self.answer(200, found)
        else:
            self.answer(200, {"items": items}) if path in self.server.lists else self.answer(404, {"message": "none"})

    def do_POST(self) -> None:
        manifest = self.body()
        self.write(f"{urlsplit(self.path).path}/{manifest['metadata']['name']}", manifest, there=False)

    def do_PUT(self) -> None:
        self.write(urlsplit(self.path).path, self.body(), there=True)

    def do_PATCH(self) -> None:
        """Apply: what names no version is taken whatever is there."""
        path, manifest = urlsplit(self.path).path, self.body()
        held = self.server.objects.get(path)
        if held and "resourceVersion" not in manifest["metadata"]:
            manifest["metadata"]["resourceVersion"] = held["metadata"]["resourceVersion"]
        self.write(path, manifest, there="resourceVersion" in manifest["metadata"])

    def write(self, path: str, manifest: Manifest, *, there: bool) -> None:
        with self.server.lock:
            held = self.server.objects.get(path)
            version = manifest["metadata"].get("resourceVersion")
            if (held is not None) is not there or (held and version != held["metadata"]["resourceVersion"]):
                self.answer(409, {"message": "conflict"})
            elif why := self.server.refuse(path, manifest):
                self.answer(422, {"message": why})
            else:
                self.answer(200, self.server.put(path, manifest))


class Storage(ThreadingHTTPServer):
    """Objects by their paths; ``refuse`` says why one is not valid."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects: dict[str, Manifest] = {}
        self.lists: set[str] = set()
        self.written: list[str] = []
        self.lock = Lock()
        self.refuse: Refuse = lambda _path, _manifest: ""

    @property
    def api(self) -> Api:
        """Make a client of it."""
        return Api(Configuration(host=f"http://127.0.0.1:{self.server_address[1]}"))

    def put(self, path: str, manifest: Manifest) -> Manifest:
        """Keep an object, as if somebody had written it."""
        self.written.append(path)
        fields = [{"manager": "x", "time": TIME}]
        metadata = {"managedFields": fields, **manifest["metadata"], "resourceVersion": str(len(self.written))}
        self.objects[path] = {**manifest, "metadata": metadata}
        return self.objects[path]


def storage() -> AbstractContextManager[Storage]:
    """Run one for the length of the context."""
    return serving(Storage())

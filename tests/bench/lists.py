"""A large cluster as far as scans and ``batchwarden report`` ask an API server for it; reports may be applied to it.

Run as a process of its own, with a port and the number of CronJobs as arguments: what it costs is not theirs. Lists
come as kube-apiserver 1.37.1 writes them, in pages, each object a chunk of its own; but in the clear, without TLS.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import yaml
from msgspec import json

from tests.bench.objects import LABELS
from tests.bench.population import NAMESPACES, RUNS, Population
from tests.cluster.serving import ROOT

REPORTS = "/apis/wgpolicyk8s.io/v1alpha2"
RESOURCES = json.encode({"resources": [{"name": "policyreports"}, {"name": "clusterpolicyreports"}]})
OURS = "/apis/batchwarden.io/v1alpha1"
POLICIES = ("baseline", "defaults", "restricted")


class Listing(NamedTuple):
    """How many there are, and each by its number."""

    size: int
    item: Callable[[int], bytes]


class Handler(BaseHTTPRequestHandler):
    """Answers, and keeps reports."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # as Go does
    server: "Lists"  # type: ignore[mutable-override]

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        if url.path in self.server.lists:
            self.page(self.server.lists[url.path], query)
        elif url.path.startswith(REPORTS) and "limit" in query:
            self.page(self.server.reported(url.path, query.get("labelSelector", "")), query)
        else:
            found = RESOURCES if url.path == REPORTS else self.server.reports.get(url.path)
            self.answer(200 if found else 404, found or b"{}")

    def do_PATCH(self) -> None:
        """Take an applied report whole, as that of its one manager."""
        manifest = json.decode(self.rfile.read(int(self.headers["Content-Length"])))
        fields: dict[str, Any] = {f"f:{key}": {} for key in manifest if key not in {"apiVersion", "kind"}}
        managed = [{"manager": "batchwarden", "operation": "Apply", "fieldsV1": fields}]
        path, version = urlsplit(self.path).path, str(len(self.server.reports) + 1)
        manifest["metadata"] |= {"uid": f"uid-{version}", "resourceVersion": version, "managedFields": managed}
        self.server.reports[path] = json.encode(manifest)
        self.answer(200, self.server.reports[path])

    def page(self, listing: Listing, query: Mapping[str, str]) -> None:
        """Answer with a page: the head, a chunk for each object, and the end."""
        chosen = listing if _is_chosen(query) else Listing(0, listing.item)
        begin = int(query.get("continue", "0"))
        end = min(begin + int(query["limit"]), chosen.size)
        more = {"continue": str(end), "remainingItemCount": chosen.size - end} if end < chosen.size else {}
        metadata = json.encode({"resourceVersion": "1", **more})
        parts = [b'{"kind":"List","apiVersion":"v1","metadata":%s,"items":[' % metadata]
        parts += [chosen.item(number) + (b"," if number + 1 < end else b"") for number in range(begin, end)]
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*parts, b"]}\n", b"")))

    def answer(self, code: int, text: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


class Lists(ThreadingHTTPServer):
    """What there is: lists by their paths, and reports by theirs."""

    daemon_threads = True

    def __init__(self, port: int, population: Population) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        count = population.cron_jobs
        self.lists = {
            "/apis/batch/v1/cronjobs": Listing(count, population.cron_job),
            "/apis/batch/v1/jobs": Listing(RUNS * count, population.job),
            "/api/v1/events": Listing(count // 20, population.event),
            "/api/v1/namespaces": _listing(_namespace(number) for number in range(NAMESPACES)),
            "/api/v1/limitranges": _listing(()),
            f"{OURS}/clusterbatchpolicies": _listing(map(_policy, POLICIES)),
            f"{OURS}/batchpolicies": _listing(()),
            f"{OURS}/batchpolicyexceptions": _listing(()),
        }
        self.reports: dict[str, bytes] = {}

    def reported(self, path: str, selector: str) -> Listing:
        """List reports; all are those of scans."""
        plural = f"/{path.rpartition('/')[2]}/"
        names = sorted(name for name in self.reports if plural in name) if "scan" in selector else []
        return Listing(len(names), lambda number: self.reports[names[number]])


def _is_chosen(query: Mapping[str, str]) -> bool:
    """Whether a selector of Events means those that there are: warnings of Jobs."""
    selector = query.get("fieldSelector", "")
    return not selector or "involvedObject.kind=Job" in selector


def _listing(items: Iterable[bytes]) -> Listing:
    listed = list(items)
    return Listing(len(listed), listed.__getitem__)


def _namespace(number: int) -> bytes:
    return json.encode({"metadata": {"name": f"team-{number:04}", "resourceVersion": "1", "labels": LABELS}})


def _policy(name: str) -> bytes:
    manifest = yaml.safe_load((ROOT / "policies" / "library" / f"{name}.yaml").read_text())
    manifest["metadata"] |= {"uid": name, "resourceVersion": "1", "creationTimestamp": "2026-01-01T00:00:00Z"}
    return json.encode(manifest)


if __name__ == "__main__":
    Lists(int(sys.argv[1]), Population(int(sys.argv[2]), datetime.now(UTC))).serve_forever()

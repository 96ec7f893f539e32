"""How much a server takes that watches a large cluster: PYTHONPATH=. python -m tests.bench.scale."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from msgspec import Raw
from prometheus_client import CollectorRegistry

from policies.workload import Workload
from tests.cluster.controlplane import free_ports, running
from tests.cluster.serving import COMMAND, ENVIRONMENT, make_certificate
from tests.policies.cases import base
from webhook.cluster.api import decode_json
from webhook.cluster.kinds import KINDS
from webhook.cluster.listing import Head
from webhook.cluster.observe import WatchObserver
from webhook.cluster.store import Store

NAMESPACES, POLICIES, EXCEPTIONS, CRON_JOBS = 10_000, 500, 5_000, 10_000
API_VERSION = "batchwarden.io/v1alpha1"
MANAGED = [{"manager": "kubectl", "operation": "Apply", "fieldsV1": {"f:metadata": {"f:labels": {"f:team": {}}}}}]
RULES = {
    "backoffLimit": {"max": 6},
    "activeDeadline": {"defaultSeconds": 3600, "maxSeconds": 86400},
    "resourceLimits": {"require": ["memory"], "defaults": {"memory": "256Mi"}},
    "imageTag": {"forbiddenTags": ["latest"], "allowedRegistries": ["registry.example.com"]},
}


def meta(index: int, kind: str, *, home: bool) -> dict[str, Any]:
    """Return the metadata of an object."""
    metadata = {
        "name": f"{kind.lower()}-{index}",
        "uid": f"00000000-0000-4000-8000-{index:012}",
        "resourceVersion": str(index + 1),
        "creationTimestamp": "2026-11-01T00:00:00Z",
        "labels": {"team": f"team-{index % 97}", "kubernetes.io/metadata.name": f"{kind.lower()}-{index}"},
        "managedFields": MANAGED,
    }
    return metadata | ({"namespace": f"namespace-{index % NAMESPACES}"} if home else {})


def policy(index: int, kind: str) -> dict[str, Any]:
    """Return a policy, one of many with labels of its own."""
    selector = {"matchLabels": {"team": f"team-{index % 97}"}}
    spec = {"rules": RULES, "action": "Deny", "objectSelector": selector, "exceptions": {}}
    spec |= {"namespaceSelector": selector} if kind == "ClusterBatchPolicy" else {}
    return {"metadata": meta(index, kind, home=kind == "BatchPolicy"), "spec": spec}


def exception(index: int, kind: str) -> dict[str, Any]:
    """Return an exception."""
    spec = {
        "policies": [f"clusterbatchpolicy-{index % 250}"],
        "rules": ["activeDeadline"],
        "selector": {"matchLabels": {"app": f"app-{index}"}},
        "reason": "a vendor's tool that runs for two days, OPS-1234",
        "owner": "data-platform@example.com",
        "expiresAt": "2027-01-15T00:00:00Z",
    }
    return {"metadata": meta(index, kind, home=True), "spec": spec}


def objects(kind: str) -> Iterator[Mapping[str, Any]]:
    """Make all objects of a kind."""
    head = {"apiVersion": API_VERSION, "kind": kind}
    match kind:
        case "ClusterBatchPolicy" | "BatchPolicy":
            yield from (head | policy(index, kind) for index in range(POLICIES // 2))
        case "BatchPolicyException":
            yield from (head | exception(index, kind) for index in range(EXCEPTIONS))
        case "Namespace":
            yield from ({"metadata": meta(index, kind, home=False)} for index in range(NAMESPACES))
        case "CronJob":
            yield from ({"metadata": meta(index, kind, home=True)} for index in range(CRON_JOBS))
        case _:
            pass


ALL = {kind.path: [json.dumps(each).encode() for each in objects(kind.name)] for kind in KINDS}


class Handler(BaseHTTPRequestHandler):
    """Answers lists in pages; a watch says nothing."""

    protocol_version = "HTTP/1.1"
    ending = Event()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if "watch" in query:
            self.ending.wait()
            self.close_connection = True
            return
        start, limit = int(query.get("continue", 0)), int(query["limit"])
        items = ALL[url.path][start : start + limit]
        more = str(start + limit) if start + limit < len(ALL[url.path]) else ""
        body = b'{"metadata":{"resourceVersion":"1","continue":"%s"},"items":[%s]}' % (more.encode(), b",".join(items))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


def resident(process: subprocess.Popen[bytes]) -> str:
    """Return what a process takes, and took at most."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith(("VmRSS", "VmHWM"))}
    return f"{found['VmRSS']:.0f} MiB resident, {found['VmHWM']:.0f} MiB at most"


def serve(folder: Path, url: str) -> None:
    """Run a server against this cluster and say what it takes."""
    config = {
        "clusters": [{"name": "x", "cluster": {"server": url}}],
        "users": [{"name": "x", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "current-context": "x",
    }
    (folder / "kubeconfig").write_text(json.dumps(config))
    make_certificate(folder, "127.0.0.1")
    ports = free_ports(2)
    addresses = [f"--listen=127.0.0.1:{ports[0]}", f"--status-listen=127.0.0.1:{ports[1]}"]
    options = ["serve", "--kubeconfig=kubeconfig", "--tls-cert=tls/tls.crt", "--tls-key=tls/tls.key", *addresses]
    start = time.perf_counter()
    with running([*COMMAND, *options, "--drain-seconds=0"], folder, 10, ENVIRONMENT) as program:
        program.wait_until(lambda: b'"policies"' in program.log.read_bytes())
        print(f"served after {time.perf_counter() - start:.1f} s: {resident(program.process)}")
        time.sleep(1)
        print(f"a second later: {resident(program.process)}")


def reckon() -> None:
    """Say how long a snapshot takes, and a first and a second look at a namespace."""
    store = Store(WatchObserver(CollectorRegistry(), lambda *_, **__: None, time.monotonic))
    start = time.perf_counter()
    for kind in KINDS:
        store.replace(kind.name, [kind.read(decode_json(raw, Head).metadata, Raw(raw)) for raw in ALL[kind.path]])
    print(f"read in {time.perf_counter() - start:.2f} s")
    snapshot, start = store.build(), time.perf_counter()
    for _ in range(5):
        snapshot = store.build()
    print(f"a snapshot in {(time.perf_counter() - start) / 5 * 1000:.1f} ms")
    print(f"{len(snapshot.namespaces)} namespaces, {len(snapshot.policies)} policies, {len(snapshot.owners)} CronJobs")
    job = Workload(base("Job"), "namespace-7")
    for look in ("first", "second"):
        start = time.perf_counter()
        snapshot.select(job)
        print(f"{look} look: {(time.perf_counter() - start) * 1000:.3f} ms")


def main() -> int:
    """Measure."""
    reckon()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, tempfile.TemporaryDirectory() as folder:
        Thread(target=server.serve_forever, daemon=True).start()
        server.daemon_threads = True
        serve(Path(folder), f"http://127.0.0.1:{server.server_address[1]}")
        Handler.ending.set()
        server.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())

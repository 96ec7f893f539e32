"""Our server runs as people run it: a process of its own, certificates by its own command, policies from a folder.

The fixture ``server`` (conftest.py) is one for the whole test module, at first without policies. The API server calls
it by both webhook configurations, mutating ``Ignore`` and validating ``Fail``::

    def test_a_job_without_ttl_is_denied(server: Server, tenant: Kubectl) -> None:
        server.use(POLICIES)  # YAML text, in the place of what was there; returns once it is in force
        assert "ttlAfterFinished" in tenant.create(job("once")).stderr
        (decision,) = server.decisions(webhook="validate", object=f"Job {tenant.namespace}/once")
        assert decision["decision"] == "denied"

The text may hold policies of every kind, exceptions, and ``Namespace`` and ``LimitRange`` manifests: the server knows
the labels of a namespace from there alone, whatever it has in the cluster. ``labelled`` writes such a ``Namespace``.

A test that needs servers of its own, or other registrations, makes them in a module that does not ask for ``server``::

    with serving(tmp_path, POLICIES, "--why-url=https://example.com") as server:
        with registered(admin, server.configurations(validating_failure_policy="Ignore")):
            ...
            server.stop()  # SIGTERM, and wait; or server.kill()
"""

import json
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.cluster.balancer import Backend
from tests.cluster.controlplane import Program, free_ports, running
from tests.cluster.kubectl import Kubectl, Object, eventually
from tests.cluster.registration import register, unregister
from webhook.admission.configurations import ClientConfig, Registration, webhook_configurations
from webhook.admission.settings import Settings

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {"PYTHONPATH": str(ROOT)}
COMMAND = [sys.executable, "-m", "webhook.cli"]
SAMPLE = re.compile(r"^(\w+(?:\{.*\})?) (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Server:
    """One run of ``batchwarden serve``; its policies, certificates and log lie in the folder."""

    program: Program
    folder: Path
    backend: Backend

    @property
    def url(self) -> str:
        """Where the API server calls it, without a path."""
        return f"https://127.0.0.1:{self.backend.port}"

    @property
    def ca(self) -> bytes:
        """The certificate (PEM) that vouches for it."""
        return (self.folder / "tls" / "ca.crt").read_bytes()

    @property
    def trust(self) -> ssl.SSLContext:
        """What a client that trusts it, and it alone, connects with."""
        return ssl.create_default_context(cadata=self.ca.decode())

    def configurations(self, **changes: Any) -> tuple[Object, Object]:
        """Make the mutating and the validating webhook configuration, with these fields of ``Registration``."""
        client_config = ClientConfig(ca=self.ca, url=self.url)
        return webhook_configurations(Registration(**{"client_config": client_config} | changes), Settings())

    def use(self, policies: str) -> dict[str, Any]:
        """Put this YAML in the place of its policies; return the log line that says what became of it."""
        before = len(self.lines(event="policies"))
        write_policies(self.folder, policies)
        return eventually(lambda: self.lines(event="policies")[before:])[-1]

    def log(self) -> list[dict[str, Any]]:
        """Return what it has logged: every line is a JSON object."""
        written, _, _ = self.program.log.read_text().rpartition("\n")
        return [json.loads(line) for line in written.splitlines()]

    def lines(self, **fields: object) -> list[dict[str, Any]]:
        """Return the log lines that have all of these fields."""
        return [line for line in self.log() if fields.items() <= line.items()]

    def decisions(self, **fields: object) -> list[dict[str, Any]]:
        """Return the log lines of decisions that have all of these fields, e.g. ``webhook="mutate"``."""
        return self.lines(event="admission", **fields)

    def metrics(self) -> dict[str, float]:
        """Return its metrics, by name and labels as Prometheus' text format has them: ``up{job="a"}``."""
        _, text = self.status("/metrics")
        return {sample[1]: float(sample[2]) for sample in SAMPLE.finditer(text)}

    def status(self, path: str) -> tuple[int, str]:
        """Ask the status port; return the HTTP status and the text."""
        connection = HTTPConnection("127.0.0.1", self.backend.status_port, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def is_ready(self) -> bool:
        """Tell whether it says that it is ready."""
        try:
            return self.status("/readyz")[0] == 200
        except OSError:
            return False

    def make_certificate(self, *hosts: str) -> None:
        """Run the command again, which renews the serving certificate if it lacks one of the hosts."""
        make_certificate(self.folder, *hosts)

    def stop(self, patience: float = 20) -> int:
        """Send SIGTERM, wait until it has ended by itself, and return its exit code."""
        self.program.process.send_signal(signal.SIGTERM)
        return self.program.process.wait(patience)

    def kill(self) -> None:
        """End it as an out-of-memory kill does: at once."""
        self.program.process.kill()
        self.program.process.wait()


@contextmanager
def serving(folder: Path, policies: str | None, *options: str, backend: Backend | None = None) -> Iterator[Server]:
    """Run a server on loopback for the length of the context, which begins when it is ready; None: by the cluster.

    It drains for no time unless an option says otherwise. A folder that has a certificate keeps it, and the log starts
    anew. Raises AssertionError at the end if it logged an error of its own: a traceback.
    """
    backend = backend or Backend(*free_ports(2))
    if policies is not None:
        write_policies(folder, policies)
    if not (folder / "tls").exists():
        make_certificate(folder, "127.0.0.1")
    command = [
        *COMMAND,
        "serve",
        *(["--policies=policies"] if policies is not None else []),
        "--tls-cert=tls/tls.crt",
        "--tls-key=tls/tls.key",
        f"--listen=127.0.0.1:{backend.port}",
        f"--status-listen=127.0.0.1:{backend.status_port}",
        "--drain-seconds=0",
        *options,
    ]
    with running(command, folder, patience=20, environment=ENVIRONMENT) as program:
        server = Server(program, folder, backend)
        program.wait_until(server.is_ready)
        yield server
    assert [line for line in server.log() if "traceback" in line] == []


@contextmanager
def registered(admin: Kubectl, configurations: Sequence[Object]) -> Iterator[None]:
    """Have the API server call the webhooks of these configurations for the length of the context."""
    register(admin, configurations)
    try:
        yield
    finally:
        unregister(admin, configurations)


def labelled(namespace: str, labels: Mapping[str, str]) -> str:
    """Write a namespace with labels as YAML for the folder of policies, to be joined to others as it is."""
    metadata = {"name": namespace, "labels": labels}
    return f"---\n{json.dumps({'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': metadata})}\n"


def write_policies(folder: Path, policies: str) -> None:
    """Write the one file of a server's policies, at one blow."""
    (folder / "policies").mkdir(exist_ok=True)
    draft = folder / "draft.yaml"
    draft.write_text(policies)
    draft.replace(folder / "policies" / "policies.yaml")


def make_certificate(folder: Path, *hosts: str) -> None:
    """Make CA and serving certificate of a server, or renew what has to be."""
    command = [*COMMAND, "certs", "tls", *(f"--host={host}" for host in hosts)]
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr

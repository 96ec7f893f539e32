"""Our controller runs as people run it, beside the server whose Secret it makes; a thread plays the kubelet.

    with site.controlling() as controller, site.mounted(), site.serving() as server:
        site.await_registered()

``mounted`` copies the Secret into the folder of the server as the kubelet does: whole, by a link that is swapped.
"""

import json
import os
import signal
import time
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from threading import Event, Thread
from typing import Any

import tests.cluster.serving as servers
from tests.cluster.balancer import Backend
from tests.cluster.conftest import tenants_namespace
from tests.cluster.controlplane import ControlPlane, Program, free_ports, running
from tests.cluster.kubectl import Kubectl, Object, eventually
from tests.cluster.serving import COMMAND, ENVIRONMENT, Server
from webhook.cluster.api import Api, Manifest, connect
from webhook.cluster.material import CONFIGURATIONS

NEEDED = {"tls.crt", "tls.key"}


@dataclass(frozen=True)
class Controller:
    """One run of ``batchwarden controller``."""

    program: Program

    def messages(self, keeper: str) -> list[str]:
        """Return what a keeper has logged."""
        written, _, _ = self.program.log.read_text().rpartition("\n")
        lines = [json.loads(line) for line in written.splitlines()]
        return [line["message"] for line in lines if line.get("keeper", "").startswith(keeper)]

    def kill(self) -> None:
        """End it as an out-of-memory kill does: at once."""
        self.program.process.kill()
        self.program.process.wait()


@dataclass(frozen=True)
class Site:
    """One installation in a cluster: its own namespace, the one that it judges, and where its server listens."""

    plane: ControlPlane
    api: Api
    own: str
    judged: str
    folder: Path
    backend: Backend

    @property
    def tenant(self) -> Kubectl:
        """Return the kubectl of a tenant in the namespace that is judged."""
        return self.plane.kubectl("tenant", self.folder).within(self.judged)

    @property
    def admin(self) -> Kubectl:
        """Return the kubectl of the admin in the own namespace."""
        return self.plane.kubectl("admin", self.folder).within(self.own)

    @property
    def kubeconfig(self) -> Path:
        """Return how the cluster is reached."""
        return self.plane.folder / "kubeconfig"

    def set(self, **changes: Any) -> None:
        """Write the settings, at one blow."""
        settings = {
            "apiVersion": "config.batchwarden.io/v1alpha1",
            "kind": "ControllerSettings",
            "namespace": self.own,
            "name": self.own,
            "url": f"https://127.0.0.1:{self.backend.port}",
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.judged}},
            "certificates": {"settleSeconds": 1},
        }
        draft = self.folder / "draft.yaml"
        draft.write_text(json.dumps(settings | changes))
        draft.replace(self.folder / "settings.yaml")

    @contextmanager
    def controlling(self, name: str = "controller", kubeconfig: Path | None = None) -> Iterator[Controller]:
        """Run a controller for the length of the context, which begins when it does."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        command = [
            *COMMAND,
            "controller",
            f"--settings={self.folder / 'settings.yaml'}",
            f"--kubeconfig={kubeconfig or self.kubeconfig}",
            "--status-listen=127.0.0.1:0",
        ]
        with running(command, folder, environment=ENVIRONMENT) as program:
            program.wait_until(lambda: "status on" in program.log.read_text())
            yield Controller(program)
        assert program.process.returncode in {0, -signal.SIGKILL}
        assert "traceback" not in program.log.read_text().lower()

    @contextmanager
    def mounted(self) -> Iterator[None]:
        """Copy the Secret to where the server reads it, again and again, for the length of the context."""
        stop = Event()
        thread = Thread(target=self._mount, args=(stop,), name="kubelet")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def serving(self, *options: str) -> AbstractContextManager[Server]:
        """Run a server once there is a certificate to be served."""
        eventually((self.folder / "tls" / "tls.crt").exists, 30)
        options = (f"--kubeconfig={self.kubeconfig}", f"--own-namespace={self.own}", *options)
        return servers.serving(self.folder, None, *options, backend=self.backend)

    def secret(self, name: str) -> Manifest | None:
        """Return a Secret."""
        found: Manifest | None = self.api.get(f"/api/v1/namespaces/{self.own}/secrets/{name}")
        return found

    def registered(self) -> dict[str, Manifest]:
        """Return the webhook configurations that are there, by kind."""
        found = {kind: self.api.get(f"{path}/{self.own}") for kind, path in CONFIGURATIONS.items()}
        return {kind: each for kind, each in found.items() if each}

    def await_registered(self) -> dict[str, Manifest]:
        """Wait until both are there, and return them."""
        return eventually(lambda: self.registered() if len(self.registered()) == len(CONFIGURATIONS) else {}, 30)

    def versions(self) -> list[str]:
        """Return the versions of all that the controller writes."""
        secrets = [self.secret(f"batchwarden-{name}") or {"metadata": {}} for name in ("authority", "serving")]
        return [str(each["metadata"].get("resourceVersion")) for each in (*secrets, *self.registered().values())]

    def clear(self) -> None:
        """Delete the webhook configurations."""
        for kind in CONFIGURATIONS:
            result = self.admin.delete(f"{kind}/{self.own}", "--ignore-not-found", "--wait=false")
            assert result.code == 0, result.stderr

    def _mount(self, stop: Event) -> None:
        seen = ""
        while not stop.wait(0.1):
            found = self.secret("batchwarden-serving")
            if found and (found.get("data") or {}).keys() >= NEEDED and found["metadata"]["resourceVersion"] != seen:
                seen = found["metadata"]["resourceVersion"]
                put_files(self.folder / "tls", found["data"])


def make_site(plane: ControlPlane, folder: Path) -> Site:
    """Make the namespaces of an installation, and settings with short times."""
    own, judged = (f"test-{token_hex(4)}" for _ in range(2))
    made = Site(plane, connect(plane.folder / "kubeconfig", "admin"), own, judged, folder, Backend(*free_ports(2)))
    result = made.admin.within("").create(
        [*tenants_namespace(judged, {}), {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": own}}]
    )
    assert result.code == 0, result.stderr
    made.set()
    return made


def put_files(folder: Path, data: Mapping[str, str]) -> None:
    """Put a Secret's files into a folder as the kubelet does: pkg/volume/util/atomic_writer.go."""
    version = folder / f"..{time.monotonic_ns()}"
    version.mkdir(parents=True)
    for name, content in data.items():
        (version / name).write_bytes(b64decode(content))
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    draft = folder / "..draft"
    draft.symlink_to(version.name)
    os.replace(draft, folder / "..data")  # noqa: PTH105 - Path.replace is the same


def essence(configurations: Mapping[str, Object]) -> dict[str, Any]:
    """Return what counts of configurations: webhooks and owners."""
    return {
        kind: (found.get("webhooks"), found["metadata"].get("ownerReferences"))
        for kind, found in configurations.items()
    }

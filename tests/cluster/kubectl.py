"""The real kubectl, a process for each call, which reads and writes only what the control plane has."""

import json
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

Object = Mapping[str, Any]
Manifest = str | Object | Sequence[Object]
Value = TypeVar("Value")

DRY_RUN = "--dry-run=server"
# Whoever may impersonate this group is not judged: so the admin brings in what the policies would deny.
BREAK_GLASS = ("--as=me", "--as-group=system:masters", "--as-group=batchwarden.io:break-glass")


def eventually(ask: Callable[[], Value], seconds: float = 15) -> Value:
    """Return the first true answer; raise AssertionError if none comes within the seconds."""
    end = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < end, f"after {seconds} s the answer is still {answer!r}"
        time.sleep(0.05)
    return answer


@dataclass(frozen=True)
class Result:
    """What one run of kubectl printed, and its exit code."""

    code: int
    stdout: str
    stderr: str

    @property
    def warnings(self) -> list[str]:
        """The warnings of the API server, in the order printed."""
        start = "Warning: "
        return [line.removeprefix(start) for line in self.stderr.splitlines() if line.startswith(start)]


@dataclass(frozen=True)
class Kubectl:
    """The kubectl of one user in one namespace; it runs in the folder, where manifests with names lie."""

    program: Path
    kubeconfig: Path
    folder: Path
    user: str
    namespace: str = "default"

    def within(self, namespace: str) -> "Kubectl":
        """Return the same user's kubectl in another namespace."""
        return replace(self, namespace=namespace)

    def run(self, *args: str, stdin: str = "") -> Result:
        """Run kubectl with these arguments, a minute at most."""
        # kubectl follows ~/.kube/kuberc and the language of the terminal, and caches under the home folder.
        environment = {"HOME": str(self.kubeconfig.parent), "KUBECONFIG": str(self.kubeconfig)}
        done = subprocess.run(
            [self.program, f"--context={self.user}", f"--namespace={self.namespace}", *args],
            input=stdin,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def send(self, verb: str, manifest: Manifest, *flags: str, name: str = "") -> Result:
        """Run a verb on a manifest: from standard input or, as errors then say, from a file of that name."""
        if not isinstance(manifest, str):
            items = manifest if isinstance(manifest, Sequence) else [manifest]
            manifest = "\n---\n".join(json.dumps(item) for item in items)
        if not name:
            return self.run(verb, "--filename=-", *flags, stdin=manifest)
        (self.folder / name).write_text(manifest)
        return self.run(verb, f"--filename={name}", *flags)

    def apply(self, manifest: Manifest, *flags: str, name: str = "") -> Result:
        """Apply on the client's side: kubectl notes the manifest in an annotation and sends what differs."""
        return self.send("apply", manifest, *flags, name=name)

    def apply_server_side(self, manifest: Manifest, *flags: str, name: str = "") -> Result:
        """Apply on the server's side: the API server is sent the manifest and notes whose each field is."""
        return self.send("apply", manifest, "--server-side", *flags, name=name)

    def create(self, manifest: Manifest, *flags: str, name: str = "") -> Result:
        """Create what is not there yet."""
        return self.send("create", manifest, *flags, name=name)

    def replace(self, manifest: Manifest, *flags: str, name: str = "") -> Result:
        """Put the manifest in the place of the whole object."""
        return self.send("replace", manifest, *flags, name=name)

    def patch(self, target: str, change: Object | Sequence[Object], *flags: str) -> Result:
        """Patch ``kind/name``: by a merge patch, or by a JSON patch if the change is a list."""
        kind = "json" if isinstance(change, Sequence) else "merge"
        return self.run("patch", target, f"--type={kind}", f"--patch={json.dumps(change)}", *flags)

    def create_job_from(self, cronjob: str, name: str, *flags: str) -> Result:
        """Create a Job from a CronJob's template, by hand."""
        return self.run("create", "job", name, f"--from=cronjob/{cronjob}", *flags)

    def delete(self, target: str, *flags: str) -> Result:
        """Delete ``kind/name``; by default kubectl waits until it is gone."""
        return self.run("delete", target, *flags)

    def get_json(self, target: str, *flags: str) -> dict[str, Any]:
        """Return the stored ``kind/name``, or the List of a kind, with its managedFields."""
        result = self.run("get", target, "--output=json", "--show-managed-fields", *flags)
        assert result.code == 0, result.stderr
        stored: dict[str, Any] = json.loads(result.stdout)
        return stored

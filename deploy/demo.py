"""Shows what Batchwarden says of the example manifests: asks the real server what an API server would ask it.

``make demo`` runs it and ends; ``make run`` (``--keep``) leaves the server running until Ctrl-C. What it prints of each
example is what kubectl prints on a real API server, which ``tests/cluster`` holds it to.
"""

import difflib
import json
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import URLError
from urllib.request import Request, urlopen

import yaml
from jsonpatch import JsonPatch

from policies.fields import CRON_JOB_SPEC_DEFAULTS, LAST_APPLIED_ANNOTATION, POD_SPEC_DEFAULTS, job_spec_defaults

HERE = Path(__file__).parent
EXAMPLES = HERE / "examples"
POLICIES = (HERE.parent / "policies" / "library", EXAMPLES / "policies")
ADDRESS, STATUS = "127.0.0.1:8443", "127.0.0.1:8081"
START_SECONDS = 20


class Answer(NamedTuple):
    """What kubectl would print, and the object before and after our patch."""

    printed: str
    sent: Mapping[str, Any]
    stored: Mapping[str, Any]


class Server(NamedTuple):
    """A running server and how to reach it."""

    url: str
    trust: ssl.SSLContext

    def ask(self, door: str, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send an AdmissionReview for a creation; return the response."""
        metadata = manifest["metadata"]
        request = {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "batch", "version": "v1", "kind": manifest["kind"]},
            "operation": "CREATE",
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "userInfo": {"username": "tenant", "groups": ["tenants", "system:authenticated"]},
            "object": manifest,
            "options": {"fieldManager": "kubectl-client-side-apply"},
        }
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
        body = json.dumps(review).encode()
        call = Request(f"{self.url}/{door}?timeout=5s", body, {"Content-Type": "application/json"})  # noqa: S310 - ours
        with urlopen(call, context=self.trust, timeout=5) as answer:  # noqa: S310 - ours
            response: Mapping[str, Any] = json.load(answer)["response"]
        return response


@contextmanager
def running(address: str = ADDRESS, status: str = STATUS) -> Iterator[Server]:
    """Make certificates, start the server with the ready policies, and stop it in the end."""
    with tempfile.TemporaryDirectory() as folder:
        host, _, _ = address.rpartition(":")
        program = [sys.executable, "-m", "webhook.cli"]
        subprocess.run([*program, "certs", folder, "--host", host], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - ours
        options = [f"--policies={path}" for path in POLICIES]
        options += [f"--tls-cert={folder}/tls.crt", f"--tls-key={folder}/tls.key"]
        options += [f"--listen={address}", f"--status-listen={status}"]
        with (
            (Path(folder) / "log").open("wb") as log,
            subprocess.Popen([*program, "serve", *options], stdout=log, stderr=log) as process,  # noqa: S603 - ours
        ):
            try:
                _wait(process, status, Path(log.name))
                yield Server(f"https://{address}", ssl.create_default_context(cafile=f"{folder}/ca.crt"))
            finally:
                process.terminate()


def _wait(process: subprocess.Popen[bytes], status: str, log: Path) -> None:
    for _ in range(START_SECONDS * 20):
        if process.poll() is not None:
            break
        with suppress(URLError, OSError), urlopen(f"http://{status}/readyz", timeout=1):  # noqa: S310 - ours
            return
        time.sleep(0.05)
    sys.exit(f"the server did not start; it said:\n{log.read_text()}")


def apply(server: Server, file: Path) -> Answer:
    """Do what ``kubectl apply -f`` and the API server do with a manifest that is not there yet."""
    sent = as_created(yaml.safe_load(file.read_text()))
    what = f"{sent['kind'].lower()}.batch/{sent['metadata']['name']}"
    stored, printed = sent, ""
    for door in ("mutate", "validate"):
        response = server.ask(door, stored)
        printed += "".join(f"Warning: {warning}\n" for warning in response.get("warnings", ()))
        if not response["allowed"]:
            printed += (
                f'Error from server (Forbidden): error when creating "{file.name}": admission webhook'
                f' "{door}.batchwarden.io" denied the request: {response["status"]["message"]}\n'
            )
            return Answer(printed, sent, sent)
        if "patch" in response:
            stored = JsonPatch.from_string(_text(response["patch"])).apply(stored)
    return Answer(f"{printed}{what} created\n", sent, stored)


def as_created(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in what the API server fills in before it calls webhooks on a client-side apply, as far as it matters here."""
    applied = json.dumps(manifest, separators=(",", ":"), sort_keys=True) + "\n"
    served: dict[str, Any] = json.loads(applied)
    served["metadata"].setdefault("annotations", {})[LAST_APPLIED_ANNOTATION] = applied
    spec = served["spec"]
    if served["kind"] == "CronJob":
        served["spec"] = {**CRON_JOB_SPEC_DEFAULTS, **spec}
        template = spec["jobTemplate"]["spec"]["template"]
    else:
        served["spec"] = {**job_spec_defaults(spec), **spec}
        template = spec["template"]
    template["spec"] = {**POD_SPEC_DEFAULTS, **template["spec"]}
    fields = {"manager": "kubectl-client-side-apply", "operation": "Update", "fieldsV1": _fields({"spec": served["spec"]})}
    served["metadata"]["managedFields"] = [fields]
    return served


def _fields(value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return {f"f:{key}": _fields(item) for key, item in value.items()}
    return {}


def _text(encoded: str) -> str:
    from base64 import b64decode

    return b64decode(encoded).decode()


def changes(answer: Answer) -> str:
    """Write what the patch did as a diff of YAML; the API server's own bookkeeping left out."""
    before, after = (_lines(manifest) for manifest in (answer.sent, answer.stored))
    return "\n".join(difflib.unified_diff(before, after, "as sent", "as stored", lineterm="", n=2))


def _lines(manifest: Mapping[str, Any]) -> list[str]:
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "managedFields"}
    notes = {key: value for key, value in metadata["annotations"].items() if key != LAST_APPLIED_ANNOTATION}
    shown = {**manifest, "metadata": {**metadata, "annotations": notes}}
    return str(yaml.safe_dump(shown, sort_keys=False, width=1000)).splitlines()


def main() -> None:
    """Go through the examples, and stay if asked to."""
    with running() as server:
        for file in sorted(EXAMPLES.glob("*.yaml")):
            answer = apply(server, file)
            print(f"$ kubectl apply -f {file.name}\n{answer.printed}")
            if difference := changes(answer):
                print(f"{difference}\n")
        if "--keep" in sys.argv:
            print(f"The server listens on {server.url} (/mutate, /validate) and http://{STATUS} (/livez, /readyz, /metrics).")
            print("Stop it with Ctrl-C.")
            with suppress(KeyboardInterrupt):
                while True:
                    time.sleep(3600)


if __name__ == "__main__":
    main()

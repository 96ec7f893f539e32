"""Shows what Batchwarden says of the example manifests: asks the real server what an API server would ask it.

``make demo`` runs it and ends; ``make run`` (``--keep``) leaves the server running until Ctrl-C. What it prints of each
example is what kubectl prints on a real API server: ``examples/expected`` holds it, and tests hold both to that.
``--write`` writes it anew.
"""

import argparse
import difflib
import json
import re
import ssl
import subprocess
import sys
import tempfile
import time
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

import yaml
from jsonpatch import JsonPatch

from policies.fields import LAST_APPLIED_ANNOTATION
from policies.server_defaults import CRON_JOB_SPEC_DEFAULTS, POD_SPEC_DEFAULTS, job_spec_defaults

HERE = Path(__file__).parent
EXAMPLES = HERE / "examples"
EXPECTED = EXAMPLES / "expected"
POLICIES = (HERE.parent / "policies" / "library", EXAMPLES / "policies")
START_SECONDS = 20
MANAGER = "kubectl-client-side-apply"
# In this order the API server writes the fields of an object, and other maps by name.
ORDER = (
    "kind", "apiVersion", "metadata", "spec", "name", "namespace", "image", "command", "args", "schedule", "timeZone",
    "startingDeadlineSeconds", "concurrencyPolicy", "initContainers", "containers", "restartPolicy",
    "terminationGracePeriodSeconds", "parallelism", "completions", "activeDeadlineSeconds", "backoffLimit",
    "manualSelector", "template", "ttlSecondsAfterFinished", "completionMode", "suspend", "podReplacementPolicy",
    "jobTemplate", "successfulJobsHistoryLimit", "failedJobsHistoryLimit",
)  # fmt: skip


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
        body = json.dumps(review(manifest)).encode()
        call = Request(f"{self.url}/{door}?timeout=5s", body, {"Content-Type": "application/json"})  # noqa: S310 - ours
        with urlopen(call, context=self.trust, timeout=5) as answer:  # noqa: S310 - ours
            response: Mapping[str, Any] = json.load(answer)["response"]
        return response


def review(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """Make the AdmissionReview that an API server sends when a tenant creates an object by client-side apply."""
    metadata = manifest["metadata"]
    request = {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": "batch", "version": "v1", "kind": manifest["kind"]},
        "operation": "CREATE",
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "userInfo": {"username": "tenant", "groups": ["tenants", "system:authenticated"]},
        "object": manifest,
        "options": {"fieldManager": MANAGER},
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def policies() -> str:
    """Join the ready policies and those of the examples; exceptions end in a month, for dates in files pass."""
    texts = [file.read_text() for folder in POLICIES for file in sorted(folder.glob("*.yaml"))]
    end = datetime.now(UTC) + timedelta(days=30)
    return re.sub("(?<=expiresAt: ).*", f'"{end:%Y-%m-%dT%H:%M:%SZ}"', "---\n".join(texts))


@contextmanager
def running(folder: Path, address: str, status: str) -> Iterator[Server]:
    """Make certificates in the folder, start the server with the policies that lie there, and stop it in the end."""
    program = [sys.executable, "-m", "webhook.cli"]
    subprocess.run([*program, "certs", folder, "--host=127.0.0.1"], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - ours
    options = [f"--tls-cert={folder}/tls.crt", f"--tls-key={folder}/tls.key", f"--policies={folder}/policies.yaml"]
    options += [f"--listen={address}", f"--status-listen={status}", "--drain-seconds=0"]
    log = folder / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen([*program, "serve", *options], stdout=output, stderr=output) as process,  # noqa: S603 - ours
    ):
        try:
            url = f"https://{_address(process, log)}"
            yield Server(url, ssl.create_default_context(cafile=folder / "ca.crt"))
        finally:
            process.terminate()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until the server says where it serves."""
    for _ in range(START_SECONDS * 50):
        if said := re.search(r"serving on ([^,]+), status on", log.read_text()):
            return said[1]
        if process.poll() is not None:
            break
        time.sleep(0.02)
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
            stored = in_order(JsonPatch.from_string(b64decode(response["patch"]).decode()).apply(stored))
    return Answer(f"{printed}{what} created\n", sent, stored)


def as_created(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in what the API server fills in on a client-side apply before it calls webhooks, as far as it matters."""
    applied = json.dumps(manifest)
    served: dict[str, Any] = json.loads(applied)
    served["metadata"].setdefault("annotations", {})[LAST_APPLIED_ANNOTATION] = applied
    job = served
    if served["kind"] == "CronJob":
        served["spec"] = {**CRON_JOB_SPEC_DEFAULTS, **served["spec"]}
        job = served["spec"]["jobTemplate"]
    else:
        served["spec"] = {**job_spec_defaults(served["spec"]), **served["spec"]}
    template = job["spec"]["template"]
    template["spec"] = {**POD_SPEC_DEFAULTS, **template["spec"]}
    owned = {"manager": MANAGER, "operation": "Update", "fieldsV1": _fields({"spec": served["spec"]})}
    served["metadata"]["managedFields"] = [owned]
    ordered: dict[str, Any] = in_order(served)
    return ordered


def _fields(value: object) -> dict[str, Any]:
    return {f"f:{key}": _fields(item) for key, item in value.items()} if isinstance(value, dict) else {}


def in_order(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Bring an object's fields into the order in which the API server writes them."""
    if isinstance(value, list):
        return [in_order(item) for item in value]
    if not isinstance(value, dict):
        return value
    known = [key for key in ORDER if key in value]
    return {key: in_order(value[key]) for key in [*known, *sorted(value.keys() - known)]}


def changes(answer: Answer) -> str:
    """Write what the patch did as a diff of YAML; the bookkeeping of API server and kubectl left out."""
    before, after = (_lines(manifest) for manifest in (answer.sent, answer.stored))
    return "\n".join(difflib.unified_diff(before, after, "as sent", "as stored", lineterm="", n=2))


def _lines(manifest: Mapping[str, Any]) -> list[str]:
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "managedFields"}
    notes = {key: value for key, value in metadata.pop("annotations").items() if key != LAST_APPLIED_ANNOTATION}
    shown = {**manifest, "metadata": {**metadata, **({"annotations": notes} if notes else {})}}
    return str(yaml.safe_dump(shown, sort_keys=False, width=1000)).splitlines()


def show(server: Server, *, write: bool) -> None:
    """Go through the examples."""
    for file in sorted(EXAMPLES.glob("*.yaml")):
        answer = apply(server, file)
        print(f"$ kubectl apply -f {file.name}\n{answer.printed}")
        if difference := changes(answer):
            print(f"{difference}\n")
        if write:
            (EXPECTED / f"{file.stem}.txt").write_text(answer.printed)


def stay(server: Server, folder: Path, status: str) -> None:
    """Say how to talk to the server, and leave it running until Ctrl-C."""
    question = as_created(yaml.safe_load((EXAMPLES / "cronjob-singleton-that-overlaps.yaml").read_text()))
    (folder / "review.json").write_text(json.dumps(review(question), indent=2))
    print(f"The server listens on {server.url} (/mutate, /validate), and http://{status} (/livez, /readyz, /metrics).")
    print(f"Its policies are in {folder}/policies.yaml: change them, and its next answers follow.")
    print("Ask it as an API server would:\n")
    print(f"  curl --cacert {folder}/ca.crt -H 'Content-Type: application/json' --data @{folder}/review.json \\")
    print(f"    {server.url}/validate\n\nLet an API server on this machine ask it:\n")
    print(f"  .venv/bin/batchwarden manifests webhooks --ca-file {folder}/ca.crt --url {server.url} \\")
    print("    --failure-policy Ignore | kubectl apply -f -\n\nStop it with Ctrl-C.", flush=True)
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)


def main() -> None:
    """Go through the examples, and stay if asked to."""
    parser = argparse.ArgumentParser(description="Shows what Batchwarden says of the example manifests.")
    parser.add_argument("--keep", action="store_true", help="leave the server running")
    parser.add_argument("--write", action="store_true", help=f"write {EXPECTED.relative_to(HERE.parent)} anew")
    given = parser.parse_args()
    # The demo is content with any ports; where to find a server that stays is known beforehand.
    address, status = ("127.0.0.1:8443", "127.0.0.1:8081") if given.keep else ("127.0.0.1:0", "127.0.0.1:0")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "policies.yaml").write_text(policies())
        with running(folder, address, status) as server:
            show(server, write=given.write)
            if given.keep:
                stay(server, folder, status)


if __name__ == "__main__":
    main()

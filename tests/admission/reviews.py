"""Builds what an API server sends, in the shapes of a real one (Kubernetes 1.37), and reads what it is answered."""

import json
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import jsonpatch
import yaml

from policies.fields import DEFAULTED_ANNOTATION, LAST_APPLIED_ANNOTATION, lookup, mapping
from policies.objects import BatchPolicyException, decode_object, policy
from policies.selection import Snapshot
from policies.server_defaults import CRON_JOB_SPEC_DEFAULTS, POD_SPEC_DEFAULTS, job_spec_defaults
from webhook.admission import review
from webhook.admission.decide import Context, mutate, validate
from webhook.admission.review import AdmissionRequest, Decision
from webhook.admission.settings import Settings

Raw = dict[str, Any]
Door = Callable[[AdmissionRequest, Context], Decision]

UID = "705ab4f5-6393-11e8-b7cc-42010a800002"
APPLY, SERVER_SIDE_APPLY, CREATE = "kubectl-client-side-apply", "kubectl", "kubectl-create"
AT = datetime(2026, 6, 1, tzinfo=UTC)

JOB = yaml.safe_load("""
apiVersion: batch/v1
kind: Job
metadata: {name: import, namespace: team-a}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: work, image: "registry.example.com/import:1.4"}]
""")
CRON_JOB = yaml.safe_load("""
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, namespace: team-a}
spec:
  schedule: "15 2 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: dump, image: "registry.example.com/dump:2"}]
""")


def tweaked(document: Raw, path: str, value: Any) -> Raw:
    """Copy a document with a value at a dotted path, or without it where the value is None."""
    copy: Raw = json.loads(json.dumps(document))
    *parents, last = (int(step) if step.isdigit() else step for step in path.split("."))
    holder: Any = copy
    for step in parents:
        holder = holder[step] if isinstance(step, int) else holder.setdefault(step, {})
    if value is None:
        holder.pop(last, None)
    else:
        holder[last] = value
    return copy


def filled(document: Raw) -> Raw:
    """Fill in what the API server fills in before it calls a webhook."""
    raw: Raw = json.loads(json.dumps(document))
    job = raw
    if raw["kind"] == "CronJob":
        raw["spec"] = {**CRON_JOB_SPEC_DEFAULTS, **raw["spec"]}
        job = raw["spec"]["jobTemplate"]
    else:
        raw["spec"] = {**job_spec_defaults(raw["spec"]), **raw["spec"]}
    pod = job["spec"]["template"]
    pod["spec"] = {**POD_SPEC_DEFAULTS, "securityContext": {}, **pod["spec"]}
    for container in pod["spec"]["containers"]:
        container.setdefault("resources", {})
        container.setdefault("imagePullPolicy", "IfNotPresent")
    return {**raw, "status": {}}


def sent(document: Raw, manager: str = APPLY) -> Raw:
    """Give the object with which a client's document arrives: filled in, and with the traces of the client."""
    raw = filled(document)
    applied = {"manager": manager, "operation": "Update", "fieldsV1": fields({"spec": raw["spec"]})}
    if manager == SERVER_SIDE_APPLY:
        applied = {"manager": manager, "operation": "Apply", "fieldsV1": fields({"spec": document["spec"]})}
    if manager == APPLY:
        annotations = raw["metadata"].setdefault("annotations", {})
        annotations[LAST_APPLIED_ANNOTATION] = json.dumps(document) + "\n"
    raw["metadata"]["managedFields"] = [{**applied, "apiVersion": "batch/v1", "fieldsType": "FieldsV1"}]
    return raw


def fields(value: object) -> Raw:
    """Write the set of fields that a value has, as managedFields do."""
    if isinstance(value, dict):
        return {f"f:{key}": fields(item) for key, item in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict) and "name" in value[0]:
        return {f"k:{json.dumps({'name': item['name']})}": {".": {}, **fields(item)} for item in value}
    return {}


def request(raw: Raw | None, was: Raw | None = None, **changes: Any) -> Raw:
    """Build a request: a creation, or with an old object an update; ``changes`` replace parts of it."""
    some = raw or was or {}
    metadata = some.get("metadata") if isinstance(some.get("metadata"), dict) else {}
    kind = {"group": "batch", "version": "v1", "kind": some.get("kind", "Job")}
    options = "CreateOptions" if was is None else "UpdateOptions"
    named = {"name": metadata["name"]} if metadata and "name" in metadata else {}
    return {
        "uid": UID,
        "kind": kind,
        "resource": {"group": "batch", "version": "v1", "resource": f"{kind['kind'].lower()}s"},
        "requestKind": kind,
        **named,
        "namespace": "team-a",
        "operation": "CREATE" if was is None else "UPDATE",
        "userInfo": {"username": "tenant", "uid": "tenant", "groups": ["tenants", "system:authenticated"]},
        "object": raw,
        "oldObject": was,
        "dryRun": False,
        "options": {"kind": options, "apiVersion": "meta.k8s.io/v1", "fieldManager": manager(some)},
        **changes,
    }


def manager(raw: Raw) -> str:
    """Read who sent an object last, if that is a thing that the object says."""
    entries = lookup(raw, ("metadata", "managedFields"))
    last = entries[-1] if isinstance(entries, list) and entries else None
    return str(mapping(last).get("manager") or CREATE)


def body(asked: Raw) -> bytes:
    """Write a request as an AdmissionReview."""
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": asked}).encode()


def context(policies: str = "", *, at: datetime = AT, **settings: Any) -> Context:
    """Put policies and exceptions, written as YAML documents of kind, name and spec, into force."""
    ours = [decode_object(_whole(document)) for document in yaml.safe_load_all(policies) if document]
    exceptions = [each for each in ours if isinstance(each, BatchPolicyException)]
    snapshot = Snapshot(
        [policy(each) for each in ours if not isinstance(each, BatchPolicyException)],
        exceptions,
    )
    return Context(snapshot, Settings(**settings), at)


def _whole(document: Raw) -> Raw:
    metadata = {"name": document.pop("name", "house"), "namespace": "team-a"}
    return {"apiVersion": "batchwarden.io/v1alpha1", "kind": "ClusterBatchPolicy", "metadata": metadata, **document}


def answer(door: Door, asked: Raw, given: Context) -> Raw:
    """Ask one door, from bytes to bytes; return its response."""
    decoded = review.read(body(asked), "application/json")
    envelope = json.loads(review.write(decoded, door(decoded, given)))
    assert envelope.keys() == {"apiVersion", "kind", "response"}
    assert (envelope["apiVersion"], envelope["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    response: Raw = envelope["response"]
    assert response["uid"] == asked["uid"]
    return response


def patch(response: Raw) -> list[Raw]:
    """Read the patch of a response; none is an empty one."""
    assert ("patch" in response) == ("patchType" in response)
    assert response.get("patchType", "JSONPatch") == "JSONPatch"
    operations: list[Raw] = json.loads(b64decode(response.get("patch", "W10=")))
    return operations


def patched(raw: Raw, response: Raw) -> Raw:
    """Apply the patch of a response."""
    after: Raw = jsonpatch.apply_patch(raw, patch(response))
    return after


def admit(raw: Raw, given: Context, was: Raw | None = None, **changes: Any) -> tuple[Raw, Raw, Raw]:
    """Send an object through both doors; return both responses and the object as stored."""
    first = answer(mutate, request(raw, was, **changes), given)
    stored = patched(raw, first)
    return first, answer(validate, request(stored, was, **changes), given), stored


def note(raw: Raw) -> Raw:
    """Read our annotation of what was written."""
    noted: Raw = json.loads(raw["metadata"]["annotations"][DEFAULTED_ANNOTATION])
    return noted

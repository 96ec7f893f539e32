"""Jobs and CronJobs as nobody should write them: of any shape, half right, or right but for a few values."""

from collections.abc import Iterator
from typing import Any

import yaml
from hypothesis import strategies as st

from policies.fields import DEFAULTED_ANNOTATION, LAST_APPLIED_ANNOTATION, put
from tests.policies.cases import base, merge

# One of everything that a rule, or what a rule asks, looks at.
SPEC = yaml.safe_load("""
parallelism: 3
completions: 3
completionMode: Indexed
backoffLimit: 6
backoffLimitPerIndex: 1
activeDeadlineSeconds: 600
ttlSecondsAfterFinished: 5
suspend: false
podFailurePolicy: {rules: [{action: Count, onPodConditions: [{type: DisruptionTarget, status: "True"}]}]}
managedBy: example.com/manager
manualSelector: false
podReplacementPolicy: Failed
template:
  metadata: {labels: {app: import}, annotations: {cluster-autoscaler.kubernetes.io/safe-to-evict: "false"}}
  spec:
    restartPolicy: Always
    priorityClassName: web
    nodeSelector: {pool: batch}
    tolerations: [{key: pool, operator: Equal, value: batch, effect: NoExecute, tolerationSeconds: 60}]
    affinity:
      nodeAffinity:
        requiredDuringSchedulingIgnoredDuringExecution:
          nodeSelectorTerms: [{matchExpressions: [{key: pool, operator: In, values: [batch]}]}]
    activeDeadlineSeconds: 60
    resources: {limits: {memory: 1Gi}, requests: {cpu: 1}}
    initContainers: [{name: wait, image: busybox}, {name: proxy, image: "proxy:1", restartPolicy: Always}]
    containers:
    - {name: work, image: "localhost:5000/work@sha256:00", resources: {limits: {cpu: "2"}, requests: {memory: 64Mi}}}
    - {name: upload, image: "quay.io/upload:latest", resources: {}}
    - name: envoy
      image: envoyproxy/envoy
      command: [envoy, "$(JOB_COMPLETION_INDEX)"]
      env: [{name: PART, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, {name: HOST, value: db}]
      ports: [{name: http, containerPort: 80}]
      readinessProbe: {tcpSocket: {port: 80}}
      restartPolicy: OnFailure
      restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [42]}}]
    volumes: [{name: index, projected: {sources: [{downwardAPI: {items: [{fieldRef: {fieldPath: metadata.uid}}]}}]}}]
""")
METADATA = yaml.safe_load("""
name: import
generateName: import-
namespace: team-a
labels: {app: import, app.kubernetes.io/managed-by: make}
ownerReferences: [{kind: JobSet, name: train, controller: false}]
managedFields: [{manager: kubectl, operation: Apply, fieldsV1: {"f:spec": {"f:backoffLimit": {}}}}]
""")
FULL = {
    "Job": merge(base("Job"), {"metadata": METADATA, "spec": SPEC}),
    "CronJob": merge(
        base("CronJob"),
        {
            "metadata": METADATA,
            "spec": {
                "schedule": "*/45 */3 30 2 *",
                "timeZone": "Europe/Berlin",
                "concurrencyPolicy": "Allow",
                "startingDeadlineSeconds": 5,
                "successfulJobsHistoryLimit": 3,
                "failedJobsHistoryLimit": 0,
                "jobTemplate": {"spec": SPEC},
            },
        },
    ),
}

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["", "0", "-1", "1e99", "512MB", "Always", "Allow", "a@b", "@", ":", "/", "a/:@", "1" * 99])
    | st.sampled_from(
        ["sh", "-c", "[ “$A” ] && cat <<E\n“x”\nE\nimport —all", "“x”", "—v", "Forbid", "Never", "Exists"]
    )
    | st.sampled_from(
        ["* */3 * * *", "*/61 * * * *", "@every 1s", "TZ=UTC 0 3 * * *", "0 3 * * 7", "“0 3 * * *”", "UTC"]
    )
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def leaves(raw: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Go through all values that are neither object nor list, with their places."""
    items = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    for step, value in items:
        if isinstance(value, dict | list):
            yield from leaves(value, (*path, step))
        elif value is not None:
            yield (*path, step), value


def places(raw: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """List every place in an object, parents before what they hold."""
    items = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    return [path, *(place for step, value in items for place in places(value, (*path, step)))]


SOUND = [*FULL.values(), base("Job"), base("CronJob")]

documents = st.sampled_from(
    ["", "{", "[]", "null", '{"spec.backoffLimit": 6}', '{"spec": {"backoffLimit": 6}}', "9" * 99]
)


@st.composite
def bent(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a valid object in which something, somewhere, is gone or is something else."""
    raw: dict[str, Any] = draw(st.sampled_from(SOUND))
    for place in draw(st.lists(st.sampled_from(places(raw)[1:]), max_size=6)):
        try:
            raw = put(raw, place, draw(values))
        except ValueError:  # a parent is already something else
            continue
    for annotation in draw(st.lists(st.sampled_from([DEFAULTED_ANNOTATION, LAST_APPLIED_ANNOTATION]), unique=True)):
        raw = merge(raw, {"metadata": {"annotations": {annotation: draw(documents)}}})
    return raw


words = st.sampled_from(
    sorted({step for raw in SOUND for place in places(raw) for step in place if isinstance(step, str)})
)
jumbled = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=6), max_leaves=20
)
objects = bent() | st.builds(
    lambda kind, spec, metadata: {"kind": kind, "spec": spec, "metadata": metadata},
    st.sampled_from(["Job", "CronJob"]),
    jumbled,
    jumbled,
)
"""All of them; the kind is always one that is judged, as nothing else gets this far."""

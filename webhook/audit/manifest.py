"""Pure: whether a manifest is a Job or a CronJob, and what of its form no API server takes, whatever the policies.

Source of the fields: api/batch/v1/types.go, api/core/v1/types.go of https://github.com/kubernetes/api/tree/v0.37.1.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from policies.fields import Path, lookup, mapping, render
from policies.rule import Default, Finding
from policies.workload import KINDS
from webhook.audit.mistyped import mistyped

Levels: TypeAlias = Mapping[Path, frozenset[str]]

VERSION: Final = "batch/v1"
# https://kubernetes.io/docs/reference/using-api/deprecation-guide/#v1-25
REMOVED: Final[Mapping[str, str]] = {"batch/v1beta1": "1.25"}

_KIND: Final = {kind.lower(): kind for kind in KINDS}
_OBJECT: Final = frozenset(("apiVersion", "kind", "metadata", "spec", "status"))
_METADATA: Final = frozenset(("name", "generateName", "namespace", "labels", "annotations"))
_TEMPLATE: Final = frozenset(("metadata", "spec"))
# fmt: off
_CRON_JOB: Final = frozenset((
    "schedule", "timeZone", "startingDeadlineSeconds", "concurrencyPolicy", "suspend", "jobTemplate",
    "successfulJobsHistoryLimit", "failedJobsHistoryLimit",
))
_OF_A_JOB: Final = frozenset((  # and of no Deployment or the like
    "parallelism", "completions", "activeDeadlineSeconds", "podFailurePolicy", "successPolicy", "backoffLimit",
    "backoffLimitPerIndex", "maxFailedIndexes", "manualSelector", "ttlSecondsAfterFinished", "completionMode",
    "podReplacementPolicy", "managedBy",
))
_JOB: Final = _OF_A_JOB | {"selector", "suspend", "template"}
_POD: Final = frozenset((  # those that are seen elsewhere
    "containers", "initContainers", "volumes", "restartPolicy", "terminationGracePeriodSeconds",
    "activeDeadlineSeconds", "dnsPolicy", "nodeSelector", "serviceAccountName", "serviceAccount",
    "automountServiceAccountToken", "hostNetwork", "imagePullSecrets", "affinity", "tolerations", "priorityClassName",
    "topologySpreadConstraints",
))
# fmt: on
_JOB_LEVELS: Final[Levels] = {
    (): _OBJECT,
    ("metadata",): _METADATA,
    ("spec",): _JOB,
    ("spec", "template"): _TEMPLATE,
    ("spec", "template", "spec"): _POD,
}
_CRON_JOB_LEVELS: Final[Levels] = {
    (): _OBJECT,
    ("metadata",): _METADATA,
    ("spec",): _CRON_JOB,
    ("spec", "jobTemplate"): _TEMPLATE,
    **{("spec", "jobTemplate", *path): known for path, known in _JOB_LEVELS.items() if path[:1] == ("spec",)},
}


def kind_of(value: object) -> str | None:
    """Give the kind of a Job or CronJob, also where it is misspelt, of a version removed, or left out; else None."""
    manifest = mapping(value)
    kind, version = manifest.get("kind"), manifest.get("apiVersion")
    if kind in KINDS and version == VERSION:
        return str(kind)
    if version is not None and (not isinstance(version, str) or version.partition("/")[0] not in {"batch", "v1"}):
        return None
    if isinstance(kind, str):
        return _KIND.get(kind.lower())
    return _kind_by_shape(manifest) if kind is None and version != "v1" else None


def _kind_by_shape(manifest: Mapping[str, Any]) -> str | None:
    spec = mapping(manifest.get("spec"))
    if isinstance(spec.get("jobTemplate"), dict):
        return "CronJob"
    if manifest.get("apiVersion") == VERSION or (isinstance(spec.get("template"), dict) and spec.keys() & _OF_A_JOB):
        return "Job"
    return None


def faults(value: Mapping[str, Any], kind: str) -> Iterator[Finding]:
    """Find what no API server takes: another apiVersion or kind, fields at another level, values of another type."""
    version = value.get("apiVersion")
    if version != VERSION:
        yield _wrong_word("apiVersion", _version_found(version), VERSION)
    if value.get("kind") != kind:
        yield _wrong_word("kind", f"is {value['kind']}" if value.get("kind") else "is missing", kind)
    levels = _CRON_JOB_LEVELS if kind == "CronJob" else _JOB_LEVELS
    for level, known in levels.items():
        for key in mapping(lookup(value, level)):
            home = None if key in known else _home(key, level, levels)
            if home is not None:
                yield _slipped((*level, key), home)
    yield from mistyped(value)


def _version_found(version: object) -> str:
    if version is None:
        return "is missing"
    removed = REMOVED.get(str(version))
    return f"is {version}" + (f", removed in Kubernetes {removed}" if removed else "")


def _wrong_word(key: str, found: str, right: str) -> Finding:
    why = "The API server takes the object under no other name."
    return Finding(path=(key,), found=found, allowed=right, why=why, fix=Default((key,), right), refused=True)


def _home(key: str, level: Path, levels: Levels) -> Path | None:
    """Find where a field belongs: where it stands, in other characters; or below, as indentation is lost; or above."""
    word = "".join(re.findall(r"\w", key, re.ASCII)).lower()  # no-break spaces and typographic quotes are pasted along
    found = [(*path, name) for path, known in levels.items() for name in known if name.lower() == word]
    here = [path for path in found if path[:-1] == level]
    homes = [path for path in found if path[-1] not in _TEMPLATE]
    below = [path for path in homes if path[: len(level)] == level]
    return next(iter([*here, *below, *reversed(homes)]), None)


def _slipped(path: Path, home: Path) -> Finding:
    why = "kubectl refuses a field that it does not know there, and without validation it is dropped silently."
    found = "is no field here" if str(path[-1]).isascii() else "is no field, in characters that only look right"
    return Finding(path=path, found=found, allowed=render(home), why=why, refused=True)

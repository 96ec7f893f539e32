"""Pure: policy reports, as other programs read them from a cluster: bounded, and the same at each look at the same.

Made for Policy Reporter: tests/audit/policy_reporter.py says what that program reads, and from where we know.
"""

import hashlib
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias

from msgspec import json

from policies.fields import mapping, sequence
from webhook.admission import message
from webhook.audit.policy_reports.results import ORDER, SOURCE, Result, bounded, passed, results
from webhook.audit.standing import Standing

MOST_BYTES: Final = 16384  # of the JSON of a report
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
MANAGED: Final[Mapping[str, str]] = {MANAGED_BY: SOURCE}  # the label of all that the controller writes
REPORT: Final = "batchwarden.io/report"  # a label: which kind of report it is
LEFT_OUT: Final = "batchwarden.io/left-out"  # annotations: how much there was no room for
DIGEST: Final = "batchwarden.io/digest"
OBJECTS: Final = "batchwarden.io/objects"
TOTALS: Final = "batchwarden.io/totals"
OURS: Final = ("batchwarden.io/", MANAGED_BY)
CLUSTER_NAME: Final = "batchwarden"
MOST_NAME: Final = 253  # https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names
PLAIN_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")

Manifest: TypeAlias = dict[str, Any]


class ReportApi(NamedTuple):
    """An API of reports; ``names_source`` where a report, and not only a result, says which program it is from.

    Sources: kyverno's config/crds/policyreport, openreports/reports-api's config/crd; all else is alike in the two.
    """

    group: str
    version: str
    kind: str
    cluster_kind: str
    plural: str
    cluster_plural: str
    names_source: bool = False

    @property
    def api_version(self) -> str:
        """Give group and version as manifests do."""
        return f"{self.group}/{self.version}"


WGPOLICY: Final = ReportApi(
    "wgpolicyk8s.io", "v1alpha2", "PolicyReport", "ClusterPolicyReport", "policyreports", "clusterpolicyreports"
)
OPENREPORTS: Final = ReportApi(
    "openreports.io", "v1alpha1", "Report", "ClusterReport", "reports", "clusterreports", names_source=True
)


class Totals(NamedTuple):
    """What a scan comes to.

    ``objects`` is how many were looked at, ``left_out`` of how many there is no report. ``summary`` adds up those of
    the reports; ``findings`` are counted by rule and result, ``consequences`` by kind.
    """

    objects: int
    summary: Mapping[str, int]
    findings: Mapping[tuple[str, str], int]
    consequences: Mapping[str, int]
    left_out: int = 0


class Findings(NamedTuple):
    """What a report tells, the most important first; ``passed`` more checks found nothing, and ``spare`` is one."""

    results: Sequence[Result]
    passed: int = 0
    spare: Sequence[Result] = ()

    @property
    def summary(self) -> dict[str, int]:
        """Count all results, whether there is room for them or not."""
        counts = Counter(result["result"] for result in self.results)
        counts["pass"] += self.passed
        return {result: counts[result] for result in ORDER}

    def dated(self, known: Mapping[str, Any] | None, at: datetime) -> "Findings":
        """Give each result the time when it was first told: that in the known report, where it says the same there."""
        told = map(mapping, sequence(mapping(known).get("results")))
        times = {_same(result): mapping(result.get("timestamp")) for result in told}
        begun = {"seconds": int(at.timestamp()), "nanos": 0}
        results, spare = (
            [{**result, "timestamp": {**(times.get(_same(result)) or begun)}} for result in each]
            for each in (self.results, self.spare)
        )
        return self._replace(results=results, spare=spare)


def policy_report(
    standing: Standing, api: ReportApi, known: Mapping[str, Any] | None, at: datetime, *, list_passes: bool = False
) -> Manifest:
    """Make the report of an object; a finding that ``known``, its report until now, tells too keeps its time."""
    found = findings(standing, list_passes=list_passes).dated(known, at)
    return seal(fit(_begin(standing, api), found, MOST_BYTES))


def exported_report(standing: Standing, api: ReportApi, at: datetime, *, list_passes: bool = False) -> Manifest:
    """Make the report of an object for a file: complete, whatever its size."""
    return fit(_begin(standing, api), findings(standing, list_passes=list_passes).dated(None, at), sys.maxsize)


def cluster_report(totals: Totals, api: ReportApi) -> Manifest:
    """Make the report of the cluster: totals alone.

    They are in the summary and in annotations: Policy Reporter reads nothing of a cluster's report that has no results,
    and would count results once more.
    """
    rules: dict[str, dict[str, int]] = {}
    for (rule, result), count in sorted(totals.findings.items()):
        rules.setdefault(rule, {})[result] = count
    written = json.encode({"rules": rules, "consequences": dict(sorted(totals.consequences.items()))}).decode()
    told = {OBJECTS: str(totals.objects), TOTALS: written}
    if totals.left_out:
        told[LEFT_OUT] = str(totals.left_out)
    manifest = _annotated(skeleton(api._replace(kind=api.cluster_kind), CLUSTER_NAME, "totals"), told)
    return seal({**manifest, "summary": {result: totals.summary.get(result, 0) for result in ORDER}})


def report_name(kind: str, name: str) -> str:
    """Name the report of an object; what is no name, or too long for one, is cut, and a hash keeps it apart."""
    text = f"batchwarden-{kind.lower()}-{name}"
    if len(text) <= MOST_NAME and PLAIN_NAME.fullmatch(text):
        return text
    mark = hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]
    return f"{re.sub('[^a-z0-9]+', '-', text.lower())[: MOST_NAME - len(mark) - 1]}-{mark}"


def skeleton(api: ReportApi, name: str, report: str, namespace: str = "") -> Manifest:
    """Begin a report: what it is, and whose."""
    metadata: Manifest = {"name": name, "labels": {**MANAGED, REPORT: report}}
    if namespace:
        metadata["namespace"] = namespace
    source = {"source": SOURCE} if api.names_source else {}
    return {"apiVersion": api.api_version, "kind": api.kind, "metadata": metadata, **source}


def fit(manifest: Manifest, found: Findings, most: int) -> Manifest:
    """Put results into a report, the first of them where so many bytes hold no more, and say how many are left out."""
    summary, everything = found.summary, len(found.results)
    longest = {**_annotated(manifest, {LEFT_OUT: str(everything), DIGEST: "0" * 64}), "summary": summary, "results": []}
    room, shown = most - _size(longest), []
    for result in found.results:
        room -= _size(result)
        if room < 0:
            break
        shown.append(result)
    extra: list[Result] = []
    if _mistakable(shown, summary):
        extra = [result for result in found.spare if _size(result) <= room]
        shown = shown if extra else shown[:-1]
    left_out = everything - len(shown)
    marked = _annotated(manifest, {LEFT_OUT: str(left_out)}) if left_out else manifest
    return {**marked, "summary": summary, "results": [*shown, *extra]}


def seal(manifest: Manifest) -> Manifest:
    """Write a report's digest into it."""
    return _annotated(manifest, {DIGEST: digest(manifest)})


def digest(manifest: Mapping[str, Any]) -> str:
    """Digest all that we say in a report, but for times; that of a stored one, if nobody changed it, is the same."""
    metadata = mapping(manifest.get("metadata"))
    told = {
        **{key: manifest.get(key) for key in ("source", "scope", "summary")},
        **{key: metadata.get(key) for key in ("namespace", "name", "ownerReferences")},
        **{key: _ours(metadata.get(key)) for key in ("labels", "annotations")},
        "results": [
            {key: value for key, value in mapping(result).items() if key != "timestamp"}
            for result in sequence(manifest.get("results"))
        ],
    }
    return hashlib.sha256(json.encode(told, order="sorted")).hexdigest()


def findings(standing: Standing, *, list_passes: bool) -> Findings:
    """Collect what is told of an object."""
    judged = standing.judged
    found, clauses = results(standing), judged.passed
    if list_passes:
        return Findings([*found, *passed(judged.result.job, clauses)])
    return Findings(found, len(clauses), list(passed(judged.result.job, clauses[:1])))


def _begin(standing: Standing, api: ReportApi) -> Manifest:
    """Begin the report of an object, which goes with it; deleting the object never waits for that."""
    job = standing.judged.result.job
    named = {"apiVersion": "batch/v1", "kind": job.kind, "name": message.cut(message.printable(job.name), MOST_NAME)}
    namespace = message.cut(message.printable(job.namespace), MOST_NAME)
    uid = bounded(job.metadata.text("uid").value or "")
    manifest = skeleton(api, report_name(job.kind, job.name), "scan", namespace)
    if not uid:  # only a file has none
        return {**manifest, "scope": {**named, "namespace": namespace}}
    manifest["metadata"]["ownerReferences"] = [{**named, "uid": uid}]
    return {**manifest, "scope": {**named, "namespace": namespace, "uid": uid}}


def _mistakable(shown: Sequence[Result], summary: Mapping[str, int]) -> bool:
    """Whether Policy Reporter's mails would take the report for one without failures.

    They do where it lists as many results as its summary counts passes and skips, which for a report that leaves passes
    out can be by chance: pkg/email/violations/generator.go, line 147.
    """
    fine = summary["pass"] + summary["skip"]
    return len(shown) == fine and any(result["result"] not in {"pass", "skip"} for result in shown)


def _same(result: Mapping[str, Any]) -> tuple[str, str]:
    return str(mapping(result.get("properties")).get("resultID")), str(result.get("message"))


def _ours(texts: object) -> dict[str, Any]:
    return {key: text for key, text in mapping(texts).items() if key.startswith(OURS) and key != DIGEST}


def _annotated(manifest: Manifest, annotations: Mapping[str, str]) -> Manifest:
    metadata = manifest["metadata"]
    return {**manifest, "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), **annotations}}}


def _size(value: object) -> int:
    """Count the bytes of JSON, and of the comma after it."""
    return len(json.encode(value)) + 1

"""What Policy Reporter reads of a report, in our own words, each with the place where its source does so.

The places are of https://github.com/kyverno/policy-reporter v3.9.0. It reads ``wgpolicyk8s.io`` and ``openreports.io``;
results have one shape in both (pkg/crd/api/policyreport/v1alpha2/policyreport_types.go:77).
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

RESULTS = ("skip", "pass", "warn", "fail", "error")
NOTHING_WRONG = ("skip", "pass")


class Row(NamedTuple):
    """A row of its table of results, which its pages show: pkg/database/model.go:59 and :145."""

    id: str
    resource: str
    api: str
    kind: str
    name: str
    namespace: str
    uid: str
    policy: str
    rule: str
    message: str
    scored: bool
    result: str
    severity: str
    category: str
    source: str
    properties: Mapping[str, str]
    created: int


class Reading(NamedTuple):
    """A report as it keeps it, with a row of its table of reports, pkg/database/model.go:128."""

    id: str
    type: str
    source: str
    labels: Mapping[str, str]
    counts: Mapping[str, int]
    rows: tuple[Row, ...]

    @property
    def mailed_totals(self) -> Mapping[str, int]:
        """What a mail with totals adds up, for the source above: pkg/email/summary/generator.go:57 and :107."""
        return self.counts if self.rows else {}

    @property
    def mailed_violations(self) -> list[tuple[str, str, str, str, str]]:
        """What a mail with violations lists: pkg/email/violations/generator.go:58 and :147, mapResult in model.go."""
        if len(self.rows) == self.counts["pass"] + self.counts["skip"]:
            return []
        wrong = (row for row in self.rows if row.result not in NOTHING_WRONG)
        return [(row.policy, row.rule, row.kind, row.name, row.result) for row in wrong]

    def notified(self, seen: Collection[str]) -> list[Row]:
        """What is sent to chats and the like: what has not been seen, pkg/listener/new_result.go:51 and :111.

        All IDs of the report, those of passes and skips too, then count as seen: pkg/cache/memory.go:26.
        """
        return [row for row in self.rows if row.id not in seen and row.result not in NOTHING_WRONG]


def read_as_policy_reporter(report: Mapping[str, Any]) -> Reading:
    """Read a report of either API."""
    metadata, summary, results = report["metadata"], report.get("summary", {}), report.get("results", [])
    namespace = metadata.get("namespace", "")
    # policyreport_types.go:59 and pkg/openreports/reports_adapter.go:48: the older API has no source of its own
    named = report.get("source", "") if report["apiVersion"] == "openreports.io/v1alpha1" else ""
    source = named or (results[0].get("source", "") if results else "")
    return Reading(
        fnv1a(metadata["name"], namespace),  # pkg/openreports/reports_adapter.go:92, clusterreports_adapter.go
        "PolicyReport" if namespace else "ClusterPolicyReport",  # pkg/report/model.go:45
        source,
        metadata.get("labels", {}),
        {result: summary.get(result, 0) for result in RESULTS},
        tuple(_row(report, result, source) for result in results),
    )


def store(readings: Iterable[Reading]) -> dict[str, Row]:
    """Keep the rows of many reports: one whose ID is there already is ignored, pkg/database/bun.go:1070."""
    rows: dict[str, Row] = {}
    for reading in readings:
        for row in reading.rows:
            rows.setdefault(row.id, row)
    return rows


def _row(report: Mapping[str, Any], result: Mapping[str, Any], source: str) -> Row:
    # pkg/report/result/reconditioner.go:36 takes the scope where a result names no resource
    about = next(iter(result.get("resources", [])), report.get("scope", {}))
    kind, api = about.get("kind", ""), about.get("apiVersion", "")
    name, namespace = about.get("name", ""), about.get("namespace") or report["metadata"].get("namespace", "")
    return Row(
        result.get("properties", {}).get("resultID", ""),  # pkg/report/result/id_generator.go:104: else it makes one up
        fnv1a(namespace, name, kind, api),  # pkg/database/model.go:49
        f"{kind.lower()}s.{api}",  # pkg/openreports/result.go:43
        kind,
        name,
        namespace,
        about.get("uid", ""),
        result["policy"],
        result.get("rule", ""),
        result.get("message", ""),
        result.get("scored", False),
        result.get("result", ""),
        result.get("severity", ""),
        result.get("category") or "Other",  # pkg/report/result/reconditioner.go:38
        result.get("source") or source,  # :44
        result.get("properties", {}),
        result.get("timestamp", {}).get("seconds", 0),  # nanos only decide whether it is older than the program
    )


def fnv1a(*texts: str) -> str:
    """Hash texts, one after the other: 64 bits, http://www.isthe.com/chongo/tech/comp/fnv/."""
    found = 0xCBF29CE484222325
    for byte in "".join(texts).encode():
        found = (found ^ byte) * 0x100000001B3 % 2**64
    return str(found)

"""For programs that read policy reports: one PolicyReport for each object, as YAML, and whole, whatever its size.

The denials of a namespace have a report of their own, which the controller keeps in the cluster: none is written here.

Source: https://github.com/kubernetes-sigs/wg-policy-prototypes
"""

from typing import TextIO

from webhook.audit.policy_reports.report import WGPOLICY, ReportApi, exported_report, report_name
from webhook.audit.report import Report
from webhook.files import Unreadable
from webhook.text.yaml_write import write_yaml


def write(report: Report, out: TextIO) -> None:
    """Write the documents as they come; what could not be looked at has none, and fails the command."""
    write_as(WGPOLICY, report, out)


def write_as(api: ReportApi, report: Report, out: TextIO) -> None:
    """Write reports of an API; where files name two objects alike, their places tell them apart."""
    taken: set[tuple[str, str]] = set()
    for each in report.pairs():
        if isinstance(each, Unreadable):
            continue
        entry, standing = each
        manifest = exported_report(standing, api, report.at)
        metadata = manifest["metadata"]
        if (metadata["namespace"], metadata["name"]) in taken:
            job = standing.judged.result.job
            metadata["name"] = report_name(job.kind, f"{job.name}@{entry.source}:{entry.position.line}")
        taken.add((metadata["namespace"], metadata["name"]))
        out.write(f"---\n{write_yaml([manifest])}")

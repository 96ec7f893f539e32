"""For programs that read OpenReports: one Report for each object, as YAML, and whole, whatever its size.

Source: https://github.com/openreports/reports-api
"""

from typing import TextIO

from webhook.audit.formats.policyreport import write_as
from webhook.audit.policy_reports.report import OPENREPORTS
from webhook.audit.report import Report


def write(report: Report, out: TextIO) -> None:
    """Write the documents as they come; what could not be looked at has none, and fails the command."""
    write_as(OPENREPORTS, report, out)

"""For auditors: one page for a browser, with all that it needs in it."""

from typing import TextIO

from webhook.audit.html import page
from webhook.audit.reports import Report


def write(report: Report, out: TextIO) -> None:
    """Write the page; the worst objects are held until the end, and so many of them that it stays usable."""
    out.writelines(page.pieces(report, report.zone))

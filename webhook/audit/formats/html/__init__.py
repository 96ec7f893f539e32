"""For auditors: one page for a browser, with all that it needs in it."""

from typing import TextIO

from webhook.audit.formats.html import page
from webhook.audit.report import Report


def write(report: Report, out: TextIO) -> None:
    """Write the page; the worst objects are held until the end, and so many of them that it stays usable."""
    out.writelines(page.pieces(report))

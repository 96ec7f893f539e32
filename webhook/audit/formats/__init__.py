"""How a report is written down: a module, or a package, for each format.

Each has ``write(report, out)``, which goes through the report once and holds no more of it than the format must.
"""

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Final, TextIO, TypeAlias

from webhook.audit.report import Report

Write: TypeAlias = Callable[[Report, TextIO], None]


OFFERED: Final[Mapping[str, tuple[str, ...]]] = {
    "check": ("github", "json", "junit", "sarif", "text"),
    "report": ("csv", "html", "json", "junit", "markdown", "openreports", "oscal", "policyreport", "sarif"),
}
"""Command to the formats that it offers, told here so that none need be loaded for the others to be known."""


def writer(name: str) -> Write:
    """Load the format of that name."""
    write: Write = import_module(f"{__name__}.{name}").write
    return write


@lru_cache(maxsize=1)  # findings of one file come one after the other
def relative(source: str) -> Path:
    """Give the path from the working folder, as those who show findings beside the code want it, or a whole one."""
    path = Path(os.path.normpath(Path(source).absolute()))
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path

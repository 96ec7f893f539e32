"""How a report is written down: one module per format, found because its file is there.

Each has ``write(report, out)``, which goes through the report once and holds no more of it than the format must.
"""

import os
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TextIO, TypeAlias

from webhook.audit.reports import Report

Write: TypeAlias = Callable[[Report, TextIO], None]


def names() -> list[str]:
    """Name the formats."""
    return sorted(module.name for module in iter_modules(__path__))


def writer(name: str) -> Write:
    """Load the format of that name."""
    write: Write = import_module(f"{__name__}.{name}").write
    return write


@lru_cache(maxsize=1)  # findings of one file come one after the other
def relative(source: str) -> Path:
    """Give the path from the working folder, as those who show findings beside the code want it, or a whole one."""
    path = Path(os.path.normpath(Path(source).absolute()))
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path

"""Pure: plain values into YAML."""

from collections.abc import Iterable
from math import inf
from typing import Any

import yaml


def write_yaml(values: Iterable[Any]) -> str:
    """Write each value as a document, its keys in their order, no text folded."""
    return str(yaml.safe_dump_all(values, sort_keys=False, allow_unicode=True, width=inf))

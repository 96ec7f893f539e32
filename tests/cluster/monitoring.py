"""The real promtool, and the files of the chart that it is to judge."""

import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.chart import CHART

BUILD = Path(__file__).with_name("build")
RULES = CHART / "files" / "prometheus-rules.yaml"
DASHBOARD = CHART / "files" / "dashboard.json"


@cache
def program() -> Path:
    """Return promtool, which is built where it is not there."""
    built = subprocess.run([BUILD, "promtool"], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return Path(built.stdout.strip(), "promtool")


def promtool(*args: str | Path, stdin: str = "") -> tuple[int, str]:
    """Run promtool; return its exit code and all that it prints."""
    done = subprocess.run([program(), *args], input=stdin, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def alerts() -> dict[str, str]:
    """Return the expression of each alert."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


def panels() -> Iterator[dict[str, Any]]:
    """Go through the panels of the dashboard."""
    yield from json.loads(DASHBOARD.read_text())["panels"]


def shown() -> Iterator[tuple[str, str]]:
    """Go through the dashboard's expressions, each with its panel's title, as Grafana would send them."""
    for panel in panels():
        for target in panel.get("targets", []):
            yield panel["title"], re.sub(r"\$__\w+", "5m", target["expr"])

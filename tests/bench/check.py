"""``batchwarden check`` as people meet it: whole processes, from cold, over real manifests."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench.processes import now
from tests.conftest import CORPUS, ROOT

MANIFESTS = Path(CORPUS or ROOT.parent / "shared" / "corpus") / "manifests"
MANY = 10_000
# A process is the only one to know the peak of its own memory: the one that starts it leaves its own peak on it.
PROGRAM = """
import atexit, json, os, re, sys
def tell():
    peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
    print(json.dumps([sum(os.times()[:2]), peak]), file=sys.stderr)
atexit.register(tell)
from webhook.cli import main
main(prog_name="batchwarden")
"""


@dataclass(frozen=True)
class Run:
    """Seconds from start to end, seconds of CPU, and the most MiB held."""

    wall: float
    cpu: float
    peak: float


def measure(rounds: int, folder: Path) -> dict[str, Run]:
    """Run each command so many times after one that fills the caches; give the medians."""
    stream = folder / "many.yaml"
    write_many(stream)
    check = ["check", "--policy=restricted"]
    commands = {
        "--help": ["--help"],
        f"check, {len(list(MANIFESTS.rglob('*.yaml')))} files": [*check, str(MANIFESTS)],
        f"check, a stream of {MANY // 10:,}": [*check, str(stream.with_suffix(".short"))],
        f"check, a stream of {MANY:,}": [*check, str(stream)],
    }
    return {name: middle([run(command) for _ in range(rounds + 1)][1:]) for name, command in commands.items()}


def run(arguments: Sequence[str]) -> Run:
    """Run the program once."""
    start = now()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    wall = now() - start
    if done.returncode not in {0, 1}:
        raise RuntimeError(f"{arguments} ended with {done.returncode}: {done.stderr}")
    return Run(wall, *json.loads(done.stderr.splitlines()[-1]))


def middle(runs: Sequence[Run]) -> Run:
    """Give the median of each figure."""
    return Run(*(median(getattr(each, name) for each in runs) for name in ("wall", "cpu", "peak")))


def write_many(stream: Path) -> None:
    """Write the manifests again and again into one file, and a tenth of them into another."""
    texts = [path.read_text() for path in sorted(MANIFESTS.rglob("*.yaml"))]
    texts = [text for text in texts if "\n---" not in text and not text.startswith("---")]
    documents = [f"---\n{texts[number % len(texts)]}\n" for number in range(MANY)]
    stream.write_text("".join(documents))
    stream.with_suffix(".short").write_text("".join(documents[: MANY // 10]))

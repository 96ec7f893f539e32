"""Measures and prints, as Markdown, the figures of the README; on loopback, and nothing is left behind.

``make bench`` takes some fifteen minutes. BENCH_ROUNDS is how many rounds medians are taken of (3); scans, which take
the longest, are measured once. With BENCH_QUICK set to anything it sends a twentieth, and scans a hundredth, to see
that all works: such figures mean nothing.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench import check, crds, report, scan
from tests.bench.admission import Programs, Sizes, bursts, measure
from tests.bench.direct import engine_microseconds, record, reviews_per_second
from tests.bench.objects import four, many
from tests.bench.processes import machine
from tests.bench.rows import ROWS
from tests.cluster.controlplane import sigterm_interrupts

HERE = Path(__file__).parent
QUICK = Sizes(alone=25, crowd=200, bursts=5, silent=100)
DIRECT, DIRECT_QUICK = 3000, 150
CRON_JOBS, CRON_JOBS_QUICK = (10_000, 100_000), (100, 1000)


def main() -> int:
    """Measure everything; the exit code is 1 if any request was not answered as it should be."""
    rounds, quick = max(1, int(os.environ.get("BENCH_ROUNDS", "3"))), bool(os.environ.get("BENCH_QUICK"))
    sizes = QUICK if quick else Sizes()
    programs = Programs(built(HERE.parent / "cluster" / "build"), built(HERE / "build"))
    look(rounds)
    scanning(CRON_JOBS_QUICK if quick else CRON_JOBS)
    print(f"Our CRDs cost the API server {crds.measure(programs.plane, rounds):.1f} MiB.\n", flush=True)
    wrong = through_the_api_server(programs, rounds, sizes)
    straight(programs, rounds, DIRECT_QUICK if quick else DIRECT)
    for problem in wrong:
        say(problem)
    return bool(wrong)


def look(rounds: int) -> None:
    """Measure the command line over files, and print the table."""
    with TemporaryDirectory(prefix="bench-") as folder:
        print(f"{report.runs(check.measure(rounds, Path(folder)))}\n", flush=True)


def scanning(sizes: Sequence[int]) -> None:
    """Measure scans of clusters of these sizes, of the smallest in all ways, and print the table."""
    found = {}
    with TemporaryDirectory(prefix="bench-") as folder:
        for cron_jobs in sizes:
            say(f"scans: {cron_jobs:,} CronJobs")
            found[cron_jobs] = scan.measure(cron_jobs, Path(folder), whole=cron_jobs == min(sizes))
    print(f"{report.scans(found)}\n", flush=True)


def built(script: Path) -> Path:
    """Build programs where they are not there; return their folder."""
    return Path(subprocess.run([script], check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


def through_the_api_server(programs: Programs, rounds: int, sizes: Sizes) -> list[str]:
    """Measure rows in turn, then bursts, and print both tables; return what was wrong."""
    measured = []
    for number in range(rounds):
        found = {}
        for row in ROWS:
            say(f"round {number + 1} of {rounds}: {row.name}")
            found[row.name] = measure(programs, row, sizes)
        measured.append(found)
    print(f"Medians of {rounds} rounds, on {machine()}.\n\n{report.admission(measured, ROWS[0].name)}\n", flush=True)
    burst = {}
    for row in ROWS[1:]:
        say(f"bursts: {row.name}")
        burst[row.name] = bursts(programs, row, sizes)
    print(f"{report.bursts(burst, sizes.silent)}\n", flush=True)
    late = [
        f"bursts, {name}: {each.wrong} wrong, e.g. {each.sample}"
        for name, pair in burst.items()
        for each in pair
        if each.wrong
    ]
    return [*report.problems(measured), *late]


def straight(programs: Programs, rounds: int, count: int) -> None:
    """Measure the server and the engine alone, with few policies and with many, and print the table."""
    worlds = {"bare Flask": None, "4 policies": four(), "4 of 200, 10,000 namespaces": many()}
    with TemporaryDirectory(prefix="bench-") as folder:
        reviews = record(programs, Path(folder))
        rates = []
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}: straight over TLS")
            rates.append({name: reviews_per_second(programs, reviews, text, count) for name, text in worlds.items()})
        engine = {name: engine_microseconds(reviews, text) for name, text in worlds.items() if text is not None}
    print(report.reviews(rates, engine), flush=True)


def say(line: str) -> None:
    """Tell on the terminal, beside the figures, what goes on."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    with sigterm_interrupts():
        sys.exit(main())

"""Pure: figures of several rounds come in, the Markdown of the README goes out."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median

from tests.bench.admission import IN_FLIGHT, Measured
from tests.bench.check import Run
from tests.bench.load import Figures
from tests.bench.objects import KINDS
from tests.bench.population import RUNS
from tests.bench.scan import Scanned

Round = Mapping[str, Mapping[str, Measured]]  # by row and object

# How each figure is written, and how it comes from what was measured with a row and with no webhook.
COLUMNS: Mapping[str, tuple[str, Callable[[Measured, Measured], float]]] = {
    "p50 ms": (".2f", lambda row, _: row.alone.p50),
    "added ms": (".2f", lambda row, nothing: row.alone.p50 - nothing.alone.p50),
    "p99 ms": (".2f", lambda row, _: row.alone.p99),
    f"a second, {IN_FLIGHT} in flight": (",.0f", lambda row, _: row.crowd.per_second),
    "CPU s per 1,000": (".2f", lambda row, _: row.cpu),
    "MiB": (".0f", lambda row, _: row.resident),
    "ready s": (".2f", lambda row, _: row.ready),
}


def table(texts: Sequence[str], figures: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table: the heads of columns of text, those of columns of figures, and the cells."""
    head, rule = [*texts, *figures], [*["---"] * len(texts), *["---:"] * len(figures)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *lines))


def admission(rounds: Sequence[Round], nothing: str) -> str:
    """Write the medians of the rounds; what a row adds is counted from the row with no webhook, of the same round."""
    lines = []
    for row, kind in itertools.product(rounds[0], KINDS):
        pairs = [(each[row][kind], each[nothing][kind]) for each in rounds]
        found = [(form, median(itertools.starmap(value, pairs))) for form, value in COLUMNS.values()]
        lines.append([row, kind, *(f"{figure:{form}}" if figure else "" for form, figure in found)])
    return table(["", "object"], list(COLUMNS), lines)


def bursts(found: Mapping[str, tuple[Figures, Figures]], silent: int) -> str:
    """Write how bursts after quiet times went."""
    lines = [
        [row, others, *(f"{figure:.1f}" for figure in (each.p50, each.p99, each.max)), str(each.wrong)]
        for row, pair in found.items()
        for others, each in zip(("none", f"{silent} silent"), pair, strict=True)
    ]
    return table(["", "other connections"], ["p50 ms", "p99 ms", "longest ms", "wrong"], lines)


def reviews(rates: Sequence[Mapping[str, Mapping[str, float]]], engine: Mapping[str, Mapping[str, float]]) -> str:
    """Write reviews a second on one core, by set of policies, and microseconds of the engine."""
    columns = list(rates[0])
    head = [*(f"{name}: a second" for name in columns), *(f"{name}: engine, microseconds" for name in engine)]
    lines = [
        [
            review,
            *(f"{median(each[name][review] for each in rates):,.0f}" for name in columns),
            *(f"{figures[review]:.0f}" for figures in engine.values()),
        ]
        for review in rates[0][columns[0]]
    ]
    return table(["review"], head, lines)


def runs(found: Mapping[str, Run]) -> str:
    """Write what whole processes cost."""
    lines = [[name, f"{each.wall:.2f}", f"{each.cpu:.2f}", f"{each.peak:.0f}"] for name, each in found.items()]
    return table(["batchwarden"], ["seconds", "CPU s", "peak MiB"], lines)


def scans(found: Mapping[int, Mapping[str, Run | Scanned]]) -> str:
    """Write what looking at so many CronJobs takes, and at three times as many Jobs."""
    lines = [
        [name, f"{count:,}", f"{RUNS * count:,}", f"{each.wall:.1f}", f"{each.cpu:.1f}", f"{each.peak:.0f}"]
        + ([f"{each.written:,.0f}", f"{each.paced:.0f}"] if isinstance(each, Scanned) else ["", ""])
        for count, rows in found.items()
        for name, each in rows.items()
    ]
    figures = ["CronJobs", "Jobs", "seconds", "CPU s", "peak MiB", "reports written", "pauses between, s"]
    return table([""], figures, lines)


def problems(rounds: Iterable[Round]) -> list[str]:
    """Name the requests that were not answered as they should be, with one answer of each kind."""
    return [
        f"{row}, {kind}: {figures.wrong} wrong, e.g. {figures.sample}"
        for each in rounds
        for row, kinds in each.items()
        for kind, measured in kinds.items()
        for figures in (measured.alone, measured.crowd)
        if figures.wrong
    ]

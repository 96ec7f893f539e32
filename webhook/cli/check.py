"""``batchwarden check``: judges manifests without a cluster, or what runs in one."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import click

from policies.rule import Action
from webhook.audit import formats
from webhook.audit.inputs import Inputs, Source, read
from webhook.audit.reports import Found, Report
from webhook.audit.scan import Judge
from webhook.files import Unreadable
from webhook.judging import By, judged_by, open_judge
from webhook.options import Name, Url
from webhook.reaching import Reach, open_cluster, reached_by
from webhook.snapshots import PolicyFilesError

MANY = 300
NEVER = "never"


@click.command(
    epilog="Exit code: 0 nothing at or over --fail-on, 1 something, 2 something could not be read or checked."
)
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(allow_dash=True))
@judged_by
@click.option(
    "-n", "--namespace", type=Name(), help="Where objects in files live that name none; without PATH: look there."
)
@reached_by("everywhere", "exempt")
@click.option("--format", "form", type=click.Choice(formats.names()), default="text", show_default=True)
@click.option(
    "--fail-on",
    type=click.Choice([*(action.value for action in Action), NEVER], case_sensitive=False),
    default=Action.DENY.value,
    show_default=True,
    help="The weakest finding that makes the exit code 1.",
)
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write there, and the sum to stderr.",
)
@click.option("--why-url", default="", type=Url("https", "http"), help="A page whose anchors are rule names.")
def command(paths: tuple[str, ...], form: str, output: Path | None, **given: Any) -> None:
    """Judge the Jobs and CronJobs in files, in folders, or from the standard input ("-"), as admission would.

    Without PATH it looks into the current folder, or, given -n, -A, --context or --kubeconfig, into a cluster: what
    runs there is judged as it stands, by the cluster's own policies and exceptions unless others are named; nothing is
    written. In files other kinds are skipped and counted; Namespaces and LimitRanges in them are taken into account.

    \b
    batchwarden check deploy/
    helm template . | batchwarden check -
    batchwarden check --policies policies/ --format sarif --output check.sarif deploy/
    batchwarden check -n team-a
    batchwarden check -A --policy restricted
    """  # noqa: D301 - click reads a real backspace: what follows is no paragraph
    at, fail_on, why_url = datetime.now(UTC), given.pop("fail_on"), given.pop("why_url")
    named = {name: given.pop(name) for name in ("kubeconfig", "context", "everywhere", "exempt")}
    reach = Reach(namespace=given["namespace"], **named)
    if paths and reach != Reach(namespace=reach.namespace):
        raise click.UsageError("PATH is for files, -A, --context and --kubeconfig for a cluster; give one of them")
    live = not paths and reach != Reach()
    try:
        with _live(reach, By(**given), at) if live else _files(paths, By(**given), at, output) as found:
            report = Report(found, at, None if fail_on == NEVER else Action(fail_on), why_url)
            _write(report, formats.writer(form), output)
    except PolicyFilesError as error:
        click.echo(error, err=True)
        sys.exit(2)
    sys.exit(report.exit_code)


@contextmanager
def _files(paths: tuple[str, ...], by: By, at: datetime, output: Path | None) -> Iterator[Iterator[Found]]:
    with Inputs(paths or ["."], sys.stdin) as inputs:
        if output is not None:
            inputs.leave_out(output)
        judge, faults = open_judge(by, inputs, at)
        yield _look(inputs, judge, faults)


@contextmanager
def _live(reach: Reach, by: By, at: datetime) -> Iterator[Iterator[Found]]:
    from webhook.live import judged, open_live_judge

    cluster = open_cluster(reach)
    judge, faults = open_live_judge(cluster, by, at)
    yield chain(faults, judged(cluster, judge))


def _write(report: Report, write: formats.Write, output: Path | None) -> None:
    if output is None:
        write(report, sys.stdout)
        return
    with output.open("w", encoding="utf-8") as file:
        write(report, file)
    click.echo(f"{report.summary}.", err=True)


def _look(inputs: Inputs, judge: Judge, faults: Iterable[Unreadable]) -> Iterator[Found]:
    yield from faults
    for source in _told(inputs.sources):
        for document in read(source):
            yield document if isinstance(document, Unreadable) else judge.judge(document) or document


def _told(sources: Sequence[Source]) -> Iterator[Source]:
    """Say on a terminal how far it is, in so few letters that the findings, told in the same line, cover them."""
    many = len(sources) > MANY and sys.stderr.isatty()
    for number, source in enumerate(sources):
        if many and number % (MANY // 10) == 0:
            click.echo(f"Checking{number / len(sources):4.0%}\r", err=True, nl=False)
        yield source
    if many:
        click.echo(f"{'':12}\r", err=True, nl=False)

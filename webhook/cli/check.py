"""``batchwarden check``: judges manifests without a cluster."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
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
from webhook.options import Url
from webhook.snapshots import PolicyFilesError

MANY = 300
NEVER = "never"


@click.command(
    epilog="Exit code: 0 nothing at or over --fail-on, 1 something, 2 something could not be read or checked."
)
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(allow_dash=True))
@judged_by
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

    Without PATH it looks into the current folder. Other kinds are skipped and counted; Namespaces and LimitRanges in
    the same files are taken into account.

    \b
    batchwarden check deploy/
    helm template . | batchwarden check -
    batchwarden check --policies policies/ --format sarif --output check.sarif deploy/
    """  # noqa: D301 - click reads a real backspace: what follows is no paragraph
    at, fail_on, why_url = datetime.now(UTC), given.pop("fail_on"), given.pop("why_url")
    with Inputs(paths or ["."], sys.stdin) as inputs:
        if output is not None:
            inputs.leave_out(output)
        try:
            judge, faults = open_judge(By(**given), inputs, at)
        except PolicyFilesError as error:
            click.echo(error, err=True)
            sys.exit(2)
        report = Report(_look(inputs, judge, faults), at, None if fail_on == NEVER else Action(fail_on), why_url)
        _write(report, formats.writer(form), output)
    sys.exit(report.exit_code)


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

"""What the commands share that look at many objects and report on them: files or a cluster, and where it is written."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

import click

from policies.rule import Action
from webhook.audit import formats
from webhook.audit.inputs import Inputs, Source, read
from webhook.audit.report import Found, Report
from webhook.audit.scan import Judge
from webhook.files import Unreadable
from webhook.judging import By, judged_by, open_judge
from webhook.options import Name, Url
from webhook.reaching import Reach, reached_by

MANY: Final = 300
NEVER: Final = "never"
EXIT_CODES: Final = "0 nothing at or over --fail-on, 1 something, 2 something could not be read or checked."
Command: TypeAlias = Callable[..., Any]


def looked_into(command: Command) -> Command:
    """Give a command ``paths``, and all that makes a ``By`` and a ``Reach``: files, or a cluster, and who judges."""
    options = (
        click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(allow_dash=True)),
        judged_by,
        click.option(
            "-n",
            "--namespace",
            type=Name(),
            help="Where objects in files live that name none; without PATH: look there.",
        ),
        reached_by("everywhere", "exempt"),
    )
    for option in reversed(options):
        command = option(command)
    return command


def written_as(form: str, command: str, fail_on: str) -> Callable[[Command], Command]:
    """Give a command ``form``, of those formats that it offers, ``fail_on``, ``output`` and ``why_url``."""
    options = (
        click.option("--format", "form", type=click.Choice(formats.OFFERED[command]), default=form, show_default=True),
        click.option(
            "--fail-on",
            type=click.Choice([*(action.value for action in Action), NEVER], case_sensitive=False),
            default=fail_on,
            show_default=True,
            help="The weakest finding that makes the exit code 1.",
        ),
        click.option(
            "--output",
            metavar="FILE",
            type=click.Path(dir_okay=False, writable=True, path_type=Path),
            help="Write there, and the sum to stderr.",
        ),
        click.option("--why-url", default="", type=Url("https", "http"), help="A page whose anchors are rule names."),
    )

    def give(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return give


def weakest(fail_on: str) -> Action | None:
    """Read the value of ``--fail-on``."""
    return None if fail_on == NEVER else Action(fail_on)


def is_live(paths: Sequence[str], reach: Reach) -> bool:
    """Whether a cluster is meant, and not files; raise UsageError where both are."""
    if paths and reach != Reach(namespace=reach.namespace):
        raise click.UsageError("PATH is for files, -A, --context and --kubeconfig for a cluster; give one of them")
    return not paths and reach != Reach()


@contextmanager
def open_files(
    paths: Sequence[str], by: By, at: datetime, output: Path | None
) -> Iterator[tuple[Judge, Iterator[Found]]]:
    """Open files, the current folder if none is named; what is in them is judged as it is gone through."""
    with Inputs(paths or ["."], sys.stdin) as inputs:
        if output is not None:
            inputs.leave_out(output)
        judge, faults = open_judge(by, inputs, at)
        yield judge, _look(inputs, judge, faults)


def write(report: Report, form: str, output: Path | None) -> None:
    """Write it to the standard output, or into a file, the sum of it then to the standard error."""
    put = formats.writer(form)
    if output is None:
        put(report, sys.stdout)
        return
    with output.open("w", encoding="utf-8", newline="") as file:
        put(report, file)
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

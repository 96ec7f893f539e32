"""What judges files is named by the same options in every command; where nothing is named, it is baseline."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import click

from webhook.audit.inputs import Inputs
from webhook.audit.scan import Judge
from webhook.files import Unreadable, legible
from webhook.snapshots import Collection, PolicyFilesError, collect, ready, ready_names

BUILT_IN: Final = "baseline"
Command: TypeAlias = Callable[..., Any]


class By(NamedTuple):
    """By what is judged: policies in files, ready ones by name, and where objects live that name no namespace."""

    policies: tuple[Path, ...] = ()
    names: tuple[str, ...] = ()
    namespace: str = ""


def judged_by(command: Command) -> Command:
    """Give a command the options whose values make a ``By``: ``policies`` and ``names``."""
    options = (
        click.option(
            "--policies",
            metavar="PATH",
            multiple=True,
            type=click.Path(exists=True, path_type=Path),
            help="Policies and exceptions, a file or a folder; repeatable. Their selectors count.",
        ),
        click.option(
            "--policy",
            "names",
            multiple=True,
            type=click.Choice(ready_names()),
            help=f"A ready policy, in every namespace; repeatable.  [default: {BUILT_IN}, without --policies]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def open_judge(by: By, inputs: Inputs, at: datetime) -> tuple[Judge, list[Unreadable]]:
    """Read the policies, and what the inputs tell of Namespaces and LimitRanges, with what is wrong there.

    Exceptions that name what is not there are told at once.
    Raises PolicyFilesError where the policies cannot be used, or where there are none: all would seem well.
    """
    collection = collect_named(by)
    inputs.tell(collection, by.namespace)
    return Judge(collection.snapshot(), at, by.namespace), collection.faults


def collect_named(by: By) -> Collection:
    """Read the policies that are named, and tell of exceptions that name what is not there; raises PolicyFilesError."""
    collection = collect(by.policies)
    for name in by.names or (() if by.policies else (BUILT_IN,)):
        collection.bind(ready(name))
    snapshot = collection.snapshot()
    if not snapshot.policies:
        raise PolicyFilesError(f"{legible(str(path))}: there is no policy in it" for path in by.policies)
    for remark in collection.remarks(snapshot):
        click.echo(remark, err=True)
    return collection

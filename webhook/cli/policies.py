"""``batchwarden policies``: what binds in a namespace of a cluster; the ready policies, and those in files."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from webhook.choices import READY
from webhook.reaching import Reach, open_cluster, reached_by


@click.group(invoke_without_command=True)
@reached_by("namespace")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def command(ctx: click.Context, /, form: str, **given: Any) -> None:
    """Say which policies and rules bind in a namespace, in which action; list policies, or show a ready one.

    Without a command it asks the cluster: policies from where, with which exceptions in force until when, and what
    LimitRanges say.

    \b
    batchwarden policies -n team-a
    batchwarden policies list
    batchwarden policies show restricted
    """  # noqa: D301 - click takes \\b for: do not wrap
    reach = Reach(**given)
    if ctx.invoked_subcommand is None:
        _bind(reach, form)
    elif reach != Reach():
        raise click.UsageError(f"-n, --context and --kubeconfig are for a cluster, which {ctx.invoked_subcommand} "
                               "does not ask; leave them out")  # fmt: skip


def _bind(reach: Reach, form: str) -> None:
    from webhook.audit.binding import binding, lines
    from webhook.live import look

    cluster = open_cluster(reach)
    glance = look(cluster)
    told = binding(glance.snapshot(), cluster.namespace, datetime.now(UTC))
    if form == "json":
        from msgspec import json

        click.echo(json.format(json.encode(told), indent=2))
    else:
        click.echo("\n".join(lines(told)))
    for fault in glance.faults:
        click.echo(f"{fault.name} cannot be used: {fault.why}", err=True)
    sys.exit(2 if glance.faults else 0)


@command.command("list")
@click.option("--policies", metavar="PATH", multiple=True, type=click.Path(exists=True, path_type=Path),
              help="List those in a file or a folder instead of the ready ones; repeatable.")  # fmt: skip
def list_(policies: tuple[Path, ...]) -> None:
    """List policies: what each does about the findings of which rules, and what it binds."""
    from webhook import snapshots
    from webhook.audit.binding import policy_lines, tell_policy

    try:
        found = snapshots.load(policies).policies if policies else map(snapshots.ready, snapshots.ready_names())
    except snapshots.PolicyFilesError as error:
        click.echo(error, err=True)
        sys.exit(2)
    told = ("\n".join(policy_lines(tell_policy(policy))) for policy in found)
    click.echo("\n\n".join(told) or "There is no policy.")


@command.command()
@click.argument("name", type=READY)
def show(name: str) -> None:
    """Print a ready policy, to be applied, or copied and changed."""
    from webhook.snapshots import LIBRARY

    click.echo((LIBRARY / f"{name}.yaml").read_text("utf-8"), nl=False)

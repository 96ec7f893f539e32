"""``batchwarden policies``: the ready policies, and those in files."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from webhook.choices import READY

if TYPE_CHECKING:  # they load every rule
    from policies.objects import Policy
    from policies.selector import LabelSelector


@click.group()
def command() -> None:
    """List policies, or show a ready one."""


@command.command("list")
@click.option("--policies", metavar="PATH", multiple=True, type=click.Path(exists=True, path_type=Path),
              help="List those in a file or a folder instead of the ready ones; repeatable.")  # fmt: skip
def list_(policies: tuple[Path, ...]) -> None:
    """List policies: what each does about the findings of which rules, and what it binds."""
    from webhook import snapshots

    try:
        found = snapshots.load(policies).policies if policies else map(snapshots.ready, snapshots.ready_names())
    except snapshots.PolicyFilesError as error:
        click.echo(error, err=True)
        sys.exit(2)
    click.echo("\n\n".join("\n".join(_lines(policy)) for policy in found) or "There is no policy.")


def _lines(policy: "Policy") -> Iterator[str]:
    from policies.rule import Action

    kind = f"BatchPolicy of namespace {policy.namespace}" if policy.namespace else "ClusterBatchPolicy"
    yield f"{policy.name}  ({kind})"
    for action in Action:
        keys = [rule.key for rule, _, own in policy.rules if own is action]
        if keys:
            yield f"  {action}: {', '.join(keys)}"
    if not policy.namespace:
        yield f"  namespaces: {_selector(policy.namespace_selector)}"
    yield f"  objects: {_selector(policy.object_selector)}"


def _selector(selector: "LabelSelector") -> str:
    from msgspec import to_builtins

    from webhook.admission.message import flow

    given = _filled(to_builtins(selector))
    return flow(given) if given else "all"


def _filled(value: Any) -> Any:
    """Leave out what is empty, however deep."""
    if isinstance(value, dict):
        return {key: _filled(item) for key, item in value.items() if item}
    return [_filled(item) for item in value] if isinstance(value, list | tuple) else value


@command.command()
@click.argument("name", type=READY)
def show(name: str) -> None:
    """Print a ready policy, to be applied, or copied and changed."""
    from webhook.snapshots import LIBRARY

    click.echo((LIBRARY / f"{name}.yaml").read_text("utf-8"), nl=False)

"""``batchwarden explain``: the pages of rules, and what policies make of them; and what consequences are."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from webhook.choices import EXPLAINED, READY


@click.command()
@click.argument("names", metavar="RULE...", nargs=-1, required=True, type=EXPLAINED)
@click.option("--policies", metavar="PATH", multiple=True, type=click.Path(exists=True, path_type=Path),
              help="Also show the parameters in force by these policies: a file or a folder; repeatable.")  # fmt: skip
@click.option(
    "--policy", "ready", metavar="NAME", multiple=True, type=READY, help="The same of a ready policy; repeatable."
)
def command(names: tuple[str, ...], policies: tuple[Path, ...], ready: tuple[str, ...]) -> None:
    """Print what rules find, why, examples and parameters; or what a consequence is, of which report tells.

    \b
    batchwarden explain restartPolicy
    batchwarden explain activeDeadline --policy restricted
    """  # noqa: D301 - click takes \b for: do not wrap
    pages = [[_page(name)] for name in names]
    if policies or ready:
        from webhook.snapshots import PolicyFilesError

        try:
            for name, lines in zip(names, pages, strict=True):
                lines += ["", "In force:", "", *_in_force(name, policies, ready)]
        except PolicyFilesError as error:
            click.echo(error, err=True)
            sys.exit(2)
    click.echo("\n\n".join("\n".join(lines) for lines in pages))


def _page(name: str) -> str:
    from policies.catalog import page, rules
    from webhook.audit.runs.consequences import CONSEQUENCES

    if name in rules():
        return page(rules()[name])
    about = CONSEQUENCES[name]
    told = f"{name}  ({about.category}, severity {about.severity}; in reports of a cluster, whatever the policies)"
    return f"{told}\n\n{about.summary}\n\n{about.why}"


def _in_force(rule: str, paths: Iterable[Path], ready: Iterable[str]) -> Iterator[str]:
    """Say with which parameters each policy has the rule, the built-in ones among them."""
    from msgspec import to_builtins

    from webhook import snapshots
    from webhook.admission.message import flow, printable

    collection = snapshots.collect(paths)
    for name in ready:
        collection.bind(snapshots.ready(name))
    found = False
    for policy in collection.snapshot().policies:
        for own, params, action in policy.rules:
            if own.key != rule:
                continue
            given = {key: value for key, value in to_builtins(params).items() if value is not None}
            owner = f"namespace {policy.namespace}, policy" if policy.namespace else "policy"
            text = flow({**given, "action": action.value})
            yield f"  {owner} {policy.name}: {printable(text)}"
            found = True
    if not found:
        yield "  in none of these policies"

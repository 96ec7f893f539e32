"""``batchwarden explain``: the pages of rules."""

import sys

import click

from policies import catalog


@click.command()
@click.argument("names", metavar="RULE...", nargs=-1, required=True)
def command(names: tuple[str, ...]) -> None:
    """Print the pages of rules: what each finds and why, examples, parameters."""
    rules = catalog.rules()
    unknown = [name for name in names if name not in rules]
    if unknown:
        click.echo(f"unknown rule {', '.join(unknown)}; known: {', '.join(rules)}", err=True)
        sys.exit(2)
    click.echo("\n\n".join(catalog.page(rules[name]) for name in names))

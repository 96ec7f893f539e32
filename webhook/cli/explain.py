"""``batchwarden explain``: the pages of rules."""

import click

from policies.catalog import page, rules


@click.command()
@click.argument("names", metavar="RULE...", nargs=-1, required=True, type=click.Choice(list(rules())))
def command(names: tuple[str, ...]) -> None:
    """Print what rules find, why, examples and parameters."""
    click.echo("\n\n".join(page(rules()[name]) for name in names))

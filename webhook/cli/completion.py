"""``batchwarden completion``: what makes a shell complete commands, options, rules and policies."""

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "fish", "zsh"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands in a shell.

    \b
    bash: echo 'eval "$(batchwarden completion bash)"' >> ~/.bashrc
    zsh:  echo 'eval "$(batchwarden completion zsh)"' >> ~/.zshrc
    fish: batchwarden completion fish > ~/.config/fish/completions/batchwarden.fish
    """  # noqa: D301 - click takes \b for: do not wrap
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click knows all three
    click.echo(kind(ctx.find_root().command, {}, "batchwarden", "_BATCHWARDEN_COMPLETE").source())

"""The command line: one module each, loaded only when it is called. Here, and only here, webhook and certs meet."""

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import click

COMMANDS: Final[Mapping[str, Mapping[str, str]]] = {
    "Look at manifests": {
        "check": "Judge Jobs and CronJobs, in files or where they run.",
        "report": "Report on a cluster or on files: HTML, CSV, SARIF and more.",
        "denials": "Say who was refused what at admission, and why.",
        "fix": "Write into files what the policies would write.",
        "schedule": "Say in words when a schedule fires, and what is odd about it.",
    },
    "Work on policies": {
        "rules": "List the rules.",
        "explain": "Print what rules find, why, examples and parameters.",
        "policies": "Say what binds in a namespace; list or show policies.",
        "preview": "Say what policies would change for what runs.",
        "exception": "Print the exception for a Job or CronJob, filled in.",
        "test": "Run an admin's own cases for their policies.",
    },
    "Run in a cluster": {
        "certs": "Make a CA and a serving certificate in DIR, or renew them.",
        "serve": "Answer API servers' admission reviews, by a cluster or by files.",
        "controller": "Keep certificates, webhook configurations and statuses.",
        "manifests": "Print manifests for kubectl apply.",
    },
    "This program": {
        "completion": "Print the script that completes commands in a shell.",
        "version": "Say which version this is, and which Kubernetes it knows.",
    },
}
"""Heading to command to its help in one line, told here so that --help need load no command."""

EXAMPLES: Final = """\b
Begin here:
  batchwarden check deploy/                   what is wrong with a folder of manifests
  helm template . | batchwarden check -       or with what a tool renders
  batchwarden explain restartPolicy           why a rule asks for what it asks
  batchwarden fix deploy/                     what the policies would write; --write writes it
  batchwarden check --policies mine/ deploy/  by policies of your own
  batchwarden check -n team-a                 what runs in a cluster, by its policies
  batchwarden policies -n team-a              which these are
"""


class Commands(click.Group):
    """Knows its commands by name, and loads the one that is called."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Name the commands."""
        return [name for commands in COMMANDS.values() for name in commands]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Load the module, and give its command."""
        if name not in self.list_commands(ctx):
            return None
        command = import_module(f"{__name__}.{name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - our own modules
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands under their headings."""
        for heading, commands in COMMANDS.items():
            with formatter.section(heading):
                formatter.write_dl(list(commands.items()))

    def main(self, *args: Any, **settings: Any) -> Any:
        """Run as a program; of what the system refuses, such as a write to a full disk, say so."""
        try:
            return super().main(*args, **settings)
        except OSError as error:  # but a broken pipe, at which click ends quietly, as | head wants it
            if error.filename is None:  # else Python writes to a full disk once more at its end, and complains
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            where = "" if error.filename is None else f"{error.filename}: "
            click.echo(f"Error: {where}{error.strerror or error}", err=True)
            sys.exit(2)


def _say_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - as click calls it
    if wanted and not ctx.resilient_parsing:
        from webhook.cli.version import version

        click.echo(version())
        ctx.exit()


@click.group(
    cls=Commands,
    epilog=EXAMPLES,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": "BATCHWARDEN",
        "max_content_width": 100,
    },
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_say_version, help="As the command."
)
@click.pass_context
def main(ctx: click.Context) -> None:
    """Guard batch work in Kubernetes: judge Jobs and CronJobs, write defaults, explain why.

    For files it needs no cluster. Each command tells more with --help. NO_COLOR=1 turns colours off.
    """
    if os.environ.get("NO_COLOR"):  # https://no-color.org
        ctx.color = False
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # the name of a file may be anything


def kubectl() -> None:
    """Run as ``kubectl batchwarden``: kubectl calls a program of the name ``kubectl-batchwarden``."""
    main(prog_name="kubectl batchwarden")

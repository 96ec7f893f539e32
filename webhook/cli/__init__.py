"""The command line: one module each, loaded only when it is called. Here, and only here, webhook and certs meet."""

from importlib import import_module
from pkgutil import iter_modules

import click


class Commands(click.Group):
    """Finds a command because its module is there."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Name the modules."""
        return sorted(module.name for module in iter_modules(__path__) if module.name != "__main__")

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """Load the module, and give its command."""
        if name not in self.list_commands(_ctx):
            return None
        command = import_module(f"{__name__}.{name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - our own modules
        return command


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "BATCHWARDEN"}
)
@click.version_option(package_name="batchwarden")
def main() -> None:
    """Guard batch work in Kubernetes: judge Jobs and CronJobs, inject defaults, explain why."""

"""``batchwarden certs``: loads cryptography only when the command runs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:  # cryptography is slow to load
    from certs.files import Outcome

DAYS = click.IntRange(1, 36500)


@click.command("certs")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--host",
    "hosts",
    metavar="NAME_OR_IP",
    multiple=True,
    default=("localhost", "127.0.0.1", "::1"),
    show_default=True,
    help="DNS name or IP address that clients call; may be given again.",
)
@click.option("--days", type=DAYS, default=365, show_default=True, help="Life of a serving certificate that is made.")
@click.option("--ca-days", type=DAYS, default=3650, show_default=True, help="Life of a CA that is made.")
def command(folder: Path, hosts: tuple[str, ...], days: int, ca_days: int) -> None:
    """Make a CA and a serving certificate in DIR, or renew them.

    Writes ca.crt (for clients), ca.key, tls.crt and tls.key (for the server). What is still good is kept;
    what has lived two thirds of its life, does not fit its key or CA, or lacks a host is renewed.
    """
    from certs import authority, files

    wanted = files.Wanted(hosts, timedelta(days=days), timedelta(days=ca_days))
    try:
        outcomes = files.renew(folder, wanted, datetime.now(UTC))
    except authority.CertificateError as error:
        raise click.ClickException(str(error)) from error
    for outcome in outcomes:
        click.echo(_line(folder, outcome))


def _line(folder: Path, outcome: "Outcome") -> str:
    line = f"{folder / outcome.name}: {outcome.action}, {outcome.reason}"
    if outcome.description is None:
        return line
    hosts = f" for {', '.join(outcome.description.hosts)}" if outcome.description.hosts else ""
    return f"{line};{hosts} until {outcome.description.ends:%Y-%m-%d %H:%M} UTC"

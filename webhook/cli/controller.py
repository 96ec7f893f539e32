"""``batchwarden controller``: keeps certificates, webhook configurations and statuses; joins webhook and certs."""

import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from webhook.admission.settings import LEVELS
from webhook.options import Address

if TYPE_CHECKING:
    from certs.rotate import Decision
    from webhook.cluster.material import Secrets
    from webhook.cluster.settings import Certificates

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class Craft:
    """What is to be known of X.509, from certs, in the words of webhook.cluster."""

    def rotate(self, port: "Secrets", hosts: Sequence[str], wanted: "Certificates", at: datetime) -> "Decision":
        """Take the one step that is due."""
        from certs.rotate import Pace, rotate

        lives = (wanted.life_seconds, wanted.ca_life_seconds, wanted.settle_seconds)
        return rotate(port, hosts, Pace(*(timedelta(seconds=each) for each in lives)), at)

    def find_cas(self, pem: bytes) -> Sequence[bytes]:
        """Give the certificates of a text that may sign others."""
        from certs.trust import read_bundle

        return read_bundle(pem)

    def end(self, pem: bytes) -> datetime | None:
        """Tell when the first certificate of a text ends; None where there is none."""
        from certs.authority import CertificateError, describe

        try:
            return describe(pem).ends
        except CertificateError:
            return None


@click.command()
@click.option("--settings", help="What to keep, and how: a ControllerSettings document.", required=True, type=FILE)
@click.option("--kubeconfig", help="How to reach the cluster.  [default: as kubectl]", type=FILE)
@click.option("--context", help="Which of the kubeconfig's contexts.")
@click.option("--status-listen", help="Where /livez, /readyz and /metrics are.", default="0.0.0.0:8081",
              show_default=True, type=Address())  # fmt: skip
@click.option("--log-level", help="Leave out lines below it.", default=LEVELS[0], show_default=True,
              type=click.Choice(LEVELS))  # fmt: skip
def command(
    settings: Path, kubeconfig: Path | None, context: str | None, status_listen: tuple[str, int], log_level: str
) -> None:
    """Keep certificates, webhook configurations and the status of policies in a cluster.

    Run one; a second does no harm. It may be stopped at any moment: serving never depends on it. Changed settings take
    a restart.
    """
    from webhook.admission.app import create_status_app
    from webhook.admission.observe import Log
    from webhook.admission.status import StatusServer
    from webhook.admission.tls import ServerError
    from webhook.cluster.api import ConfigurationError, connect
    from webhook.cluster.assembly import Controller
    from webhook.cluster.settings import SettingsError, read_settings

    log = Log(least=log_level)
    try:
        controller = Controller(connect(kubeconfig, context), read_settings(settings), Craft(), log.write)
        status = StatusServer(status_listen, log.logger())
    except (ConfigurationError, ServerError, SettingsError) as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    controller.start()
    try:
        sys.exit(status.run(create_status_app(lambda: controller.missing, controller.scrape)))
    finally:
        controller.stop()

"""``batchwarden manifests``: what a cluster needs to be told, as YAML for ``kubectl apply -f -``."""

import re
import ssl
from pathlib import Path
from typing import Any, Final, get_args

import click

from webhook.admission.configurations import ClientConfig, FailurePolicy, Registration, webhook_configurations
from webhook.admission.settings import CRON_JOB_CONTROLLER, Settings
from webhook.options import Name, Url

_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----[\sA-Za-z0-9+/=]+-----END CERTIFICATE-----")
FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """Print manifests for kubectl apply."""


@command.command()
@click.option(
    "--ca-file", required=True, type=FILE, help="The CA's certificate (PEM), e.g. ca.crt of batchwarden certs."
)
@click.option("--url", default="", type=Url("https"), help="Where API servers reach the server, if not by a Service.")
@click.option(
    "--service", default="batchwarden", type=Name(), show_default=True, help="A Service in the own namespace."
)
@click.option("--port", default=443, type=click.IntRange(1, 65535), show_default=True, help="The Service's port.")
@click.option("--failure-policy", default="Fail", type=click.Choice(get_args(FailurePolicy)), show_default=True,
              help="What becomes of an object when the validating webhook does not answer.")  # fmt: skip
@click.option("--exempt-namespace", "exempt_namespaces", type=Name(), multiple=True, help="As for serve; repeatable.")
@click.option("--own-namespace", default="batchwarden", type=Name(), show_default=True, help="As for serve.")
@click.option("--controller-user", default=CRON_JOB_CONTROLLER, show_default=True, help="As for serve.")
def webhooks(ca_file: Path, **given: Any) -> None:
    """Print the two webhook configurations, by which API servers ask a running batchwarden serve.

    Start the server first: with the failure policy Fail, nobody can write Jobs and CronJobs while it does not answer.
    """
    from webhook.text.yaml_write import write_yaml

    failure_policy, url = given.pop("failure_policy"), given.pop("url").rstrip("/")
    client_config = ClientConfig(ca=_read_ca(ca_file), url=url, service=given.pop("service"), port=given.pop("port"))
    registration = Registration(client_config=client_config, validating_failure_policy=failure_policy)
    settings = Settings(**given)
    click.echo(write_yaml(webhook_configurations(registration, settings)), nl=False)


def _read_ca(file: Path) -> bytes:
    """Read what everybody who may read webhook configurations will see."""
    text = file.read_text("utf-8", errors="replace")
    if "PRIVATE KEY" in text:
        raise click.ClickException(
            f"{file} holds a private key, which is nobody's business; give the certificate alone"
        )
    certificates = "".join(f"{block}\n" for block in _PEM.findall(text))
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificates)
    except (ssl.SSLError, ValueError) as error:
        raise click.ClickException(f"{file} holds no PEM certificate; give the CA's, e.g. ca.crt") from error
    return certificates.encode()

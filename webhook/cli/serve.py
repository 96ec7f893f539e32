"""``batchwarden serve``: the admission server, with its policies from files."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

import click

from webhook.admission.settings import CRON_JOB_CONTROLLER, Settings
from webhook.options import Address, Name, Url


def option(name: str, about: str, **settings: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Declare an option that an environment variable may give as well, and whose default is shown."""
    return click.option(name, help=about, show_envvar=True, show_default=True, **settings)


FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FILES = click.Path(exists=True, path_type=Path)
AGAIN = {"multiple": True}


@click.command()
@option("--policies", "Policies and what they need to know; repeatable.", required=True, type=FILES, **AGAIN)
@option("--tls-cert", "Certificate chain (PEM); read again when it changes.", required=True, type=FILE)
@option("--tls-key", "Its key (PEM).", required=True, type=FILE)
@option("--listen", "Where API servers call, by HTTPS.", default="0.0.0.0:8443", type=Address())
@option("--status-listen", "Where /livez, /readyz and /metrics are.", default="0.0.0.0:8081", type=Address())
@option("--exempt-namespace", "Judge nothing in this namespace; repeatable.", type=Name(), **AGAIN)
@option("--own-namespace", "Where Batchwarden runs: nothing is judged there.", default="batchwarden", type=Name())
@option("--controller-user", "Under whom CronJobs make their Jobs.", default=CRON_JOB_CONTROLLER)
@option("--why-url", "A page whose anchors are rule names, for denials.", default="", type=Url("https", "http"))
@option("--drain-seconds", "How long to go on after SIGTERM.", default=5.0, type=click.FloatRange(0, 600))
@option("--threads", "Requests worked on at one time.", default=32, type=click.IntRange(1, 256))
def command(policies: tuple[Path, ...], exempt_namespace: tuple[str, ...], **given: Any) -> None:
    """Answer the API server's admission reviews by the policies in files.

    Changed files are taken over without a restart; broken ones leave the last good policies in force, and say so.
    """
    settings = Settings(
        exempt_namespaces=exempt_namespace,
        **{name: given.pop(name) for name in ("own_namespace", "controller_user", "why_url")},
    )
    sys.exit(_serve(policies, settings, given))


def _serve(policies: tuple[Path, ...], settings: Settings, given: dict[str, Any]) -> int:
    from webhook.admission.app import create_app, create_status_app
    from webhook.admission.decide import Context
    from webhook.admission.observe import Log, Observer
    from webhook.admission.server import Server, ServerSettings
    from webhook.admission.tls import ServerError
    from webhook.folder import WatchedFolder
    from webhook.snapshots import PolicyFilesError

    observer = Observer(Log())
    stop = Event()
    try:
        folder = WatchedFolder(policies, observer.loaded, observer.not_loaded, observer.remarked)
        server = Server(ServerSettings(refused=observer.refused, log=observer.logger(), **given))
    except (PolicyFilesError, ServerError) as error:
        click.echo(str(error), err=True)
        return 1
    observer.watch(lambda: server.certificate_not_after)
    app = create_app(lambda: Context(folder.snapshot, settings, datetime.now(UTC)), observer)
    status = create_status_app(lambda: "draining" if server.draining else "", observer.scrape)
    watcher = Thread(target=folder.watch, args=(stop,), daemon=True)
    watcher.start()
    try:
        return server.run(app, status)
    finally:
        stop.set()
        watcher.join()

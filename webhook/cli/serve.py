"""``batchwarden serve``: the admission server, with its policies from a cluster or from files."""

import gc
import random
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from socket import gethostname
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from webhook.admission.settings import CRON_JOB_CONTROLLER, LEVELS, Settings
from webhook.options import Address, Name, Url

if TYPE_CHECKING:
    from webhook.admission.observe import Observer
    from webhook.admission.occurrences import Occurrence
    from webhook.admission.patience import Knowing


class Source(NamedTuple):
    """Where policies come from: snapshots, what is not known yet, and what to run meanwhile, until ``stop``.

    ``record`` takes what leaves an Event, and ``finish`` waits a moment for it; with files there is none.
    """

    knowing: "Knowing"
    missing: Callable[[], str]
    start: Callable[[Event], None]
    record: Callable[["Occurrence"], None] = lambda _: None
    finish: Callable[[], None] = lambda: None


class SourceError(Exception):
    """There are no policies to be had: for whoever starts the server, in words."""


def option(name: str, about: str, **settings: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Declare an option that an environment variable may give as well, and whose default is shown."""
    return click.option(name, help=about, show_envvar=True, show_default=True, **settings)


FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FILES = click.Path(exists=True, path_type=Path)
AGAIN = {"multiple": True}
SECONDS = click.FloatRange(0, 600)


@click.command()
@option("--policies", "Policies and what they need to know, from files; repeatable.", type=FILES, **AGAIN)
@option("--kubeconfig", "How to reach the cluster.  [default: as kubectl]", type=FILE)
@option("--context", "Which of the kubeconfig's contexts.", type=str)
@option("--tls-cert", "Certificate chain (PEM); read again when it changes.", required=True, type=FILE)
@option("--tls-key", "Its key (PEM).", required=True, type=FILE)
@option("--tls-delay-seconds", "How long changed ones wait, while their CA becomes trusted.", default=0.0, type=SECONDS)
@option("--client-ca", "Serve only clients with a certificate by one of these CAs (PEM).", type=FILE)
@option("--listen", "Where API servers call, by HTTPS.", default="0.0.0.0:8443", type=Address())
@option("--status-listen", "Where /livez, /readyz and /metrics are.", default="0.0.0.0:8081", type=Address())
@option("--exempt-namespace", "Judge nothing in this namespace; repeatable.", type=Name(), **AGAIN)
@option("--own-namespace", "Where Batchwarden runs: nothing is judged there.", default="batchwarden", type=Name())
@option("--controller-user", "Under whom CronJobs make their Jobs.", default=CRON_JOB_CONTROLLER)
@option("--why-url", "A page whose anchors are rule names, for denials.", default="", type=Url("https", "http"))
@option("--drain-seconds", "How long to go on after SIGTERM.", default=5.0, type=SECONDS)
@option("--log-level", "Leave out lines below it: each decision is info.", default=LEVELS[0], type=click.Choice(LEVELS))
@option("--threads", "Requests worked on at one time.", default=32, type=click.IntRange(1, 256))
def command(
    policies: tuple[Path, ...],
    kubeconfig: Path | None,
    context: str | None,
    exempt_namespace: tuple[str, ...],
    log_level: str,
    **given: Any,
) -> None:
    """Answer the API server's admission reviews by the policies of the cluster, or by those in files.

    It is ready once it knows the cluster; a change there counts within a second. Changed files are taken over without
    a restart. Whatever is broken later leaves the last good policies in force, and is told.
    """
    if policies and (kubeconfig or context):
        raise click.UsageError("--policies is for files, --kubeconfig and --context for a cluster; give one of them")
    settings = Settings(
        exempt_namespaces=exempt_namespace,
        **{name: given.pop(name) for name in ("own_namespace", "controller_user", "why_url")},
    )

    def find(observer: "Observer") -> Source:
        return _files(policies, observer) if policies else _cluster(kubeconfig, context, observer)

    sys.exit(_serve(find, settings, log_level, given))


def _serve(find: Callable[["Observer"], Source], settings: Settings, level: str, given: dict[str, Any]) -> int:
    from webhook.admission.app import create_app, create_status_app
    from webhook.admission.observe import Log, Observer
    from webhook.admission.patience import patient
    from webhook.admission.server import Server, ServerSettings
    from webhook.admission.tls import ServerError

    observer = Observer(Log(least=level))
    stop = Event()
    try:
        source = find(observer)
        server = Server(ServerSettings(refused=observer.refused, log=observer.log.logger(), **given))
    except (SourceError, ServerError) as error:
        click.echo(str(error), err=True)
        return 1
    observer.watch(lambda: server.certificate_not_after)
    app = create_app(patient(source.knowing, settings, lambda: datetime.now(UTC)), observer, source.record)
    status = create_status_app(lambda: "draining" if server.draining else source.missing(), observer.scrape)
    gc.collect()
    gc.freeze()  # what is loaded by now stays: to look through it again and again would hold up every request
    source.start(stop)
    try:
        return server.run(app, status)
    finally:
        stop.set()
        source.finish()


def _files(paths: tuple[Path, ...], observer: "Observer") -> Source:
    from webhook.folder import WatchedFolder
    from webhook.snapshots import PolicyFilesError

    try:
        folder = WatchedFolder(paths, observer.loaded, observer.not_loaded, observer.remarked)
    except PolicyFilesError as error:
        raise SourceError(str(error)) from error
    return Source(
        lambda *_: folder.snapshot,  # a namespace of which no file tells exists without labels
        lambda: "",
        lambda stop: Thread(target=folder.watch, args=(stop,), daemon=True).start(),
    )


def _cluster(kubeconfig: Path | None, context: str | None, observer: "Observer") -> Source:
    from webhook.cluster.api import ConfigurationError, connect
    from webhook.cluster.denials.recorder import EventObserver, EventRecorder, Replica
    from webhook.cluster.mirror import Mirror
    from webhook.cluster.observe import WatchObserver
    from webhook.cluster.watch import Pace

    try:
        api = connect(kubeconfig, context)
    except ConfigurationError as error:
        raise SourceError(str(error)) from error
    write = observer.log.write
    mirror = Mirror(api, WatchObserver(observer.registry, write, time.monotonic), observer.loaded)
    replica, events = Replica(gethostname(), token_hex(8)), EventObserver(observer.registry, write)
    recorder = EventRecorder(api, replica, events, time.monotonic)

    def start(stop: Event) -> None:
        pace = Pace(stop.wait, time.monotonic, random.random)  # noqa: S311 - only spreads load
        mirror.start(stop, pace)
        recorder.start(stop, pace)

    return Source(mirror.knowing, lambda: mirror.missing, start, recorder.record, recorder.finish)

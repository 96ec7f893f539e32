"""``batchwarden report``: what auditors take away, of a cluster as it stands or of files, in the formats they use."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import click

from webhook.admission.message import policy_name
from webhook.audit.denials import Denial
from webhook.audit.entries import OWNER_LABELS, Owners
from webhook.audit.grants import grants
from webhook.audit.report import Context, Found, Grouping, Options, Report
from webhook.audit.scan import Judge
from webhook.files import legible
from webhook.judging import By
from webhook.options import Since, Zone, begin
from webhook.reaching import Reach, open_cluster
from webhook.reporting import EXIT_CODES, NEVER, is_live, looked_into, open_files, weakest, write, written_as
from webhook.snapshots import PolicyFilesError


class Looked(NamedTuple):
    """What is looked at, as it is gone through: by whom it is judged, where it is, and who was refused there."""

    judge: Judge
    found: Iterator[Found]
    title: str
    denials: tuple[Denial, ...] = ()
    missing: tuple[str, ...] = ()


@click.command(epilog=f"Exit code: {EXIT_CODES} Consequences and exceptions fail nothing.")
@looked_into
@click.option(
    "--group-by",
    type=click.Choice([each.value for each in Grouping]),
    help="How csv and markdown put findings together; html does so by all of these.",
)
@click.option(
    "--owner-label",
    "owner_labels",
    metavar="KEY",
    multiple=True,
    default=OWNER_LABELS,
    show_default=True,
    help="Which label says who owns an object: its own, else its annotation, else its namespace's label; repeatable.",
)
@click.option(
    "--since",
    type=Since(),
    help="Of a cluster only what has come about since: 30m, 12h, 7d, 2w ago, a date, or a time.",
)
@click.option(
    "--time-zone", "zone", type=Zone(), default="UTC", show_default=True, help="In which html tells when things happen."
)
@written_as("markdown", "report", fail_on=NEVER)
def command(paths: tuple[str, ...], form: str, output: Path | None, **given: Any) -> None:
    """Report on the Jobs and CronJobs of a cluster, or of files, for whoever has to answer for them.

    Without PATH it looks into the current folder, or, given -n, -A, --context or --kubeconfig, into a cluster: there
    the Jobs of a CronJob are told of with it, and beside what policies find also what has come of it (runs that fail,
    are missed or refused), exceptions and who was refused at admission. Nothing is written there.

    --since keeps, of a cluster, the objects that were made or changed since then, their status aside; of the others
    what has come of them since then; and refusals since then. Exceptions are told of all the same.

    \b
    batchwarden report -A --format html --output report.html
    batchwarden report -n team-a --since 7d --group-by owner
    batchwarden report -A --format csv --output findings.csv
    batchwarden report deploy/ >>"$GITHUB_STEP_SUMMARY"
    """  # noqa: D301 - click reads a real backspace: what follows is no paragraph
    at = datetime.now(UTC)
    reach = Reach(**{name: given[name] for name in Reach._fields})
    by = By(**{name: given[name] for name in By._fields})
    live, since = is_live(paths, reach), begin(given["since"], at)
    if since and not live:
        raise click.UsageError("--since is for a cluster: files do not tell when they changed; leave it out")
    try:
        with _live(reach, by, at, since) if live else _files(paths, by, at, output) as looked:
            options = Options(
                _context(looked, at),
                Grouping(given["group_by"]) if given["group_by"] else None,
                Owners(given["owner_labels"], looked.judge.snapshot.namespaces),
                given["zone"],
            )
            report = Report(looked.found, at, weakest(given["fail_on"]), given["why_url"], options)
            write(report, form, output)
    except PolicyFilesError as error:
        click.echo(error, err=True)
        sys.exit(2)
    sys.exit(report.exit_code)


@contextmanager
def _files(paths: tuple[str, ...], by: By, at: datetime, output: Path | None) -> Iterator[Looked]:
    with open_files(paths, by, at, output) as (judge, found):
        yield Looked(judge, found, ", ".join(map(legible, paths or ["."])))


@contextmanager
def _live(reach: Reach, by: By, at: datetime, since: datetime | None) -> Iterator[Looked]:
    from webhook.audit.since import recent
    from webhook.denials import denials
    from webhook.live import open_live_judge, standings

    cluster = open_cluster(reach)
    judge, faults = open_live_judge(cluster, by, at)
    found: Iterator[Found] = chain(faults, standings(cluster, judge))
    where = f"namespace {cluster.namespace}" if cluster.namespace else "all namespaces"
    refused, missing = denials(cluster)
    if since:
        found = recent(found, since)
        refused = tuple(each for each in refused if each.last >= since)
        missing = (f"What has not come about since {since:%Y-%m-%d %H:%M} UTC, as --since asks.", *missing)
    yield Looked(judge, found, f"{cluster.api.host}, {where}", refused, missing)


def _context(looked: Looked, at: datetime) -> Context:
    snapshot = looked.judge.snapshot
    names = tuple(map(policy_name, snapshot.policies))
    return Context(looked.title, names, grants(snapshot, at), looked.denials, looked.missing)

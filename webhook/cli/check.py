"""``batchwarden check``: judges manifests without a cluster, or what runs in one."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import click

from policies.rule import Action
from webhook.audit.report import Found, Report
from webhook.judging import By
from webhook.reaching import Reach, open_cluster
from webhook.reporting import EXIT_CODES, is_live, looked_into, open_files, weakest, write, written_as
from webhook.snapshots import PolicyFilesError


@click.command(epilog=f"Exit code: {EXIT_CODES}")
@looked_into
@written_as("text", "check", fail_on=Action.DENY.value)
def command(paths: tuple[str, ...], form: str, output: Path | None, **given: Any) -> None:
    """Judge the Jobs and CronJobs in files, in folders, or from the standard input ("-"), as admission would.

    Without PATH it looks into the current folder, or, given -n, -A, --context or --kubeconfig, into a cluster: what
    runs there is judged as it stands, by the cluster's own policies and exceptions unless others are named; nothing is
    written. In files other kinds are skipped and counted; Namespaces and LimitRanges in them are taken into account.

    \b
    batchwarden check deploy/
    helm template . | batchwarden check -
    batchwarden check --policies policies/ --format sarif --output check.sarif deploy/
    batchwarden check -n team-a
    batchwarden check -A --policy restricted
    """  # noqa: D301 - click reads a real backspace: what follows is no paragraph
    at = datetime.now(UTC)
    reach = Reach(**{name: given[name] for name in Reach._fields})
    by = By(**{name: given[name] for name in By._fields})
    try:
        with _live(reach, by, at) if is_live(paths, reach) else open_files(paths, by, at, output) as (_, found):
            report = Report(found, at, weakest(given["fail_on"]), given["why_url"])
            write(report, form, output)
    except PolicyFilesError as error:
        click.echo(error, err=True)
        sys.exit(2)
    sys.exit(report.exit_code)


@contextmanager
def _live(reach: Reach, by: By, at: datetime) -> Iterator[tuple[object, Iterator[Found]]]:
    from webhook.live import judged, open_live_judge

    cluster = open_cluster(reach)
    judge, faults = open_live_judge(cluster, by, at)
    yield judge, chain(faults, judged(cluster, judge))

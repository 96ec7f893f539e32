"""``batchwarden denials``: who was refused what at admission in a cluster, by which rules, and how often."""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from webhook.audit.denials import Denial
from webhook.audit.values import stamp
from webhook.options import Since, begin
from webhook.reaching import NoAnswerError, Reach, open_cluster, reached_by

SOURCES: Final = 2  # reports and Events
MOST_SHOWN: Final = 64  # characters of a cell: more than the names that people and service accounts have
COLUMNS: Final = ("LAST (UTC)", "COUNT", "USER", "OBJECT", "RULES", "POLICIES")


@click.command()
@reached_by("namespace", "everywhere")
@click.option("--since", type=Since(), help="Only those that happened since: 30m, 12h, 7d, 2w ago, a date, or a time.")
@click.option("-o", "--output", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(since: timedelta | datetime | None, form: str, **given: Any) -> None:
    """Say who was refused what at admission, by which rules and policies, how often and when last; the latest first.

    What happened more than an hour ago is known where the controller keeps reports of denials: a bounded number in each
    namespace. Of what is written by break-glass the API server's audit log tells: the webhook is seldom asked about it.
    Whoever may write Events in a namespace can make up denials there, or crowd out real ones. A table cuts long texts.

    \b
    batchwarden denials -n team-a
    kubectl batchwarden denials -A --since 1h -o json
    """  # noqa: D301 - click takes \b for: do not wrap
    from webhook.denials import denials

    begun = begin(since, datetime.now(UTC))
    cluster = open_cluster(Reach(**given))
    found, missing = denials(cluster)
    told = [each for each in found if begun is None or each.last >= begun]
    for each in missing:
        click.echo(f"Not known: {each}", err=True)
    if len(missing) == SOURCES:
        sys.exit(NoAnswerError.exit_code)
    if form == "json":
        from msgspec import json

        click.echo(json.format(json.encode(told), indent=2))
    elif told:
        click.echo("\n".join(_lines([COLUMNS, *(tuple(map(_cut, _row(each))) for each in told)])))
    else:
        where = f"namespace {cluster.namespace}" if cluster.namespace else "any namespace"
        ago = f" since {stamp(begun)}" if begun else ""
        click.echo(f"Nobody was refused anything in {where}{ago}, as far as is known.")


def _row(denial: Denial) -> tuple[str, ...]:
    rules = ", ".join(denial.rules) if denial.what == "denied" else denial.what
    name = f"{denial.kind} {denial.namespace}/{denial.name}"
    return f"{denial.last:%Y-%m-%d %H:%M:%S}", str(denial.count), denial.user, name, rules, ", ".join(denial.policies)


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"


def _lines(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

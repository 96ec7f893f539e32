"""``batchwarden preview``: what would become of what runs in a cluster if policies were applied; nothing is written."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from webhook.reaching import NoAnswerError, Reach, open_cluster, reached_by

if TYPE_CHECKING:  # they load every rule
    from webhook.audit.preview import Changed, Tally
    from webhook.audit.scan import Judge
    from webhook.cluster.glance import Cluster
    from webhook.files import Unreadable
    from webhook.snapshots import Collection

SHOWN = 50
Told: TypeAlias = Iterator["Changed | Unreadable"]


@click.command(epilog="Exit code: 0 all was looked at, 2 something could not be read or checked.")
@click.option("-f", "--filename", "files", metavar="PATH", multiple=True, required=True,
              type=click.Path(allow_dash=True), help="Policies, exceptions, or Namespaces with their labels: a file, "
              'a folder or "-"; repeatable.')  # fmt: skip
@click.option("--delete", is_flag=True, help="As if they were deleted, not applied.")
@reached_by("namespace", "everywhere", "exempt")
@click.option("--limit", default=SHOWN, type=click.IntRange(0), show_default=True, help="The most objects to show.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(files: tuple[str, ...], form: str, *, delete: bool, limit: int, **given: Any) -> None:
    """Say what would be denied, warned of or defaulted if these policies were applied, and is not so far.

    Each Job and CronJob that runs is judged as if it were made today: once under the policies that are there, and once
    with these, which take the place of those of the same name. Only what differs is told, and the count of all.

    \b
    batchwarden preview -f policy.yaml -n team-a
    batchwarden policies show restricted | batchwarden preview -f - -A
    batchwarden preview -f exception.yaml --delete
    """  # noqa: D301 - click reads a real backspace: what follows is no paragraph
    from webhook.audit.preview import Tally

    at, cluster, tally = datetime.now(UTC), open_cluster(Reach(**given)), Tally()
    collection = _collect(files, cluster)
    before, after = _judges(cluster, collection, at, delete=delete)
    write = _write_json if form == "json" else _write_text
    write(_compared(cluster, before, after, tally), tally, limit)
    sys.exit(tally.exit_code)


def _collect(files: tuple[str, ...], cluster: "Cluster") -> "Collection":
    """Read the files; what names no namespace is meant for where ``kubectl apply`` would put it."""
    from webhook.audit.inputs import Inputs, read
    from webhook.files import Document
    from webhook.snapshots import Collection, placed

    collection = Collection()
    with Inputs(files, sys.stdin) as inputs:
        for source in inputs.sources:
            for each in read(source):
                collection.take(placed(each, cluster.home) if isinstance(each, Document) else each)
    if collection.faults:
        raise NoAnswerError("\n".join(map(str, collection.faults)))
    if not (collection.objects or collection.namespaces):
        raise click.UsageError(f"there is no policy, exception or Namespace in {', '.join(files)}")
    return collection


def _judges(cluster: "Cluster", collection: "Collection", at: datetime, *, delete: bool) -> tuple["Judge", "Judge"]:
    """Give who judges by what is there, and who by what would be there."""
    from webhook.audit.scan import Judge
    from webhook.cluster.tables import assemble, changed, labelled, without
    from webhook.live import look

    glance = look(cluster, collection.policies)
    for fault in glance.faults:
        click.echo(f"{fault.name} is left out: {fault.why}", err=True)
    if delete:
        tables = without(glance.tables, collection.objects)
    else:
        tables = labelled(changed(glance.tables, collection.objects, at), collection.namespaces)
    before, after = glance.snapshot(), assemble(tables)[0]
    looked_at = after.namespaces.keys() - cluster.exempt
    binding = {policy.name for namespace in looked_at for policy in after.binding(namespace)}
    for policy in () if delete else collection.policies:
        if policy.name not in binding:
            click.echo(f"Policy {policy.name} binds none of the namespaces looked at.", err=True)
    return Judge(before, at), Judge(after, at)


def _compared(cluster: "Cluster", before: "Judge", after: "Judge", tally: "Tally") -> Told:
    """Compare each object, count it, and give those that would change, and what could not be read."""
    from webhook.audit.preview import compare
    from webhook.audit.scan import LeftOut, not_judged
    from webhook.files import Unreadable
    from webhook.live import documents

    for document in documents(cluster):
        if isinstance(document, Unreadable):
            tally.unreadable += 1
            yield document
        elif isinstance(document, LeftOut):
            tally.left_out[document.why] += 1
        elif not not_judged(document.value):
            changed = compare(document, before, after)
            tally.count(changed)
            if changed.changes or changed.crashed:
                yield changed


def _write_text(found: Told, tally: "Tally", limit: int) -> None:
    from webhook.audit.preview import Changed, in_lines

    shown = 0
    for each in found:
        if not isinstance(each, Changed):
            click.echo(f"cannot read {each}\n")
        elif shown < limit:
            shown += 1
            click.echo("\n".join([*in_lines(each), ""]))
    if tally.told > shown:
        click.echo(f"and {tally.told - shown} more objects: --limit shows more\n")
    click.echo(f"{tally.summary}.")


def _write_json(found: Told, tally: "Tally", limit: int) -> None:
    """Write one JSON object, an object that would change on each line of it."""
    from msgspec import json

    from webhook.audit.preview import Changed

    unreadable, shown = list[str](), 0
    click.echo('{"objects": [', nl=False)
    for each in found:
        if not isinstance(each, Changed):
            unreadable.append(str(each))
        elif shown < limit:
            click.echo(f"{',' if shown else ''}\n{json.encode(each).decode()}", nl=False)
            shown += 1
    summary = {
        "objects": tally.objects,
        "changed": tally.changed,
        "shown": shown,
        "outcomes": tally.outcomes,
        "leftOut": tally.left_out,
    }
    rest = f'"unreadable": {json.encode(unreadable).decode()}, "summary": {json.encode(summary).decode()}'
    click.echo(f"\n], {rest}}}")

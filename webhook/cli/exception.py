"""``batchwarden exception``: the YAML of an exception, filled in, to hand to an admin; nothing is written."""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import click

from webhook.choices import RULE
from webhook.options import Name
from webhook.reaching import NoAnswerError, Reach, in_words, open_cluster, reached_by

if TYPE_CHECKING:  # they load every rule
    from webhook.audit.exception_request import Draft
    from webhook.audit.scan import Judge, Judged
    from webhook.cluster.glance import Cluster
    from webhook.files import Document

KINDS: Final = {"job": "Job", "jobs": "Job", "cronjob": "CronJob", "cronjobs": "CronJob", "cj": "CronJob"}
MOST_NAMED: Final = 5
UNTIL: Final = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"])
_NAME: Final = re.compile(r"[a-z0-9][-a-z0-9.]{0,252}")


class Target(click.ParamType[tuple[str, str]]):
    """A Job or a CronJob by kind and name, as kubectl takes it: ``job/x``."""

    name = "KIND/NAME"

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Take it apart."""
        if isinstance(value, tuple):
            return value
        word, _, name = value.partition("/")
        kind = KINDS.get(word.lower().removesuffix(".batch"))
        if kind is None or not _NAME.fullmatch(name):
            self.fail(f"{value!r} is no Job and no CronJob; write job/NAME or cronjob/NAME", param, ctx)
        return kind, name


@click.command()
@click.argument("target", type=Target(), required=False)
@click.option("-f", "--filename", "file", metavar="PATH", type=click.Path(allow_dash=True),
              help="The manifest of the Job or CronJob instead, which need not be in the cluster.")  # fmt: skip
@click.option("--rule", "rules", required=True, multiple=True, type=RULE, help="What to be let off; repeatable.")
@click.option("--policy", "policies", multiple=True, help="Of this policy alone; repeatable.  [default: any]")
@click.option("--reason", default="", help="Why, with a ticket.")
@click.option("--owner", default="", help="Who answers for it.")
@click.option("--expires", "until", type=UNTIL, help="Its end.  [default: the latest permitted, at most 90 days]")
@reached_by("namespace")
def command(target: tuple[str, str] | None, file: str | None, **given: Any) -> None:
    """Print an exception that lets a Job or CronJob off a rule, filled in, for an admin to apply.

    It names the policies of the cluster that flag the object for the rule and permit exceptions, and selects the
    object by its labels.

    \b
    batchwarden exception cronjob/import --rule activeDeadline --reason "OPS-1234" --owner data@example.com
    batchwarden exception -f import.yaml --rule activeDeadline -n team-a --expires 2027-03-31
    """  # noqa: D301 - click reads a real backspace: what follows is no paragraph
    from webhook.audit.exception_request import RequestError, Wish, draft_exception

    if (target is None) == (file is None):
        raise click.UsageError("name one Job or CronJob, as job/NAME or cronjob/NAME or by -f")
    until = given.pop("until")
    wish = Wish(**{key: given.pop(key) for key in ("rules", "policies", "reason", "owner")},
                until=until and until.replace(tzinfo=UTC))  # fmt: skip
    at, cluster = datetime.now(UTC), open_cluster(Reach(**given))
    document = _get(target, cluster) if target else _read(str(file))
    if not target:
        cluster = _home(document, cluster)
    judged = _judged(document, _judge(cluster, at), stored=target is not None)
    try:
        draft = draft_exception(judged, wish, at)
    except RequestError as error:
        raise NoAnswerError(str(error)) from error
    click.echo("\n".join(_written(draft, _others(judged, cluster))))


def _get(target: tuple[str, str], cluster: "Cluster") -> "Document":
    """Read the object as it is in the cluster."""
    from webhook.files import Document
    from webhook.text.places import NOWHERE

    kind, name = target
    with in_words():
        manifest = cluster.workload(kind, name)
    if manifest is None:
        raise NoAnswerError(f"there is no {kind} {name} in namespace {cluster.namespace}; name another, or use -f")
    return Document("", manifest, NOWHERE)


def _read(file: str) -> "Document":
    """Read the one Job or CronJob of a file."""
    from webhook.audit.inputs import Inputs, read
    from webhook.audit.manifest import kind_of
    from webhook.files import Document

    with Inputs([file], sys.stdin) as inputs:
        found = [each for source in inputs.sources for each in read(source)]
    for each in found:
        if not isinstance(each, Document):
            raise NoAnswerError(str(each))
    jobs = [each for each in found if isinstance(each, Document) and kind_of(each.value)]
    if len(jobs) != 1:
        raise NoAnswerError(f"{file} holds {len(jobs)} Jobs and CronJobs; give a file with one")
    return jobs[0]


def _home(document: "Document", cluster: "Cluster") -> "Cluster":
    """Go where the manifest says that it lives."""
    from policies.fields import lookup

    named = lookup(document.value, ("metadata", "namespace"))
    if not isinstance(named, str) or not named:
        return cluster
    try:
        return cluster._replace(namespace=Name().convert(named, None, None))
    except click.BadParameter as error:
        raise NoAnswerError(f"metadata.namespace: {error.message}") from error


def _judge(cluster: "Cluster", at: datetime) -> "Judge":
    from webhook.audit.scan import Judge
    from webhook.live import look

    return Judge(look(cluster).snapshot(), at, cluster.namespace)


def _judged(document: "Document", judge: "Judge", *, stored: bool) -> "Judged":
    from webhook.audit.scan import Judged

    judged = judge.judge_standing(document) if stored else judge.judge(document)
    if not isinstance(judged, Judged):  # no manifest of another kind comes here
        why = f"it is {judged and judged.why}, and not judged by itself"
        raise NoAnswerError(f"{why}; name the CronJob, or what comes in its place")
    return judged


def _others(judged: "Judged", cluster: "Cluster") -> list[str]:
    """Name what else the labels would select."""
    from webhook.audit.exception_request import others_selected
    from webhook.cluster.kinds import WORKLOADS
    from webhook.cluster.listing import read_heads

    with in_words():
        lists = (read_heads(cluster.api, kind, cluster.wait, cluster.namespace) for kind in WORKLOADS)
        return others_selected(judged.result.job, chain.from_iterable(lists))


def _written(draft: "Draft", others: list[str]) -> Iterator[str]:
    """Write the YAML, and above it what who reads it must know."""
    from webhook.text.yaml_write import write_yaml

    spec, metadata = draft.manifest["spec"], draft.manifest["metadata"]
    yield f"# Once an admin agrees: kubectl apply -f FILE   (into namespace {metadata['namespace']})"
    if empty := [key for key in ("reason", "owner") if not spec[key]]:
        yield f"# Fill in {' and '.join(empty)} first."
    if others:
        more = f", and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
        yield f"# These labels select {len(others)} more: {', '.join(others[:MOST_NAMED])}{more}."
    yield from (f"# Policy {name} flags it too, and permits no exceptions." for name in draft.firm)
    yield write_yaml([draft.manifest]).rstrip()

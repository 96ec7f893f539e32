"""What runs in a cluster, for the engine: by what it is judged, and the objects, one after the other."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from policies.fields import lookup
from policies.objects import Policy
from policies.selection import Snapshot
from policies.workload import Workload
from webhook.admission.message import printable
from webhook.audit.report import Found, Missing
from webhook.audit.scan import Judge, LeftOut
from webhook.files import Document, Unreadable
from webhook.judging import By, collect_named
from webhook.reaching import NoAnswerError, in_words, refusal
from webhook.text.places import NOWHERE

if TYPE_CHECKING:
    from webhook.cluster.api import ApiError
    from webhook.cluster.glance import Cluster, Glance

INSTALL: Final = "kubectl apply -f deploy/crds installs them"


def look(cluster: "Cluster", others: Iterable[Policy] = ()) -> "Glance":
    """Read the cluster's own policies, and what they and others need to know; tell what is not installed.

    Raises NoAnswerError.
    """
    with in_words():
        glance = cluster.look(others)
    if glance.absent:
        click.echo(f"Not installed here, so there are none: {', '.join(glance.absent)} ({INSTALL}).", err=True)
    return glance


def open_live_judge(cluster: "Cluster", by: By, at: datetime) -> tuple[Judge, list[Unreadable]]:
    """Judge by the policies that are named, else by the cluster's own, with what of these cannot be used.

    Raises NoAnswerError and PolicyFilesError, also where there is no policy at all: all would seem well.
    """
    if by.policies or by.names:
        named = collect_named(by)
        with in_words():
            glance = cluster.look_around(named.policies)
        return Judge(glance.around(named.policies, named.exceptions), at), []
    glance = look(cluster)
    snapshot = glance.snapshot()
    if not (snapshot.policies or glance.faults):
        raise NoAnswerError("there is no policy in the cluster to judge by; name one: --policy baseline")
    tell_unbound(snapshot, cluster.namespace)
    return Judge(snapshot, at), [Unreadable(fault.name, 0, 0, fault.why) for fault in glance.faults]


def tell_unbound(snapshot: Snapshot, namespace: str) -> None:
    """Say so where there are policies, and none binds the namespace."""
    if namespace and snapshot.policies and not snapshot.binding(namespace):
        click.echo(f"No policy binds namespace {namespace}.", err=True)


def documents(cluster: "Cluster") -> Iterator[Document | LeftOut | Unreadable]:
    """Go through CronJobs and Jobs; of a kind that may not be listed, say so and go on."""
    from webhook.cluster.api import ApiError  # noqa: PLC0415 - it is slow to import, and not needed for files
    from webhook.cluster.kinds import WORKLOADS  # noqa: PLC0415 - as well

    for kind in WORKLOADS:
        try:
            for manifest in cluster.workloads(kind):
                home = lookup(manifest, ("metadata", "namespace"))
                is_exempt = home in cluster.exempt
                yield LeftOut(f"in exempt namespace {home}") if is_exempt else Document("", manifest, NOWHERE)
        except ApiError as error:
            yield Unreadable(f"{kind}s", 0, 0, refusal(error))


def judged(cluster: "Cluster", judge: Judge) -> Iterator[Found]:
    """Judge each object as it stands there."""
    for document in documents(cluster):
        yield judge.judge_standing(document) if isinstance(document, Document) else document


def standings(cluster: "Cluster", judge: Judge) -> Iterator[Found]:
    """Judge each object as it stands there, the Jobs of a CronJob with it, and tell what has come of it."""
    from webhook.audit.survey import Ask, survey  # noqa: PLC0415 - files have no runs
    from webhook.cluster.survey import WARNINGS, read_lists  # noqa: PLC0415 - as above

    refused: dict[str, Found] = {}

    def spare(job: Workload) -> str:
        return f"in exempt namespace {job.namespace}" if job.namespace in cluster.exempt else ""

    def tell(name: str, error: "ApiError") -> None:
        why = refusal(error)
        unheard = f"What {name} tell of Pods that are refused and runs that are missed: {why}."
        refused[name] = Missing(unheard) if name == WARNINGS else Unreadable(name, 0, 0, why)

    def tell_broken(name: str, error: Exception) -> None:
        why = f"an error in Batchwarden, please tell its makers: {error!r}"
        refused[name] = Unreadable(printable(name), 0, 0, printable(why))

    lists = read_lists(cluster.api, cluster.namespace, cluster.wait, tell)
    yield from survey(lists, Ask(judge, spare, tell_broken))
    yield from refused.values()

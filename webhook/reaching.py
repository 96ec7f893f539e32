"""What the commands that ask a cluster share: kubectl's own options, and a refusal in one sentence.

The client of the cluster takes 0.2 s to import, so only a command that asks imports it.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import click

from webhook.options import Name

if TYPE_CHECKING:
    from webhook.cluster.api import ApiError
    from webhook.cluster.glance import Cluster

Command: TypeAlias = Callable[..., Any]

REFUSED: Final = 300  # below, who answers is no API server, or nobody does
UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
# ``forbiddenMessage`` in k8s.io/apiserver pkg/endpoints/handlers/responsewriters/errors.go
_FORBIDDEN: Final = re.compile(
    r'User "(?P<user>.*)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]*)"| at the cluster scope)'
)
NOT_NAMESPACED: Final = frozenset({"clusterbatchpolicies.batchwarden.io"})  # of what is asked for in one namespace, too
EXEMPT: Final = ("kube-system", "batchwarden")  # as the chart has it; who may look cannot know what its admin chose
FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


class NoAnswerError(click.ClickException):
    """The cluster does not tell what it was asked: for whoever runs the command, in one sentence."""

    exit_code = 2


class Reach(NamedTuple):
    """Which cluster, and which namespace: empty for that of the context, unless all but the exempt ones are meant."""

    kubeconfig: Path | None = None
    context: str | None = None
    namespace: str | None = None
    everywhere: bool = False
    exempt: tuple[str, ...] = EXEMPT


def reached_by(*names: str) -> Callable[[Command], Command]:
    """Give a command ``--kubeconfig``, ``--context`` and others of kubectl's options by their names in ``Reach``."""
    more = {
        "namespace": click.option("-n", "--namespace", type=Name(), help="Which one.  [default: the context's]"),
        "everywhere": click.option(
            "-A", "--all-namespaces", "everywhere", is_flag=True, help="Look into all namespaces but the exempt ones."
        ),
        "exempt": click.option(
            "--exempt-namespace",
            "exempt",
            multiple=True,
            type=Name(),
            default=EXEMPT,
            show_default=True,
            help="With -A: leave this one out, as admission does; repeatable, instead of the default.",
        ),
    }
    options = [
        click.option("--kubeconfig", type=FILE, help="How to reach the cluster.  [default: as kubectl]"),
        click.option("--context", help="Which of the kubeconfig's contexts."),
        *(more[name] for name in names),
    ]

    def give(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return give


@contextmanager
def in_words() -> Iterator[None]:
    """Turn what a cluster refuses, or that there is none, into one sentence and the exit code 2."""
    from webhook.admission.message import printable  # noqa: PLC0415 - it loads every rule
    from webhook.cluster.api import ApiError, ConfigurationError  # noqa: PLC0415 - see above

    try:
        yield
    except ConfigurationError as error:
        raise NoAnswerError(printable(str(error))) from error
    except ApiError as error:
        raise NoAnswerError(refusal(error)) from error


def open_cluster(reach: Reach) -> "Cluster":
    """Find the cluster and the namespace; nothing is asked yet. Raises NoAnswerError."""
    if reach.everywhere and reach.namespace:
        raise click.UsageError("-A is for all namespaces, -n for one; give one of them")
    if reach.exempt != EXEMPT and not reach.everywhere:
        raise click.UsageError("--exempt-namespace is for -A; leave it out, or add -A")
    with in_words():
        from webhook.cluster.api import connect  # noqa: PLC0415 - see above
        from webhook.cluster.glance import Cluster  # noqa: PLC0415 - see above

        api = connect(reach.kubeconfig, reach.context)
        home = reach.namespace or api.namespace
        if reach.everywhere:
            return Cluster(api, "", time.sleep, home, frozenset(reach.exempt))
        return Cluster(api, home, time.sleep, home)


def refusal(error: "ApiError") -> str:
    """Say in one sentence why the cluster does not answer, and what to do about it."""
    from webhook.admission.message import printable  # noqa: PLC0415 - it loads every rule

    said = printable(str(error))
    if error.status == UNAUTHORIZED:
        return f"the API server does not know who you are ({said}); log in again, or name another --context"
    found = _FORBIDDEN.search(said) if error.status == FORBIDDEN else None
    if found is None:
        return said if error.status >= REFUSED else f"{said}; is it the right --context?"
    resource = f"{found['resource']}.{found['group']}" if found["group"] else found["resource"]
    where = f"namespace {found['namespace']}" if found["namespace"] else "the whole cluster"
    option = f"-n {found['namespace']}" if found["namespace"] else "-A"
    hint = f"kubectl auth can-i {found['verb']} {resource} {option}"
    right = f'user "{found["user"]}" may not {found["verb"]} {resource} in {where}'
    ask = "ask who administers the cluster for a role with that right"
    less = ", or look into one namespace by -n" if option == "-A" and resource not in NOT_NAMESPACED else ""
    return f"{right}; {ask}{less} ({hint} says whether you have it)"

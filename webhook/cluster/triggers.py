"""Whatever happens to the few objects that keepers keep, or live by, wakes them; nothing of it is remembered."""

from collections.abc import Callable, Hashable, Iterable
from threading import Thread

from msgspec import Raw

from webhook.cluster.api import Api
from webhook.cluster.endpoints import SLICES
from webhook.cluster.kinds import Item, Kind, Meta
from webhook.cluster.material import CONFIGURATIONS, ROLES, SECRETS
from webhook.cluster.observe import WatchObserver
from webhook.cluster.settings import ControllerSettings
from webhook.cluster.watch import ListWatch, Pace, Sink


class Trigger:
    """Calls for whatever it is told."""

    def __init__(self, call: Callable[[], None]) -> None:
        """Take what wakes."""
        self._call = call

    def replace(self, _kind: str, _items: Iterable[Item]) -> None:
        """Call."""
        self._call()

    def put(self, _kind: str, _item: Item) -> None:
        """Call."""
        self._call()

    def remove(self, _kind: str, _key: Hashable) -> None:
        """Call."""
        self._call()


def kinds_for(settings: ControllerSettings) -> list[Kind]:
    """Name what wakes keepers: their Secrets and configurations, the owner, and the endpoints of the Service."""
    certificates, home = settings.certificates, settings.namespace
    kinds = [_named(kind, path, settings.name) for kind, path in CONFIGURATIONS.items()]
    kinds.append(_named(f"Secret {certificates.serving_secret}", SECRETS.format(home), certificates.serving_secret))
    if certificates.mode == "self-signed":
        name = certificates.authority_secret
        kinds.append(_named(f"Secret {name}", SECRETS.format(home), name))
    if settings.owner_cluster_role:
        kinds.append(_named("ClusterRole", ROLES, settings.owner_cluster_role))
    if not settings.url:
        query = {"labelSelector": f"kubernetes.io/service-name={settings.reached_by.name}"}
        kinds.append(Kind("EndpointSlice", SLICES.format(home), _nothing, bare=True, query=query))
    return kinds


def watch_all(kinds: Iterable[Kind], api: Api, sink: Sink, observer: WatchObserver, pace: Pace) -> None:
    """Watch these kinds until the pace says to stop."""
    for kind in kinds:
        Thread(target=ListWatch(api, kind, sink, observer, pace).run, daemon=True).start()


def _named(kind: str, path: str, name: str) -> Kind:
    """Watch the one object of a name, as RBAC with ``resourceNames`` permits."""
    return Kind(kind, path, _nothing, bare=True, query={"fieldSelector": f"metadata.name={name}"})


def _nothing(_meta: Meta, _raw: Raw) -> None:
    return None

"""Keeps the webhook configurations: made once an endpoint is trusted, put back whatever is done to them.

The order of reading is configuration, Secret, endpoints, and each write is guarded by the version of the configuration:
so what restoring.next_bundle says of a bundle is still true when it is written.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Final, NamedTuple

from policies.selection import Snapshot
from webhook.admission.configurations import ClientConfig, Registration, webhook_configurations
from webhook.admission.needs import mutation_condition
from webhook.cluster.api import CONFLICT, NOT_FOUND, Api, ApiError, Manifest
from webhook.cluster.certificates import Craft, find_bundle
from webhook.cluster.endpoints import Handshake, find_endpoints, verify_all, why_not
from webhook.cluster.material import CONFIGURATIONS, MUTATING, ROLE_API, ROLES, Secrets, bundles_of, stamped
from webhook.cluster.observe import KeeperError, KeeperObserver
from webhook.cluster.restoring import condition_of, differences, next_bundle, restored
from webhook.cluster.settings import ControllerSettings

SOUND_SECONDS: Final = 60.0  # between looks where all is as it should be; a change wakes earlier
WAITING_SECONDS: Final = 1.0
GRACE: Final = timedelta(seconds=30)  # after a start, in which the policies become known
MINUTE: Final = timedelta(minutes=1)
AT_ONCE: Final = 10  # writes within a minute that need not wait; each further one makes the next wait longer
STEP: Final = timedelta(seconds=0.05)
INVALID: Final = 422
WRITTEN: Final = "written"


class View(NamedTuple):
    """What a look rests on; ``fault`` is why there is no bundle, and ``handshakes`` asks the endpoints, once."""

    at: datetime
    snapshot: Snapshot | None
    owner: Mapping[str, str] | None
    there: Mapping[str, Manifest | None]
    bundle: bytes
    fault: str
    handshakes: Callable[[], Sequence[Handshake]]


class RegistrationKeeper:
    """Keeps both webhook configurations by what its settings, the Secret and the policies say.

    ``covered`` is the snapshot for whose policies the mutating one was made that is there.
    """

    name: Final = "registrations"

    def __init__(self, api: Api, settings: ControllerSettings, craft: Craft, observer: KeeperObserver) -> None:
        """Take whom to ask, what for, who knows about certificates, and whom to tell."""
        self._api, self._settings, self._craft, self._observer = api, settings, craft, observer
        self._snapshot: Snapshot | None = None
        self._expressed: tuple[Snapshot, str | None] | None = None  # the condition for whom; None: there is none
        self._refused = ""  # a condition that the API server did not take
        self._since: datetime | None = None
        self._writes: dict[str, list[datetime]] = {kind: [] for kind in CONFIGURATIONS}
        self.covered: Snapshot | None = None

    def learn(self, snapshot: Snapshot) -> None:
        """Take the policies that the condition is made for."""
        self._snapshot = snapshot

    def keep(self, at: datetime) -> float:
        """Make or put back what is not as it should be."""
        self._since = self._since or at
        view = self._look(at)
        held = {kind: b"".join(bundles_of(there)) for kind, there in view.there.items()}
        bundles = {kind: next_bundle(each, view.bundle, view.handshakes) for kind, each in held.items()}
        states, refusals = dict[str, str](), list[ApiError]()
        for kind in CONFIGURATIONS:
            try:
                states[kind] = self._keep(kind, self._make(kind, bundles[kind], view), view)
            except ApiError as error:  # one that is refused keeps the other from nothing
                refusals.append(error)
        self.covered = view.snapshot if states.get(MUTATING) == "" else None
        if self.covered and self._expressed == (self.covered, condition_of(view.there[MUTATING])):
            self._observer.recovered(f"{self.name}: condition")
        if refusals:
            raise refusals[0]
        if WRITTEN in states.values():
            return 0
        waiting = next(filter(None, states.values()), "")
        self._observer.found(self.name, waiting or view.fault or "the webhook configurations are as they should be")
        lingering = any(view.bundle != bundle for bundle in bundles.values())
        return WAITING_SECONDS if waiting or lingering else SOUND_SECONDS

    def _look(self, at: datetime) -> View:
        settings, snapshot, owner = self._settings, self._snapshot, self._find_owner()
        there = {kind: self._api.get(f"{path}/{settings.name}") for kind, path in CONFIGURATIONS.items()}
        bundle, fault = b"", ""
        try:
            files, _ = Secrets(self._api, settings, at).read("serving")
            bundle = find_bundle(files, settings, self._craft)
        except KeeperError as error:
            fault = str(error)
        handshakes = cache(lambda: verify_all(find_endpoints(self._api, settings), settings.host, bundle))
        return View(at, snapshot, owner, there, bundle, fault, handshakes)

    def _find_owner(self) -> Mapping[str, str] | None:
        """Name the chart's ClusterRole as an owner; raises KeeperError where it is gone, and the chart with it."""
        name = self._settings.owner_cluster_role
        if not name:
            return None
        role = self._api.get(f"{ROLES}/{name}")
        if role is None or "deletionTimestamp" in role["metadata"]:
            self.covered = None
            raise KeeperError(
                f"there is no ClusterRole {name}, which ownerClusterRole in the settings names; "
                "install the chart, or leave it out"
            )
        return {"apiVersion": ROLE_API, "kind": "ClusterRole", "name": name, "uid": role["metadata"]["uid"]}

    def _make(self, kind: str, bundle: bytes, view: View) -> Manifest:
        settings, reached = self._settings, self._settings.reached_by
        registration = Registration(
            client_config=ClientConfig(ca=bundle, url=settings.url or "", service=reached.name, port=reached.port),
            name=settings.name,
            owner=view.owner,
            namespace_selector=settings.namespace_selector,
            object_selector=settings.object_selector,
            mutation_condition=self._condition(view),
            mutating_failure_policy=settings.mutating.failure_policy,
            validating_failure_policy=settings.validating.failure_policy,
            timeout_seconds=settings.timeout_seconds,
        )
        made = webhook_configurations(registration, settings.admission)
        return stamped(next(dict(each) for each in made if each["kind"] == kind), view.there[kind], view.at)

    def _condition(self, view: View) -> str:
        """Give the condition of the mutating webhook, "" for none; what cannot be made is left out, never guessed.

        Before the policies are known, for a while, one that is there already is left as it is.
        """
        if view.snapshot is None:
            assert self._since  # noqa: S101 - set at the first look
            is_early = timedelta() <= view.at - self._since < GRACE
            return condition_of(view.there[MUTATING]) if is_early else ""
        if self._expressed is None or self._expressed[0] is not view.snapshot:
            self._expressed = view.snapshot, self._express(view.snapshot)
        wanted = self._expressed[1]
        return "" if wanted is None or wanted == self._refused else wanted

    def _express(self, snapshot: Snapshot) -> str | None:
        try:
            return mutation_condition(snapshot.policies)
        except Exception as error:  # noqa: BLE001 - our bug; without a condition the webhook is always called
            self._observer.failed(f"{self.name}: condition", error)
            return None

    def _keep(self, kind: str, made: Manifest, view: View) -> str:
        """Make or put back one; say what is waited for, WRITTEN, or nothing where it is as it should be."""
        there, name = view.there[kind], f"{kind} {self._settings.name}"
        if there is None:
            why = view.fault or why_not(view.handshakes())
            return f"{name} is not made yet: {why}" if why else self._write(kind, made, view, f"{name} was made")
        wrong = differences(there, made)
        if wrong and "deletionTimestamp" in there["metadata"]:
            return f"{name} is being deleted"
        what = f"{name} was written, since these were not as they should be: {', '.join(wrong)}"
        return self._write(kind, made, view, what) if wrong else ""

    def _write(self, kind: str, made: Manifest, view: View, what: str) -> str:
        recent = [each for each in self._writes[kind] if timedelta() <= view.at - each < MINUTE]
        if recent and view.at - recent[-1] < (len(recent) - AT_ONCE) * STEP:
            return f"{kind} {self._settings.name} is changed again and again, and waits a moment"
        self._writes[kind] = [*recent, view.at]
        try:
            self._send(CONFIGURATIONS[kind], made, view.there[kind])
        except ApiError as error:
            if error.status in {CONFLICT, NOT_FOUND}:  # somebody else was first: look again
                return WRITTEN
            condition = condition_of(made)
            if error.status == INVALID and kind == MUTATING:
                self._refused = condition  # none where something else is not taken: then it is tried again
            if error.status != INVALID or not condition:
                raise
            self._observer.failed(f"{self.name}: condition", error)
        else:
            self._observer.did(self.name, what)
        return WRITTEN

    def _send(self, path: str, made: Manifest, there: Manifest | None) -> None:
        at = f"{path}/{made['metadata']['name']}"
        if there is None:
            self._api.create(path, made)
        elif there["metadata"].get("managedFields"):
            self._api.replace(at, restored(there, made))
        else:  # they were wiped, and only an apply brings them back
            version = {"resourceVersion": there["metadata"]["resourceVersion"]}
            self._api.apply(at, {**made, "metadata": {**made["metadata"], **version}})

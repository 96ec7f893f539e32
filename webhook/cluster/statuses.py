"""Keeps the status of policies and exceptions, and reminds the owners of exceptions that end.

All is worked out anew from what the API server holds, so a restart changes nothing. A status is written only where it
says something else than the one that is there, and only onto the version of the object that was looked at: an object
that was changed, or deleted and made again, is looked at once more.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from msgspec import structs

from policies.census import Census, Name
from policies.exception_status import Reminder, exception_status, faulty_exception_status, reminder
from policies.objects import BatchPolicyException, Policy
from policies.policy_status import faulty_policy_status, is_same, policy_status
from policies.selection import NAME_LABEL, Near, Snapshot
from policies.status import ExceptionStatus, Known, PolicyStatus
from policies.strict import InvalidObjectError
from webhook.audit.tally import Violations
from webhook.cluster.api import Api
from webhook.cluster.counting import Headcount
from webhook.cluster.inventory import Entry, ObjectStatus, read_inventory
from webhook.cluster.kinds import CRON_JOBS, KINDS, NAMESPACES, Bound
from webhook.cluster.observe import KeeperObserver
from webhook.cluster.settings import ControllerSettings
from webhook.cluster.status_writer import StatusWriter, differs
from webhook.cluster.tables import Table, assemble

LOOK_SECONDS: Final = 1.0  # whether something has changed in memory, or was left over
SOON_SECONDS: Final = 5.0  # until the count that is due after a change


class Sources(NamedTuple):
    """What is known elsewhere: the snapshot in force, and the one whose defaults the API server asks for, if any.

    ``violations`` are those that the last scan has counted, by policy and rule; None before the first.
    """

    snapshot: Callable[[], Snapshot | None]
    covered: Callable[[], Snapshot | None]
    violations: Callable[[], Violations | None] = lambda: None


class Scene(NamedTuple):
    """What statuses are worked out from beside the objects themselves; what is None is not known."""

    near: Near
    crowd: frozenset[str]
    covered: Mapping[Name, Policy] | None
    violations: Violations | None
    census: Census | None
    ahead: timedelta
    at: datetime


class StatusKeeper:
    """Looks where policies or exceptions have changed, and every so often."""

    name: Final = "statuses"

    def __init__(
        self, api: Api, settings: ControllerSettings, sources: Sources, observer: KeeperObserver,
        wait: Callable[[float], object],
    ) -> None:  # fmt: skip
        """Take whom to ask, what for, whom to tell, and how to wait some seconds."""
        self._api, self._settings, self._sources, self._observer = api, settings, sources, observer
        self._wait = wait
        self._headcount = Headcount(api, settings, wait)
        self._seen: Any = None
        self._looked: datetime | None = None
        self._enough = timedelta()  # for how long what was seen will do
        self._refused: frozenset[str] = frozenset()

    def keep(self, at: datetime) -> float:
        """Write what is due; raises ApiError where the API server is away or has no time."""
        snapshot, covered, violations = self._sources.snapshot(), self._sources.covered(), self._sources.violations()
        if snapshot is None:
            return LOOK_SECONDS
        seen = (snapshot.policies, snapshot.exceptions, covered, violations)
        if self._looked is None or not timedelta() <= at - self._looked < self._enough or self._seen != seen:
            self._enough = timedelta(seconds=self._look(snapshot, covered, at))
            self._looked, self._seen = at, seen
        return LOOK_SECONDS

    def _look(self, snapshot: Snapshot, covered: Snapshot | None, at: datetime) -> float:
        """Write what is due, and say for how many seconds that will do if nothing changes."""
        settings, entries = self._settings, [*read_inventory(self._api, self._wait)]
        ours, crowd = assemble(_tables(entries, snapshot, settings))
        generations = frozenset((entry.meta.uid, entry.meta.generation) for entry in entries)
        count = self._headcount.count(ours, generations, at)
        scene = Scene(
            near=Near(_in_force(entries, snapshot)),
            crowd=frozenset(crowd),
            covered=None if covered is None else {(each.namespace, each.name): each for each in covered.policies},
            violations=self._sources.violations(),
            census=count.census,
            ahead=timedelta(seconds=settings.remind_seconds),
            at=at,
        )
        writer = StatusWriter(self._api, self._wait, at)
        try:
            is_whole = self._write(entries, scene, writer)
        finally:
            self._tell(writer, count.fault)
        if writer.stale or (writer.written and not is_whole):
            return LOOK_SECONDS
        return settings.status_seconds if count.of == generations else SOON_SECONDS

    def _write(self, entries: list[Entry], scene: Scene, writer: StatusWriter) -> bool:
        """Write what is due, and tell whether that is all; what was refused the last time comes last."""
        for entry in sorted(entries, key=lambda each: str(each) in self._refused):
            found = self._due(entry, scene, writer)
            if found and writer.is_spent:
                return False
            if found:
                writer.write(entry, *found)
        return True

    def _due(self, entry: Entry, scene: Scene, writer: StatusWriter) -> tuple[ObjectStatus, Reminder | None] | None:
        """Say what is to be written, None where nothing is."""
        try:
            status = _status(entry, scene)
            due = _reminder(entry, status, scene)
        except Exception as error:  # noqa: BLE001 - our bug; the others are told theirs
            self._observer.failed(f"{self.name}: objects", error)
            writer.refused[str(entry)] = f"an error in Batchwarden: {type(error).__name__}"
            return None
        return (status, due) if due or differs(entry, status) else None

    def _tell(self, writer: StatusWriter, fault: str) -> None:
        if writer.written:
            self._observer.did(self.name, f"statuses and Events that were due: {writer.written}")
        self._refused = frozenset(writer.refused)
        refused = next((f"{name} and perhaps others: {why}" for name, why in writer.refused.items()), "")
        self._observer.found(self.name, "; ".join(filter(None, (refused, fault))) or "each status is as it should be")


def _tables(entries: Iterable[Entry], snapshot: Snapshot, settings: ControllerSettings) -> Mapping[str, Table]:
    """Give what is counted: the objects as they are, in the namespaces where something is judged."""
    tables: dict[str, Table] = {kind.name: {} for kind in KINDS}
    for entry in entries:
        if not isinstance(entry.found, InvalidObjectError):
            tables[entry.kind.name][entry.name] = entry.found
    is_exempt, matches = settings.admission.is_exempt, settings.namespace_selector.matches
    tables[NAMESPACES.name] = {
        name: labels
        for name, labels in snapshot.namespaces.items()
        if not is_exempt(name) and matches({**labels, NAME_LABEL: name})
    }
    tables[CRON_JOBS.name] = {**snapshot.owners}
    return tables


def _in_force(entries: Iterable[Entry], snapshot: Snapshot) -> Iterator[Policy]:
    """Go through the policies as they are; of one that cannot be used the last good version, where it is known."""
    broken = set[Name]()
    for entry in entries:
        if isinstance(entry.found, Bound):
            yield entry.found.policy
        elif isinstance(entry.found, InvalidObjectError):
            broken.add(entry.name)
    yield from (policy for policy in snapshot.policies if (policy.namespace, policy.name) in broken)


def _status(entry: Entry, scene: Scene) -> ObjectStatus:
    if isinstance(entry.status, PolicyStatus):
        return _of_policy(entry, entry.status, scene)
    known = Known(generation=entry.meta.generation, at=scene.at)
    if isinstance(entry.found, BatchPolicyException):
        known = structs.replace(known, workloads=scene.census and scene.census.covered.get(entry.name))
        near = scene.near.named_by(entry.found)
        return exception_status(entry.found, near, known, entry.status, scene.ahead)
    assert isinstance(entry.found, InvalidObjectError)  # noqa: S101 - for the type checker
    return faulty_exception_status(entry.found, known, entry.status)


def _of_policy(entry: Entry, before: PolicyStatus, scene: Scene) -> PolicyStatus:
    known = Known(generation=entry.meta.generation, at=scene.at)
    if isinstance(entry.found, InvalidObjectError):
        return faulty_policy_status(entry.rules, entry.found, known, before)
    assert isinstance(entry.found, Bound)  # noqa: S101 - for the type checker
    policy, census, covered = entry.found.policy, scene.census, scene.covered
    known = structs.replace(
        known,
        namespaces=census and census.namespaces.get(entry.name),
        workloads=census and census.selected.get(entry.name),
        violations=None if scene.violations is None else scene.violations.get(entry.name),
        crowded="/".join(entry.name) in scene.crowd,
        covered=None if covered is None else is_same(policy, covered.get(entry.name)),
    )
    return policy_status(policy, known, before)


def _reminder(entry: Entry, status: ObjectStatus, scene: Scene) -> Reminder | None:
    if isinstance(entry.found, BatchPolicyException) and isinstance(status, ExceptionStatus):
        return reminder(entry.found, scene.near.named_by(entry.found), status, scene.at)
    return None

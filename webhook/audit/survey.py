"""Pure: CronJobs with the Jobs that they made, and Jobs by themselves, judged as they stand, in lists that are joined.

An API server lists by "namespace/name", so CronJobs, Jobs and Events are gone through beside each other, a namespace at
a time: what is held is, of one namespace, a few numbers for each CronJob and a few Events for each object. Where one
comes a second time, because a page went stale, its objects are looked at as those of one more.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from policies.fields import lookup
from policies.workload import Workload
from webhook.audit.runs.engine import of_cron_job, of_job
from webhook.audit.runs.event import TELLING, Event, read_event
from webhook.audit.runs.history import History
from webhook.audit.runs.run import read_run
from webhook.audit.scan import MADE, Judge, Judged, LeftOut
from webhook.audit.standing import Standing, stand
from webhook.files import Document
from webhook.text.places import NOWHERE

MOST_EVENTS: Final = 8  # of one object, the latest
MOST_INVOLVED: Final = 5_000  # objects of one namespace: who may write Events there may write any number

EventsByUid: TypeAlias = dict[str, list[Event]]
"""The uid of an object to its Events; of a CronJob's also those of the Jobs that it made."""


class Listed(NamedTuple):
    """An object, and how many bytes of JSON it is."""

    manifest: dict[str, Any]
    size: int

    @property
    def rank(self) -> str:
        """Give what lists are ordered by, of the namespace: etcd's key, in which "a-b/" is before "a/"."""
        return f"{lookup(self.manifest, ('metadata', 'namespace'))}/"

    def __str__(self) -> str:
        """Name it as people do."""
        name = lookup(self.manifest, ("metadata", "name"))
        return f"{self.manifest.get('kind')} {self.rank}{name}"


class Lists(NamedTuple):
    """What there is, each in the order of an API server; CronJobs and Jobs with ``kind``, which its lists leave out."""

    cron_jobs: Iterable[Listed]
    jobs: Iterable[Listed]
    events: Sequence[Iterable[Listed]] = ()


class Ask(NamedTuple):
    """By what objects are judged, why one is spared that (empty: it is not), and who is told of one that breaks us."""

    judge: Judge
    spare: Callable[[Workload], str]
    failed: Callable[[str, Exception], None]


def survey(lists: Lists, ask: Ask) -> Iterator[Standing | LeftOut]:
    """Go through all there is, with no more in memory than the above."""
    cron_jobs, jobs, warnings = _Queue(lists.cron_jobs), _Queue(lists.jobs), [*map(_Queue, lists.events)]
    while heads := [queue.head.rank for queue in (cron_jobs, jobs) if queue.head]:
        rank = min(heads)
        known, histories = _sort_events(warnings, rank), dict[str, History]()
        for each in jobs.take(rank):
            yield from _try(each, ask, lambda job: _job(job, histories, known, ask))  # noqa: B023 - called at once
        for each in cron_jobs.take(rank):
            yield from _try(each, ask, lambda job: _cron_job(job, histories, known, ask))  # noqa: B023 - as well


class _Queue:
    """A list, of which the first object can be seen before it is taken."""

    def __init__(self, listed: Iterable[Listed]) -> None:
        self._rest = iter(listed)
        self.head = next(self._rest, None)

    def take(self, rank: str) -> Iterator[Listed]:
        """Take what comes next, as long as it is of this namespace."""
        while self.head is not None and self.head.rank == rank:
            yield self.head
            self.head = next(self._rest, None)

    def skip(self, rank: str) -> None:
        """Pass over what is of namespaces before this one."""
        while self.head is not None and self.head.rank < rank:
            self.head = next(self._rest, None)


def _sort_events(queues: Iterable[_Queue], rank: str) -> EventsByUid:
    """Sort the Events of a namespace by what they are of; of too many the earliest are left out."""
    known: EventsByUid = {}
    for queue in queues:
        queue.skip(rank)
        for each in queue.take(rank):
            uid, event = read_event(each.manifest)
            if event.reason in TELLING and (uid in known or len(known) < MOST_INVOLVED):
                _keep(known, uid, [event])
    return known


def _keep(known: EventsByUid, uid: str, events: Iterable[Event]) -> None:
    known[uid] = sorted((*known.get(uid, ()), *events), key=lambda each: each.last)[-MOST_EVENTS:]


def _try(each: Listed, ask: Ask, look: Callable[[Listed], Standing | LeftOut]) -> Iterator[Standing | LeftOut]:
    try:
        found = look(each)
    except Exception as error:  # noqa: BLE001 - our bug; the others are looked at
        ask.failed(str(each), error)
        return
    yield found


def _job(each: Listed, histories: dict[str, History], known: EventsByUid, ask: Ask) -> Standing | LeftOut:
    """Judge a Job, unless a CronJob made it: then only remember how it went; there may be hundreds of thousands."""
    run = read_run(each.manifest, each.size)
    if run.owner:
        histories.setdefault(run.owner, History()).add(run)
        if events := known.pop(run.uid, None):
            _keep(known, run.owner, events)
        return LeftOut(MADE)
    judged = _judge(each, ask)
    if isinstance(judged, LeftOut):
        return judged
    history = History()
    history.add(run)
    return stand(judged, history, of_job(judged.job, each.manifest, run, known.get(run.uid, ()), ask.judge.at))


def _cron_job(each: Listed, histories: Mapping[str, History], known: EventsByUid, ask: Ask) -> Standing | LeftOut:
    judged = _judge(each, ask)
    if isinstance(judged, LeftOut):
        return judged
    uid = str(judged.job.metadata.raw.get("uid"))
    history, events = histories.get(uid) or History(), known.get(uid, ())
    return stand(judged, history, of_cron_job(judged.job, each.manifest, history, events, ask.judge.at))


def _judge(each: Listed, ask: Ask) -> Judged | LeftOut:
    why = ask.spare(Workload(each.manifest))
    return LeftOut(why) if why else ask.judge.judge_standing(Document("", each.manifest, NOWHERE))

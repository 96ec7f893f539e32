"""Pure: what is looked at, an object with its runs and Events, and the questions that several kinds ask of it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final, NamedTuple

from policies import cron, timing
from policies.fields import mapping, sequence
from policies.workload import Workload
from webhook.audit.runs.event import Event
from webhook.audit.runs.history import History
from webhook.audit.runs.run import Run
from webhook.audit.values import latest, moment

SECOND: Final = timedelta(seconds=1)
ZONES_APART: Final = timedelta(hours=26)  # from UTC+14 to UTC-12


class Clock(NamedTuple):
    """When the controller starts runs; ``sure_within`` is how far off that may be."""

    schedule: cron.Schedule
    zone: tzinfo
    sure_within: timedelta

    def after(self, at: datetime | None, number: int = 1) -> datetime | None:
        """Give the first run after a moment, or a later one by its number; None where there is none."""
        for _ in range(number):
            at = self.schedule.next(at, self.zone) if at else None
        return at.astimezone(UTC) if at else None


class Look(NamedTuple):
    """An object, its runs, the Events about it and about its Jobs, and when one looks; ``run`` is a Job's own.

    ``job`` is how rules see the object, ``raw`` how it stands in the cluster.
    """

    job: Workload
    raw: Mapping[str, Any]
    history: History
    events: Sequence[Event]
    at: datetime
    run: Run | None = None

    @property
    def status(self) -> Mapping[str, Any]:
        """Give what the controllers noted."""
        return mapping(self.raw.get("status"))

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Give what Kubernetes keeps of every object."""
        return mapping(self.raw.get("metadata"))

    @property
    def created(self) -> datetime | None:
        """Say when the object was made."""
        return moment(self.metadata.get("creationTimestamp"))

    @property
    def scheduled(self) -> datetime | None:
        """Say for when the latest run was due that was started."""
        return moment(self.status.get("lastScheduleTime"))

    @property
    def succeeded(self) -> datetime | None:
        """Say when a run last succeeded, be it one that exists no longer."""
        return latest(moment(self.status.get("lastSuccessfulTime")), self.history.last_success)

    @property
    def changed(self) -> datetime | None:
        """Say when somebody last wrote the spec, as far as is recorded."""
        return latest(*(at for at, _ in self._writes()))

    @property
    def suspended_since(self) -> datetime | None:
        """Say since when, at the latest, a CronJob has been suspended; None where it is not, or that is not known.

        Whoever owns the field in ``managedFields`` has changed nothing since. Where nobody is recorded, a run that was
        due and was not started tells.
        """
        if self.job.cron_job_spec.raw.get("suspend") is not True:
            return None
        written = latest(*(at for at, fields in self._writes() if "f:suspend" in fields))
        clock = clock_of(self.job, self.scheduled)
        return written or (clock.after(latest(self.created, self.scheduled)) if clock else None)

    @property
    def clock(self) -> Clock | None:
        """Say when runs are due; None where none is: suspended, being deleted, or with no schedule that fires."""
        idle = self.job.cron_job_spec.raw.get("suspend") is True or self.metadata.get("deletionTimestamp")
        return None if idle else clock_of(self.job, self.scheduled)

    def _writes(self) -> Iterator[tuple[datetime, Mapping[str, Any]]]:
        """Go through what is recorded of who wrote the spec: when, and which fields."""
        for entry in map(mapping, sequence(self.metadata.get("managedFields"))):
            fields = mapping(entry.get("fieldsV1")).get("f:spec")
            at = moment(entry.get("time"))
            if at and isinstance(fields, dict) and not entry.get("subresource"):
                yield at, fields


def clock_of(job: Workload, scheduled: datetime | None) -> Clock | None:
    """Read schedule and zone; where no zone is named, the latest run that was started tells whether it is UTC.

    Without ``timeZone`` it is the zone of the machine that the controller runs on, which is UTC nearly everywhere.
    """
    schedule, named = timing.schedule(job), job.cron_job_spec.text("timeZone").value
    if schedule is None or schedule.never:
        return None
    try:
        zone = cron.time_zone(named or "UTC")
    except cron.UnknownTimeZoneError:
        return None
    sure = named or not timing.names_hours(job)
    if not sure and scheduled is not None:
        sure = schedule.next(scheduled - SECOND, zone) == scheduled
    return Clock(schedule, zone, timedelta() if sure else ZONES_APART)

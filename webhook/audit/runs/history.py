"""Pure: what is remembered of the runs of one CronJob, or of one Job: a few numbers, however many runs there were."""

from datetime import datetime, timedelta

from msgspec import Struct

from webhook.audit.runs.run import Run
from webhook.audit.values import earliest, latest, longest


class History(Struct):
    """The runs that still exist; ``longest`` is of those that succeeded.

    ``failure`` and ``failure_message`` are the reason and the words of the latest failure. Of the runs that are not
    over ``lacking`` is how many have fewer Pods than they should, ``without_pods`` when the first began that has had
    none, and ``at_work`` when the first of the others did. ``near_deadline`` and ``near_retry_limit`` count the runs
    that came near a limit of theirs; ``neared_deadline``, in seconds, and ``neared_retry_limit`` are the greatest such.
    """

    finished: int = 0
    failed: int = 0
    active: int = 0
    longest: timedelta | None = None
    last_success: datetime | None = None
    last_failure: datetime | None = None
    failure: str = ""
    failure_message: str = ""
    at_work: datetime | None = None
    lacking: int = 0
    without_pods: datetime | None = None
    near_deadline: int = 0
    neared_deadline: int = 0
    near_retry_limit: int = 0
    neared_retry_limit: int = 0

    def add(self, run: Run) -> None:
        """Remember one more run; the order in which they come does not matter."""
        if not run.outcome:
            self._add_active(run)
            return
        self.finished += 1
        if run.outcome == "Complete":
            self.last_success = latest(self.last_success, run.end)
            self.longest = longest(self.longest, run.took)
        else:
            self._add_failed(run)
        if run.neared_deadline:
            self.near_deadline += 1
            self.neared_deadline = max(self.neared_deadline, run.deadline or 0)
        if run.neared_retry_limit:
            self.near_retry_limit += 1
            self.neared_retry_limit = max(self.neared_retry_limit, run.retry_limit or 0)

    @property
    def succeeded(self) -> int:
        """Count the runs that succeeded."""
        return self.finished - self.failed

    def _add_active(self, run: Run) -> None:
        self.active += 1
        self.lacking += run.lacks_pods
        if run.without_pods:
            self.without_pods = earliest(self.without_pods, run.start)
        else:
            self.at_work = earliest(self.at_work, run.start)

    def _add_failed(self, run: Run) -> None:
        self.failed += 1
        key = (run.end, run.reason, run.message)
        if run.end and (self.last_failure is None or key > (self.last_failure, self.failure, self.failure_message)):
            self.last_failure, self.failure, self.failure_message = run.end, run.reason, run.message

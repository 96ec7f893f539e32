"""Pure: what is remembered of the runs of one CronJob, or of one Job: a few numbers, however many runs there were."""

from datetime import datetime, timedelta

from msgspec import Struct


class History(Struct):
    """The runs that still exist; ``longest`` and ``usual`` are of those that succeeded."""

    finished: int = 0
    failed: int = 0
    active: int = 0
    longest: timedelta | None = None
    last_success: datetime | None = None
    last_failure: datetime | None = None
    failure: str = ""

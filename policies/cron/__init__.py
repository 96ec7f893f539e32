"""Pure: schedules as Kubernetes reads and follows them, told in words.

Sources: https://github.com/robfig/cron v3.0.1 (``ParseStandard``), which the API server and the CronJob controller of
https://github.com/kubernetes/kubernetes ask, and pkg/controller/cronjob/utils.go there.
"""

from policies.cron.changes import ClockChange, clock_changes
from policies.cron.mistakes import InvalidScheduleError
from policies.cron.rhythm import Intervals, intervals
from policies.cron.schedule import Field, Fields, Schedule
from policies.cron.syntax import PLAIN, parse
from policies.cron.words import describe, span
from policies.cron.zones import COMMON_ZONES, UnknownTimeZoneError, time_zone

__all__ = [
    "COMMON_ZONES",
    "PLAIN",
    "ClockChange",
    "Field",
    "Fields",
    "Intervals",
    "InvalidScheduleError",
    "Schedule",
    "UnknownTimeZoneError",
    "clock_changes",
    "describe",
    "intervals",
    "parse",
    "span",
    "time_zone",
]

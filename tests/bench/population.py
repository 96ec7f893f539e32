"""Pure: as many CronJobs as are wanted, three Jobs for each, and Events, as an API server stores and orders them.

They are made of what a real API server 1.37.1 has stored (the folder ``stored``). Any is made by its number alone,
which is its place in the list as well, so that a list is never held. Every second CronJob breaks rules and its runs
fail; of thirty Jobs one was made by hand; for every twentieth CronJob there is an Event that a Pod of it was refused.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

RUNS = 3
NAMESPACES = 1000
TEMPLATES = {path.stem: path.read_text().strip() for path in Path(__file__).with_name("stored").iterdir()}
BY_HAND = json.loads(TEMPLATES["job-ok"])
del BY_HAND["metadata"]["ownerReferences"], BY_HAND["metadata"]["annotations"]
TEMPLATES["job-by-hand"] = json.dumps(BY_HAND, separators=(",", ":"))
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


class Population(NamedTuple):
    """So many CronJobs at a moment, each of which has run daily at 4:20 for a month; every item is JSON."""

    cron_jobs: int
    now: datetime

    def cron_job(self, number: int) -> bytes:
        """Write a CronJob."""
        return _write(f"cronjob-{_fate(number)}", {**self._common(number), "uid": _uid(8, number)})

    def job(self, number: int) -> bytes:
        """Write a Job: a run of the CronJob that has a third of its number."""
        by, run = divmod(number, RUNS)
        is_by_hand = by % 10 == 9 and run == RUNS - 1
        more = {"name": self._run(by, run), "uid": _uid(9, number), "owner": _uid(8, by), "cron_job": _name(by)}
        return _write("job-by-hand" if is_by_hand else f"job-{_fate(by)}", self._common(by, run) | more)

    def event(self, number: int) -> bytes:
        """Write an Event about the last run of a CronJob."""
        by = 20 * number + 1
        told = {"name": self._run(by, RUNS - 1), "job": _uid(9, RUNS * (by + 1) - 1), "uid": _uid("a", number)}
        return _write("event", self._common(by) | told)

    def _common(self, by: int, run: int = RUNS - 1) -> dict[str, str]:
        began = self._began(run)
        return {
            "name": _name(by),
            "ns": f"team-{by * NAMESPACES // self.cron_jobs:04}",
            "version": str(1000 + by),
            "created": _stamp(self.now - 30 * DAY),
            "began": _stamp(began),
            "ended": _stamp(began + 4 * MINUTE),
            "heard": _stamp(self.now - 10 * MINUTE),
        }

    def _run(self, by: int, run: int) -> str:
        """Name a run, as the CronJob controller does: by the minute."""
        return f"{_name(by)}-{int(self._began(run).timestamp()) // 60}"

    def _began(self, run: int) -> datetime:
        today = self.now.replace(hour=4, minute=20, second=0, microsecond=0)
        last = today if today + 5 * MINUTE <= self.now else today - DAY
        return last - (RUNS - 1 - run) * DAY


def _write(template: str, words: Mapping[str, str]) -> bytes:
    return (TEMPLATES[template] % words).encode()


def _fate(by: int) -> str:
    return ("ok", "bad")[by % 2]


def _name(by: int) -> str:
    return f"nightly-{by:06}"


def _uid(group: object, number: int) -> str:
    return f"00000000-0000-4000-{group}000-{number:012}"


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"

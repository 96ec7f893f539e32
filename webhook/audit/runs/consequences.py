"""Pure: what is wrong with how an object runs, as findings of their own kinds, each with its evidence."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from policies.rule import Severity


class About(NamedTuple):
    """What is said of a kind of consequence, whatever the object."""

    summary: str
    why: str
    category: str
    severity: Severity


class Consequence(NamedTuple):
    """Something that has come of a spec, or of the cluster around it.

    ``kind`` is camelCase, as the names of rules are. ``path`` is the field to look at, as Kubernetes writes it; empty
    where it is none. ``statement`` holds no counter and no time, so that it is the same at the next look; these are in
    ``evidence``, of which ``basis`` says all in words. Neither depends on when one looks. ``paste`` are lines of YAML
    that would help.
    """

    kind: str
    path: str
    statement: str
    evidence: Mapping[str, str]
    paste: tuple[str, ...] = ()


CONSEQUENCES: Final[Mapping[str, About]] = {
    "failedCreate": About(
        "Its Pods, or its Jobs, cannot be created.",
        "Kubernetes tries again and again and tells it in Events alone, which vanish after an hour.",
        "Reliability",
        "high",
    ),
    "refusedByQuota": About(
        "A ResourceQuota refuses its Pods, or its Jobs.",
        "The Job waits for room that others take, or for limits and requests that its Pod template must name.",
        "Resources",
        "high",
    ),
    "refusedByPodSecurity": About(
        "Pod Security refuses its Pods.",
        "The Job was accepted, since Pod Security only looks at Pods, and it can never start one.",
        "Correctness",
        "high",
    ),
    "noPods": About(
        "A Job was started and has had no Pod.",
        "Something refuses its Pods, or the Job controller does not work; the Events that told why are gone.",
        "Reliability",
        "high",
    ),
    "noSuccess": About(
        "No run of a CronJob has succeeded for three intervals.",
        "A single failure may be chance; this is not.",
        "Reliability",
        "high",
    ),
    "missedSchedule": About(
        "A run of a CronJob was due and was not started.",
        "The CronJob controller was down or late, or it could not create the Job.",
        "Reliability",
        "high",
    ),
    "scheduleNotFollowed": About(
        "The CronJob controller cannot follow the schedule.",
        "It knows another set of time zones than the API server, or the schedule dates from before it was checked.",
        "Correctness",
        "high",
    ),
    "runFailed": About(
        "The Job failed, or the latest run of the CronJob that has ended.",
        "A failed Job is not tried again: what it should have done has not been done.",
        "Reliability",
        "medium",
    ),
    "runsLongerThanInterval": About(
        "A run of a CronJob takes longer than the time from one run to the next.",
        "Runs then overlap, are skipped, or stop each other, as concurrencyPolicy says.",
        "Reliability",
        "medium",
    ),
    "nearDeadline": About(
        "At least half of a CronJob's runs come near activeDeadlineSeconds, or are ended by it.",
        "A little more data or a slower disk, and the deadline ends a run that would have succeeded.",
        "Reliability",
        "medium",
    ),
    "nearRetryLimit": About(
        "At least half of a CronJob's runs come near backoffLimit, or are ended by it.",
        "Retries cover up a fault: one more failure, and the run fails.",
        "Reliability",
        "medium",
    ),
    "longSuspended": About(
        "A CronJob has been suspended for more than 30 days.",
        "What was stopped for a while is easily forgotten, and what nobody misses can be deleted.",
        "Hygiene",
        "low",
    ),
    "deadlineSuggested": About(
        "A CronJob has no deadline, and its runs tell what it could be.",
        "A run that hangs holds its resources until somebody notices.",
        "Reliability",
        "low",
    ),
    "keptForEver": About(
        "A Job has finished, and nothing will delete it.",
        "Finished Jobs and their Pods fill the API server's storage and slow it down.",
        "Hygiene",
        "low",
    ),
}
"""The kinds, the gravest first."""

"""Pure: why Pods or Jobs could not be created, read from the message of a ``FailedCreate`` Event.

Sources: ``createPods`` in pkg/controller/controller_utils.go and ``syncCronJob`` in pkg/controller/cronjob of
https://github.com/kubernetes/kubernetes v1.37.1 for how it begins; checkRequest in
pkg/admission/plugin/resourcequota/controller.go of https://github.com/kubernetes/apiserver and ``EvaluatePod`` in
admission/admission.go of https://github.com/kubernetes/pod-security-admission for how it goes on; ``aggregateEvents``
in tools/record/events_cache.go of https://github.com/kubernetes/client-go for what may stand before.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

from webhook.admission.message import cut, printable, quoted

AGGREGATED: Final = "(combined from similar events): "
JOBS: Final = "Error creating job: "
PODS: Final = "Error creating: "
NAMED: Final = re.compile(r'[\w.]+(?: "[^"]*")? is (?:forbidden|invalid): ')
POD_SECURITY: Final = 'violates PodSecurity "'
TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[\d.]*(?:Z|[+-]\d\d:\d\d)?")
# What the CronJob controller adds to its name for a Job (minutes since 1970), and the Job controller for a Pod: an
# index, and letters and digits that spell no word (``rand.String`` of apimachinery).
RANDOM: Final = "-[bcdfghjklmnpqrstvwxz2456789]{5}"
SUFFIX: Final = rf"(?:-\d{{8,9}}(?:-\d+)?(?:{RANDOM})?|(?:-\d+)?{RANDOM})(?![\w-])"
MOST_TEXT: Final = 1000  # bytes
Words: TypeAlias = tuple[str, str, Mapping[str, str]]
"""Kind, statement and details."""


class Refusal(NamedTuple):
    """Why something could not be created: the kind of consequence, what is said of it, and what else is known."""

    kind: str
    whose: str
    statement: str
    details: Mapping[str, str]


def of_jobs(message: str) -> bool:
    """Whether a CronJob's Jobs could not be created, and not a Job's Pods."""
    return message.removeprefix(AGGREGATED).startswith(JOBS)


def read_refusal(message: str, name: str) -> Refusal:
    """Read a message about the Pods, or the Jobs, of a Job or CronJob of this name.

    What differs from try to try, names of Pods and Jobs and times, is left out.
    """
    whose = "Jobs" if of_jobs(message) else "Pods"
    text = printable(message).removeprefix(AGGREGATED).removeprefix(JOBS).removeprefix(PODS)
    named = NAMED.match(text)
    text = TIME.sub("*", text[named.end() :] if named else text)
    text = re.sub(re.escape(name) + SUFFIX, lambda _: f"{name}-*", text)
    words = _by_pod_security(text, whose) or _by_quota(text, whose)
    kind, statement, details = words or ("failedCreate", f"its {whose} cannot be created: {quoted(text)}", {})
    told = {"message": text, **details}
    return Refusal(kind, whose, statement, {key: cut(value, MOST_TEXT) for key, value in told.items()})


def _by_pod_security(text: str, whose: str) -> Words | None:
    """Read ``violates PodSecurity "restricted:latest": host namespaces (hostNetwork=true), privileged (...)``."""
    _, found, rest = text.partition(POD_SECURITY)
    level, closed, checks = rest.partition('": ')
    if not (found and closed):
        return None
    broken = ", ".join(dict.fromkeys(_without_details(checks).split(", ")))
    statement = f"Pod Security {quoted(level)} refuses its {whose}: {quoted(broken)}"
    return "refusedByPodSecurity", statement, {"level": level, "checks": broken}


def _by_quota(text: str, whose: str) -> Words | None:
    """Read what the quota plugin says: ``exceeded quota: team, requested: pods=1, used: pods=4, limited: pods=4``."""
    verb, _, rest = text.partition(" quota: ")
    if verb == "exceeded":
        name, _, rest = rest.partition(", requested: ")
        requested, _, rest = rest.partition(", used: ")
        used, _, limited = rest.partition(", limited: ")
        short = ", ".join(part.partition("=")[0] for part in requested.split(","))
        statement = f"ResourceQuota {quoted(name)} leaves no room for its {whose}: {quoted(short)}"
        return "refusedByQuota", statement, {"quota": name, "requested": requested, "used": used, "limited": limited}
    if verb == "failed":
        name, _, wanted = rest.partition(": ")
        return "refusedByQuota", f"ResourceQuota {quoted(name)} refuses its {whose}: {quoted(wanted)}", {"quota": name}
    if verb == "status unknown for":
        name, _, wanted = rest.partition(", resources: ")
        statement = f"ResourceQuota {quoted(name)} has no status, so it refuses its {whose}: {quoted(wanted)}"
        return "refusedByQuota", statement, {"quota": name}
    if text.startswith("insufficient quota to consume: "):
        return "refusedByQuota", f"no ResourceQuota allows its {whose}: {quoted(text)}", {}
    return None


def _without_details(checks: str) -> str:
    """Drop what stands in brackets: which containers it is, and what they should say."""
    kept, depth = [], 0
    for char in checks:
        depth += char == "("
        if depth == 0:
            kept.append(char)
        depth -= char == ")" and depth > 0
    return "".join(kept).replace(" ,", ",").strip()

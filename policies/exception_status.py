"""Pure: what the status of an exception says, and when its owner is reminded of its end."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple, TypeAlias

from policies.objects import BatchPolicyException, Policy
from policies.rule import Action
from policies.status import ExceptionStatus, Known, Saying, conditions, counted, cut, invalid
from policies.strict import InvalidObjectError

ACTIVE: Final = "Active"
State: TypeAlias = Literal["Active", "ExpiringSoon", "Expired", "Inert"]
CONSEQUENCES: Final = {Action.DENY: "denied", Action.WARN: "warned of", Action.AUDIT: "audited"}


class Claim(NamedTuple):
    """One rule of one policy that an exception names, and why that is not lifted, if it is not."""

    rule: str
    policy: str
    action: Action
    why_inert: str | None


class Reminder(NamedTuple):
    """What the owner of an exception is told; ``day`` is empty where it is told only once."""

    reason: Literal["ExpiringSoon", "Expired"]
    message: str
    day: str


def exception_status(
    exception: BatchPolicyException, near: Iterable[Policy], known: Known, before: ExceptionStatus, ahead: timedelta
) -> ExceptionStatus:
    """Say what an exception lifts; ``near`` are the policies that it may name, ``ahead`` is how soon is soon."""
    near = tuple(near)
    state, said = _judge(exception, near, known.at, ahead)
    ends = state in {"ExpiringSoon", "Expired"}
    return ExceptionStatus(
        observed_generation=known.generation,
        state=state,
        workloads=counted(known.workloads, before.workloads),
        reminded_at=before.reminded_at if ends else None,
        conditions=conditions([said], known, before.conditions),
    )


def faulty_exception_status(error: InvalidObjectError, known: Known, before: ExceptionStatus) -> ExceptionStatus:
    """Say what is wrong with an exception that cannot be used."""
    return ExceptionStatus(
        observed_generation=known.generation,
        state="Inert",
        conditions=conditions([invalid(ACTIVE, error)], known, before.conditions),
    )


def reminder(
    exception: BatchPolicyException, near: Iterable[Policy], status: ExceptionStatus, at: datetime
) -> Reminder | None:
    """Say what to remind its owner of, if it is time: once a day that it ends soon, and once that it has ended.

    Events are kept for an hour (kube-apiserver's ``--event-ttl``), so one alone would be seen by few.
    """
    end, last = exception.spec.expires_at, status.reminded_at
    if status.state == "ExpiringSoon" and (last is None or last.date() < at.date()):
        cure = "Change the Jobs and CronJobs, or ask an admin for a later expiresAt."
        return Reminder("ExpiringSoon", _letter(exception, near, "ends", cure), f"{at:%Y-%m-%d}")
    if status.state == "Expired" and (last is None or last < end):
        cure = "Change the Jobs and CronJobs, or ask an admin for another exception, and delete this one."
        return Reminder("Expired", _letter(exception, near, "ended", cure), "")
    return None


def _judge(
    exception: BatchPolicyException, near: tuple[Policy, ...], at: datetime, ahead: timedelta
) -> tuple[State, Saying]:
    end = exception.spec.expires_at
    if end <= at:
        return "Expired", Saying(ACTIVE, "False", "Expired", f"it ended on {_moment(end)}")
    found = [*claims(exception, near, at)]
    why = list(dict.fromkeys(claim.why_inert for claim in found if claim.why_inert))
    but = "; ".join([*(text for _, text in exception.unmet(near)), *why])
    lifted = [claim for claim in found if not claim.why_inert]
    if not lifted:
        return "Inert", Saying(ACTIVE, "False", "NotPermitted" if why else "NotFound", but)
    message = f"until {_moment(end)} it lifts {_listed(lifted)}{'; but ' * bool(but)}{but}"
    if end - at <= ahead:
        return "ExpiringSoon", Saying(ACTIVE, "True", "ExpiringSoon", message)
    return "Active", Saying(ACTIVE, "True", "InForce", message)


def claims(exception: BatchPolicyException, near: Iterable[Policy], at: datetime) -> Iterator[Claim]:
    """Go through the rules of these policies that an exception names; it is in force where it lifts one of them."""
    for policy in near:
        why_inert = exception.why_inert(policy, at)
        for rule, _, action in policy.rules:
            if exception.names(rule.key, policy):
                yield Claim(rule.key, policy.name, action, why_inert)


def _letter(exception: BatchPolicyException, near: Iterable[Policy], verb: str, cure: str) -> str:
    spec = exception.spec
    last = spec.expires_at - timedelta.resolution
    lifted = [claim for claim in claims(exception, near, last) if not claim.why_inert]
    again = [
        f"{word} again: {_listed([claim for claim in lifted if claim.action is action])}"
        for action, word in CONSEQUENCES.items()
        if any(claim.action is action for claim in lifted)
    ]
    then = f"From then on {'; '.join(again)}. " if again else ""
    return cut(f"It {verb} on {_moment(spec.expires_at)}. {then}{cure} Owner: {spec.owner}. Reason: {spec.reason}")


def _listed(claims: list[Claim]) -> str:
    """List rules by policy: ``activeDeadline and backoffLimit of policy restricted``."""
    rules: dict[str, list[str]] = {}
    for claim in claims:
        rules.setdefault(claim.policy, []).append(claim.rule)
    return ", ".join(f"{' and '.join(dict.fromkeys(keys))} of policy {name}" for name, keys in rules.items())


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"

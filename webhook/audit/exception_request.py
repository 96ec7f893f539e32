"""Pure: the exception that somebody asks an admin for, filled in from what the policies say of an object."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from policies.fields import mapping
from policies.objects import Policy
from policies.workload import Workload
from webhook.audit.scan import Judged

USUAL_DAYS: Final = 90
LONGEST_NAME: Final = 253
# What Kubernetes gives to the Pods of a Job, and a Job without labels takes over from its template: another one each
# time. Source: https://kubernetes.io/docs/reference/labels-annotations-taints/
GENERATED: Final = frozenset(
    {"controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"}
)
CHANGING: Final = frozenset({"app.kubernetes.io/version", "helm.sh/chart"})  # with each release


class RequestError(Exception):
    """There is nothing to ask for, or it cannot be granted: for whoever asks, in one sentence."""


class Wish(NamedTuple):
    """What is asked for: rules, of these policies alone if some are named, why, for whom, and until when."""

    rules: tuple[str, ...]
    policies: tuple[str, ...] = ()
    reason: str = ""
    owner: str = ""
    until: datetime | None = None


class Draft(NamedTuple):
    """The object to hand to an admin, and the policies that flag it but permit no exceptions."""

    manifest: dict[str, Any]
    firm: tuple[str, ...]


def draft_exception(judged: Judged, wish: Wish, at: datetime) -> Draft:
    """Fill in an exception that lifts what flags the object; raise RequestError."""
    job = judged.result.job
    flagging = _flagging(judged, wish)
    open_ones = [policy for policy in flagging if policy.max_days is not None]
    if not open_ones:
        contacts = dict.fromkeys(policy.contact for policy in flagging if policy.contact)
        whom = f"ask {', '.join(contacts)}" if contacts else "ask who administers the cluster"
        verb = "permits" if len(flagging) == 1 else "permit"
        raise RequestError(f"{_listed('policy', flagging)} {verb} no exceptions; {whom} to change that")
    spec = {
        "policies": sorted({policy.name for policy in open_ones}),
        "rules": list(wish.rules),
        "selector": {"matchLabels": dict(lasting_labels(job))},
        "reason": wish.reason,
        "owner": wish.owner,
        "expiresAt": f"{_end(open_ones, wish, at):%Y-%m-%dT%H:%M:%SZ}",
    }  # fmt: skip
    name = "-".join([job.kind.lower(), job.name.removesuffix("(generated)").rstrip("-."), *wish.rules]).lower()
    manifest = {
        "apiVersion": "batchwarden.io/v1alpha1",
        "kind": "BatchPolicyException",
        "metadata": {"name": name[:LONGEST_NAME].rstrip("-."), "namespace": job.namespace},
        "spec": spec,
    }
    return Draft(manifest, tuple(sorted({policy.name for policy in flagging} - {policy.name for policy in open_ones})))


def lasting_labels(job: Workload) -> Mapping[str, str]:
    """Give the labels of an object that stay with it; raise RequestError where it has none."""
    lasting = {key: value for key, value in job.labels.items() if key not in GENERATED | CHANGING}
    if not lasting:
        kind = job.kind.lower()
        raise RequestError(
            f"{job.kind} {job.name} has no label to select it by; give it one in its manifest, or by "
            f"kubectl label {kind}/{job.name} app={job.name} -n {job.namespace}, and ask again"
        )
    return lasting


def others_selected(job: Workload, heads: Iterable[Mapping[str, Any]]) -> list[str]:
    """Name the other objects of the namespace that the labels select; the Jobs of a CronJob go with it."""
    wanted, found = lasting_labels(job).items(), list[str]()
    for head in heads:
        other = Workload(head)
        maker = mapping(other.controller)
        itself = (other.kind, other.name) == (job.kind, job.name)
        its_own = (maker.get("kind"), maker.get("name")) == (job.kind, job.name)
        if not itself and not its_own and wanted <= other.labels.items():
            found.append(f"{other.kind} {other.name}")
    return found


def _flagging(judged: Judged, wish: Wish) -> list[Policy]:
    """List the policies that flag the object for these rules; raise RequestError where none does."""
    found: dict[Policy, None] = {}
    for violation in judged.verdict.violations:
        if violation.rule in wish.rules:
            found.update(dict.fromkeys(each.clause.policy for each in violation.judgements))
    chosen = [policy for policy in found if not wish.policies or policy.name in wish.policies]
    if chosen:
        return chosen
    job, rules = judged.result.job, ", ".join(wish.rules)
    lifted = [each.exception for each in judged.verdict.skips if each.clause.rule.key in wish.rules]
    if lifted:
        until = f"{lifted[0].spec.expires_at:%Y-%m-%d}"
        raise RequestError(f"exception {lifted[0].metadata.name} lifts {rules} off {job.kind} {job.name} until {until}")
    if found:
        told = f"{', '.join(wish.policies)} does not flag {job.kind} {job.name} for {rules}"
        raise RequestError(f"{told}, but {_listed('policy', found)}")
    flagged = dict.fromkeys(violation.rule for violation in judged.verdict.violations)
    beside = f"; it is flagged for {', '.join(flagged)}" if flagged else ""
    raise RequestError(f"no policy flags {job.kind} {job.name} in namespace {job.namespace} for {rules}{beside}")


def _end(policies: Iterable[Policy], wish: Wish, at: datetime) -> datetime:
    """Give the end that is asked for, else what the strictest policy permits; raise RequestError."""
    strictest = min(policies, key=lambda policy: policy.max_days or 0)
    days = strictest.max_days or 0
    latest = at + timedelta(days=days)
    if wish.until is None:
        end = at + timedelta(days=min(days, USUAL_DAYS))
        return datetime(end.year, end.month, end.day, tzinfo=UTC)
    if not at < wish.until <= latest:
        raise RequestError(
            f"an exception until {wish.until:%Y-%m-%d} is not possible; allowed by policy {strictest.name}: "
            f"at most {days} days, so from tomorrow to {latest:%Y-%m-%d}"
        )
    return wish.until


def _listed(noun: str, policies: Iterable[Policy]) -> str:
    names = list(dict.fromkeys(policy.name for policy in policies))
    return f"{noun if len(names) == 1 else 'policies'} {', '.join(names)}"

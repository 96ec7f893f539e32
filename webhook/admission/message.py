"""What people read: denials, warnings, causes. Pure; no internals, no escapes, no Python."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from policies.fields import KEYED, Origin, Path, lookup, mapping, render
from policies.objects import Policy
from policies.rule import Action
from policies.verdict import Skip, Violation, Written
from policies.workload import Workload

# https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response, on warnings
SHORT_WARNING: Final = 120
LONGEST_WARNING: Final = 256
ALL_WARNINGS: Final = 4096
MOST_SHOWN: Final = 40
MOST_QUOTED: Final = 200  # characters of a value that somebody else chose
MOST_ALLOWED: Final = 500
WHOSE: Final = {
    Origin.DEFAULT: " (filled in by Kubernetes)",
    Origin.BATCHWARDEN: " (set by a policy default)",
    Origin.UNKNOWN: " (yours or Kubernetes')",
    Origin.USER: "",
}
NOT_APPLIED: Final = "A policy's default belongs here, but was not applied to this request: try again."
# What YAML takes for a string, or for a quantity, without quotes; numbers and these words it takes for something else.
PLAIN: Final = re.compile(
    r"(?!(?:true|false|yes|no|on|off|y|n|null)$)[a-z][\w-]*|\d+(?:[kmgtpe]i|[mkgtp])", re.ASCII | re.IGNORECASE
)


class Words(NamedTuple):
    """What is said of one fault; ``not_lifted`` and ``paste`` hold lines, of exceptions and of YAML."""

    statement: str
    why: str
    source: str
    not_lifted: tuple[str, ...]
    paste: tuple[str, ...]


class Told:
    """A violation in words, found once: they stand in the denial, its causes, warnings and the audit log."""

    def __init__(self, job: Workload, violation: Violation) -> None:
        """Say where it is, what was found, and whose that is where it is not the user's; what is allowed; who says so.

        A policy that only warns has no say in a denial.
        """
        finding, action = violation.finding, violation.action
        self.job = job
        self.violation = violation
        self.strongest = [judgement for judgement in violation.judgements if judgement.action is action]
        whose = WHOSE[job.origin(finding.path)] if job.value(finding.path) is not None else ""
        self.field = render(finding.path)
        self.found = f"{quoted(finding.found)}{whose}"
        allowed = dict.fromkeys(each.finding.allowed for each in self.strongest if each.finding.allowed)
        self.allowed = cut(", and ".join(allowed), MOST_ALLOWED)
        names = dict.fromkeys(judgement.clause.policy.name for judgement in self.strongest)
        self.source = f"{violation.rule}, {'policy' if len(names) == 1 else 'policies'} {', '.join(names)}"

    @property
    def statement(self) -> str:
        """Say what was found and what is allowed: ``spec.suspend is true; allowed: false``."""
        return printable(f"{self.field} {self.fault}")

    @property
    def fault(self) -> str:
        """Say what follows the field in the statement."""
        return printable(f"{self.found}; allowed: {self.allowed}" if self.allowed else self.found)

    @property
    def warning(self) -> str:
        """Say it in one line; where that alone makes it short enough, without what is allowed."""
        denying = (each for each in self.violation.judgements if each.clause.action is Action.DENY)
        spared = self.violation.action is not Action.DENY and any(each.known for each in denying)
        rest = f"{'; not denied: no worse than before' if spared else ''} ({self.source})"
        full = f"{self.statement}{rest}"
        if len(full) <= SHORT_WARNING:
            return full
        short = f"{printable(f'{self.field} {self.found}')}{rest}"
        return short if len(short) <= SHORT_WARNING else full

    @property
    def cause(self) -> Mapping[str, str]:
        """Say it for programs, as one of ``status.details.causes``."""
        return {
            "reason": "FieldValueRequired" if self.violation.finding.found == "is missing" else "FieldValueInvalid",
            "field": self.field,
            "message": f"{self.fault} ({self.source})",
        }

    def words(self, cured: Collection[str] = ()) -> Words:
        """Say all of it; ``cured`` holds the places where a default would have been written and was not."""
        finding = self.violation.finding
        reasons = (judgement.clause.reason for judgement in self.strongest if judgement.clause.reason)
        pasted = [paste(path, value) for path, value in finding.fix.writes] if finding.fix else []
        example = "  # for example" if finding.example else ""
        return Words(
            f"{self.statement}{_container(self.job, finding.path)}",
            _sentence(NOT_APPLIED if self.violation.key[1] in cured else next(reasons, finding.why)),
            self.source,
            tuple(dict.fromkeys(_sentence(each.not_lifted) for each in self.strongest if each.not_lifted)),
            tuple(f"{line}{example}" for line in pasted if len(line) <= MOST_ALLOWED),
        )


def denial(
    job: Workload, broken: Sequence[Violation], told: Sequence[Told], why_url: str, cured: Collection[str]
) -> str:
    """Write everything that is wrong into one message, for ``status.message``: kubectl prints it with its newlines.

    ``told`` holds the first of what is broken. ``cured`` holds the places where a default would have been written
    and was not.
    """
    lines = [f"{job.kind} {quoted(job.namespace)}/{quoted(job.name)}{_made_from(job)} {_summary(broken, cured)}", ""]
    for each in told[:MOST_SHOWN]:
        words = each.words(cured)
        lines += [f"  {words.statement}", f"    {words.why}   {words.source}"]
        lines += [*(f"    {line}" for line in (*words.not_lifted, *words.paste)), ""]
    if len(broken) > MOST_SHOWN:
        lines += [f"  and {len(broken) - MOST_SHOWN} more: mend these first", ""]
    return "\n".join([*lines, _footer(told, why_url)])


def _made_from(job: Workload) -> str:
    """Name the CronJob of which somebody made a Job by hand: there it is to be mended."""
    owner = mapping(job.controller)
    return f", made from CronJob {quoted(str(owner.get('name')))}," if owner.get("kind") == "CronJob" else ""


def _summary(broken: Sequence[Violation], cured: Collection[str]) -> str:
    if all(violation.key[1] in cured for violation in broken):
        return "did not get the defaults of its policies: try again"
    rules, places = len({violation.rule for violation in broken}), len(broken)
    noun = "rule" if rules == 1 else "rules"
    return f"breaks {rules} {noun}" + (f" in {places} places" if places > rules else "")


def _footer(told: Sequence[Told], why_url: str) -> str:
    rules = list(dict.fromkeys(each.violation.rule for each in told))
    why = f"{why_url}#{rules[0]}" if why_url else f"batchwarden explain {' '.join(rules)}"
    contacts = dict.fromkeys(judgement.clause.policy.contact for each in told for judgement in each.strongest)
    helpers = ", ".join(printable(contact) for contact in contacts if contact)
    return f"Why: {why}" + (f"    Help: {helpers}" if helpers else "")


def written(each: Written, *, done: bool) -> str:
    """Say in one line which default was written, or would be."""
    verb = "set to" if done else "would be set to"
    source = f"{each.clause.rule.key}, policy {each.clause.policy.name}"
    return f"{render(each.default.path)} {verb} {flow(each.default.value)} ({source})"


def excepted(skip: Skip) -> str:
    """Say in one line what an exception lifts."""
    exception, source = skip.exception, f"{skip.clause.rule.key}, policy {skip.clause.policy.name}"
    by = f"exception {exception.metadata.name} of {exception.spec.owner}"
    return printable(f"{render(skip.finding.path)} {quoted(skip.finding.found)}; let off by {by} ({source})")


def unchecked(rules: Iterable[str]) -> Iterator[str]:
    """Say which rules crashed."""
    for rule in dict.fromkeys(rules):
        yield f"rule {rule} could not be checked: an error in Batchwarden, please tell your cluster admin"


def bounded(lines: Iterable[str]) -> tuple[str, ...]:
    """Fit warnings into what the API server passes on, the first being the most important; a newline would lose one."""
    kept: dict[str, None] = {}
    room = ALL_WARNINGS - LONGEST_WARNING
    for line in (cut(printable(line), LONGEST_WARNING) for line in lines):
        if line in kept:
            continue
        room -= len(line.encode())
        if room < 0:  # the rest is not even put into words: there may be thousands
            return (*kept, "and more like these")
        kept[line] = None
    return tuple(kept)


def paste(path: Path, value: object) -> str:
    """Write a value as a line of YAML for the place where its container, or its field, or its list's item, stands."""
    if isinstance(path[-1], int):
        return f"- {flow(value)}"
    start = next((at for at in range(len(path) - 1, 0, -1) if _begins(path, at)), len(path) - 1)
    for step in reversed(path[start + 1 :]):
        value = {step: value}
    return f"{path[start]}: {flow(value)}"


def _begins(path: Path, at: int) -> bool:
    """Whether a line that can be pasted begins at this step: in a list item, or with a map that users key."""
    return isinstance(path[at - 1], int) or path[at] in KEYED


def flow(value: object) -> str:
    """Write a value as YAML on one line."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{flow(key)}: {flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, str) and PLAIN.fullmatch(value):
        return value
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(char: str) -> str:
    """Write what a terminal might obey as YAML escapes it."""
    return char if char.isprintable() else char.encode("unicode_escape").decode()


def printable(text: str) -> str:
    """Fold white space, and drop what a terminal might obey."""
    if text.isprintable() and "  " not in text and text.strip() == text:
        return text  # as nearly every text is
    return " ".join("".join(char for char in text if char.isprintable() or char.isspace()).split())


def quoted(text: str) -> str:
    """Quote what somebody else chose: on one line, and not at any length."""
    return cut(printable(text), MOST_QUOTED)


def policy_name(policy: Policy) -> str:
    """Name a policy, a tenant's after its namespace, as kyverno's ToPolicyReportResult does: it is no admin's."""
    return f"{policy.namespace}/{policy.name}" if policy.namespace else policy.name


def _container(job: Workload, path: Path) -> str:
    at = next((at for at, step in enumerate(path) if isinstance(step, int)), None)
    name = mapping(lookup(job.raw, path[: at + 1])).get("name") if at is not None else None
    return f' (container "{quoted(name)}")' if isinstance(name, str) else ""


def _sentence(text: str) -> str:
    text = printable(text)
    return text if text.endswith((".", "!", "?")) else f"{text}."


def cut(text: str, most: int) -> str:
    """Cut a text to so many bytes of UTF-8."""
    data = text.encode()
    return text if len(data) <= most else f"{data[: most - 3].decode(errors='ignore')}..."

"""What people read: denials, warnings, causes. Pure; no internals, no escapes, no Python."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from msgspec import json

from policies.fields import KEYED, Origin, Path, lookup, mapping, render
from policies.rule import Action
from policies.verdict import Judgement, Skip, Violation, Written
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


def denial(job: Workload, broken: Collection[Violation], why_url: str, *, cured: Collection[str] = ()) -> str:
    """Write everything that is wrong into one message, for ``status.message``: kubectl prints it with its newlines.

    ``cured`` holds the places where a default would have been written and was not.
    """
    lines = [f"{job.kind} {quoted(job.namespace)}/{quoted(job.name)}{_made_from(job)} {_summary(broken, cured)}", ""]
    for violation in list(broken)[:MOST_SHOWN]:
        lines += [*_paragraph(job, violation, cured), ""]
    if len(broken) > MOST_SHOWN:
        lines += [f"  and {len(broken) - MOST_SHOWN} more: mend these first", ""]
    return "\n".join([*lines, _footer(broken, why_url)])


def _made_from(job: Workload) -> str:
    """Name the CronJob of which somebody made a Job by hand: there it is to be mended."""
    owner = mapping(job.controller)
    return f", made from CronJob {quoted(str(owner.get('name')))}," if owner.get("kind") == "CronJob" else ""


def _summary(broken: Collection[Violation], cured: Collection[str]) -> str:
    if all(violation.key[1] in cured for violation in broken):
        return "did not get the defaults of its policies: try again"
    rules, places = len({violation.rule for violation in broken}), len(broken)
    noun = "rule" if rules == 1 else "rules"
    return f"breaks {rules} {noun}" + (f" in {places} places" if places > rules else "")


def _paragraph(job: Workload, violation: Violation, cured: Collection[str]) -> Iterator[str]:
    finding = violation.finding
    yield f"  {statement(job, violation)}{_container(job, finding.path)}"
    reasons = (judgement.clause.reason for judgement in _strongest(violation) if judgement.clause.reason)
    why = NOT_APPLIED if violation.key[1] in cured else next(reasons, finding.why)
    yield f"    {_sentence(why)}   {_source(violation)}"
    yield from dict.fromkeys(
        f"    {_sentence(judgement.not_lifted)}" for judgement in _strongest(violation) if judgement.not_lifted
    )
    for path, value in finding.fix.writes if finding.fix else ():
        line = paste(path, value)
        if len(line) <= MOST_ALLOWED:
            yield f"    {line}{'  # for example' if finding.example else ''}"


def statement(job: Workload, violation: Violation, *, short: bool = False) -> str:
    """Say what was found and, unless in short, what is allowed: ``spec.suspend is true; allowed: false``."""
    return printable(f"{render(violation.finding.path)} {_predicate(job, violation, short=short)}")


def _predicate(job: Workload, violation: Violation, *, short: bool = False) -> str:
    finding = violation.finding
    whose = WHOSE[job.origin(finding.path)] if job.value(finding.path) is not None else ""
    allowed = dict.fromkeys(each.finding.allowed for each in _strongest(violation) if each.finding.allowed)
    limits = f"; allowed: {_cut(', and '.join(allowed), MOST_ALLOWED)}" if allowed and not short else ""
    return f"{quoted(finding.found)}{whose}{limits}"


def causes(job: Workload, broken: Iterable[Violation]) -> tuple[Mapping[str, str], ...]:
    """Give the same findings for programs, as ``status.details.causes``."""
    return tuple(
        {
            "reason": "FieldValueRequired" if violation.finding.found == "is missing" else "FieldValueInvalid",
            "field": render(violation.finding.path),
            "message": printable(f"{_predicate(job, violation)} ({_source(violation)})"),
        }
        for violation in list(broken)[:MOST_SHOWN]
    )


def warning(job: Workload, violation: Violation) -> str:
    """Say in one line what is wrong; where that alone makes it short enough, without what is allowed."""
    spared = violation.action is not Action.DENY and any(
        judgement.clause.action is Action.DENY for judgement in violation.judgements
    )
    rest = f"{'; not denied: no worse than before' if spared else ''} ({_source(violation)})"
    full = f"{statement(job, violation)}{rest}"
    if len(full) <= SHORT_WARNING:
        return full
    short = f"{statement(job, violation, short=True)}{rest}"
    return short if len(short) <= SHORT_WARNING else full


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
    for line in (_cut(printable(line), LONGEST_WARNING) for line in lines):
        if line in kept:
            continue
        room -= len(line.encode())
        if room < 0:  # the rest is not even put into words: there may be thousands
            return (*kept, "and more like these")
        kept[line] = None
    return tuple(kept)


def paste(path: Path, value: object) -> str:
    """Write a value as a line of YAML for the place where its container, or its field, stands."""
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
    if isinstance(value, str):
        value = "".join(filter(str.isprintable, value))
        return value if PLAIN.fullmatch(value) else json.encode(value).decode()
    return json.encode(value).decode()


def printable(text: str) -> str:
    """Fold white space, and drop what a terminal might obey."""
    if text.isprintable() and "  " not in text and text.strip() == text:
        return text  # as nearly every text is
    return " ".join("".join(char for char in text if char.isprintable() or char.isspace()).split())


def quoted(text: str) -> str:
    """Quote what somebody else chose: on one line, and not at any length."""
    return _cut(printable(text), MOST_QUOTED)


def _container(job: Workload, path: Path) -> str:
    at = next((at for at, step in enumerate(path) if isinstance(step, int)), None)
    name = mapping(lookup(job.raw, path[: at + 1])).get("name") if at is not None else None
    return f' (container "{quoted(name)}")' if isinstance(name, str) else ""


def _strongest(violation: Violation) -> list[Judgement]:
    """List what decides: a policy that only warns has no say in a denial."""
    return [judgement for judgement in violation.judgements if judgement.action is violation.action]


def _source(violation: Violation) -> str:
    names = dict.fromkeys(judgement.clause.policy.name for judgement in _strongest(violation))
    return f"{violation.rule}, {'policy' if len(names) == 1 else 'policies'} {', '.join(names)}"


def _footer(broken: Collection[Violation], why_url: str) -> str:
    rules = list(dict.fromkeys(violation.rule for violation in broken))
    why = f"{why_url}#{rules[0]}" if why_url else f"batchwarden explain {' '.join(rules)}"
    contacts = dict.fromkeys(each.clause.policy.contact for violation in broken for each in _strongest(violation))
    helpers = ", ".join(printable(contact) for contact in contacts if contact)
    return f"Why: {why}" + (f"    Help: {helpers}" if helpers else "")


def _sentence(text: str) -> str:
    text = printable(text)
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _cut(text: str, most: int) -> str:
    """Cut a text to so many bytes."""
    data = text.encode()
    return text if len(data) <= most else f"{data[: most - 3].decode(errors='ignore')}..."

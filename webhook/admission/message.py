"""What people read: denials, warnings, causes. Pure; no internals, no escapes, no Python."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from msgspec import json

from policies.fields import KEYED, Origin, Path, lookup, mapping, render
from policies.rule import Default
from policies.verdict import Violation, Written
from policies.workload import Workload

SHORT: Final = 120
LONGEST_WARNING: Final = 256  # beyond it the API server may cut
ALL_WARNINGS: Final = 4096
MOST_SHOWN: Final = 40
WHOSE: Final = {
    Origin.DEFAULT: " (filled in by Kubernetes)",
    Origin.BATCHWARDEN: " (set by a policy default)",
    Origin.UNKNOWN: " (yours or Kubernetes')",
    Origin.USER: "",
}


def denial(job: Workload, violations: Iterable[Violation], why_url: str, *, not_applied: bool = False) -> str:
    """Write everything that is wrong into one message, for ``status.message``: kubectl prints it with its newlines."""
    broken = list(violations)
    noun = "rule" if len(broken) == 1 else "rules"
    lines = [f"{job.kind} {job.namespace}/{job.name} breaks {len(broken)} {noun}", ""]
    for violation in broken[:MOST_SHOWN]:
        lines += [*_paragraph(job, violation), ""]
    if len(broken) > MOST_SHOWN:
        lines += [f"  and {len(broken) - MOST_SHOWN} more: mend these first", ""]
    if not_applied:
        lines += ["Defaults that the policies write were not applied to this request: try again.", ""]
    return "\n".join([*lines, _footer(broken, why_url)])


def _paragraph(job: Workload, violation: Violation) -> Iterator[str]:
    finding = violation.finding
    yield f"  {statement(job, violation)}{_container(job, finding.path)}"
    reason = next(
        (judgement.clause.reason for judgement in violation.judgements if judgement.clause.reason), finding.why
    )
    yield f"    {_sentence(reason)}   {violation.rule}, {_policies(violation)}"
    if finding.fix is not None:
        yield f"    {paste(finding.fix)}{'  # for example' if finding.example else ''}"


def statement(job: Workload, violation: Violation) -> str:
    """Say what was found and what is allowed: ``spec.concurrencyPolicy is Allow; allowed: Forbid``."""
    finding = violation.finding
    whose = WHOSE[job.origin(finding.path)] if job.value(finding.path) is not None else ""
    allowed = dict.fromkeys(each.finding.allowed for each in violation.judgements if each.finding.allowed)
    limits = f"; allowed: {', and '.join(allowed)}" if allowed else ""
    return _printable(f"{render(finding.path)} {finding.found}{whose}{limits}")


def causes(violations: Iterable[Violation]) -> tuple[Mapping[str, str], ...]:
    """Give the same findings for programs, as ``status.details.causes``."""
    return tuple(
        {
            "reason": "FieldValueRequired" if violation.finding.found == "is missing" else "FieldValueInvalid",
            "field": render(violation.finding.path),
            "message": _printable(f"{violation.finding.found} ({violation.rule}, {_policies(violation)})"),
        }
        for violation in violations
    )


def warning(job: Workload, violation: Violation) -> str:
    """Say in one line what is wrong but not denied."""
    known = "; not denied, as it was so before" if violation.known else ""
    return f"{statement(job, violation)}{known} ({violation.rule}, {_policies(violation)})"


def written(each: Written, *, done: bool) -> str:
    """Say in one line which default was written, or would be."""
    verb = "set to" if done else "would be set to"
    source = f"{each.clause.rule.key}, policy {each.clause.policy.name}"
    return f"{render(each.default.path)} {verb} {flow(each.default.value)} ({source})"


def unchecked(rules: Iterable[str]) -> Iterator[str]:
    """Say which rules crashed."""
    for rule in dict.fromkeys(rules):
        yield f"rule {rule} could not be checked: an error in Batchwarden, please tell your cluster admin"


def bounded(lines: Iterable[str]) -> tuple[str, ...]:
    """Fit warnings into what the API server passes on, the first being the most important; a newline would lose one."""
    kept: list[str] = []
    room = ALL_WARNINGS
    for line in dict.fromkeys(map(_printable, lines)):
        cut = (
            line
            if len(line.encode()) <= LONGEST_WARNING
            else f"{line.encode()[: LONGEST_WARNING - 3].decode(errors='ignore')}..."
        )
        room -= len(cut.encode())
        if room < 0:
            break
        kept.append(cut)
    return tuple(kept)


def paste(fix: Default) -> str:
    """Write a value as a line of YAML for the place where its container, or its field, stands."""
    value, path = fix.value, _within_container(fix.path)
    for step in reversed(path[1:]):
        value = {step: value}
    return f"{path[0]}: {flow(value)}"


def flow(value: Any) -> str:
    """Write a value as YAML on one line."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{flow(key)}: {flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(flow, value))}]"
    text = json.encode(value).decode()
    plain = isinstance(value, str) and value[:1].isalpha() and value.replace("-", "").replace("_", "").isalnum()
    quantity = isinstance(value, str) and value[:1].isdigit() and value[-1:].isalpha() and value.isalnum()
    return str(value) if (plain or quantity) and str(value).lower() not in YAML_WORDS else text


YAML_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})


def _within_container(path: Path) -> tuple[str, ...]:
    start = next(
        (at for at in range(len(path) - 1, 0, -1) if isinstance(path[at - 1], int) or path[at] in KEYED), len(path) - 1
    )
    return tuple(str(step) for step in path[start:])


def _container(job: Workload, path: Path) -> str:
    at = next((at for at, step in enumerate(path) if isinstance(step, int)), None)
    name = mapping(lookup(job.raw, path[: at + 1])).get("name") if at is not None else None
    return f' (container "{_printable(name)}")' if isinstance(name, str) else ""


def _policies(violation: Violation) -> str:
    names = dict.fromkeys(judgement.clause.policy.name for judgement in violation.judgements)
    return f"{'policy' if len(names) == 1 else 'policies'} {', '.join(names)}"


def _footer(broken: list[Violation], why_url: str) -> str:
    rules = list(dict.fromkeys(violation.rule for violation in broken))
    why = f"{why_url}#{rules[0]}" if why_url else f"batchwarden explain {' '.join(rules)}"
    contacts = dict.fromkeys(each.clause.policy.contact for violation in broken for each in violation.judgements)
    helpers = ", ".join(contact for contact in contacts if contact)
    return f"Why: {why}" + (f"    Help: {helpers}" if helpers else "")


def _sentence(text: str) -> str:
    text = _printable(text)
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _printable(text: str) -> str:
    """Fold white space, and drop what a terminal might obey."""
    return "".join(char for char in " ".join(text.split()) if char.isprintable())

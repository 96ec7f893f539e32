"""What a container runs is written with plain quotes and dashes.

Web pages and word processors turn the quotes and dashes of a command into typographic ones. A shell takes such a quote
for a letter, and a program takes such a dash for the name of a file. Found are those that a program must stumble over:
what is quoted with plain quotes, commented out, or printed by ``echo`` may hold any character. The value of a variable,
which may be a secret, is shown and mended in files alone.

Source: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02 ("Quoting")

Flagged::

    kind: Job
    spec: {template: {spec: {containers: [{name: work, command: [sh, -c, "test “$A” = “$B” && import —all"]}]}}}

Allowed::

    kind: Job
    spec: {template: {spec: {containers: [{name: work, command: [sh, -c, "echo “done”; import -m '“new” data'"]}]}}}
"""

from collections.abc import Iterator

from msgspec import structs

from policies.fields import FILE, Path, mapping, sequence
from policies.rule import Default, Facts, Finding, Rule, RuleParams
from policies.typography import Mend, mend_arguments, mend_schedule, mend_value
from policies.workload import Container, Workload

MOST_SHOWN = 40  # characters


class Params(RuleParams, frozen=True):
    """Nothing but what every rule takes."""


def check(job: Workload, _params: Params, _facts: Facts) -> Iterator[Finding]:
    """Find typographic characters in the schedule, in commands and arguments, and in the values of variables."""
    if job.kind == "CronJob":
        schedule = job.cron_job_spec.raw.get("schedule")
        if isinstance(schedule, str) and not schedule.isascii() and (mended := mend_schedule(schedule)):
            yield _finding((*job.cron_job_spec.path, "schedule"), mended, "The schedule cannot be read.", refused=True)
    for container in job.all_containers:
        yield from _judge(container, told=job.request is FILE)


def _judge(container: Container, *, told: bool) -> Iterator[Finding]:
    if all(map(str.isascii, container.words)):
        return
    raw = container.section.raw
    texts = [(key, index, text) for key in ("command", "args") for index, text in enumerate(sequence(raw.get(key)))]
    arguments = [text if isinstance(text, str) else "" for _, _, text in texts]
    for index, mended in mend_arguments(arguments):
        path = (*container.path, *texts[index][:2])
        yield _finding(path, mended, "Programs take a typographic quote for a letter, and such a dash for a name.")
    for index, variable in enumerate(sequence(raw.get("env"))):
        value = mapping(variable).get("value")
        if isinstance(value, str) and (meant := mend_value(value)):
            finding = _finding((*container.path, "env", index, "value"), meant, "The program gets them as they are.")
            hidden = "holds quotes or dashes as copied from a web page"
            yield finding if told else structs.replace(finding, found=hidden, fix=None, example=False)


def _finding(path: Path, mended: Mend, why: str, *, refused: bool = False) -> Finding:
    wrong = mended.wrong if len(mended.wrong) <= MOST_SHOWN else f"{mended.wrong[:MOST_SHOWN]}…"
    return Finding(path=path, found=f"holds {wrong}, as copied from a web page", allowed="\" ' and -", why=why,
                   judged=mended.text, fix=Default(path, mended.text), example=not mended.certain,
                   refused=refused)  # fmt: skip


RULE = Rule(__name__, __doc__, Params, check, category="Correctness", severity="high",
            refusable="schedule.matches('[^ -~]')")  # fmt: skip

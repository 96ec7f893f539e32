"""``batchwarden test``: an admin's own cases for their policies."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from webhook.admission.message import printable
from webhook.audit.cases import KIND
from webhook.audit.report import counted
from webhook.audit.trial import Outcome, run_cases
from webhook.files import Unreadable, legible
from webhook.snapshots import PolicyFilesError

if TYPE_CHECKING:
    from webhook.audit.junit_xml import Case

EXAMPLE = """\b
A file of cases, to lie beside the policies:
  apiVersion: cli.batchwarden.io/v1alpha1
  kind: PolicyTest
  policies: [policies/]           # files and folders; left out, and without ready: this file's folder
  ready: [restricted]             # ready policies, in every namespace
  cases:
  - name: a nightly run that overlaps is denied
    object: nightly.yaml          # a file with one Job or CronJob, or the object itself
    namespace: team-a
    namespaceLabels: {batchwarden.io/level: restricted}
    finds:                        # all that is found once defaults are written; [] is nothing
    - {rule: concurrencyPolicy, path: spec.concurrencyPolicy, action: Deny}
    defaults:                     # all that is written
      spec.startingDeadlineSeconds: 300
    excepted: [activeDeadline]    # rules that an exception lifts
    at: 2027-01-31T00:00:00Z      # the time for exceptions
    old: nightly-before.yaml      # the object that this one replaces
    user: alice                   # who sends it, and groups: [...]
What a case leaves out of finds, defaults and excepted is not compared.

\b
Exit code: 0 all cases passed, 1 one did not, 2 something could not be read or there was no case.
"""


@click.command(epilog=EXAMPLE)
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, path_type=Path))
@click.option("--format", "form", type=click.Choice(["text", "junit"]), default="text", show_default=True)
def command(folder: Path, form: str) -> None:
    """Run an admin's own cases for their policies: every PolicyTest in DIR."""
    at = datetime.now(UTC)
    try:
        outcomes = list(run_cases(folder, at))
    except PolicyFilesError as error:
        click.echo(error, err=True)
        sys.exit(2)
    if form == "junit":
        from webhook.audit.junit_xml import suites

        told = ((source, map(_case, cases)) for source, cases in groupby(outcomes, attrgetter("source")))
        click.echo("".join(suites(told, at)), nl=False)
    else:
        _tell(outcomes)
    if not outcomes:
        click.echo(f"{folder}: there is no {KIND}; batchwarden test --help shows one", err=True)
    failed = any(isinstance(each, Outcome) and each.differences for each in outcomes)
    stopped = not outcomes or any(isinstance(each, Unreadable) for each in outcomes)
    sys.exit(2 if stopped else int(failed))


def _tell(outcomes: Sequence[Outcome | Unreadable]) -> None:
    for each in outcomes:
        if isinstance(each, Unreadable):
            click.echo(each, err=True)
            continue
        verdict = click.style("FAILED", fg="red") if each.differences else click.style("passed", fg="green")
        click.echo(f"{verdict}  {legible(each.source)}:{each.line}: {printable(each.name)}")
        for line in each.differences:
            click.echo(f"    {line}")
    cases = [each for each in outcomes if isinstance(each, Outcome)]
    failed = sum(bool(each.differences) for each in cases)
    click.echo(f"{counted(len(cases), 'case')}, {failed} failed.")


def _case(each: Outcome | Unreadable) -> "Case":
    from webhook.audit.junit_xml import case

    if isinstance(each, Unreadable):
        return case(each.source, f"line {each.line}", [], ("error", "cannot be read", [str(each)]))
    lines = [f"{each.source}:{each.line}: {line}" for line in each.differences]
    wrong = ("failure", counted(len(lines), "difference"), lines) if lines else None
    return case(each.source, each.name, [], wrong)

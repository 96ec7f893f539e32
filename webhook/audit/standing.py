"""Pure: an object of a cluster as it stands: judged, and with what has come of it."""

from collections.abc import Iterable
from typing import NamedTuple

from policies.fields import render
from webhook.audit.runs.consequences import Consequence
from webhook.audit.runs.history import History
from webhook.audit.scan import Judged


class Standing(NamedTuple):
    """A CronJob with the Jobs it made, or a Job by itself."""

    judged: Judged
    history: History
    consequences: tuple[Consequence, ...] = ()


def stand(judged: Judged, history: History, consequences: Iterable[Consequence]) -> Standing:
    """Put a standing together; where a policy has a cure for a field, a consequence has none: pasted, both clash."""
    fixes = (violation.finding.fix for violation in judged.verdict.violations)
    cured = {render(path) for fix in fixes if fix for path, _ in fix.writes}
    told = (each._replace(paste=()) if each.path in cured else each for each in consequences)
    return Standing(judged, history, tuple(told))

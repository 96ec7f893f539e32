"""Pure: an object of a cluster as it stands: judged, and with what has come of it."""

from typing import NamedTuple

from webhook.audit.runs.consequences import Consequence
from webhook.audit.runs.history import History
from webhook.audit.scan import Judged


class Standing(NamedTuple):
    """A CronJob with the Jobs it made, or a Job by itself."""

    judged: Judged
    history: History
    consequences: tuple[Consequence, ...] = ()

"""What was refused in a cluster, for the commands: by the reports of denials, and by Events that are in none yet."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from webhook.audit.denials import CHOSEN as EVENTS
from webhook.audit.denials import Denial, DenialEvent, Known, fold, latest_first, read_event
from webhook.audit.policy_reports.denials import CHOSEN as REPORTS
from webhook.audit.policy_reports.denials import read_report
from webhook.reaching import refusal

if TYPE_CHECKING:
    from webhook.cluster.glance import Cluster

LONG_AGO: Final = "What was refused more than an hour ago, of which only reports of denials tell"
JUST_NOW: Final = "What was refused a moment ago, of which only Events tell"


def denials(cluster: "Cluster") -> tuple[tuple[Denial, ...], tuple[str, ...]]:
    """Read what was refused, the latest first, and say, a sentence each, what could not be learnt."""
    known, no_report = _read_reports(cluster)
    seen, no_events = _read_events(cluster)
    at, found = datetime.now(UTC), list[Denial]()
    for home in (known.keys() | seen.keys()) - cluster.exempt:
        told, _ = fold(known.get(home, Known()), seen.get(home, ()), at)
        found.extend(told.denials)
    return latest_first(found), tuple(filter(None, (no_report, no_events)))


def _read_reports(cluster: "Cluster") -> tuple[dict[str, Known], str]:
    """Read the report of each namespace; say why there is none, where that is so."""
    from webhook.cluster.api import NOT_FOUND, ApiError, decode_json  # noqa: PLC0415 - it is slow to import
    from webhook.cluster.listing import read_items, within  # noqa: PLC0415 - as well
    from webhook.cluster.reports.discovery import KNOWN, root  # noqa: PLC0415 - as well

    found: dict[str, Known] = {}
    refused, is_read = "", False
    for api in KNOWN:
        try:
            path = within(f"{root(api)}/{api.plural}", cluster.namespace)
            for raw in read_items(cluster.api, path, cluster.wait, chosen=REPORTS):
                manifest = decode_json(raw, dict[str, Any])
                found.setdefault(manifest["metadata"]["namespace"], read_report(manifest))
            is_read = True
        except ApiError as error:
            if error.status != NOT_FOUND:
                refused = refused or refusal(error)
    return found, "" if is_read else f"{LONG_AGO} ({refused or 'no API of reports is installed'})."


def _read_events(cluster: "Cluster") -> tuple[dict[str, list[DenialEvent]], str]:
    """Read what Events tell of each namespace; say why that cannot be learnt, where that is so."""
    from webhook.cluster.api import ApiError, decode_json  # noqa: PLC0415 - it is slow to import
    from webhook.cluster.events import EVENTS as PATH  # noqa: PLC0415 - as well
    from webhook.cluster.listing import read_items, within  # noqa: PLC0415 - as well

    found: dict[str, list[DenialEvent]] = {}
    try:
        for raw in read_items(cluster.api, within(PATH, cluster.namespace), cluster.wait, chosen=EVENTS):
            if seen := read_event(decode_json(raw, dict[str, Any])):
                found.setdefault(seen.denial.namespace, []).append(seen)
    except ApiError as error:
        return found, f"{JUST_NOW} ({refusal(error)})."
    return found, ""

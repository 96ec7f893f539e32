"""The reports that are there: the version of each, and what it says as a digest, so that none is written in vain."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from policies.census import Name
from policies.fields import mapping
from webhook.audit.policy_reports.report import DIGEST, MANAGED_BY, REPORT, ReportApi, digest
from webhook.cluster.api import MANAGER, Api, Manifest, decode_json
from webhook.cluster.listing import read_items
from webhook.cluster.reports.discovery import root

ALL: Final = f"{MANAGED_BY}={MANAGER},{REPORT}"
"""What selects every report of ours."""
SCANNED: Final = f"{ALL} in (scan, totals)"
"""What selects those that the scan writes; those of denials have another label."""


class Existing(NamedTuple):
    """A report that is there: this version of it, the digest of what it says, and the one that it names."""

    uid: str
    version: str
    digest: str
    named: str


def read_existing(
    api: Api, report_api: ReportApi, selector: str, wait: Callable[[float], object]
) -> dict[Name, Existing]:
    """List what is there, by namespace, which is empty for the cluster's own, and name; raises ApiError.

    They are read whole, a page at a time: nothing less tells what somebody else has changed in one, under any name.
    """
    listed = (
        decode_json(raw, dict[str, Any])
        for plural in (report_api.plural, report_api.cluster_plural)
        for raw in read_items(api, f"{root(report_api)}/{plural}", wait, chosen={"labelSelector": selector})
    )
    return {(each["metadata"].get("namespace", ""), each["metadata"]["name"]): _existing(each) for each in listed}


def _existing(manifest: Manifest) -> Existing:
    metadata = manifest["metadata"]
    named = mapping(metadata.get("annotations")).get(DIGEST, "")
    return Existing(metadata["uid"], metadata["resourceVersion"], digest(manifest), named)

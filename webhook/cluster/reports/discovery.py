"""Which kinds of reports the API server serves, and which of them is written: never both.

Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
"""

from collections.abc import Collection
from typing import Final

from policies.fields import mapping, sequence
from webhook.audit.policy_reports.report import OPENREPORTS, WGPOLICY, ReportApi
from webhook.cluster.api import UNAVAILABLE, Api, ApiError
from webhook.cluster.listing import within

KNOWN: Final = (WGPOLICY, OPENREPORTS)
"""In the order in which they are taken."""


def path(api: ReportApi, namespace: str = "") -> str:
    """Say where reports are: those of a namespace, or the cluster's own under the empty name."""
    return within(f"{root(api)}/{api.plural if namespace else api.cluster_plural}", namespace)


def root(api: ReportApi) -> str:
    """Say where a group is."""
    return f"/apis/{api.group}/{api.version}"


def served(api: Api) -> list[ReportApi]:
    """Ask which there are; raises ApiError."""
    return [each for each in KNOWN if _is_served(api, each)]


def choose(wanted: str, there: Collection[ReportApi]) -> ReportApi | None:
    """Choose what is written: ``wanted`` is a group, ``auto`` or ``none``; None where that is not served."""
    return next((each for each in KNOWN if each in there and wanted in {"auto", each.group}), None)


def _is_served(api: Api, report_api: ReportApi) -> bool:
    """Tell of one; it may be an aggregated API, as by Kyverno's reports-server, whose own server is away."""
    try:
        found = mapping(api.get(root(report_api)))
    except ApiError as error:
        if error.status != UNAVAILABLE:
            raise
        return True
    names = {mapping(each).get("name") for each in sequence(found.get("resources"))}
    return {report_api.plural, report_api.cluster_plural} <= names

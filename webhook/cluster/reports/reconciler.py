"""Keeps the reports of one scan: what differs is written, what no object is behind any more is deleted."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Final

from policies.census import Name
from webhook.audit.policy_reports.report import Totals, cluster_report, policy_report
from webhook.audit.standing import Standing
from webhook.audit.tally import Rank, Tally
from webhook.cluster.api import Manifest
from webhook.cluster.reports.existing import Existing
from webhook.cluster.reports.quotas import Quotas
from webhook.cluster.reports.writer import ReportWriter
from webhook.cluster.settings import Reports

CLUSTER: Final = ""  # the namespace of what is in none


class Reconciler:
    """Takes standings as they come; there are never more reports than there may be, so some are deferred at first."""

    def __init__(
        self, writer: ReportWriter, existing: Mapping[Name, Existing], settings: Reports, quotas: Quotas
    ) -> None:
        """Take who writes, what is there, and how much there may be."""
        self._writer, self._stale, self._settings, self._quotas = writer, dict(existing), settings, quotas
        self._there = sum(namespace != CLUSTER for namespace, _ in existing)
        self._summary: Counter[str] = Counter()
        self._deferred = 0
        self.reports = 0
        self.makes_room = False

    @property
    def left_out(self) -> int:
        """Count the objects that have no report since others have."""
        return self._quotas.left_out + self._deferred

    def take(self, standing: Standing, rank: Rank, at: datetime) -> None:
        """Write the report of an object, if it is to have one and has not; raises ApiError."""
        if not self._quotas.admit(rank):
            return
        build = partial(policy_report, standing, self._writer.api, at=at, list_passes=self._settings.list_passes)
        draft = build(None)
        existing = self._stale.pop(name := _name(draft), None)
        if existing is None and self._there >= self._settings.max_reports:
            self._deferred += 1  # until those that are stale are gone
            return
        self._there += existing is None
        self.reports += 1
        self._summary.update(draft["summary"])
        if existing is None:
            self._writer.create(name, draft)
        elif self._writer.is_due(name, existing, draft):
            self._writer.update(name, build)

    def close(self, tally: Tally, *, keep: bool) -> None:
        """Write the report of the cluster, and delete what no object was met for, unless told to keep it.

        Raises ApiError. After it ``makes_room`` says whether a report that was deferred has a place.
        """
        objects = sum(tally.ranks.values())
        totals = Totals(objects, self._summary, tally.findings, tally.consequences, self.left_out)
        manifest = cluster_report(totals, self._writer.api)
        existing = self._stale.pop(name := _name(manifest), None)
        if existing is None or self._writer.is_due(name, existing, manifest):
            self._writer.create(name, manifest)
        gone = [self._writer.delete(*each) for each in (() if keep else self._stale.items())]
        self.makes_room = self._deferred > 0 and any(gone)


def _name(manifest: Manifest) -> Name:
    metadata = manifest["metadata"]
    return metadata.get("namespace", CLUSTER), metadata["name"]

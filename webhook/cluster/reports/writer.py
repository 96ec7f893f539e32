"""Writes and deletes reports, so many in a second; what is refused for one stops no other."""

from collections.abc import Callable, MutableMapping
from typing import Final

from policies.census import Name
from webhook.audit.policy_reports.report import DIGEST, ReportApi, digest
from webhook.cluster.api import CONFLICT, NOT_FOUND, Api, ApiError, Manifest
from webhook.cluster.reports.discovery import path
from webhook.cluster.reports.existing import Existing
from webhook.cluster.reports.observe import ScanObserver
from webhook.cluster.retry import AWAY, retry

# From one write to the next: under 50 a second, so that 10,000 reports take some five minutes. kube-controller-manager
# allows itself 20 (--kube-api-qps) and Kyverno 300 (clientRateLimitQPS); an API server that has less time answers 429.
WRITE_SECONDS: Final = 0.02
# Of a namespace: staging/src/k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle/admission.go
ENDING: Final = "because it is being terminated"
UNREACHABLE: Final = "unreachable"
MOST_AWAY: Final = 5  # in a row: then the API server is


class ReportWriter:
    """Writes reports of one kind, for one scan; each method raises ApiError where the API server is away.

    ``stored`` is the digest of what the API server has made of each report that was written, by this one or before:
    it may have dropped what it does not know, or kept what others have added.
    """

    def __init__(
        self, api: Api, report_api: ReportApi, wait: Callable[[float], object], observer: ScanObserver,
        stored: MutableMapping[Name, str],
    ) -> None:  # fmt: skip
        """Take whom to write to, what kind, how to wait some seconds, whom to tell, and where to remember."""
        self._api, self.api, self._wait, self._observer, self._stored = api, report_api, wait, observer, stored
        self._away = 0

    def create(self, name: Name, manifest: Manifest) -> None:
        """Apply a report as it is, whatever is there."""
        self._try(name, "written", lambda: self._apply(name, manifest))

    def is_due(self, name: Name, existing: Existing, manifest: Manifest) -> bool:
        """Whether to apply this report would change the one that is there."""
        wanted = manifest["metadata"]["annotations"][DIGEST]
        return (existing.named, existing.digest) != (wanted, self._stored.get(name, wanted))

    def update(self, name: Name, build: Callable[[Manifest | None], Manifest]) -> None:
        """Apply a report that is built upon the one that is there."""
        self._try(name, "written", lambda: self._apply(name, build(self._api.get(self._path(name)))))

    def delete(self, name: Name, existing: Existing) -> bool:
        """Delete a report that nobody has changed or made anew since; tell whether that was not refused."""
        conditions = {"uid": existing.uid, "resourceVersion": existing.version}
        return self._try(name, "deleted", lambda: self._api.delete(self._path(name), conditions))

    def _apply(self, name: Name, manifest: Manifest) -> None:
        self._stored[name] = digest(self._api.apply(self._path(name), manifest))

    def _path(self, name: Name) -> str:
        return f"{path(self.api, name[0])}/{name[1]}"

    def _try(self, name: Name, outcome: str, call: Callable[[], object]) -> bool:
        self._wait(WRITE_SECONDS)
        try:
            retry(call, self._wait)
        except ApiError as error:
            if error.status not in {CONFLICT, NOT_FOUND} and ENDING not in str(error):
                self._refuse(name, error)
                return False
            outcome = "stale"  # gone, or going, or another's matter by now: the next scan will see
        self._away = 0
        self._observer.wrote(outcome)
        return True

    def _refuse(self, name: Name, error: ApiError) -> None:
        """Go on, unless nobody is there to write to."""
        self._observer.wrote("refused")
        self._observer.fault("refused", f"{'/'.join(filter(None, name))} and perhaps others: {error}")
        self._away = self._away + 1 if error.status in AWAY else 0
        if error.reason == UNREACHABLE or self._away == MOST_AWAY:
            raise error

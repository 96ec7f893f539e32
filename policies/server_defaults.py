"""Pure: what the API server fills into a Job or a CronJob where it says nothing."""

from collections.abc import Mapping
from typing import Any, Final

MAX_INT32: Final = 2**31 - 1

# https://github.com/kubernetes/kubernetes/blob/v1.37.1/pkg/apis/batch/v1/defaults.go
CRON_JOB_SPEC_DEFAULTS: Final[Mapping[str, Any]] = {
    "concurrencyPolicy": "Allow",
    "suspend": False,
    "successfulJobsHistoryLimit": 3,
    "failedJobsHistoryLimit": 1,
}
JOB_SPEC_DEFAULTS: Final[Mapping[str, Any]] = {
    "parallelism": 1,
    "completions": 1,
    "backoffLimit": 6,
    "completionMode": "NonIndexed",
    "suspend": False,
    "manualSelector": False,
    "podReplacementPolicy": "TerminatingOrFailed",
}
DECIDING: Final = frozenset({"parallelism", "backoffLimitPerIndex", "podFailurePolicy"})
# https://github.com/kubernetes/kubernetes/blob/v1.37.1/pkg/apis/core/v1/defaults.go
POD_SPEC_DEFAULTS: Final[Mapping[str, Any]] = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
}


def job_spec_defaults(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Say what the API server fills into this Job spec where it says nothing.

    Source: ``SetDefaults_Job`` in pkg/apis/batch/v1/defaults.go.
    """
    if DECIDING.isdisjoint(spec):
        return JOB_SPEC_DEFAULTS
    filled = dict(JOB_SPEC_DEFAULTS)
    if spec.get("parallelism") is not None:
        del filled["completions"]
    if spec.get("backoffLimitPerIndex") is not None:
        filled["backoffLimit"] = MAX_INT32
    if spec.get("podFailurePolicy") is not None:
        filled["podReplacementPolicy"] = "Failed"
    return filled

"""What a cluster admin sets about admission; each value has a sensible one already."""

from msgspec import Struct

LEVELS = ("info", "warning", "error")  # of log lines: each decision is info, a warning is for the operator to look at
BREAK_GLASS_GROUP = "batchwarden.io:break-glass"
CRON_JOB_CONTROLLER = "system:serviceaccount:kube-system:cronjob-controller"


class Settings(Struct, frozen=True, kw_only=True):
    """Who and what is left out of judgement, and what denials point to.

    ``controller_user`` is who makes the Jobs of CronJobs; ``why_url`` is a page whose anchors are names of rules.
    """

    own_namespace: str = "batchwarden"
    exempt_namespaces: tuple[str, ...] = ()
    controller_user: str = CRON_JOB_CONTROLLER
    why_url: str = ""

    def is_exempt(self, namespace: str) -> bool:
        """Whether nothing in this namespace is judged."""
        return namespace == self.own_namespace or namespace in self.exempt_namespaces

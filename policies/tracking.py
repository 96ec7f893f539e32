"""Pure: which tool keeps an object in being, as Argo CD, Flux and Helm do: what it tracks it creates again.

Sources: Argo CD "Resource Tracking" and "Resource Hooks", Flux "Kustomization" and "HelmRelease" labels, Helm
"Chart Hooks" and "Labels".
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

TRACKS: Final = (
    ("Argo CD", "argocd.argoproj.io/"),
    ("Flux", "kustomize.toolkit.fluxcd.io/"),
    ("Flux", "helm.toolkit.fluxcd.io/"),
    ("Helm", "helm.sh/"),
    ("Helm", "meta.helm.sh/"),
)
"""Tool, and what its labels and annotations begin with: in git, before it tracks an object, only hints such as
``argocd.argoproj.io/sync-wave`` are there."""
ARGO_CD: Final = "argocd-"
"""What the field managers of Argo CD begin with. Up to release 2 it tracks by ``app.kubernetes.io/instance`` alone, a
label that many write."""


def tracker(labels: Mapping[str, Any], annotations: Collection[str], managers: Iterable[object]) -> str | None:
    """Name the tool that tracks an object of these labels, annotations and field managers; None where none is seen."""
    if labels.get("app.kubernetes.io/managed-by") == "Helm":
        return "Helm"
    if any(str(manager).startswith(ARGO_CD) for manager in managers):
        return "Argo CD"
    marks = [*labels, *annotations]
    return next((tool for tool, prefix in TRACKS if any(mark.startswith(prefix) for mark in marks)), None)

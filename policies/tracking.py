"""Pure: which tool keeps an object in being, as Argo CD, Flux and Helm do: what it tracks it creates again.

Sources: Argo CD "Resource Tracking" and "Resource Hooks", Flux "Kustomization" and "HelmRelease" labels, Helm
"Chart Hooks" and "Labels".
"""

from collections.abc import Collection, Mapping
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


def tracker(labels: Mapping[str, Any], annotations: Collection[str]) -> str | None:
    """Name the tool that tracks an object of these labels and annotations; None where none is seen."""
    if labels.get("app.kubernetes.io/managed-by") == "Helm":
        return "Helm"
    marks = [*labels, *annotations]
    return next((tool for tool, prefix in TRACKS if any(mark.startswith(prefix) for mark in marks)), None)

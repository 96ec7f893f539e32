"""Reads what is sent: the objects of this folder, and policies, a few or very many."""

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.cluster.kubectl import Object
from tests.cluster.serving import ROOT, labelled

FOLDER = Path(__file__).parent / "objects"
NAMESPACE = "default"
LABELS = {"batchwarden.io/defaults": "true", "batchwarden.io/level": "restricted"}
KINDS = ("ok", "fill", "bad")

# The fourth policy that applies where there are many.
OWN = f"""
---
apiVersion: batchwarden.io/v1alpha1
kind: BatchPolicy
metadata: {{name: own, namespace: {NAMESPACE}}}
spec:
  rules:
    activeDeadline: {{maxSeconds: 86400}}
"""

OTHER = """
---
apiVersion: batchwarden.io/v1alpha1
kind: ClusterBatchPolicy
metadata: {{name: other-{number}}}
spec:
  namespaceSelector:
    matchLabels: {{team: team-{number}}}
  action: Deny
  rules:
    activeDeadline: {{maxSeconds: 3600}}
    backoffLimit: {{max: 2}}
    resourceLimits: {{require: [cpu, memory]}}
"""


@dataclass(frozen=True)
class Body:
    """An object as a file of JSON."""

    kind: str
    file: Path

    @property
    def manifest(self) -> Object:
        """What it holds."""
        manifest: Object = json.loads(self.file.read_text())
        return manifest


def bodies(folder: Path) -> dict[str, Body]:
    """Write the objects as JSON into a folder."""
    for kind in KINDS:
        manifest = yaml.safe_load((FOLDER / f"{kind}.yaml").read_text())
        (folder / f"{kind}.json").write_text(json.dumps(manifest))
    return {kind: Body(kind, folder / f"{kind}.json") for kind in KINDS}


def library() -> str:
    """Return baseline, defaults and restricted, and a namespace that selects all three."""
    texts = [
        (ROOT / "policies" / "library" / f"{name}.yaml").read_text() for name in ("baseline", "defaults", "restricted")
    ]
    return "\n---\n".join(texts) + "\n" + labelled(NAMESPACE, LABELS)


def four() -> str:
    """Return four policies that apply."""
    return library() + OWN


def many(policies: int = 200, namespaces: int = 10_000) -> str:
    """Return the same four among so many policies, and so many namespaces, each selected by one of the others."""
    others = policies - 4
    teams = [{"team": f"team-{number % others}"} for number in range(namespaces - 1)]
    spaces = [labelled(f"space-{number}", labels) for number, labels in enumerate(teams)]
    return four() + "".join(OTHER.format(number=number) for number in range(others)) + "".join(spaces)

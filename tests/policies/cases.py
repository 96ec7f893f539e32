"""A case of a rule is the minimal valid object of its kind plus a tweak, what the rule finds there, and what it writes.

``tests/cases/<rule>.yaml`` holds them; a rule that comes with such a file needs no line of Python here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml
from msgspec import Struct, field

from policies.fields import FILE, Request
from policies.objects import ClusterBatchPolicy, Policy, decode_object, policy
from policies.resources import limit_range
from policies.selection import Selection, Snapshot
from policies.workload import Workload

TESTS = Path(__file__).parent.parent
API_VERSION = "batchwarden.io/v1alpha1"


class Case(Struct, kw_only=True, forbid_unknown_fields=True):
    """One case.

    ``with`` is a merge patch (RFC 7386) on the base object, ``pod`` one on its Pod template's spec, wherever that is.
    ``finds`` lists the paths found, in order; if given, ``says`` what is said of each, ``why`` how the reason begins,
    and ``cures`` the values to write, after "e.g." where others do as well. ``defaulted`` maps paths to the values that
    are written; left out, nothing is. With ``was``, a merge patch that makes the object that this one replaces,
    ``finds`` lists only what is worse than it was. ``request`` stands for a write at an API server; without one, the
    object is a file. ``refused`` is instead of all that: what is said where the parameters are wrong.
    """

    name: str
    params: dict[str, Any] = {}
    kind: Literal["Job", "CronJob"] = "Job"
    tweak: dict[str, Any] = field(name="with", default_factory=dict)
    pod: dict[str, Any] = {}
    was: dict[str, Any] | None = None
    request: Request | None = FILE
    limit_range: list[dict[str, Any]] = field(name="limitRange", default_factory=list)
    finds: list[str] = []
    says: list[str] = []
    why: list[str] = []
    cures: list[Any] = []
    defaulted: dict[str, Any] = {}
    refused: str = ""

    def job(self) -> Workload:
        """Make the object."""
        path = (
            ("spec", "template", "spec") if self.kind == "Job" else ("spec", "jobTemplate", "spec", "template", "spec")
        )
        pod: Any = self.pod
        for step in reversed(path):
            pod = {step: pod}
        return Workload(merge(merge(base(self.kind), self.tweak), pod), request=self.request)

    def old(self) -> Workload | None:
        """Make the object that was there before."""
        return None if self.was is None else Workload(merge(base(self.kind), self.was), request=self.request)

    def select(self, rule: str, job: Workload) -> Selection:
        """Put an object under the rule alone."""
        ranges = limit_range([{"spec": {"limits": self.limit_range}}])
        return Snapshot([policy_of({rule: self.params})], limit_ranges={"team-a": ranges}).select(job)


def cases(rule: str) -> list[Case]:
    """Read the cases of a rule; a key that no case has is an error."""
    return msgspec.convert(yaml.safe_load((TESTS / "cases" / f"{rule}.yaml").read_text()), list[Case])


def base(kind: str) -> dict[str, Any]:
    """Read the minimal valid object of a kind."""
    raw: dict[str, Any] = yaml.safe_load((TESTS / "base" / f"{kind.lower()}.yaml").read_text())
    return raw


def policy_of(rules: Mapping[str, Any], **spec: Any) -> Policy:
    """Decode a policy that denies, of these rules and their parameters."""
    spec = {"action": "Deny", "rules": rules, **spec}
    metadata = {"name": "under-test"}
    manifest = {"apiVersion": API_VERSION, "kind": "ClusterBatchPolicy", "metadata": metadata, "spec": spec}
    source = decode_object(manifest)
    assert isinstance(source, ClusterBatchPolicy)
    return policy(source)


def merge(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch: null deletes, lists replace (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    merged = (
        {key: value for key, value in target.items() if patch.get(key, 0) is not None}
        if isinstance(target, dict)
        else {}
    )
    return merged | {key: merge(merged.get(key), value) for key, value in patch.items() if value is not None}


def overlay(target: Any, patch: Any) -> Any:
    """Merge as ``kubectl`` does: items of lists that have a name by their name."""
    if isinstance(target, dict) and isinstance(patch, dict):
        return target | {key: overlay(target.get(key), value) for key, value in patch.items()}
    if isinstance(target, list) and isinstance(patch, list) and all("name" in item for item in patch):
        named = {item["name"]: item for item in target}
        return list((named | {item["name"]: overlay(named.get(item["name"]), item) for item in patch}).values())
    return patch

"""The kinds of others, by the CRDs that their own modules ship: tests/cluster/tools/crds pins those.

A test of what we write of such a kind::

    with foreign_kinds(admin, "wgpolicyk8s.io"):
        admin.apply(report)
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.cluster.kubectl import Kubectl, eventually

BUILD = Path(__file__).parent / "tools" / "crds" / "build"


@cache
def definitions() -> Path:
    """Return the folder that holds a folder of CRDs for each API group, which are fetched where they are not there."""
    built = subprocess.run([BUILD], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return Path(built.stdout.strip())


@contextmanager
def foreign_kinds(kubectl: Kubectl, *groups: str) -> Iterator[None]:
    """Have the API server serve the kinds of these groups within the context; their objects go with them."""
    files = [f"--filename={definitions() / group}" for group in groups]
    try:
        applied = kubectl.run("apply", "--server-side", *files)
        waited = kubectl.run("wait", "--for=condition=Established", "--timeout=30s", *files)
        assert (applied.code, waited.code) == (0, 0), applied.stderr + waited.stderr
        for group in groups:
            _await_lists(kubectl, group)
        yield
    finally:
        kubectl.run("delete", "--ignore-not-found", *files)


def _await_lists(kubectl: Kubectl, group: str) -> None:
    """Wait until all kinds can be listed: for a moment a new one answers 429, "storage is (re)initializing"."""
    kinds = kubectl.run("api-resources", f"--api-group={group}", "--output=name").stdout.split()
    assert kinds
    eventually(lambda: kubectl.run("get", "--all-namespaces", ",".join(kinds)).code == 0)

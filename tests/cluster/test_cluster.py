"""``make cluster`` as a newcomer meets it: one command, a few lines to copy, Ctrl-C, and nothing is left."""

import os
import signal
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

from tests.cluster.kubectl import eventually
from tests.cluster.test_controlplane import working_in

ROOT = Path(__file__).parents[2]


def test_its_lines_do_what_it_says_and_nothing_is_left_of_it(programs: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.cluster"]
    place = tmp_path / "temporary"
    place.mkdir()
    environment = {**os.environ, "TMPDIR": str(place)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as cluster:
        assert cluster.stdout
        printed = [*takewhile(lambda line: "of every rule" not in line, cluster.stdout)]
        export, *lines = (line.strip() for line in printed if line.startswith("  "))
        (folder,) = place.iterdir()
        assert {"etcd", "kube-apiserver", "kube-controller"} <= working_in(folder / "control-plane")
        shown, filled, denied = (run(export, line, tmp_path) for line in lines[:3])
        eventually(lambda: "batchwarden-denials" in run(export, lines[3], tmp_path))
        refused = run(export, lines[4], tmp_path)
        run(export, lines[5].replace("report.html", str(tmp_path / "report.html")), tmp_path)
        cluster.send_signal(signal.SIGINT)
        cluster.wait(60)
    assert cluster.returncode == 0
    assert list(place.iterdir()) == []
    assert "clusterbatchpolicy.batchwarden.io/singleton-tasks" in shown
    assert "Warning: spec.activeDeadlineSeconds set to 86400" in filled
    assert "job.batch/train-recommender created\n" in filled
    assert 'admission webhook "validate.batchwarden.io" denied the request' in denied
    assert "CronJob sandbox/close-ledger  concurrencyPolicy" in refused
    assert "close-ledger" in (tmp_path / "report.html").read_text()
    assert working_in(folder / "control-plane") | working_in(folder / "controller") | working_in(folder) == set()


def run(export: str, line: str, home: Path) -> str:
    """Run a line as a shell does that was told the exports; return all that it prints."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    done = subprocess.run(
        ["/bin/sh", "-c", f"{export}\n{line}"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout

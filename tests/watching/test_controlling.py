"""``batchwarden controller`` as a process: it begins its work, says how it goes, and ends when told."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.cluster.kubectl import eventually
from tests.cluster.serving import COMMAND, ENVIRONMENT
from tests.watching.peers import closed_port
from tests.watching.storage import Storage, storage

CONTEXT = {"name": "x", "context": {"cluster": "x", "user": "x"}}
LISTENING = re.compile(r"status on 127\.0\.0\.1:(\d+)")


@contextmanager
def controlling(cluster: Storage, folder: Path, text: str) -> Iterator[subprocess.Popen[bytes]]:
    url = f"http://127.0.0.1:{cluster.server_address[1]}"
    config = {"clusters": [{"name": "x", "cluster": {"server": url}}], "users": [], "contexts": [CONTEXT]}
    (folder / "config").write_text(json.dumps({**config, "current-context": "x"}))
    (folder / "settings.yaml").write_text(text)
    options = ["--settings=settings.yaml", "--kubeconfig=config", "--status-listen=127.0.0.1:0"]
    command, surroundings = [*COMMAND, "controller", *options], {**os.environ, **ENVIRONMENT}
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, cwd=folder, env=surroundings, stdout=log, stderr=log) as it,
    ):
        try:
            yield it
        finally:
            it.kill()


def settings(url: str) -> str:
    head = {"apiVersion": "config.batchwarden.io/v1alpha1", "kind": "ControllerSettings", "namespace": "own"}
    return json.dumps(head | {"url": url})


def ask(folder: Path, path: str) -> tuple[int, str]:
    (port,) = eventually(lambda: LISTENING.findall((folder / "log").read_text()), 30)
    connection = HTTPConnection("127.0.0.1", int(port), timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)], ids=str)
def test_it_works_tells_and_ends(tmp_path: Path, number: int, code: int) -> None:
    with storage() as cluster, controlling(cluster, tmp_path, settings(f"https://127.0.0.1:{closed_port()}")) as it:
        assert ask(tmp_path, "/livez") == (200, "ok\n")
        eventually(lambda: ask(tmp_path, "/readyz") == (200, "ok\n"))
        eventually(lambda: "/api/v1/namespaces/own/secrets/batchwarden-serving" in cluster.objects)
        _, metrics = ask(tmp_path, "/metrics")
        assert 'batchwarden_keeper_last_success_timestamp_seconds{keeper="registrations"}' in metrics
        it.send_signal(number)
        assert it.wait(20) == code
    assert "traceback" not in (tmp_path / "log").read_text().lower()


def test_what_is_wrong_at_the_start_is_told_in_a_sentence(tmp_path: Path) -> None:
    with storage() as cluster, controlling(cluster, tmp_path, settings("http://plain")) as it:
        assert it.wait(30) == 1
    said = (tmp_path / "log").read_text()
    assert said.startswith("settings.yaml:1:1: url is ")
    assert said.count("\n") == 1

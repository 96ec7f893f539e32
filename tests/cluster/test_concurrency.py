"""However many come at once, each gets the decision that it would get alone."""

import secrets
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from tests.cluster.conftest import MakeNamespace
from tests.cluster.kubectl import Kubectl, Object, Result
from tests.cluster.serving import Server
from tests.cluster.traffic import burst, flowing
from tests.cluster.workloads import job

TIDY = """
---
apiVersion: batchwarden.io/v1alpha1
kind: BatchPolicy
metadata: {{name: tidy, namespace: {namespace}}}
spec:
  action: {action}
  rules:
    backoffLimit: {{max: 3}}
    ttlAfterFinished: {{defaultSeconds: 600}}
"""


def test_a_hundred_silent_connections_keep_nobody_waiting(server: Server, tenant: Kubectl) -> None:
    server.use(TIDY.format(namespace=tenant.namespace, action="Deny"))
    good, bad = job("good", backoffLimit=3), job("bad", backoffLimit=4)
    with ExitStack() as stack:
        silent = [stack.enter_context(connect(server)) for _ in range(100)]
        with flowing(tenant, {"good": good, "bad": bad}) as traffic:
            traffic.wait(300)
        for _ in range(5):  # a burst after a quiet time
            time.sleep(0.5)
            traffic.answers.extend(burst(tenant, "good", good, 16))
        assert [connection for connection in silent if not is_open(connection)] == []
    assert {(answer.label, answer.status) for answer in traffic.answers} == {("good", 201), ("bad", 403)}


def connect(server: Server) -> ssl.SSLSocket:
    """Connect and shake hands, and say nothing more."""
    plain = socket.create_connection(("127.0.0.1", server.backend.port), timeout=10)
    return server.trust.wrap_socket(plain, server_hostname="127.0.0.1")


def is_open(connection: ssl.SSLSocket) -> bool:
    """Tell whether the other side keeps a connection, on which it has nothing to say."""
    connection.settimeout(0)
    try:
        connection.recv(1)
    except ssl.SSLWantReadError:
        return True
    return False


def test_many_applies_in_two_namespaces_are_each_decided_and_logged_once(
    server: Server, tenant: Kubectl, make_namespace: MakeNamespace
) -> None:
    denied, warned = tenant, tenant.within(make_namespace({}))
    server.use(
        TIDY.format(namespace=denied.namespace, action="Deny") + TIDY.format(namespace=warned.namespace, action="Warn")
    )
    secret = secrets.token_hex(16)
    names = [f"{kind}-{number}" for number in range(10) for kind in ("good", "bad")]

    def apply(kubectl: Kubectl, name: str) -> Result:
        return kubectl.apply(with_secret(name, secret))

    with ThreadPoolExecutor(8) as pool:
        asked = {
            (kubectl.namespace, name): pool.submit(apply, kubectl, name)
            for name in names
            for kubectl in (denied, warned)
        }
    for (namespace, name), future in asked.items():
        result = future.result()
        told = (result.code, any("backoffLimit, policy tidy" in line for line in result.stderr.splitlines()))
        assert told == ((0, False) if name.startswith("good") else (int(namespace == denied.namespace), True))
        for webhook in ("mutate", "validate"):
            (line,) = server.decisions(webhook=webhook, object=f"Job {namespace}/{name}")
            assert (line["user"], line["operation"]) == ("tenant", "CREATE")
            assert len(server.lines(uid=line["uid"])) == 1
    assert secret not in server.program.log.read_text()
    assert secret not in server.status("/metrics")[1]


def with_secret(name: str, secret: str) -> Object:
    """Return a Job that is right or, by its name, has too many retries, with a secret in each place that has room."""
    manifest: dict[str, Any] = job(name, backoffLimit=3 if name.startswith("good") else 4)
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    hidden = {**container, "env": [{"name": "TOKEN", "value": secret}], "command": ["login", secret]}
    manifest["spec"]["template"] = {"spec": {"restartPolicy": "Never", "containers": [hidden]}}
    manifest["metadata"]["annotations"] = {"example.com/token": secret}
    return manifest

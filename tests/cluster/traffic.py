"""Requests flow to the API server without kubectl, many at a time, and every answer is kept."""

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPSConnection
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.cluster.kubectl import Kubectl, Object, eventually

PATIENCE = 40  # seconds; the API server itself gives up on a webhook long before


class Answer(NamedTuple):
    """What was sent, by the name it has in the test, and what the API server said of it."""

    label: str
    status: int
    message: str


@dataclass(frozen=True)
class Client:
    """A user's connection to the API server; objects are created in a namespace as dry runs."""

    connection: HTTPSConnection
    namespace: str
    token: str

    def create(self, label: str, manifest: Object) -> Answer:
        """Create an object; the message is empty where that is allowed."""
        path = f"/apis/batch/v1/namespaces/{self.namespace}/{manifest['kind'].lower()}s?dryRun=All"
        return self.send(label, "POST", path, manifest)

    def send(self, label: str, method: str, path: str, body: Object | None = None) -> Answer:
        """Send any request to the API server; the message is empty where an object is the answer."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        self.connection.request(method, path, json.dumps(body), headers)
        response = self.connection.getresponse()
        answer = json.loads(response.read())
        return Answer(label, response.status, answer.get("message", ""))


@contextmanager
def connect(kubectl: Kubectl) -> Iterator[Client]:
    """Connect to the API server as the user of a kubectl."""
    config = json.loads(kubectl.kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    trust = ssl.create_default_context(cafile=kubectl.kubeconfig.parent / cluster["certificate-authority"])
    connection = HTTPSConnection(urlsplit(cluster["server"]).netloc, context=trust, timeout=PATIENCE)
    with closing(connection):
        yield Client(connection, kubectl.namespace, kubectl.user)  # the token is the name: settings.USERS


@dataclass(frozen=True)
class Traffic:
    """The answers so far."""

    answers: list[Answer] = field(default_factory=list)

    def wait(self, count: int) -> list[Answer]:
        """Wait until so many more answers have come, and return those."""
        start = len(self.answers)
        eventually(lambda: len(self.answers) >= start + count, PATIENCE)
        return self.answers[start:]


@contextmanager
def flowing(kubectl: Kubectl, objects: Mapping[str, Object], threads: int = 4) -> Iterator[Traffic]:
    """Create the objects again and again, each thread one after the other, for the length of the context."""
    traffic, enough = Traffic(), threading.Event()

    def flow() -> None:
        with connect(kubectl) as client:
            while not enough.is_set():
                for label, manifest in objects.items():
                    traffic.answers.append(client.create(label, manifest))

    with ThreadPoolExecutor(threads) as pool:
        flows = [pool.submit(flow) for _ in range(threads)]
        try:
            yield traffic
        finally:
            enough.set()
    for each in flows:
        each.result()


def burst(kubectl: Kubectl, label: str, manifest: Object, count: int) -> list[Answer]:
    """Create an object so many times at one moment, on connections that are there already."""
    together = threading.Barrier(count)

    def ask() -> Answer:
        with connect(kubectl) as client:
            client.connection.connect()
            together.wait(PATIENCE)
            return client.create(label, manifest)

    with ThreadPoolExecutor(count) as pool:
        asked = [pool.submit(ask) for _ in range(count)]
    return [each.result() for each in asked]

"""A keeper in the test's own process lives by a mirror of the cluster, as in the controller."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from threading import Event

from prometheus_client import CollectorRegistry

from tests.cluster.kubectl import Kubectl, eventually
from tests.cluster.registration import install, uninstall
from webhook.admission.observe import Log
from webhook.cluster.api import connect
from webhook.cluster.mirror import Mirror
from webhook.cluster.observe import WatchObserver
from webhook.cluster.watch import Pace


@contextmanager
def following(root: Kubectl) -> Iterator[Mirror]:
    """Follow the cluster, in which our CRDs are installed for the length of the context."""
    install(root)
    stop = Event()
    found = Mirror(
        connect(root.kubeconfig, "admin"),
        WatchObserver(CollectorRegistry(), Log(BytesIO()).write, time.monotonic),
        lambda _: None,
    )
    found.start(stop, Pace(stop.wait, time.monotonic, random.random))  # noqa: S311 - only spreads load
    eventually(lambda: found.snapshot)
    yield found
    stop.set()
    uninstall(root)

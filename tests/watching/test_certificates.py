"""The certificates in Secrets: steps are taken and told, writes are guarded, and an end is seen coming."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.watching.peers import NOW, authority, closed_port, leaf
from tests.watching.storage import TIME, Storage, storage
from tests.watching.test_endpoints import settings
from tests.watching.watched import Watched
from webhook.cli.controller import Craft
from webhook.cluster.api import ApiError
from webhook.cluster.certificates import CertificateKeeper, find_bundle
from webhook.cluster.material import CONFIGURATIONS, SECOND, Secrets
from webhook.cluster.observe import KeeperError
from webhook.cluster.settings import Certificates, Mode

HOME = "/api/v1/namespaces/own"
SERVING, AUTHORITY = (f"{HOME}/secrets/batchwarden-{name}" for name in ("serving", "authority"))
OTHERS = Certificates(mode="provided")


@pytest.fixture
def cluster() -> Iterator[Storage]:
    with storage() as server:
        yield server


def keeping(cluster: Storage, **changes: Any) -> tuple[CertificateKeeper, Watched]:
    watched, wanted = Watched(), settings(url=f"https://127.0.0.1:{closed_port()}", **changes)
    return CertificateKeeper(cluster.api, wanted, Craft(), watched.observer), watched


def secrets(cluster: Storage) -> Secrets:
    return Secrets(cluster.api, settings(), NOW)


def hold(cluster: Storage, **files: bytes) -> None:
    data = {name.replace("_", "."): b64encode(content).decode() for name, content in files.items()}
    cluster.put(SERVING, {"metadata": {"labels": {"a": "b"}}, "data": data})


def events(cluster: Storage) -> list[tuple[str, str]]:
    found = [each for path, each in cluster.objects.items() if path.startswith(f"{HOME}/events/")]
    return [(each["type"], each["reason"]) for each in found]


def test_what_is_missing_is_made_step_by_step_and_told(cluster: Storage) -> None:
    keeper, watched = keeping(cluster)
    while not keeper.keep(NOW):
        pass
    assert cluster.objects[SERVING]["data"].keys() == {"ca.crt", "tls.crt", "tls.key"}
    assert cluster.objects[AUTHORITY]["data"].keys() == {"ca.crt", "ca.key"}
    assert [line.split(":")[0] for line in watched.messages("certificates")] == [
        "another CA was made",
        "the bundle was written",
        "the next CA signs from here on",
        "another serving certificate was made",
        "all is still good",
    ]
    assert events(cluster) == [("Normal", "CertificateChanged")] * 4
    assert cluster.objects[SERVING]["metadata"]["annotations"] == {
        "batchwarden.io/tls-not-after": f"{NOW + timedelta(days=90):%Y-%m-%dT%H:%M:%SZ}",
        "batchwarden.io/ca-not-after": f"{NOW + timedelta(days=730):%Y-%m-%dT%H:%M:%SZ}",
    }
    end = watched.metric("certificate_expiry_timestamp_seconds", certificate="serving")
    assert end == (NOW.replace(microsecond=0) + timedelta(days=90)).timestamp()


def test_a_secret_is_written_whole_and_only_as_it_was_read(cluster: Storage) -> None:
    first, second = secrets(cluster), secrets(cluster)
    assert first.read("serving") == second.read("serving") == ({}, "")
    assert first.write("serving", {"ca.crt": b"1"}, "")
    assert not second.write("serving", {"ca.crt": b"2"}, "")
    hold(cluster, ca_crt=b"1", strange=b"x")
    files, version = first.read("serving")
    assert files == {"ca.crt": b"1", "strange": b"x"}
    hold(cluster, ca_crt=b"3")
    assert not first.write("serving", {"ca.crt": b"4"}, version)
    _, version = first.read("serving")
    assert first.write("serving", {"ca.crt": b"5"}, version)
    held = cluster.objects[SERVING]
    assert (b64decode(held["data"]["ca.crt"]), held["metadata"]["labels"]) == (b"5", {"a": "b"})
    del cluster.objects[SERVING]
    assert not first.write("serving", {}, held["metadata"]["resourceVersion"])


def test_a_bundle_counts_from_the_latest_write_and_at_the_latest(cluster: Storage) -> None:
    mutating, validating = (f"{path}/batchwarden" for path in CONFIGURATIONS.values())
    assert secrets(cluster).trusted() == []
    bundle = {"clientConfig": {"caBundle": b64encode(b"CA").decode()}}
    cluster.put(mutating, {"metadata": {}, "webhooks": [bundle]})
    cluster.put(validating, {"metadata": {"managedFields": []}, "webhooks": [{"clientConfig": {}}]})
    assert secrets(cluster).trusted() == [(b"CA", datetime.fromisoformat(TIME) + SECOND), (b"", NOW + SECOND)]


def test_what_others_make_is_only_looked_at(cluster: Storage) -> None:
    keeper, watched = keeping(cluster, certificates=OTHERS)
    with pytest.raises(KeeperError, match="there is no Secret own/batchwarden-serving yet, or nothing in it: make it"):
        keeper.keep(NOW)
    hold(cluster, tls_crt=leaf("a").certificate)
    with pytest.raises(KeeperError, match="has no ca"):
        keeper.keep(NOW)
    hold(cluster, tls_crt=leaf("a").certificate, ca_crt=authority("a").certificate)
    written = len(cluster.written)
    assert keeper.keep(NOW - timedelta(days=20))
    assert watched.messages("certificates") == ["they are made by others: certificates.mode is provided"]
    assert len(cluster.written) == written


@pytest.mark.parametrize(
    ("mode", "why"),
    [("self-signed", "has no ca.crt yet: the controller adds it"), ("cert-manager", "its issuer gives none")],
)
def test_where_the_ca_should_come_from_is_told(mode: Mode, why: str) -> None:
    with pytest.raises(KeeperError, match=why):
        find_bundle({"tls.crt": leaf("a").certificate}, settings(certificates=Certificates(mode=mode)), Craft())


def test_an_end_is_seen_coming_and_told_once(cluster: Storage) -> None:
    keeper, watched = keeping(cluster, certificates=OTHERS, remind_seconds=2 * 86400)
    hold(cluster, tls_crt=leaf("a").certificate, ca_crt=authority("a").certificate)
    keeper.keep(NOW)
    keeper.keep(NOW)
    assert len(watched.messages("certificates: serving")) == 1
    assert watched.messages("certificates: ca") == []
    assert events(cluster) == [("Warning", "CertificateEndsSoon")]
    assert watched.metric("certificate_expiry_timestamp_seconds", certificate="ca") is not None


def test_an_end_that_could_not_be_told_is_told_later_and_again_the_next_day(cluster: Storage) -> None:
    keeper, _ = keeping(cluster, certificates=OTHERS, remind_seconds=2 * 86400)
    hold(cluster, tls_crt=leaf("a").certificate, ca_crt=authority("a").certificate)
    cluster.refuse = lambda _path, _manifest: "no"
    with pytest.raises(ApiError, match="422 no"):
        keeper.keep(NOW)
    cluster.refuse = lambda _path, _manifest: ""
    keeper.keep(NOW)
    keeper.keep(NOW + timedelta(days=1))
    assert events(cluster) == [("Warning", "CertificateEndsSoon")] * 2


def test_why_a_step_failed_is_not_hidden_by_an_end_that_cannot_be_told(cluster: Storage) -> None:
    keeper, watched = keeping(cluster, certificates=OTHERS, remind_seconds=2 * 86400)
    hold(cluster, tls_crt=leaf("a").certificate)
    cluster.refuse = lambda _path, _manifest: "no"
    with pytest.raises(KeeperError, match="has no ca"):
        keeper.keep(NOW)
    assert len(watched.messages("certificates: serving")) == 1


def test_another_that_tells_the_same_does_no_harm(cluster: Storage) -> None:
    for _ in range(2):
        keeper, _ = keeping(cluster, certificates=OTHERS, remind_seconds=2 * 86400)
        hold(cluster, tls_crt=leaf("a").certificate, ca_crt=authority("a").certificate)
        keeper.keep(NOW)
    assert events(cluster) == [("Warning", "CertificateEndsSoon")]


def test_what_the_api_server_does_not_take_is_told_and_nothing_is_said_to_end(cluster: Storage) -> None:
    keeper, watched = keeping(cluster)
    cluster.refuse = lambda _path, _manifest: "no"
    for _ in range(2):
        with pytest.raises(ApiError, match="422 no"):
            keeper.keep(NOW)
    cluster.shutdown()
    cluster.server_close()
    keeper, watched = keeping(cluster)
    with pytest.raises(ApiError):
        keeper.keep(NOW)
    assert watched.metric("certificate_expiry_timestamp_seconds", certificate="ca") is None


def test_times_are_those_of_the_api_server() -> None:
    assert datetime.fromisoformat(TIME).astimezone(UTC) == datetime(2030, 1, 1, tzinfo=UTC)

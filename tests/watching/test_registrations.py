"""The webhook configurations: when they are made, what they trust, by which condition, and what others do to them."""

from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from policies.selection import Snapshot
from tests.policies.build import asks, made_of
from tests.policies.cases import policy_of
from tests.watching.peers import HOST, authority, closed_port, leaf, peer
from tests.watching.storage import TIME, Storage, storage
from tests.watching.test_endpoints import settings
from tests.watching.watched import Watched
from webhook.admission.needs import mutation_condition
from webhook.cli.controller import Craft
from webhook.cluster.api import ApiError, Manifest
from webhook.cluster.material import CONFIGURATIONS, SECOND, STAMP, Secrets, bundles_of
from webhook.cluster.observe import KeeperError
from webhook.cluster.registrations import GRACE, RegistrationKeeper
from webhook.cluster.restoring import condition_of
from webhook.cluster.settings import Certificates

AT = datetime(2030, 1, 1, tzinfo=UTC)
SECRET = "/api/v1/namespaces/own/secrets/batchwarden-serving"
ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/ours"
MUTATING, VALIDATING = (f"{path}/batchwarden" for path in CONFIGURATIONS.values())
NO_POLICY, OTHER = Snapshot([], [], {}), Snapshot([], [], {"a": {}})
DEADLINE = Snapshot([policy_of({"activeDeadline": {"defaultSeconds": 60}})], [], {})
UNASKED = Snapshot([made_of(asks(("spec", "x"), (), write=1))], [], {})  # what it writes cannot be asked for
OUR_BUG = Snapshot([made_of(asks(("spec", "x"), (), write=1, gaps=lambda params: params.nonsense))], [], {})


class Site:
    """A keeper, what it sees, and whom it tells."""

    def __init__(self, cluster: Storage, port: int) -> None:
        self.cluster, self.watched, self.at = cluster, Watched(), AT
        self.port = port
        self.start()

    def start(self, **changes: Any) -> None:
        """Let a keeper begin, with these settings."""
        wanted = settings(url=f"https://127.0.0.1:{self.port}", **changes)
        self.keeper = RegistrationKeeper(self.cluster.api, wanted, Craft(), self.watched.observer)

    def trust(self, *names: str, file: str = "ca.crt") -> None:
        """Say in the Secret which CAs are to be trusted."""
        self.hold({file: b"".join(authority(name).certificate for name in names)})

    def hold(self, files: dict[str, bytes]) -> None:
        data = {name: b64encode(content).decode() for name, content in files.items()}
        self.cluster.put(SECRET, {"metadata": {}, "data": data})

    def look(self) -> list[str]:
        """Let it look until it wants to wait, and return what it wrote."""
        before = len(self.cluster.written)
        for _ in range(9):
            self.at += timedelta(seconds=0.1)
            if self.keeper.keep(self.at):
                break
        return self.cluster.written[before:]

    def secrets(self) -> Secrets:
        return Secrets(self.cluster.api, settings(url=f"https://127.0.0.1:{self.port}"), self.at)

    def trusted(self) -> list[bytes]:
        return [bundle for path in (MUTATING, VALIDATING) for bundle in bundles_of(self.cluster.objects[path])]

    def edit(self, path: str, **changes: Any) -> None:
        there = self.cluster.objects[path]
        self.cluster.put(path, {**there, "webhooks": [there["webhooks"][0] | changes]})

    def written_condition(self) -> str:
        return condition_of(self.cluster.objects[MUTATING])


def ca(*names: str) -> bytes:
    return b"".join(authority(name).certificate for name in names)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Return a keeper where an endpoint serves a certificate of the CA "a"."""
    with storage() as cluster, peer(leaf("a", "127.0.0.1"), tmp_path) as port:
        yield Site(cluster, port)


def test_they_are_made_once_what_is_served_is_trusted(site: Site) -> None:
    assert site.look() == []
    assert "there is no Secret own/batchwarden-serving yet" in site.watched.messages("registrations")[-1]
    site.trust("b")
    assert site.look() == []
    assert "that the CA does not vouch for" in site.watched.messages("registrations")[-1]
    site.trust("a")
    assert site.look() == [MUTATING, VALIDATING]
    assert site.trusted() == [ca("a")] * 2
    assert site.look() == []


def test_they_stay_when_nobody_serves_any_more(site: Site) -> None:
    site.trust("a")
    site.look()
    site.port = closed_port()
    site.start()
    assert site.look() == [MUTATING, VALIDATING]
    assert site.look() == []


def test_a_ca_is_let_go_when_all_that_is_served_is_trusted_without_it(site: Site, tmp_path: Path) -> None:
    site.trust("a")
    site.look()
    site.trust("b")
    assert site.look() == [MUTATING, VALIDATING]
    assert site.trusted() == [ca("b", "a")] * 2
    assert site.look() == []
    with peer(leaf("b", "127.0.0.1"), tmp_path) as port:
        site.port = port
        site.start()
        site.look()
    assert site.trusted() == [ca("b")] * 2


def test_a_wiped_bundle_comes_again_and_a_strange_one_goes(site: Site) -> None:
    site.trust("a")
    site.look()
    for bundle in ("", b64encode(ca("b")).decode()):
        site.edit(VALIDATING, clientConfig={"url": "https://x", "caBundle": bundle})
        assert site.look() == [VALIDATING]
        assert site.trusted() == [ca("a")] * 2


def test_what_is_trusted_counts_from_when_it_came_whatever_else_changes(site: Site) -> None:
    site.trust("a")
    site.look()
    ((bundle, since), other) = site.secrets().trusted()
    assert (bundle, other, since <= site.at + SECOND) == (ca("a"), (bundle, since), True)
    site.at += timedelta(hours=1)
    site.keeper.learn(DEADLINE)
    site.edit(VALIDATING, timeoutSeconds=9)
    assert site.look() == [MUTATING, VALIDATING]
    assert site.secrets().trusted() == [(bundle, since)] * 2
    site.trust("a", "b")
    site.look()
    trusted = site.secrets().trusted()
    assert [(ca("a", "b"), True)] * 2 == [(each, at >= since + timedelta(hours=1)) for each, at in trusted]


@pytest.mark.parametrize(
    "text", ["", "x 2026-01-01T00:00:00Z", "DIGEST", "DIGEST soon", "DIGEST 0001-01-01T00:00:00+14:00"]
)
def test_a_stamp_that_says_nothing_of_this_bundle_is_made_again(site: Site, text: str) -> None:
    site.trust("a")
    site.look()
    there = site.cluster.objects[VALIDATING]
    digest = there["metadata"]["annotations"][STAMP].partition(" ")[0]
    annotations = {STAMP: text.replace("DIGEST", digest)}
    site.cluster.put(VALIDATING, {**there, "metadata": {**there["metadata"], "annotations": annotations}})
    assert site.secrets().trusted()[1] == (ca("a"), datetime.fromisoformat(TIME) + SECOND)
    site.at += timedelta(hours=1)
    site.look()
    assert site.secrets().trusted()[1] != (ca("a"), datetime.fromisoformat(TIME) + SECOND)


def test_without_a_ca_what_is_trusted_stays_as_it_is(site: Site) -> None:
    site.trust("a")
    site.look()
    site.hold({})
    site.edit(VALIDATING, failurePolicy="Ignore")
    assert site.look() == [VALIDATING]
    assert site.trusted() == [ca("a")] * 2


def test_a_provided_chain_may_bring_its_ca_along(site: Site) -> None:
    site.start(certificates=Certificates(mode="provided"))
    site.hold({"tls.crt": leaf("a").certificate})
    assert site.look() == []
    assert "has no ca.crt, and its tls.crt brings no CA along" in site.watched.messages("registrations")[-1]
    site.hold({"tls.crt": leaf("a").certificate + ca("a")})
    assert site.look() == [MUTATING, VALIDATING]
    assert site.trusted() == [ca("a")] * 2


def test_without_the_owner_nothing_is_made(site: Site) -> None:
    site.trust("a")
    site.start(owner_cluster_role="ours")
    with pytest.raises(KeeperError, match="there is no ClusterRole ours, which ownerClusterRole in the settings names"):
        site.look()
    site.cluster.put(ROLE, {"metadata": {"name": "ours", "uid": "1"}})
    assert site.look() == [MUTATING, VALIDATING]
    (owner,) = site.cluster.objects[MUTATING]["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("ClusterRole", "ours", "1")
    site.cluster.put(ROLE, {"metadata": {"name": "ours", "uid": "1", "deletionTimestamp": "x"}})
    site.edit(VALIDATING, failurePolicy="Ignore")
    with pytest.raises(KeeperError, match="there is no ClusterRole ours"):
        site.look()
    assert site.keeper.covered is None


def test_the_condition_is_that_of_the_policies(site: Site) -> None:
    site.trust("a")
    site.look()
    assert (site.written_condition(), site.keeper.covered) == ("", None)
    for snapshot, condition in (
        (NO_POLICY, "false"),
        (DEADLINE, mutation_condition(DEADLINE.policies)),
        (UNASKED, ""),
    ):
        site.keeper.learn(snapshot)
        assert site.look() == [MUTATING]
        assert (site.written_condition(), site.keeper.covered) == (condition, snapshot)


def test_before_the_policies_are_known_a_condition_is_left_for_a_while(site: Site) -> None:
    site.trust("a")
    site.keeper.learn(NO_POLICY)
    site.look()
    again = Site(site.cluster, site.port)
    assert again.look() == []
    assert again.keeper.covered is None
    again.at += GRACE
    assert again.look() == [MUTATING]
    assert again.written_condition() == ""


def test_a_condition_that_cannot_be_had_is_left_out(site: Site) -> None:
    site.trust("a")
    site.keeper.learn(OUR_BUG)
    site.look()
    assert (site.written_condition(), site.keeper.covered) == ("", OUR_BUG)
    site.cluster.refuse = lambda _path, manifest: "too long" if condition_of(manifest) not in {"", "false"} else ""
    site.keeper.learn(DEADLINE)
    site.look()
    assert (site.written_condition(), site.keeper.covered) == ("", DEADLINE)
    site.keeper.learn(NO_POLICY)
    site.look()
    assert (site.written_condition(), site.keeper.covered) == ("false", NO_POLICY)
    bug, *refusal = site.watched.messages("registrations: condition")
    assert bug.startswith("an error in Batchwarden, tried again: AttributeError")
    assert refusal == ["tried again: 422 too long", "works again"]


def test_what_is_being_deleted_is_waited_for(site: Site) -> None:
    site.trust("a")
    site.look()
    there = site.cluster.objects[VALIDATING]
    site.cluster.put(VALIDATING, {"metadata": {**there["metadata"], "deletionTimestamp": "x"}})
    assert site.look() == []
    del site.cluster.objects[VALIDATING]
    assert site.look() == [VALIDATING]


def test_who_insists_is_answered_ever_more_slowly(site: Site) -> None:
    site.trust("a")
    site.look()
    put_back = 0
    for _ in range(60):
        site.edit(VALIDATING, failurePolicy="Ignore")
        put_back += site.look() == [VALIDATING]
    assert 20 < put_back < 40
    site.at += timedelta(minutes=1)
    assert site.look() == [VALIDATING]


def test_a_clock_that_is_set_back_delays_nothing(site: Site) -> None:
    site.trust("a")
    site.look()
    site.at -= timedelta(hours=1)
    site.edit(VALIDATING, failurePolicy="Ignore")
    assert site.look() == [VALIDATING]


def test_since_when_it_is_what_it_is_is_known_again(site: Site) -> None:
    site.trust("a")
    site.look()
    there = site.cluster.objects[VALIDATING]
    site.cluster.put(VALIDATING, {**there, "metadata": {**there["metadata"], "managedFields": []}})
    assert site.look() == [VALIDATING]
    assert site.cluster.objects[VALIDATING]["metadata"]["managedFields"] != []


def test_a_webhook_of_others_goes(site: Site) -> None:
    site.trust("a")
    site.look()
    there = site.cluster.objects[VALIDATING]
    site.cluster.put(VALIDATING, {**there, "webhooks": [*there["webhooks"], {"name": "x", "clientConfig": {}}]})
    assert site.look() == [VALIDATING]
    assert [each["name"] for each in site.cluster.objects[VALIDATING]["webhooks"]] == ["validate.batchwarden.io"]


def test_who_was_faster_is_looked_at_again(site: Site) -> None:
    site.trust("a")
    site.look()
    site.edit(VALIDATING, failurePolicy="Ignore")
    site.start(timeout_seconds=9)
    meddled: list[str] = []

    def meddle(path: str, _manifest: Manifest) -> str:
        if not meddled:
            meddled.append(path)
            site.edit(VALIDATING, failurePolicy="Ignore")
        return ""

    site.cluster.refuse = meddle
    site.look()
    webhooks = [site.cluster.objects[path]["webhooks"][0] for path in (MUTATING, VALIDATING)]
    assert [each["timeoutSeconds"] for each in webhooks] == [9, 9]
    assert webhooks[1]["failurePolicy"] == "Fail"


def test_what_the_api_server_does_not_take_is_told(site: Site) -> None:
    site.trust("a")
    site.cluster.refuse = lambda _path, _manifest: "no"
    with pytest.raises(ApiError, match="422 no"):
        site.look()


@pytest.mark.parametrize("refused", [MUTATING, VALIDATING])
def test_one_that_is_refused_keeps_the_other_from_nothing(site: Site, refused: str) -> None:
    site.trust("a")
    site.keeper.learn(NO_POLICY)
    site.look()
    assert site.keeper.covered is NO_POLICY
    site.keeper.learn(OTHER)
    site.edit(MUTATING, timeoutSeconds=9)
    site.edit(VALIDATING, timeoutSeconds=9)
    site.cluster.refuse = lambda path, _manifest: "no" if path == refused else ""
    for _ in range(2):
        with pytest.raises(ApiError, match="422 no"):
            site.look()
    seconds = {path: site.cluster.objects[path]["webhooks"][0]["timeoutSeconds"] for path in (MUTATING, VALIDATING)}
    assert seconds == {MUTATING: 5, VALIDATING: 5} | {refused: 9}
    assert site.keeper.covered is (None if refused == MUTATING else OTHER)


def test_a_condition_is_tried_again_when_it_was_something_else_that_is_not_taken(site: Site) -> None:
    site.trust("a")
    site.keeper.learn(NO_POLICY)
    site.cluster.refuse = lambda _path, _manifest: "no"
    for _ in range(2):  # with the condition, and without
        with pytest.raises(ApiError, match="422 no"):
            site.look()
    site.cluster.refuse = lambda _path, _manifest: ""
    site.look()
    assert site.written_condition() == "false"
    assert site.watched.messages("registrations: condition") == ["tried again: 422 no", "works again"]


def test_the_labels_of_others_and_their_own_fields_stay(site: Site) -> None:
    site.trust("a")
    site.look()
    there: Manifest = site.cluster.objects[VALIDATING]
    site.cluster.put(VALIDATING, {**there, "metadata": {**there["metadata"], "labels": {"a": "b"}}})
    site.edit(VALIDATING, filledIn="by a later API server")
    assert site.look() == []
    site.edit(VALIDATING, failurePolicy="Ignore")
    assert site.look() == [VALIDATING]
    assert site.cluster.objects[VALIDATING]["metadata"]["labels"] == {"a": "b"}


def test_the_name_that_is_called_is_the_name_that_is_verified() -> None:
    assert settings().host == HOST

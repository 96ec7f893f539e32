"""A simulated cluster that follows late: API servers and replicas see each change only after delays of their own.

What is simulated is delay alone: certificates are real, and clients verify them as TLS clients do.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from typing import Generic, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store

from certs.authority import KeyPair, parse_host
from certs.rotate import Decision, Pace, Place, rotate
from certs.trust import accepts, read_bundle
from webhook.cluster.endpoints import Endpoint, Handshake, why_not
from webhook.cluster.restoring import next_bundle

DAY, MINUTE, NOTHING = timedelta(days=1), timedelta(minutes=1), timedelta()
START = datetime(2030, 1, 1, tzinfo=UTC)
HOSTS = ("batchwarden.batchwarden.svc", "10.96.0.7")
PACE = Pace(life=90 * DAY, ca_life=3 * 365 * DAY, settle=15 * MINUTE)
API_SERVERS = (NOTHING, 8 * MINUTE)
REPLICA = Endpoint("replica", 8443)
REPLICAS = (NOTHING, MINUTE, 3 * MINUTE)
T = TypeVar("T")


def ignore(_: str) -> None:
    """Let a call pass."""


class KilledError(Exception):
    """The controller was killed."""


@dataclass
class Timeline(Generic[T]):
    """What a thing was, and from when on."""

    states: list[tuple[timedelta, T]]

    def set(self, when: timedelta, state: T) -> None:
        self.states = [*self.states[-20:], (when, state)]

    def at(self, when: timedelta) -> T:
        return next((state for since, state in reversed(self.states) if since <= when), self.states[0][1])

    @property
    def latest(self) -> T:
        return self.states[-1][1]


@dataclass
class Replica:
    delay: timedelta
    loaded: KeyPair | None = None


def fresh_places() -> dict[Place, Timeline[Mapping[str, bytes]]]:
    return {"authority": Timeline([(NOTHING, {})]), "serving": Timeline([(NOTHING, {})])}


def fresh_configurations() -> dict[str, Timeline[bytes | None]]:
    return {name: Timeline([(NOTHING, None)]) for name in ("mutating", "validating")}


@dataclass
class World:
    """A port whose world moves by ``tick``; ``before_call`` is called before each call of a controller."""

    elapsed: timedelta = NOTHING
    clock_is_off_by: timedelta = NOTHING
    all_reachable: bool = True
    hosts: Sequence[str] = HOSTS
    pace: Pace = PACE
    places: dict[Place, Timeline[Mapping[str, bytes]]] = field(default_factory=fresh_places)
    versions: dict[Place, int] = field(default_factory=lambda: {"authority": 0, "serving": 0})
    configurations: dict[str, Timeline[bytes | None]] = field(default_factory=fresh_configurations)
    replicas: list[Replica] = field(default_factory=lambda: [Replica(delay) for delay in REPLICAS])
    before_call: Callable[[str], None] = ignore

    @property
    def now(self) -> datetime:
        return START + self.elapsed + self.clock_is_off_by

    def read(self, place: Place) -> tuple[Mapping[str, bytes], str]:
        self.before_call(f"read {place}")
        files = self.places[place].latest
        return files, str(self.versions[place]) if files else ""

    def write(self, place: Place, files: Mapping[str, bytes], version: str) -> bool:
        self.before_call("write")
        there = self.places[place].latest
        if version != (str(self.versions[place]) if there else ""):
            return False
        self.put(place, files)
        self.before_call("written")
        return True

    def trusted(self) -> Sequence[tuple[bytes, datetime]]:
        self.before_call("trusted")
        states = [timeline.states[-1] for timeline in self.configurations.values()]
        offset = START + self.clock_is_off_by
        return [(bundle, offset + since) for since, bundle in states if bundle is not None]

    def served(self) -> Sequence[bytes] | None:
        self.before_call("served")
        return (
            [replica.loaded.certificate for replica in self.replicas if replica.loaded] if self.all_reachable else None
        )

    def put(self, place: Place, files: Mapping[str, bytes]) -> None:
        """Change a place, as anybody may."""
        self.versions[place] += 1
        self.places[place].set(self.elapsed, dict(files))

    def lose_places(self) -> None:
        for place in self.places:
            self.put(place, {})

    def spoil(self, place: Place, **changes: bytes | None) -> None:
        """Change single files of a place; ``tls_crt`` means tls.crt, and None deletes."""
        named = {name.replace("_", "."): content for name, content in changes.items()}
        files = {**self.places[place].latest, **named}
        self.put(place, {name: content for name, content in files.items() if content is not None})

    def step(self) -> Decision:
        """Let a controller do what is due."""
        return rotate(self, self.hosts, self.pace, self.now)

    def write_bundles(self) -> None:
        """Let a controller care for the webhook configurations, as RegistrationKeeper does."""
        for timeline in self.configurations.values():
            old, states = timeline.latest, timeline.states
            wanted = self.read("serving")[0].get("ca.crt", b"")
            new = self.next_bundle(old, wanted)
            self.before_call("write bundle")
            if new != old and states is timeline.states:
                timeline.set(self.elapsed, new)

    def next_bundle(self, old: bytes | None, wanted: bytes) -> bytes | None:
        """Give what a client shall trust; None where it shall not call yet."""
        handshakes = self.ask(wanted)
        if old is None:
            return wanted if wanted and not why_not(handshakes) else None
        return next_bundle(old, wanted, lambda: handshakes)

    def ask(self, bundle: bytes) -> list[Handshake]:
        """Tell of each replica whether a client that trusts the bundle would trust what it serves."""
        served = self.served()
        if served is None:
            return [Handshake(REPLICA, "unknown")]
        trusted = [accepts(read_bundle(bundle), leaf) for leaf in served]
        return [Handshake(REPLICA, "trusted" if each else "untrusted") for each in trusted]

    def tick(self, duration: timedelta = MINUTE) -> None:
        self.elapsed += duration
        for replica in self.replicas:
            self.load(replica)

    def restart(self, number: int, delay: timedelta) -> None:
        """Let a replica start anew, on a node that sees changes only after a delay."""
        self.replicas[number] = Replica(delay)
        self.load(self.replicas[number])

    def load(self, replica: Replica) -> None:
        """Let a replica take what it sees in its files, if that can be served: else it keeps what it has."""
        files = self.places["serving"].at(self.elapsed - replica.delay)
        pair = KeyPair(files.get("tls.crt", b""), files.get("tls.key", b""))
        if fits(pair.certificate, pair.key):
            replica.loaded = pair

    def settle(self, minutes: int = 60) -> list[Decision]:
        """Let time pass minute by minute, with all controllers at work and all that is in force checked."""
        decisions = []
        for _ in range(minutes):
            decisions.append(self.step())
            self.write_bundles()
            self.check()
            self.tick()
            self.check()
        return decisions

    def bundles_in_force(self) -> set[bytes]:
        views = product(self.configurations.values(), API_SERVERS)
        return {bundle for timeline, delay in views if (bundle := timeline.at(self.elapsed - delay)) is not None}

    def check(self) -> None:
        """Assert the invariants."""
        pairs = {replica.loaded for replica in self.replicas if replica.loaded}
        for bundle, pair, host in product(self.bundles_in_force(), pairs, HOSTS):
            verify(bundle, pair.certificate, host, self.now)
        assert not shows_ca_key(self.places["serving"].latest)
        assert not any(b"PRIVATE" in bundle for bundle in self.bundles_in_force())

    def assert_healthy(self) -> None:
        """Assert that all is in force and has a third of its life before it, or more than a moment."""
        assert [decision.reason for decision in self.settle(2)] == ["all is still good"] * 2
        assert all(replica.loaded for replica in self.replicas)
        assert len(self.bundles_in_force()) == 1
        assert [self.authorities()] == [read_bundle(bundle) for bundle in self.bundles_in_force()]

    def published(self) -> list[bytes]:
        return list(read_bundle(self.places["serving"].latest["ca.crt"]))

    def authorities(self) -> tuple[bytes, ...]:
        return read_bundle(self.places["authority"].latest.get("ca.crt", b""))


@cache
def fits(certificate: bytes, key: bytes) -> bool:
    try:
        return public_key(key) == x509.load_pem_x509_certificate(certificate).public_key()
    except ValueError:
        return False


@cache
def public_key(key: bytes) -> object:
    return load_pem_private_key(key, password=None).public_key()


@cache
def shows_ca_key_of(bundle: bytes, key: bytes) -> bool:
    return any(fits(ca, key) for ca in read_bundle(bundle))


def shows_ca_key(files: Mapping[str, bytes]) -> bool:
    strangers = set(files) - {"ca.crt", "tls.crt", "tls.key"}
    return bool(strangers) or shows_ca_key_of(files.get("ca.crt", b""), files.get("tls.key", b""))


@cache
def client(bundle: bytes) -> Store:
    return Store([x509.load_pem_x509_certificate(ca) for ca in read_bundle(bundle)])


def verify(bundle: bytes, certificate: bytes, host: str, at: datetime) -> None:
    leaf = x509.load_pem_x509_certificate(certificate)
    PolicyBuilder().store(client(bundle)).time(at).build_server_verifier(parse_host(host)).verify(leaf, [])

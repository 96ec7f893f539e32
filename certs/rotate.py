"""Every step is one guarded write, and waits until the world has caught up with the step before.

Pure but for its port and the randomness of keys. Clients learn of another CA, and servers of another certificate,
with delays that nobody tells. So a CA is born as the *next* one: it joins the bundle, waits until every client
trusts it, and only then takes the place of the CA that signs. Its predecessor stays in the bundle as long as
something served, or about to be, needs it. What to do is seen from what there is, never remembered: a controller may
be killed anywhere, and two of them only repeat each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Literal, Protocol

from certs import authority
from certs.authority import CertificateError, KeyPair
from certs.trust import accepts, is_valid, issue_time, read_bundle, vouches

Place = Literal["authority", "serving"]
"""``authority`` holds ca.crt and ca.key, next.crt and next.key, and is the controller's alone; ``serving`` holds
tls.crt and tls.key, and as ca.crt the bundle that clients shall trust."""


class Port(Protocol):
    """Where the material lies, and what of it is in force; what its methods raise goes through."""

    def read(self, place: Place) -> tuple[Mapping[str, bytes], str]:
        """Give the files of a place and their version; no files and "" where the place does not exist."""

    def write(self, place: Place, files: Mapping[str, bytes], version: str) -> bool:
        """Replace all files of a place if it still has this version ("": does not exist); False if it has not."""

    def trusted(self) -> Sequence[tuple[bytes, datetime]]:
        """Give each client's bundle (PEM), that is each ``caBundle``, and since when it is what it is."""

    def served(self) -> Sequence[bytes] | None:
        """Give the certificate (PEM) of each replica that serves, ready or not; None if one could not be asked.

        One that refuses the connection serves nothing.
        """


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a serving certificate and a CA live, and the longest that a change takes to settle.

    ``settle`` counts from the write of a bundle until every API server has it, and from the making of a serving
    certificate until every replica that starts has it.
    """

    life: timedelta
    ca_life: timedelta
    settle: timedelta


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done or waited for, as the reason in words; the write where there is one. Keys are not in the repr."""

    reason: str
    place: Place | None = None
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a decision rests on."""

    authority: Mapping[str, bytes] = field(repr=False)
    serving: Mapping[str, bytes] = field(repr=False)
    trusted: Sequence[tuple[tuple[bytes, ...], datetime]]
    served: Sequence[bytes] | None
    hosts: Sequence[str]
    pace: Pace
    at: datetime

    def signer(self, name: Literal["ca", "next"]) -> KeyPair | None:
        """Give this CA, in the spelling of bundles, if it can sign at this time."""
        certificate = self.authority.get(f"{name}.crt", b"")
        pair = KeyPair(next(iter(read_bundle(certificate)), b""), self.authority.get(f"{name}.key", b""))
        try:
            authority.reason_to_renew_authority(pair, self.at)
        except CertificateError:
            return None
        return pair if is_valid(pair.certificate, self.at) else None

    def leaf(self) -> KeyPair:
        """Give the serving certificate, whatever it is worth."""
        return KeyPair(self.serving.get("tls.crt", b""), self.serving.get("tls.key", b""))

    def count_without(self, ca: KeyPair) -> int:
        """Tell how many clients do not trust the CA for certain; a recent change counts where nobody is served."""
        latest = self.at - self.pace.settle if self.is_anybody_served() else None
        held = (ca.certificate in bundle and (latest is None or since <= latest) for bundle, since in self.trusted)
        return len(self.trusted) - sum(held)

    def is_anybody_served(self) -> bool:
        """Tell whether a client accepts what a replica serves, so that haste might break something."""
        if self.served is None:
            return bool(self.trusted)
        valid = [certificate for certificate in self.served if is_valid(certificate, self.at)]
        return any(accepts(bundle, certificate) for bundle, _ in self.trusted for certificate in valid)


def rotate(port: Port, hosts: Sequence[str], pace: Pace, at: datetime) -> Decision:
    """Take the one step that is due at ``at``, if any, and tell it; after a write another may be due at once.

    Raises CertificateError for a host that is none, and for no host.
    """
    if not hosts:
        raise CertificateError("a serving certificate needs at least one host")
    for host in hosts:
        authority.parse_host(host)
    # This order makes a guarded write safe: what is in force comes from this version of the bundle or an earlier
    # one, and the CAs are at least as recent as what is served.
    serving, serving_version = port.read("serving")
    cas, authority_version = port.read("authority")
    trusted, served = [(read_bundle(bundle), since) for bundle, since in port.trusted()], port.served()
    decision = decide(Scene(cas, serving, trusted, served, hosts, pace, at))
    version = authority_version if decision.place == "authority" else serving_version
    if decision.place and not port.write(decision.place, decision.files, version):
        return Decision(f"{decision.place} was written by somebody else meanwhile; what is due is looked at again")
    return decision


def decide(scene: Scene) -> Decision:
    """Answer which step is due; of those that wait for the world the first is told."""
    waiting = []
    for step in (_make_authority, _publish, _promote, _sign):
        decision = step(scene)
        if decision and decision.place:
            return decision
        if decision:
            waiting.append(decision)
    return waiting[0] if waiting else Decision("all is still good")


def _make_authority(scene: Scene) -> Decision | None:
    reason = _fault(scene.authority, scene.at)
    if reason is None or scene.signer("next"):
        return None
    pair = authority.create_authority(scene.at, scene.pace.ca_life)
    files = {**scene.authority, "next.crt": pair.certificate, "next.key": pair.key}
    return Decision(f"another CA was made: {reason}", "authority", files)


def _fault(files: Mapping[str, bytes], at: datetime) -> str | None:
    if "ca.crt" not in files and "ca.key" not in files:
        return "there was none"
    try:
        return authority.reason_to_renew_authority(KeyPair(files.get("ca.crt", b""), files.get("ca.key", b"")), at)
    except CertificateError as error:
        return str(error)


def _publish(scene: Scene) -> Decision | None:
    """Write the bundle: the CAs that sign or soon will, and those that vouch for what is served."""
    own = [pair.certificate for pair in (scene.signer("ca"), scene.signer("next")) if pair]
    had = read_bundle(scene.serving.get("ca.crt", b""))
    known = (*had, *own, *chain.from_iterable(bundle for bundle, _ in scene.trusted))
    bundle = [ca for ca in dict.fromkeys(known) if ca in own or _is_needed(ca, scene)]
    content = b"".join(bundle)
    if content == scene.serving.get("ca.crt"):
        return None
    added, removed = len(set(bundle) - set(had)), len(set(had) - set(bundle))
    reason = f"the bundle was written: CAs in it {len(bundle)}, added {added}, no longer needed {removed}"
    return Decision(reason, "serving", {**scene.serving, "ca.crt": content})


def _is_needed(ca: bytes, scene: Scene) -> bool:
    """Tell whether a replica serves, or may yet load, what this CA signed; where nobody knows, it is needed."""
    certificate = scene.leaf().certificate
    try:
        settled = issue_time(certificate) + scene.pace.settle
    except CertificateError:
        return True
    if scene.served is None or scene.at < settled:
        return True
    return any(vouches(ca, one) for one in (certificate, *scene.served))


def _promote(scene: Scene) -> Decision | None:
    coming = scene.signer("next")
    if coming is None:
        return None
    if behind := scene.count_without(coming):
        return Decision(f"the next CA waits: {_tell(behind, scene)}")
    files = {"ca.crt": coming.certificate, "ca.key": coming.key}
    return Decision("the next CA signs from here on: every client trusts it", "authority", files)


def _sign(scene: Scene) -> Decision | None:
    ca, leaf = scene.signer("ca"), scene.leaf()
    if ca is None:
        return None  # the next one is on its way
    reason = authority.reason_to_renew(ca.certificate, leaf.certificate, leaf.key, scene.hosts, scene.at)
    if reason is None:
        return None
    behind = scene.count_without(ca)
    if behind and not vouches(ca.certificate, leaf.certificate):
        return Decision(f"a serving certificate waits for its CA: {_tell(behind, scene)}")
    pair = authority.create_serving(ca, scene.hosts, scene.at, scene.pace.life)
    files = {**scene.serving, "tls.crt": pair.certificate, "tls.key": pair.key}
    why = reason if leaf.certificate else "there was none"
    return Decision(f"another serving certificate was made: {why}", "serving", files)


def _tell(behind: int, scene: Scene) -> str:
    return f"{behind} of {len(scene.trusted)} clients lack it, or have it for less than {scene.pace.settle}"

"""Secrets and bundles in the cluster, as the rotation of certificates wants to read and write them."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from webhook.cluster.api import CONFLICT, NOT_FOUND, Api, ApiError, Manifest
from webhook.cluster.endpoints import find_endpoints, show_all
from webhook.cluster.settings import ControllerSettings

MUTATING: Final = "MutatingWebhookConfiguration"
VALIDATING: Final = "ValidatingWebhookConfiguration"
CONFIGURATIONS: Final = {
    MUTATING: "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    VALIDATING: "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
}
ROLE_API: Final = "rbac.authorization.k8s.io/v1"
ROLES: Final = f"/apis/{ROLE_API}/clusterroles"
SECRETS: Final = "/api/v1/namespaces/{}/secrets"
STAMP: Final = "batchwarden.io/ca-bundle-since"
SECOND: Final = timedelta(seconds=1)

Place: TypeAlias = Literal["authority", "serving"]
Files: TypeAlias = Mapping[str, bytes]
Notes: TypeAlias = Callable[[Files], Mapping[str, str]]


class Secrets:
    """The material in Secrets of the own namespace, and what of it is in force; its methods raise ApiError.

    One is made for each look: it remembers the Secrets that it read, to write them with all else that they hold.
    """

    def __init__(
        self, api: Api, settings: ControllerSettings, at: datetime, notes: Notes = lambda _: MappingProxyType({})
    ) -> None:
        """Take whom to ask, what for, what time it is, and what to annotate a Secret with, by its files."""
        self._api, self._settings, self._at, self._notes = api, settings, at, notes
        self._home = SECRETS.format(settings.namespace)
        self._read: dict[Place, Manifest] = {}
        self.files: dict[Place, Files] = {}  # as last read or written

    def read(self, place: Place) -> tuple[Files, str]:
        """Give the files of a Secret and its version; no files and "" where it does not exist."""
        found = self._api.get(f"{self._home}/{self.name(place)}")
        self._read[place] = found or {}
        self.files[place] = {name: b64decode(text) for name, text in ((found or {}).get("data") or {}).items()}
        return self.files[place], found["metadata"]["resourceVersion"] if found else ""

    def write(self, place: Place, files: Files, version: str) -> bool:
        """Write all files of a Secret if it still has this version; False if it has not."""
        data = {name: b64encode(content).decode() for name, content in files.items()}
        there: Manifest = self._read[place] if version else {"apiVersion": "v1", "kind": "Secret", "type": "Opaque"}
        metadata = {"name": self.name(place), **there.get("metadata", {})}
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **self._notes(files)}
        manifest = {**there, "metadata": metadata, "data": data}
        try:
            if version:
                self._api.replace(f"{self._home}/{self.name(place)}", manifest)
            else:
                self._api.create(self._home, manifest)
        except ApiError as error:
            if error.status == CONFLICT or (version and error.status == NOT_FOUND):
                return False
            raise
        self.files[place] = files
        return True

    def trusted(self) -> Sequence[tuple[bytes, datetime]]:
        """Give the bundle of each webhook that is registered, and since when it is what it is, at the latest.

        That is the time of our stamp, where it is of this bundle. Else it is when any field was last changed, which is
        noted in whole seconds; where that was wiped, it may be this moment.
        Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
        """
        there = [self._api.get(f"{path}/{self._settings.name}") for path in CONFIGURATIONS.values()]
        return [
            (bundle, _stamped_at(found) or _written(found["metadata"], self._at))
            for found in there
            if found
            for bundle in bundles_of(found)
        ]

    def served(self) -> Sequence[bytes] | None:
        """Give the certificate (PEM) of each replica that serves, ready or not; None if one could not be asked."""
        return show_all(find_endpoints(self._api, self._settings), self._settings.host)

    def name(self, place: Place) -> str:
        """Name the Secret."""
        certificates = self._settings.certificates
        return certificates.authority_secret if place == "authority" else certificates.serving_secret


def bundles_of(configuration: Manifest | None) -> Iterator[bytes]:
    """Give the ``caBundle`` of each of its webhooks, if it is there."""
    for webhook in (configuration or {}).get("webhooks") or ():
        yield b64decode(webhook["clientConfig"].get("caBundle") or "")


def stamped(made: Manifest, there: Manifest | None, at: datetime) -> Manifest:
    """Annotate a configuration with the digest of its bundle, and since when that is what is trusted.

    Other fields change at any time, as the policies do, and must not make a CA look as if it were just known.
    """
    stamp = _stamp_of(there)
    if there is None or _stamped_at(there) is None or _digest(made) != _digest(there):
        stamp = f"{_digest(made)} {at + SECOND:%Y-%m-%dT%H:%M:%SZ}"
    return {**made, "metadata": {**made["metadata"], "annotations": {STAMP: stamp}}}


def _stamped_at(there: Manifest) -> datetime | None:
    digest, _, time = _stamp_of(there).partition(" ")
    try:
        return datetime.fromisoformat(time).astimezone(UTC) if digest == _digest(there) else None
    except (ValueError, OverflowError):  # somebody else wrote it
        return None


def _stamp_of(there: Manifest | None) -> str:
    return str(((there or {}).get("metadata", {}).get("annotations") or {}).get(STAMP, ""))


def _digest(configuration: Manifest | None) -> str:
    return sha256(b"".join(bundles_of(configuration))).hexdigest()


def _written(metadata: Mapping[str, Any], at: datetime) -> datetime:
    times = [entry["time"] for entry in metadata.get("managedFields") or () if entry.get("time")]
    latest = max((datetime.fromisoformat(time).astimezone(UTC) for time in times), default=at)
    return latest + SECOND

"""Keeps the serving certificate: made and renewed here, or only looked at where others make it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Final, Protocol

from webhook.cluster.api import Api, ApiError
from webhook.cluster.endpoints import read_blocks
from webhook.cluster.events import announce
from webhook.cluster.material import Files, Place, Secrets
from webhook.cluster.observe import KeeperError, KeeperObserver
from webhook.cluster.settings import Certificates, ControllerSettings, Mode

MOST_SECONDS: Final = 60.0  # between looks
LEAST_SECONDS: Final = 0.25
NO_SECRET: Final[Mapping[Mode, str]] = {
    "self-signed": "the controller makes it",
    "cert-manager": "cert-manager makes it, for a Certificate with this secretName",
    "provided": "make it, with tls.crt, tls.key and ca.crt (PEM)",
}
NO_CA: Final[Mapping[Mode, str]] = {
    "self-signed": " yet: the controller adds it",
    "cert-manager": ": its issuer gives none (as ACME does); "
    "use one that does, or certificates.mode provided with a ca.crt",
    "provided": ", and its tls.crt brings no CA along: "
    "add the certificate of the CA that signed it (PEM) as ca.crt, also where that is a public CA",
}


class Step(Protocol):
    """What is done or waited for, and why, in words; ``place`` is what was written."""

    @property
    def reason(self) -> str:
        """Say why."""

    @property
    def place(self) -> Place | None:
        """Say what was written, None where nothing was."""


class Craft(Protocol):
    """What is to be known of X.509."""

    def rotate(self, port: Secrets, hosts: Sequence[str], wanted: Certificates, at: datetime) -> Step:
        """Take the one step that is due."""

    def find_cas(self, pem: bytes) -> Sequence[bytes]:
        """Give the certificates of a text that may sign others."""

    def end(self, pem: bytes) -> datetime | None:
        """Tell when the first certificate of a text ends; None where there is none."""


class CertificateKeeper:
    """Takes each step that is due for the certificates, and tells when they end."""

    name: Final = "certificates"

    def __init__(self, api: Api, settings: ControllerSettings, craft: Craft, observer: KeeperObserver) -> None:
        """Take whom to ask, what for, who knows about certificates, and whom to tell."""
        self._api, self._settings, self._craft, self._observer = api, settings, craft, observer
        self._announced: dict[str, tuple[str, date]] = {}  # what was said of an end, and on which day

    def keep(self, at: datetime) -> float:
        """Take a step; where nothing is due, look again after a part of what a change takes to settle."""
        secrets = Secrets(self._api, self._settings, at, self._notes)
        try:
            patience = self._step(secrets, at)
        except Exception:
            with suppress(ApiError):  # why the step failed is what has to be told
                self._tell_ends(secrets.files, at)
            raise
        self._tell_ends(secrets.files, at)
        return patience

    def _step(self, secrets: Secrets, at: datetime) -> float:
        settings, wanted = self._settings, self._settings.certificates
        if wanted.mode != "self-signed":
            files, _ = secrets.read("serving")
            find_bundle(files, settings, self._craft)
            self._observer.found(self.name, f"they are made by others: certificates.mode is {wanted.mode}")
            return MOST_SECONDS
        step = self._craft.rotate(secrets, [settings.host], wanted, at)
        if step.place:
            self._observer.did(self.name, step.reason)
            about = self._about(secrets.name(step.place))
            announce(self._api, about, ("Normal", "CertificateChanged", step.reason), at)
            return 0
        self._observer.found(self.name, step.reason)
        return min(MOST_SECONDS, max(LEAST_SECONDS, wanted.settle_seconds / 4))

    def _about(self, secret: str) -> Mapping[str, str]:
        return {"apiVersion": "v1", "kind": "Secret", "name": secret, "namespace": self._settings.namespace}

    def _notes(self, files: Files) -> Mapping[str, str]:
        """Say in annotations when the certificates of a Secret end, for those who may look at it."""
        ends = {name: self._craft.end(files.get(f"{name}.crt", b"")) for name in ("tls", "ca")}
        return {f"batchwarden.io/{name}-not-after": f"{end:%Y-%m-%dT%H:%M:%SZ}" for name, end in ends.items() if end}

    def _tell_ends(self, files: Mapping[Place, Files], at: datetime) -> None:
        """Record when they end; what is not renewed though it is long due is told as well, once a day."""
        if "serving" not in files:
            return
        serving, wanted = files["serving"], self._settings.certificates
        ca = files.get("authority", {}).get("ca.crt") or serving.get("ca.crt", b"")
        ends = {"ca": self._craft.end(ca), "serving": self._craft.end(serving.get("tls.crt", b""))}
        ahead = timedelta(seconds=min(self._settings.remind_seconds, wanted.life_seconds / 6))
        due = dict[str, str]()
        for name, end in ends.items():
            self._observer.ends(name, end)
            if end and end - at < ahead:
                due[name] = f"the {name} certificate ends at {end:%Y-%m-%dT%H:%M:%SZ}, and was not renewed"
                self._observer.found(f"{self.name}: {name}", due[name])
        for name, text in due.items():
            if self._announced.get(name) != (text, at.date()):
                about = self._about(wanted.serving_secret)
                announce(self._api, about, ("Warning", "CertificateEndsSoon", text), at)
                self._announced[name] = text, at.date()


def find_bundle(serving: Files, settings: ControllerSettings, craft: Craft) -> bytes:
    """Give the CAs to trust (PEM): those beside the serving certificate, else those that its chain brings.

    Raises KeeperError where there is none. One that the machines of API servers trust has to be named as well.
    """
    if bundle := b"".join(read_blocks(serving.get("ca.crt", b""))):
        return bundle
    mode, name = settings.certificates.mode, f"Secret {settings.namespace}/{settings.certificates.serving_secret}"
    if not serving:
        raise KeeperError(f"there is no {name} yet, or nothing in it: {NO_SECRET[mode]}")
    if mode == "provided" and (chain := craft.find_cas(serving.get("tls.crt", b""))):
        return b"".join(chain)
    raise KeeperError(f"{name} has no ca.crt{NO_CA[mode]}")

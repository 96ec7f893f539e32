"""What a cluster admin sets of the controller: one document in a file, decoded strictly."""

import re
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from policies.objects import EVERYTHING, Name, Selector
from policies.rule import Text
from policies.strict import InvalidObjectError, decode
from webhook.admission.configurations import FailurePolicy
from webhook.admission.settings import CRON_JOB_CONTROLLER, Settings
from webhook.files import Document, Unreadable, legible, read_file

DAY: Final = 86400
# Certificates are dated back by five minutes and renewed at two thirds of their life (certs/authority.py): a shorter
# one would be due as soon as it is made, and one must be in force before the next is due.
LEAST_LIFE: Final = 155
BASE: Final = re.compile(r"https://(?:[0-9A-Za-z.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?")

Seconds: TypeAlias = Annotated[int, Meta(ge=1, le=3660 * DAY)]
Mode: TypeAlias = Literal["self-signed", "cert-manager", "provided"]
Port: TypeAlias = Annotated[int, Meta(ge=1, le=65535)]


class _Strict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    pass


class ServicePort(_Strict, frozen=True):
    """The Service in the own namespace by which API servers reach the webhook."""

    name: Name = "batchwarden"
    port: Port = 443


class Mutating(_Strict, frozen=True):
    """What becomes of an object where the mutating webhook does not answer."""

    failure_policy: FailurePolicy = "Ignore"


class Validating(_Strict, frozen=True):
    """What becomes of an object where the validating webhook does not answer."""

    failure_policy: FailurePolicy = "Fail"


class Certificates(_Strict, frozen=True):
    """Who makes certificates, in which Secrets of the own namespace they are, and how long they live."""

    mode: Mode = "self-signed"
    serving_secret: Name = "batchwarden-serving"  # noqa: S105 - a name
    authority_secret: Name = "batchwarden-authority"  # noqa: S105 - a name
    life_seconds: Annotated[int, Meta(ge=LEAST_LIFE, le=3660 * DAY)] = 90 * DAY
    ca_life_seconds: Annotated[int, Meta(ge=LEAST_LIFE, le=36600 * DAY)] = 730 * DAY
    settle_seconds: Annotated[int, Meta(ge=1, le=DAY)] = 600

    def __post_init__(self) -> None:
        """Raise ValueError for lives that are too short to be kept."""
        least, settle = LEAST_LIFE + 2 * self.settle_seconds, self.settle_seconds
        if self.life_seconds < least:
            raise ValueError(
                f"lifeSeconds is {self.life_seconds}; allowed with settleSeconds {settle}: at least {least}"
            )
        if self.ca_life_seconds < self.life_seconds:
            raise ValueError(
                f"caLifeSeconds is {self.ca_life_seconds}; allowed: at least lifeSeconds, {self.life_seconds}"
            )


class Reports(_Strict, frozen=True):
    """Where what is found is written, how much of it, and how often is looked for it.

    ``api`` auto is ``wgpolicyk8s.io`` where it is served, else ``openreports.io``, else none.
    """

    api: Literal["auto", "wgpolicyk8s.io", "openreports.io", "none"] = "auto"
    scan_seconds: Annotated[int, Meta(ge=1, le=DAY)] = 600
    max_reports: Annotated[int, Meta(ge=0, le=1_000_000)] = 10_000
    list_passes: bool = False


class ControllerSettings(_Strict, frozen=True):
    """What the controller is told; each value but the own namespace has a sensible one already."""

    api_version: Literal["config.batchwarden.io/v1alpha1"]
    kind: Literal["ControllerSettings"]
    namespace: Name
    name: Name = "batchwarden"
    owner_cluster_role: Name | None = None
    service: ServicePort | None = None
    url: Text | None = None
    exempt_namespaces: Annotated[tuple[Name, ...], Meta(max_length=256)] = ()
    controller_user: Text = CRON_JOB_CONTROLLER
    namespace_selector: Selector = EVERYTHING
    object_selector: Selector = EVERYTHING
    mutating: Mutating = Mutating()
    validating: Validating = Validating()
    timeout_seconds: Annotated[int, Meta(ge=1, le=30)] = 5
    certificates: Certificates = Certificates()
    remind_seconds: Seconds = 14 * DAY
    status_seconds: Seconds = 60
    reports: Reports = Reports()

    def __post_init__(self) -> None:
        """Raise ValueError where it is not clear by which way the webhook is reached."""
        if self.service and self.url:
            raise ValueError("there is a service and a url; give one of the two: the url where there is no Service")
        if self.url and not _is_base(self.url):
            raise ValueError(f'url is "{self.url}"; allowed: https, a host and a port, e.g. https://127.0.0.1:8443')

    @property
    def admission(self) -> Settings:
        """Give what admission is told of who and what is left out."""
        return Settings(
            own_namespace=self.namespace,
            exempt_namespaces=self.exempt_namespaces,
            controller_user=self.controller_user,
        )

    @property
    def host(self) -> str:
        """Give the name, or the address, by which API servers call the webhook."""
        if self.url:
            return urlsplit(self.url).hostname or ""
        return f"{self.reached_by.name}.{self.namespace}.svc"

    @property
    def reached_by(self) -> ServicePort:
        """Give the Service that counts where there is no url."""
        return self.service or ServicePort()


class SettingsError(Exception):
    """The settings are wrong: for whoever writes them, a line for each fault, with its place."""


def read_settings(path: Path) -> ControllerSettings:
    """Read the one document of a file; raise SettingsError with file, line, column and key."""
    found = [*read_file(path)]
    if broken := [str(each) for each in found if isinstance(each, Unreadable)]:
        raise SettingsError("\n".join(broken))
    documents = [each for each in found if isinstance(each, Document)]
    if len(documents) != 1:
        place = legible(str(path))
        raise SettingsError(f"{place}: there are {len(documents)} documents in it; allowed: one ControllerSettings")
    try:
        return decode(documents[0].value, ControllerSettings)
    except InvalidObjectError as error:
        raise SettingsError("\n".join(_tell(documents[0], each) for each in (error, *error.others))) from error


def _tell(document: Document, fault: InvalidObjectError) -> str:
    return str(Unreadable(document.source, *document.position(fault.path), str(fault)))


def _is_base(url: str) -> bool:
    """Tell whether a path may be put behind it: then it reads as it is written, to us and to API servers."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return BASE.fullmatch(url) is not None and port != 0

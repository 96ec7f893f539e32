"""What options of the command line take: each refuses, in a sentence, what cannot be meant."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from urllib.parse import urlsplit

import click

LAST_PORT: Final = 65535
_SPANS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_AGO: Final = re.compile(r"([0-9]{1,4})([mhdw])")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names
_LABEL: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")


class Address(click.ParamType[tuple[str, int]]):
    """A host and a port, ``HOST:PORT``; an IPv6 address stands in brackets."""

    name = "HOST:PORT"

    def convert(
        self, value: str | tuple[str, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Take it apart."""
        if isinstance(value, tuple):
            return value
        host, _, port = value.rpartition(":")
        if not host or not port.isdecimal() or not port.isascii() or int(port) > LAST_PORT:
            self.fail(f"{value} is no address; write HOST:PORT, e.g. 0.0.0.0:8443 or [::]:8443", param, ctx)
        return host.strip("[]"), int(port)


class Name(click.ParamType[str]):
    """The name of a namespace or of a Service."""

    name = "NAME"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check it."""
        if not _LABEL.fullmatch(value):
            allowed = "at most 63 lower-case letters, digits and '-', first and last a letter or digit"
            self.fail(f"{value!r} is no name that Kubernetes takes here; allowed: {allowed}", param, ctx)
        return value


class Since(click.ParamType[timedelta | datetime]):
    """How long ago, such as ``7d`` or ``12h``, or when: a date, which begins in UTC, or a time with its zone."""

    name = "WHEN"

    def convert(
        self, value: str | timedelta | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta | datetime:
        """Read it."""
        if not isinstance(value, str):
            return value
        if ago := _AGO.fullmatch(value):
            return int(ago[1]) * _SPANS[ago[2]]
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            at = None
        if at is None or (at.tzinfo is None and not _DATE.fullmatch(value)):
            allowed = "how long ago (30m, 12h, 7d, 2w), a date (2026-11-01), or a time with its zone"
            self.fail(f"{value!r} cannot be used; write {allowed}, e.g. 2026-11-01T08:00:00Z", param, ctx)
        return at.replace(tzinfo=at.tzinfo or UTC)


def begin(since: timedelta | datetime | None, at: datetime) -> datetime | None:
    """Say when that began which ``--since`` asks for; raise BadParameter where that is yet to come."""
    begun = at - since if isinstance(since, timedelta) else since
    if begun and begun > at:
        raise click.BadParameter(f"{begun.isoformat()} is yet to come; name a time that has been", param_hint="--since")
    return begun


class Zone(click.ParamType[tzinfo]):
    """A time zone by the name that Kubernetes knows it by."""

    name = "ZONE"

    def convert(self, value: str | tzinfo, param: click.Parameter | None, ctx: click.Context | None) -> tzinfo:
        """Find it."""
        from policies.cron import UnknownTimeZoneError, time_zone  # noqa: PLC0415 - so that others start fast

        if isinstance(value, tzinfo):
            return value
        try:
            return time_zone(value)
        except UnknownTimeZoneError as error:
            self.fail(str(error), param, ctx)


class Url(click.ParamType[str]):
    """An absolute URL of a page or a server, without ``?`` and ``#``; the empty one is none."""

    name = "URL"

    def __init__(self, *schemes: str) -> None:
        """Take only URLs of these schemes."""
        self.schemes = schemes

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check it."""
        if value and not self._is_meant(value):
            example = f"{self.schemes[0]}://batchwarden.example.com"
            self.fail(
                f"{value!r} cannot be used; write {' or '.join(self.schemes)}, a host, and no user, '?' or '#': "
                f"e.g. {example}", param, ctx)  # fmt: skip
        return value

    def _is_meant(self, value: str) -> bool:
        try:
            parts = urlsplit(value)
            host, _port = parts.hostname, parts.port
        except ValueError:
            return False
        plain = value.isascii() and value.isprintable() and not set(' @?#"<>\\') & set(value)
        return plain and bool(host) and parts.scheme in self.schemes

"""Policies and exceptions as the API server holds them at one moment, each with its status, read page by page."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from msgspec import Raw, Struct, ValidationError, convert

from policies.census import Name
from policies.fields import mapping
from policies.objects import BatchPolicyException
from policies.status import ExceptionStatus, PolicyStatus
from policies.strict import InvalidObjectError
from webhook.cluster.api import NOT_FOUND, Api, ApiError, decode_json
from webhook.cluster.kinds import EXCEPTIONS, OURS, Bound, Kind, Meta
from webhook.cluster.listing import Head, read_items, within

ObjectStatus: TypeAlias = PolicyStatus | ExceptionStatus


class Entry(Struct, frozen=True):
    """One object: what it says or why it cannot be used, its rules as they are written, and its status."""

    kind: Kind
    meta: Meta
    found: Bound | BatchPolicyException | InvalidObjectError
    rules: Mapping[str, Any]
    status: ObjectStatus

    @property
    def name(self) -> Name:
        """Give namespace and name."""
        return self.meta.namespace, self.meta.name

    @property
    def path(self) -> str:
        """Say where its status is."""
        return f"{within(self.kind.path, self.meta.namespace)}/{self.meta.name}/status"

    def __str__(self) -> str:
        """Name it as people do."""
        return f"{self.kind.name} {self.meta.full_name}"


def read_inventory(api: Api, wait: Callable[[float], object]) -> Iterator[Entry]:
    """List all there are; a kind that is not installed has none. Raises ApiError."""
    for kind in OURS:
        try:
            for raw in read_items(api, kind.path, wait):
                yield _entry(kind, raw)
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise


def _entry(kind: Kind, raw: Raw) -> Entry:
    meta, manifest = decode_json(raw, Head).metadata, decode_json(raw, dict[str, Any])
    found = kind.try_keep(meta, raw)
    rules = mapping(mapping(manifest.get("spec")).get("rules")) if isinstance(found, InvalidObjectError) else {}
    return Entry(kind, meta, found, rules, _status(kind, manifest.get("status")))


def _status(kind: Kind, written: object) -> ObjectStatus:
    """Read a status; one that is not ours, as somebody wrote it by hand, counts for none."""
    into: type[ObjectStatus] = ExceptionStatus if kind is EXCEPTIONS else PolicyStatus
    try:
        return convert(written or {}, into)
    except ValidationError:
        return into()

"""Pure: what is watched, where it is, and what is kept of it; nothing that an object holds raises."""

import sys
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from msgspec import Raw, Struct, json, structs

from policies.fields import NOTHING
from policies.objects import (
    BatchPolicy,
    BatchPolicyException,
    ClusterBatchPolicy,
    LimitRangeObject,
    Policy,
    decode_object,
    policy,
)
from policies.status import cut, faults
from policies.strict import InvalidObjectError, decode


class Meta(Struct, frozen=True, rename="camel"):
    """The part of an object's metadata that is looked at."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None
    generation: int = 0

    @property
    def full_name(self) -> str:
        """Name the object as people do: its namespace, if it has one, and its name."""
        return "/".join(filter(None, (self.namespace, self.name)))


class Item(NamedTuple):
    """An object as it is kept: its key, and its value or what is wrong with it."""

    key: Hashable
    value: Any = None
    fault: str = ""


class Kind(Struct, frozen=True):
    """A kind of object: its name, where it is, and what is kept of one; of ``bare`` ones only metadata is asked for.

    ``query`` chooses some of them, e.g. by ``fieldSelector``; of what is listed ``most`` are kept of each namespace.
    """

    name: str
    path: str
    keep: Callable[[Meta, Raw], Any]
    bare: bool = False
    key: Callable[[Meta], Hashable] = lambda meta: (meta.namespace, meta.name)
    query: dict[str, str] = {}
    most: int = sys.maxsize

    def read(self, meta: Meta, raw: Raw) -> Item:
        """Read an object; where it cannot be used, that is its fault alone."""
        found = self.try_keep(meta, raw)
        if isinstance(found, InvalidObjectError):
            return Item(self.key(meta), fault=cut("; ".join(faults(found))))
        return Item(self.key(meta), found)

    def try_keep(self, meta: Meta, raw: Raw) -> Any:  # noqa: ANN401 - what is kept is each kind's own
        """Give what is kept of an object, or the InvalidObjectError that says why it cannot be used."""
        try:
            return self.keep(meta, raw)
        except InvalidObjectError as error:
            return error
        except Exception as error:  # noqa: BLE001 - whatever it is, the other objects are looked at
            return InvalidObjectError((), f"it cannot be read: {type(error).__name__}")


@dataclass(frozen=True, slots=True)
class Bound:
    """A policy as it is written, and in the form in which it is applied."""

    source: ClusterBatchPolicy | BatchPolicy
    policy: Policy = field(compare=False)


def _ours(_meta: Meta, raw: Raw) -> Bound | BatchPolicyException:
    found = structs.replace(decode_object(json.decode(raw)), status=None)  # which is written back by ourselves
    return found if isinstance(found, BatchPolicyException) else Bound(found, policy(found))


def _labels(meta: Meta, _raw: Raw) -> Any:  # noqa: ANN401 - what is kept is the snapshot's to know
    return meta.labels or NOTHING


def _limits(_meta: Meta, raw: Raw) -> dict[str, Any]:
    manifest = json.decode(raw)
    decode(manifest, LimitRangeObject)
    return {"spec": manifest["spec"]}


_GROUP: Final = "/apis/batchwarden.io/v1alpha1"
CLUSTER_POLICIES: Final = Kind("ClusterBatchPolicy", f"{_GROUP}/clusterbatchpolicies", _ours)
POLICIES: Final = Kind("BatchPolicy", f"{_GROUP}/batchpolicies", _ours)
EXCEPTIONS: Final = Kind("BatchPolicyException", f"{_GROUP}/batchpolicyexceptions", _ours)
OURS: Final = (CLUSTER_POLICIES, POLICIES, EXCEPTIONS)
LIMIT_RANGES: Final = Kind("LimitRange", "/api/v1/limitranges", _limits)
NAMESPACES: Final = Kind("Namespace", "/api/v1/namespaces", _labels, bare=True, key=lambda meta: meta.name)
CRON_JOBS: Final = Kind(
    "CronJob", "/apis/batch/v1/cronjobs", _labels, bare=True, key=lambda meta: (meta.namespace, meta.uid)
)
KINDS: Final = (*OURS, LIMIT_RANGES, NAMESPACES, CRON_JOBS)
WORKLOADS: Final = {"CronJob": CRON_JOBS.path, "Job": "/apis/batch/v1/jobs"}
"""Where what is judged is; Jobs come and go too fast to be watched."""

"""Pure: places in an object, and who wrote what stands there.

Nothing here knows what is good or bad; it only says what is.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, TypeAlias

from msgspec import Struct, json

Path: TypeAlias = tuple[str | int, ...]

NOTHING: Final[Mapping[str, Any]] = {}
DEFAULTED_ANNOTATION: Final = "batchwarden.io/defaulted"
LAST_APPLIED_ANNOTATION: Final = "kubectl.kubernetes.io/last-applied-configuration"
DEFAULTED: Final[Path] = ("metadata", "annotations", DEFAULTED_ANNOTATION)
LAST_APPLIED: Final[Path] = ("metadata", "annotations", LAST_APPLIED_ANNOTATION)
MANAGED_FIELDS: Final[Path] = ("metadata", "managedFields")
# Whoever writes under these names writes the annotation anew: kubectl apply, and Argo CD, which builds on it.
CLIENT_SIDE_APPLIERS: Final = frozenset({"kubectl-client-side-apply", "argocd-controller"})
# What server-side apply gives to one owner whole: x-kubernetes-map-type and x-kubernetes-list-type in the API's schema.
ATOMIC: Final = frozenset({"nodeSelector", "rules", "selector", "tolerations"})

KEYED: Final = frozenset({"labels", "annotations", "nodeSelector", "matchLabels"})
MEMO_TEXT: Final = 65536  # characters: hostile objects cannot fill the memo


class Origin(StrEnum):
    """Who wrote a value: decides what may be written and how it is worded, never what is allowed."""

    USER = "user"
    DEFAULT = "default"
    UNKNOWN = "unknown"
    BATCHWARDEN = "batchwarden"


def mapping(value: object) -> Mapping[str, Any]:
    """Give the value where it is an object, else an empty one: hostile shapes are read as absent."""
    return value if isinstance(value, dict) else NOTHING


def sequence(value: object) -> list[Any]:
    """Give the value where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def lookup(raw: object, path: Path) -> Any:  # noqa: ANN401 - whatever an object holds
    """Find what stands at a path; None where nothing does."""
    for step in path:
        if type(raw) is dict:
            raw = raw.get(step)
        else:
            raw = raw[step] if type(raw) is list and type(step) is int and step < len(raw) else None
    return raw


def child(raw: object, step: str | int) -> Any:  # noqa: ANN401 - whatever an object holds
    """Find what stands one step on; None where nothing does."""
    if type(raw) is dict:
        return raw.get(step)
    return raw[step] if type(raw) is list and type(step) is int and step < len(raw) else None


def put(raw: Any, path: Path, value: object) -> Any:  # noqa: ANN401 - whatever an object holds
    """Give a copy with a value at a path, parents made where absent; all that the path does not touch is shared.

    Raises ValueError where a parent is neither object nor list, or a list that has no such item.
    """
    whole: list[Any] = [raw]
    holder: Any = whole
    at: str | int = 0
    for step in path:
        found = holder[at]
        if type(step) is str and (found is None or type(found) is dict):
            copied: Any = {step: None} if found is None else {**found, step: found.get(step)}
        elif type(step) is int and type(found) is list and step < len(found):
            copied = [*found]
        else:
            raise ValueError(f"cannot write {render(path)} into a {type(found).__name__}")
        holder[at] = copied
        holder, at = copied, step
    holder[at] = value
    return whole[0]


def render(path: Path) -> str:
    """Write a path as Kubernetes itself does: ``spec.containers[0].image``, ``metadata.labels[app]``.

    Source: ``Path.String`` in apimachinery pkg/util/validation/field/path.go.
    """
    shape, items = _shape(path)
    return shape.format(*[item[-1] for item in items]) if items else shape


def place(raw: object, path: Path) -> str:
    """Write a path with list items under their names, so that moving one does not change its place."""
    shape, items = _shape(path)
    return shape.format(*[_name(raw, item) for item in items]) if items else shape


def _name(raw: object, item: Path) -> str | int:
    name = child(lookup(raw, item), "name")
    return name if isinstance(name, str) and name else item[-1]


@lru_cache(maxsize=1024)
def _shape(path: Path) -> tuple[str, tuple[Path, ...]]:
    """Write a path, with braces for its list items, the paths of which come along."""
    text, keyed = "", False
    items = tuple(path[:depth] for depth, step in enumerate(path, start=1) if isinstance(step, int))
    for step in path:
        word = "{}" if isinstance(step, int) else step.replace("{", "{{").replace("}", "}}")
        # a key with a dot in it, such as nvidia.com/gpu, is a user's key, whatever holds it
        text += f"[{word}]" if keyed or isinstance(step, int) or "." in step else f".{word}"
        keyed = step in KEYED
    text = text.removeprefix(".")
    return text if items else text.format(), items


class Request(Struct, frozen=True):
    """What is known of the write that brought an object: who sent it, and the object before."""

    manager: str = ""
    old: Mapping[str, Any] | None = None


FILE: Final = None
"""In place of a request: the object was read from a file, so everything in it is the user's."""


def defaulted(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read our own annotation: place to value of all that Batchwarden wrote here; empty where unreadable."""
    return _document(raw, DEFAULTED)


def origin(raw: Mapping[str, Any], path: Path, default: object, request: Request | None) -> Origin:
    """Say who wrote what stands at a path; ``default`` is what the API server would have filled in.

    Server-side apply leaves an ``Apply`` entry in managedFields, the fields of its document alone; client-side apply
    leaves the document in an annotation, stale once another client writes; who creates otherwise is recorded as the
    owner of every field, filled in or not; what a webhook adds nobody owns.
    Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
    """
    value = lookup(raw, path)
    if value is None:
        return Origin.DEFAULT
    owners = [] if request is FILE else _owners(raw, path)
    document = NOTHING if request is FILE else _applied(raw, request)
    if lookup(document, path) is not None or any(entry.get("operation") == "Apply" for entry in owners):
        return Origin.USER  # be it the very value that Batchwarden had written
    ours = defaulted(raw)
    if ours and ours.get(place(raw, path)) == value:
        return Origin.BATCHWARDEN
    if request is FILE or value != default:
        return Origin.USER
    appliers = {*CLIENT_SIDE_APPLIERS, request.manager}
    proven = document if owners else lookup(raw, MANAGED_FIELDS)
    return Origin.DEFAULT if proven and all(entry.get("manager") in appliers for entry in owners) else Origin.UNKNOWN


def _applied(raw: Mapping[str, Any], request: Request) -> Mapping[str, Any]:
    """Read the document of a client-side apply where it is this very request's; empty where it is not known to be.

    Other clients leave the annotation as it was, or carry it along to a copy.
    """
    sent = lookup(raw, LAST_APPLIED)
    changed = request.old is not None and sent != lookup(request.old, LAST_APPLIED)
    document = _document(raw, LAST_APPLIED) if changed or request.manager in CLIENT_SIDE_APPLIERS else NOTHING
    # ``kubectl replace`` of what ``kubectl get`` gave records the live object, which is nobody's document
    return NOTHING if lookup(document, ("metadata", "resourceVersion")) else document


def _owners(raw: Mapping[str, Any], path: Path) -> list[Mapping[str, Any]]:
    entries = [mapping(entry) for entry in sequence(lookup(raw, MANAGED_FIELDS))]
    return [entry for entry in entries if _owns(mapping(entry.get("fieldsV1")), raw, path)]


def _owns(fields: Mapping[str, Any], raw: object, path: Path) -> bool:
    """Whether a fieldsV1 set holds a path, or an ancestor of it that is always owned as a whole."""
    for depth, step in enumerate(path, start=1):
        raw = child(raw, step)
        owned = fields.get(f"f:{step}" if isinstance(step, str) else _item_key(fields, mapping(raw)))
        if not isinstance(owned, dict):
            return False
        if not owned:
            return depth == len(path) or step in ATOMIC
        fields = owned
    return True


def _item_key(fields: Mapping[str, Any], item: Mapping[str, Any]) -> str:
    for key in fields:
        wanted = _decode(key.removeprefix("k:"))
        if wanted and wanted.items() <= item.items():
            return key
    return ""


def _document(raw: Mapping[str, Any], annotation: Path) -> Mapping[str, Any]:
    text = lookup(raw, annotation)
    if not isinstance(text, str):
        return NOTHING
    return _remembered(text) if len(text) <= MEMO_TEXT else _decode(text)


def _decode(text: str) -> Mapping[str, Any]:
    try:
        return mapping(json.decode(text))
    except (ValueError, RecursionError):  # a user may have written anything there
        return NOTHING


_remembered = lru_cache(maxsize=8)(_decode)  # for the many questions about one object

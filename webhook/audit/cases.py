"""Pure: an admin's own cases for their policies, and how what came of one differs from what was expected."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias

from msgspec import Meta, Struct

from policies.objects import Moment
from policies.rule import Action, Text
from webhook.admission.message import flow, unchecked

KIND: Final = "PolicyTest"
Manifest: TypeAlias = Annotated[
    dict[str, Any] | str, Meta(extra={"allowed": "a Job or CronJob, or the name of a file with one"})
]


class _Strict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    pass


class Find(_Strict, frozen=True):
    """A finding that is expected; what is left out is not compared."""

    rule: Text
    path: Text | None = None
    action: Action | None = None

    def __str__(self) -> str:
        return " ".join(filter(None, [self.action, self.rule, f"at {self.path}" if self.path else ""]))


class Case(_Strict, frozen=True):
    """One case; of ``finds``, ``defaults`` and ``excepted`` (rules) what is left out is not compared.

    ``old`` is what the object replaces, ``at`` the time at which exceptions are looked at, ``user`` and ``groups`` who
    sends it. Paths are as Kubernetes writes them, with the index or the name of a list's item.
    """

    name: Text
    object: Manifest
    old: Manifest | None = None
    namespace: Text | None = None
    namespace_labels: dict[str, str] | None = None
    user: str = ""
    groups: tuple[str, ...] = ()
    at: Moment | None = None
    finds: tuple[Find, ...] | None = None
    defaults: dict[str, Any] | None = None
    excepted: tuple[Text, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse a case that cannot fail."""
        if self.finds is None and self.defaults is None and self.excepted is None:
            raise ValueError("nothing is expected; write finds, defaults or excepted, empty if need be")


class Suite(_Strict, frozen=True):
    """Cases, and the policies for them: files and folders, as named from the suite's own folder, and ready ones.

    Where it names none, they are those in its own folder.
    """

    api_version: Literal["cli.batchwarden.io/v1alpha1"]
    kind: Literal["PolicyTest"]
    cases: Annotated[tuple[Case, ...], Meta(min_length=1)]
    policies: tuple[Text, ...] = ()
    ready: tuple[Text, ...] = ()
    metadata: Any = None


class Found(NamedTuple):
    """A finding: its rule, its path with indices and with names, what is done about it, and what is said."""

    rule: str
    paths: frozenset[str]
    action: Action
    statement: str

    def __str__(self) -> str:
        return f"{self.action} {self.rule}: {self.statement}"


class Set(NamedTuple):
    """A default: its path with indices and with names, and the value."""

    paths: tuple[str, str]
    value: Any


class Came(NamedTuple):
    """What came of a case: what is found and written, the rules that exceptions lifted, and those that crashed."""

    found: tuple[Found, ...]
    written: tuple[Set, ...]
    excepted: frozenset[str]
    crashed: frozenset[str] = frozenset()


def differences(case: Case, came: Came) -> Iterator[str]:
    """Say in a line each how what came of a case differs from what it expects."""
    yield from unchecked(sorted(came.crashed))
    if case.finds is not None:
        yield from _in_findings(case.finds, came.found)
    if case.defaults is not None:
        yield from _in_defaults(case.defaults, came.written)
    if case.excepted is not None:
        for rule in sorted({*case.excepted} - came.excepted):
            yield f"expected an exception to lift {rule}, got none that does"
        for rule in sorted(came.excepted - {*case.excepted}):
            yield f"not expected: an exception lifts {rule}"


def _in_findings(finds: Iterable[Find], found: Iterable[Found]) -> Iterator[str]:
    left = list(found)
    for find in sorted(finds, key=lambda find: (find.path is None, find.action is None)):  # the exact ones choose first
        fitting = next((each for each in left if _fits(find, each)), None)
        if fitting is None:
            near = next((each for each in left if each.rule == find.rule), None)
            yield f"expected {find}, got {near or 'no such finding'}"
            fitting = near
        if fitting is not None:
            left.remove(fitting)
    for each in left:
        yield f"not expected: {each}"


def _fits(find: Find, found: Found) -> bool:
    return find.rule == found.rule and find.path in {None, *found.paths} and find.action in {None, found.action}


def _in_defaults(expected: Mapping[str, Any], written: Iterable[Set]) -> Iterator[str]:
    left = list(written)
    for path, value in expected.items():
        got = next((each for each in left if path in each.paths), None)
        if got is None:
            yield f"expected {path} to be set to {flow(value)}, got no default there"
            continue
        left.remove(got)
        if got.value != value:
            yield f"expected {path} to be set to {flow(value)}, got {flow(got.value)}"
    for each in left:
        yield f"not expected: {each.paths[0]} is set to {flow(each.value)}"

"""Runs an admin's own cases: reads them with their policies and objects, and judges as admission would."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from policies.fields import mapping, render
from policies.rule import Action
from policies.selection import Snapshot, Subject
from policies.strict import InvalidObjectError, decode
from policies.verdict import Defaulting
from policies.workload import Workload
from webhook.admission.message import Told
from webhook.audit.cases import KIND, Came, Case, Found, Set, Suite, differences
from webhook.audit.entries import MANIFEST
from webhook.audit.manifest import kind_of
from webhook.audit.scan import Judge, Judged
from webhook.files import Document, Unreadable, read_paths
from webhook.snapshots import collect, ready, ready_names
from webhook.text.places import Place


class Outcome(NamedTuple):
    """How a case went: its place, its name, and each difference in a line; none where it passed."""

    source: str
    line: int
    name: str
    differences: tuple[str, ...]


class _Setting(NamedTuple):
    """What the cases of one suite share."""

    suite: Suite
    folder: Path
    now: datetime


def run_cases(path: Path, now: datetime) -> Iterator[Outcome | Unreadable]:
    """Run the cases in a file or a folder; what else is there is let be, and what is wrong there is told.

    Raises PolicyFilesError where policies cannot be used.
    """
    for document in read_paths([path]):
        if isinstance(document, Unreadable):
            yield document
        elif mapping(document.value).get("kind") == KIND:
            yield from _run_suite(document, now)


def _run_suite(document: Document, now: datetime) -> Iterator[Outcome | Unreadable]:
    try:
        setting = _Setting(decode(document.value, Suite), Path(document.source).parent, now)
        _check_ready(setting.suite)
    except InvalidObjectError as error:
        yield from (_fault(document, each) for each in (error, *error.others))
        return
    for index, case in enumerate(setting.suite.cases):
        line = document.position(("cases", index)).line
        try:
            told = tuple(differences(case, _try(case, setting)))
        except InvalidObjectError as error:
            error.path = ("cases", index, *error.path)
            yield _fault(document, error)
        else:
            yield Outcome(document.source, line, case.name, told)


def _check_ready(suite: Suite) -> None:
    for index, name in enumerate(suite.ready):
        if name not in ready_names():
            raise InvalidObjectError(
                ("ready", index), f"there is no ready policy {name}; allowed: {', '.join(ready_names())}"
            )


def _fault(document: Document, error: InvalidObjectError) -> Unreadable:
    return Unreadable(document.source, *document.position(error.path), str(error))


def _try(case: Case, setting: _Setting) -> Came:
    manifest = _manifest(case, case.object, setting.folder, "object")
    old = None if case.old is None else _manifest(case, case.old, setting.folder, "old")
    snapshot = _snapshot(case, setting, Workload(manifest).namespace)
    judge = Judge(snapshot, case.at or setting.now, subject=Subject(case.user, case.groups))
    judged = judge.judge(Document("", manifest, Place(0, 0)), old)
    assert judged is not None  # noqa: S101 - _manifest takes nothing else
    return Came(
        found=(*_faults(judged), *_findings(judged)),
        written=tuple(_written(judged.result)),
        excepted=frozenset(skip.clause.rule.key for skip in judged.verdict.skips),
        crashed=frozenset(failure.clause.rule.key for failure in judged.failures),
    )


def _snapshot(case: Case, setting: _Setting, namespace: str) -> Snapshot:
    suite, folder = setting.suite, setting.folder
    collection = collect([folder / path for path in suite.policies] or ([] if suite.ready else [folder]))
    for name in suite.ready:
        collection.bind(ready(name))
    if case.namespace_labels is not None:
        metadata = {"name": namespace, "labels": case.namespace_labels}
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        collection.take_surroundings(Document("", manifest, Place(0, 0)))
    return collection.snapshot()


def _manifest(case: Case, given: dict[str, Any] | str, folder: Path, key: str) -> dict[str, Any]:
    """Take the Job or CronJob that stands there, or that is in a file, into the case's namespace."""
    if isinstance(given, dict):
        found = [given]
    else:
        documents = list(read_paths([folder / given]))
        for each in documents:
            if isinstance(each, Unreadable):
                raise InvalidObjectError((key,), f"{key}: {each}")
        found = [each.value for each in documents if isinstance(each, Document)]
    jobs = [each for each in found if kind_of(each)]
    if len(jobs) != 1:
        where = f"{given} holds {len(jobs)} of them" if isinstance(given, str) else "this is none"
        raise InvalidObjectError((key,), f"{key} takes one Job or CronJob, and {where}")
    (job,) = jobs
    metadata = job.get("metadata", {})
    if case.namespace is None or not isinstance(metadata, dict):
        return job
    return {**job, "metadata": {**metadata, "namespace": case.namespace}}


def _faults(judged: Judged) -> Iterator[Found]:
    for fault in judged.faults:
        path = render(fault.path)
        yield Found(MANIFEST, frozenset({path}), Action.DENY, f"{path} {fault.found}; allowed: {fault.allowed}")


def _findings(judged: Judged) -> Iterator[Found]:
    for violation in judged.verdict.violations:
        paths = frozenset({render(violation.finding.path), violation.key[1]})
        yield Found(violation.rule, paths, violation.action, Told(judged.result.job, violation).statement)


def _written(result: Defaulting) -> Iterator[Set]:
    for each in result.written:
        for path, value in each.default.writes:
            yield Set((render(path), result.job.place(path)), value)

"""A folder of policies is read whole or not at all, and followed while it changes, to the end of its watch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import pytest

from policies.objects import CROWDED, MOST_IN_NAMESPACE
from policies.quantity import amounts
from policies.selection import Snapshot
from policies.workload import Workload
from webhook.folder import WatchedFolder
from webhook.snapshots import PolicyFilesError, load

AT = datetime(2026, 6, 1, tzinfo=UTC)
PATIENCE = 20  # seconds after which what does not come is taken for never
HEAD = "apiVersion: batchwarden.io/v1alpha1\n"
POLICY = HEAD + "kind: ClusterBatchPolicy\nmetadata: {name: %s}\nspec: {rules: {restartPolicy: {}}}\n"
NO_OBJECT = "this is no Kubernetes object: apiVersion or kind is missing; add them, or remove it"
WHOLE = f"""
{POLICY % "house"}
---
{HEAD}
kind: BatchPolicy
metadata: {{name: house, namespace: team-a}}
spec: {{exceptions: {{}}, rules: {{activeDeadline: {{}}, resourceLimits: {{}}}}}}
---
{HEAD}
kind: BatchPolicyException
metadata: {{name: legacy, namespace: team-a}}
spec:
  {{policies: [house], rules: [activeDeadline], selector: {{}}, reason: R, owner: I, expiresAt: "2026-06-02T00:00:00Z"}}
---
{HEAD}
kind: ClusterBatchPolicy
metadata: {{name: restricted}}
spec: {{namespaceSelector: {{matchLabels: {{level: restricted}}}}, rules: {{backoffLimit: {{max: 3}}}}}}
---
apiVersion: v1
kind: List
items:
- {{apiVersion: v1, kind: Namespace, metadata: {{name: team-a, labels: {{level: restricted}}}}}}
- {{apiVersion: v1, kind: Namespace, metadata: {{name: team-b}}}}
---
apiVersion: v1
kind: LimitRange
metadata: {{name: first, namespace: team-a}}
spec: {{limits: [{{type: Container, default: {{memory: 1Gi}}}}]}}
---
apiVersion: v1
kind: LimitRange
metadata: {{name: second, namespace: team-a}}
spec: {{limits: [{{type: Container, default: {{cpu: 1}}}}]}}
---
apiVersion: v1
kind: LimitRange
metadata: {{name: in-no-namespace}}
spec: {{limits: [{{type: Container, default: {{cpu: 2}}}}]}}
---
apiVersion: other.example.com/v1
kind: Namespace
metadata: {{name: team-b, labels: {{level: restricted}}}}
---
apiVersion: other.example.com/v1
kind: LimitRange
metadata: {{name: x, namespace: team-b}}
spec: {{limits: [{{type: Container, default: {{memory: 1Gi}}}}]}}
---
apiVersion: apps/v1
kind: Deployment
spec: [what it holds, is not ours to judge]
"""


def selected(snapshot: Snapshot, namespace: str) -> tuple[list[str], list[str], Any]:
    """Select for a Job: which rules judge it, which of them an exception lifts, and what containers are given."""
    selection = snapshot.select(Workload({"kind": "Job"}, namespace), at=AT)
    lifted = [clause.rule.key for clause in selection.clauses.every if selection.lifting(clause)]
    given = {resource: amount.written for resource, amount in selection.facts.limit_range.default.items()}
    return [clause.rule.key for clause in selection.clauses.every], lifted, given


def names(snapshot: Snapshot) -> list[str]:
    return [policy.name for policy in snapshot.policies]


def test_policies_exceptions_namespaces_and_limits_are_read(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(WHOLE)
    snapshot = load([tmp_path])
    assert selected(snapshot, "team-a") == (
        ["activeDeadline", "resourceLimits", "restartPolicy", "backoffLimit"],
        ["activeDeadline"],
        {"memory": "1Gi", "cpu": 1},
    )
    assert selected(snapshot, "team-b") == (["restartPolicy"], [], {})
    assert selected(snapshot, "default") == (["restartPolicy"], [], {"cpu": 2})


def test_limit_ranges_count_in_the_order_of_their_names_as_at_admission(tmp_path: Path) -> None:
    head = "apiVersion: v1\nkind: LimitRange\nmetadata: {name: %s, namespace: team-a}\n"
    limits = head + "spec: {limits: [{type: Container, default: {memory: %s}}]}\n"
    written = [limits % each for each in (("b", "1Gi"), ("a", "1Mi"), ("a", "2Mi"))]
    (tmp_path / "limits.yaml").write_text("---\n".join(written))
    assert load([tmp_path]).facts("team-a").limit_range.default == amounts({"memory": "2Mi"})  # the last of one name


@pytest.mark.parametrize(
    ("manifest", "fault"),
    [
        ("kind: Namespace", "1:1: metadata is missing"),
        ("kind: Namespace\nmetadata: {nam: x}", "3:1: name is missing"),
        ("kind: Namespace\nmetadata: {name: x, labels: [a]}", "3:21: labels"),
        ("kind: Namespace\nmetadata: {name: x, labels: a=b}", "3:21: labels"),
        ("kind: LimitRange\nmetadata: {name: x}", "1:1: spec is missing"),
        ("kind: LimitRange\nspec: {limits: [{type: Container, max: {memory: lots}}]}", "lots"),
    ],
    ids=range(6),
)
def test_a_namespace_or_a_limit_range_that_cannot_be_meant_is_a_fault(
    tmp_path: Path, manifest: str, fault: str
) -> None:
    (tmp_path / "bad.yaml").write_text(f"apiVersion: v1\n{manifest}\n")
    with pytest.raises(PolicyFilesError) as raised:
        load([tmp_path])
    assert fault in str(raised.value)


PARAMETERS = """
    resourceLimits:
      require:
      - cpu
      - memroy
      defaults:
        cpu: 2
        memory: 64MB
      max:
        cpu: 1
    startingDeadline:
      maxSeconds: 5
    ttlAfterFinished:
      defaultSeconds: 60
      minSeconds: 3600
    concurrencyPolicy:
      default: Allow
    timeZone:
      required: true
      default: Mars/Olympus
    requiredLabels:
      keys:
      - team
      - my team
    placement:
      nodeSelector:
        pool: a b
    topOfHour:
      allowedLabel: on hour
"""


def test_what_is_wrong_about_one_key_is_told_in_its_line(tmp_path: Path) -> None:
    head = "kind: ClusterBatchPolicy\nmetadata: {name: p}\nspec:\n  rules:"
    (tmp_path / "p.yaml").write_text(f"{HEAD}{head}{PARAMETERS}")
    with pytest.raises(PolicyFilesError) as raised:
        load([tmp_path])
    lines = [fault.split(":", 3) for fault in raised.value.faults]
    written = (tmp_path / "p.yaml").read_text().splitlines()
    assert [(written[int(line) - 1].strip(), said.split()[0]) for _, line, _, said in lines] == [
        ("- memroy", "require"),
        ("cpu: 2", "defaults.cpu"),
        ("memory: 64MB", "defaults.memory"),
        ("maxSeconds: 5", "minSeconds"),
        ("minSeconds: 3600", "minSeconds"),
        ("default: Allow", "default"),
        ("default: Mars/Olympus", '"Mars/Olympus"'),
        ("- my team", '"my'),
        ("pool: a b", '"a'),
        ("allowedLabel: on hour", '"on'),
    ]


def test_what_is_behind_a_linked_folder_is_watched_too(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "a.yaml").write_text(POLICY % "one")
    taken, stop = Event(), Event()
    folder = WatchedFolder([tmp_path / "policies"], lambda _snapshot: taken.set(), print, print)
    taken.clear()
    watcher = Thread(target=folder.watch, args=(stop, 0.01))
    watcher.start()
    (tmp_path / "real" / "a.yaml").write_text(POLICY % "another")
    assert taken.wait(PATIENCE)
    stop.set()
    watcher.join()
    assert names(folder.snapshot) == ["another"]


def test_our_own_error_ends_no_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.yaml").write_text(POLICY % "one")
    told, stop = Event(), Event()
    said: list[str] = []

    def hear(fault: str) -> None:
        said.append(fault)
        told.set()

    folder = WatchedFolder([tmp_path], lambda _snapshot: told.set(), hear, print)
    told.clear()
    watcher = Thread(target=folder.watch, args=(stop, 0.01))
    with monkeypatch.context() as broken:
        broken.setattr("webhook.folder.collect", lambda _paths: 1 / 0)
        watcher.start()
        (tmp_path / "a.yaml").write_text(POLICY % "another")
        assert told.wait(PATIENCE)
    assert said == ["an error in Batchwarden while reading: ZeroDivisionError('division by zero')"]
    told.clear()
    (tmp_path / "a.yaml").write_text(POLICY % "a-third")
    assert told.wait(PATIENCE)
    stop.set()
    watcher.join()
    assert names(folder.snapshot) == ["a-third"]


def test_several_paths_make_one_snapshot(tmp_path: Path) -> None:
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    for name, place in (("one", "folder/a.yaml"), ("two", "folder/deep/b.yml"), ("three", "c.json")):
        (tmp_path / place).write_text(POLICY % name)
    assert names(load([tmp_path / "c.json", tmp_path / "folder"])) == ["one", "three", "two"]
    assert names(load([])) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param("a: b", f"1:1: {NO_OBJECT}", id="values"),
        pytest.param("- a\n- b", f"1:1: {NO_OBJECT}", id="a list"),
        pytest.param("apiVersion: v1\nkind: [Namespace]", f"1:1: {NO_OBJECT}", id="a kind that is no word"),
        pytest.param(
            POLICY.replace("v1alpha1", "v1") % "x",
            '1:1: apiVersion is "batchwarden.io/v1" (did you mean batchwarden.io/v1alpha1?)',
            id="another version of our group",
        ),
        pytest.param(
            POLICY.replace("batchwarden.io", "batchwarden.dev") % "x",
            '1:1: apiVersion is "batchwarden.dev/v1alpha1" (did you mean batchwarden.io/v1alpha1?)',
            id="our kind in another group",
        ),
        pytest.param(
            HEAD + "kind: ClusterPolicy",
            "2:1: kind is ClusterPolicy, which is not known; allowed: ",
            id="another kind of our group",
        ),
        pytest.param(
            POLICY.replace("restartPolicy", "restartPolicies") % "x",
            '4:16: unknown rule "restartPolicies" (did you mean restartPolicy?); allowed: ',
            id="unknown rule",
        ),
        pytest.param(
            POLICY.replace("{}", "null") % "x",
            "4:16: restartPolicy has no value; write restartPolicy: {} for its built-in values",
            id="a rule without value",
        ),
        pytest.param("kind: x: y", "1:8: ", id="no YAML"),
        pytest.param("a\0b", "1:2: ", id="no text"),
    ],
)
def test_a_fault_is_told_with_file_line_and_column(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(PolicyFilesError) as caught:
        load([tmp_path])
    (told,) = caught.value.faults
    assert told.startswith(f"{tmp_path}/p.yaml:{fault}")
    assert str(caught.value) == told


def test_every_fault_is_told(tmp_path: Path) -> None:
    (tmp_path / "1.yaml").write_text(f"a: b\n---\n{POLICY % 'good'}---\n{HEAD}kind: X\n")
    (tmp_path / "2.yaml").write_text("[")
    with pytest.raises(PolicyFilesError) as caught:
        load([tmp_path, tmp_path / "nowhere"])
    starts = [fault.partition(": ")[0] for fault in caught.value.faults]
    assert starts == [f"{tmp_path}/{place}" for place in ("1.yaml:1:1", "1.yaml:9:1", "2.yaml:2:1", "nowhere")]
    assert str(caught.value).splitlines() == list(caught.value.faults)


def test_each_fault_of_a_document_has_its_line_and_column(tmp_path: Path) -> None:
    rules = (
        "    restartPolicy: {allowed: [Never, Always]}\n    ttlAfterFinishd: {}\n    imageTag: {forbiddenTags: [5]}\n"
    )
    (tmp_path / "p.yaml").write_text(
        f"{HEAD}kind: ClusterBatchPolicy\nmetadata: {{name: p}}\nspec:\n  action: deny\n  rules:\n{rules}"
    )
    with pytest.raises(PolicyFilesError) as caught:
        load([tmp_path])
    starts = [fault.removeprefix(f"{tmp_path}/p.yaml:").partition("; ")[0] for fault in caught.value.faults]
    assert starts == [
        '5:3: action is "deny" (did you mean Deny?)',
        '7:38: allowed[1] is "Always"',
        '8:5: unknown rule "ttlAfterFinishd" (did you mean ttlAfterFinished?)',
        "9:32: forbiddenTags[0] is 5",
    ]


def test_a_namespace_has_so_many_policies_of_its_own_and_no_more(tmp_path: Path) -> None:
    local = (POLICY % "p%d").replace("Cluster", "").replace("}", ", namespace: team-%s}", 1)
    (tmp_path / "a.yaml").write_text("---\n".join(local % (each, "a") for each in range(MOST_IN_NAMESPACE)))
    (tmp_path / "b.yaml").write_text("---\n".join(local % (each, "b") for each in range(MOST_IN_NAMESPACE)))
    assert len(names(load([tmp_path]))) == 2 * MOST_IN_NAMESPACE
    (tmp_path / "c.yaml").write_text("---\n".join(local % (each, "a") for each in (97, 98)))
    with pytest.raises(PolicyFilesError) as caught:
        load([tmp_path])
    assert caught.value.faults == (f"{tmp_path}/c.yaml:2:1: BatchPolicy p97 is one too many: {CROWDED}",)


def test_an_exception_that_names_what_is_not_there_is_remarked_and_yet_loaded(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(WHOLE)
    assert Watch(tmp_path).remarks == []
    named = WHOLE.replace(
        "policies: [house], rules: [activeDeadline]", "policies: [hose, restricted], rules: [imageTag]"
    )
    (tmp_path / "all.yaml").write_text(named)
    watch = Watch(tmp_path)
    assert watch.remarks == [
        f"{tmp_path}/all.yaml:19:15: exception legacy: there is no policy hose here",
        f"{tmp_path}/all.yaml:19:42: exception legacy: no policy that it names has the rule imageTag",
    ]
    assert (len(watch.loaded), watch.faults) == (1, [])


def test_the_same_name_twice_is_a_fault_but_not_in_another_kind_or_namespace(tmp_path: Path) -> None:
    local = (POLICY % "house").replace("Cluster", "").replace("house}", "house, namespace: team-%s}")
    (tmp_path / "a.yaml").write_text("---\n".join((POLICY % "house", local % "a", local % "b")))
    assert names(load([tmp_path])) == ["house"] * 3
    (tmp_path / "b.yaml").write_text("---\n".join((local % "b", (POLICY % "house").replace("}", ", namespace: x}", 1))))
    with pytest.raises(PolicyFilesError) as caught:
        load([tmp_path])
    assert caught.value.faults == (
        f"{tmp_path}/b.yaml:3:12: BatchPolicy house is there already, at {tmp_path}/a.yaml:13:12; rename one",
        f"{tmp_path}/b.yaml:8:12: ClusterBatchPolicy house is there already, at {tmp_path}/a.yaml:3:12; rename one",
    )


class Watch:
    """A watched folder, and what it told of policies and of faults."""

    def __init__(self, path: Path) -> None:
        self.loaded: list[list[str]] = []
        self.faults: list[str] = []
        self.remarks: list[str] = []
        self.folder = WatchedFolder(
            [path], lambda snapshot: self.loaded.append(names(snapshot)), self.faults.append, self.remarks.append
        )

    def names(self) -> list[str]:
        return names(self.folder.snapshot)

    def until(self, condition: Callable[[], object]) -> None:
        end = monotonic() + PATIENCE
        while not condition():
            assert monotonic() < end, f"what was waited for did not come; told: {self.loaded}, {self.faults}"
            sleep(0.005)


@contextmanager
def watching(path: Path) -> Iterator[Watch]:
    watch, stop = Watch(path), Event()
    thread = Thread(target=watch.folder.watch, args=(stop, 0.01))
    thread.start()
    try:
        yield watch
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a policy named house, and an empty folder in it."""
    folder = tmp_path / "policies"
    (folder / "deep").mkdir(parents=True)
    (folder / "p.yaml").write_text(POLICY % "house")
    return folder


def replace(folder: Path, name: str, text: str) -> None:
    """Write a file of the folder at one blow."""
    draft = folder.parent / "draft"
    draft.write_text(text)
    draft.replace(folder / name)


def test_a_change_is_taken_over_and_a_broken_one_is_told_and_leaves_the_last(folder: Path) -> None:
    file = folder / "p.yaml"
    with watching(folder) as watch:
        assert (watch.loaded, watch.faults) == ([["house"]], [])
        first = watch.folder.snapshot
        replace(folder, "p.yaml", "a: b")
        watch.until(lambda: watch.faults)
        assert watch.faults == [f"{file}:1:1: {NO_OBJECT}"]
        assert watch.folder.snapshot is first
        replace(folder, "p.yaml", POLICY % "second")
        watch.until(lambda: watch.names() == ["second"])
    assert (watch.loaded, len(watch.faults)) == ([["house"], ["second"]], 1)


CHANGES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "a file more": (lambda folder: replace(folder, "more.yaml", POLICY % "more"), ["house", "more"]),
    "a file less": (lambda folder: (folder / "p.yaml").unlink(), []),
    "a file in place": (lambda folder: (folder / "p.yaml").write_text(POLICY % "house-2"), ["house-2"]),
    "a file in a folder": (lambda folder: replace(folder, "deep/more.yaml", POLICY % "deep"), ["deep", "house"]),
    "a folder moved in": (lambda folder: (folder.parent / "aside").rename(folder / "aside"), ["aside", "house"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_is_noticed(folder: Path, change: str) -> None:
    (folder.parent / "aside").mkdir()
    (folder.parent / "aside" / "p.yaml").write_text(POLICY % "aside")
    make, expected = CHANGES[change]
    with watching(folder) as watch:
        make(folder)
        watch.until(lambda: watch.names() == expected)


def test_a_mounted_config_map_changes_by_a_swapped_link(tmp_path: Path) -> None:
    """The kubelet's AtomicWriter writes a new folder, swaps the link ``..data`` to it, and removes the old folder."""
    for version in ("one", "two"):
        (tmp_path / f"..{version}" / "sub").mkdir(parents=True)
        (tmp_path / f"..{version}" / "p.yaml").write_text(POLICY % version)
        (tmp_path / f"..{version}" / "sub" / "q.yaml").write_text(POLICY % f"sub-{version}")
    (tmp_path / "..data").symlink_to("..one")
    (tmp_path / "p.yaml").symlink_to("..data/p.yaml")
    (tmp_path / "sub").symlink_to("..data/sub")
    with watching(tmp_path) as watch:
        assert watch.names() == ["one", "sub-one"]
        (tmp_path / "..next").symlink_to("..two")
        (tmp_path / "..next").replace(tmp_path / "..data")
        rmtree(tmp_path / "..one")
        watch.until(lambda: watch.names() == ["sub-two", "two"])


def test_a_folder_that_vanishes_leaves_the_last_policies_until_it_is_back(folder: Path) -> None:
    aside = folder.parent / "aside"
    with watching(folder) as watch:
        folder.rename(aside)
        watch.until(lambda: watch.faults)
        assert set(watch.faults) == {f"{folder}: there is no such file or folder"}
        assert watch.names() == ["house"]
        (aside / "p.yaml").write_text(POLICY % "house-2")
        aside.rename(folder)
        watch.until(lambda: watch.names() == ["house-2"])


def test_links_that_lead_nowhere_or_in_a_circle_end_no_watch(folder: Path) -> None:
    (folder / "nowhere").symlink_to("nothing")
    (folder / "circle").symlink_to(folder)
    with watching(folder) as watch:
        replace(folder, "more.yaml", POLICY % "more")
        watch.until(lambda: watch.names() == ["house", "more"])
    assert watch.faults == []


def test_what_does_not_change_is_not_read_again(folder: Path) -> None:
    with watching(folder) as watch:
        replace(folder, "p.yaml", POLICY % "second")
        watch.until(lambda: len(watch.loaded) > 1)
        sleep(0.1)
    assert watch.loaded == [["house"], ["second"]]


def test_broken_files_stop_the_start(folder: Path) -> None:
    (folder / "p.yaml").write_text("a: b")
    with pytest.raises(PolicyFilesError, match="this is no Kubernetes object"):
        Watch(folder)

"""``batchwarden fix`` writes what the policies would write, and nothing else: files keep all that is theirs."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from webhook.audit.repair import apply, repair
from webhook.audit.rewrite import Repairing, rewrite
from webhook.audit.scan import Judge
from webhook.cli import main
from webhook.files import Document, read_text
from webhook.snapshots import Collection, ready, ready_names
from webhook.text.changes import unified

ROOT = Path(__file__).parent.parent.parent
JOB = """\
# a job
apiVersion: batch/v1
kind: Job
metadata: {name: pi}
spec:
  backoffLimit: 20  # many
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: pi
        image: "perl:5.34"   # as ever
"""
FIXED = """\
# a job
apiVersion: batch/v1
kind: Job
metadata: {name: pi}
spec:
  backoffLimit: 20  # many
  ttlSecondsAfterFinished: 259200
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: pi
        image: "perl:5.34"   # as ever
        resources:
          requests:
            cpu: 50m
            memory: 64Mi
"""
TTL = """\
apiVersion: batchwarden.io/v1alpha1
kind: ClusterBatchPolicy
metadata: {name: house}
spec:
  action: Deny
  rules:
    ttlAfterFinished: {defaultSeconds: 600}
    backoffLimit: {max: 3}
"""
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name:   odd  ,}\n"


def fix(*arguments: str | Path, stdin: str | bytes = "") -> Result:
    """Run the command; whatever happens, it tells of it in sentences."""
    result = CliRunner().invoke(main, ["fix", *map(str, arguments)], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def house(folder: Path) -> str:
    """Write a policy, and give the option for it."""
    (folder / "policy.yaml").write_text(TTL)
    return f"--policies={folder / 'policy.yaml'}"


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """Write the job."""
    file = tmp_path / "job.yaml"
    file.write_text(JOB)
    return file


def test_the_difference_is_shown_and_nothing_is_written(job: Path) -> None:
    result = fix(job)
    assert (result.exit_code, result.stderr) == (1, "")
    assert [line for line in result.stdout.splitlines() if line[0] in "+-"] == [
        f"--- {job}",
        f"+++ {job}",
        "+  ttlSecondsAfterFinished: 259200",
        "+        resources:",
        "+          requests:",
        "+            cpu: 50m",
        "+            memory: 64Mi",
    ]
    assert job.read_text() == JOB


def test_what_is_shown_is_what_patch_makes_of_the_file(job: Path) -> None:
    subprocess.run(["patch", "--quiet", "--fuzz=0", job], input=fix(job).stdout, text=True, check=True)
    assert job.read_text() == FIXED


def test_a_file_is_written_once_and_keeps_its_mode(job: Path) -> None:
    job.chmod(0o640)
    result = fix("--write", job)
    assert (result.exit_code, result.stdout) == (0, "")
    requests = f"{job}:11: spec.template.spec.containers[0].resources.requests"
    assert result.stderr.splitlines() == [
        f"{requests}.cpu set to 50m (resourceRequests, policy baseline)",
        f"{requests}.memory set to 64Mi (resourceRequests, policy baseline)",
        f"{job}:5: spec.ttlSecondsAfterFinished set to 259200 (ttlAfterFinished, policy baseline)",
    ]
    assert (job.read_text(), job.stat().st_mode & 0o777) == (FIXED, 0o640)
    assert [file.name for file in job.parent.iterdir()] == ["job.yaml"]
    again = fix("--write", job)
    assert (again.exit_code, again.output, job.read_text()) == (0, "", FIXED)


def test_a_link_stays_a_link(job: Path) -> None:
    link = job.with_name("link.yaml")
    link.symlink_to(job)
    fix("--write", link)
    assert link.is_symlink()
    assert job.read_text() == FIXED


@pytest.mark.parametrize(("text", "fixed"), [(JOB, FIXED), (CONFIG_MAP, CONFIG_MAP), ("", "")])
def test_the_standard_input_goes_to_the_standard_output(text: str, fixed: str) -> None:
    result = fix("-", stdin=text)
    assert (result.exit_code, result.stdout) == (0, fixed)


def test_of_the_standard_input_the_difference_can_be_shown() -> None:
    result = fix("--diff", "-", stdin=JOB)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (1, "--- stdin")


def test_what_the_author_wrote_changes_only_where_it_is_asked_for(tmp_path: Path) -> None:
    assert fix(house(tmp_path), "-", stdin=JOB).stdout == JOB.replace(
        "# many\n", "# many\n  ttlSecondsAfterFinished: 600\n"
    )
    result = fix(house(tmp_path), "--suggested", "-", stdin=JOB)
    assert result.stdout == JOB.replace("20  # many\n", "3  # many\n  ttlSecondsAfterFinished: 600\n")
    assert "stdin:6: spec.backoffLimit set to 3 (backoffLimit, policy house)" in result.stderr


def test_a_value_of_another_type_is_only_mended_where_it_is_clear_what_is_meant(tmp_path: Path) -> None:
    for given, fixed in (('"20"', "20"), ("many", "many")):
        text = JOB.replace("20  #", f"{given}  #").replace("spec:\n  b", "spec:\n  ttlSecondsAfterFinished: 600\n  b")
        (tmp_path / "policy.yaml").write_text(TTL.replace("{max: 3}", "{max: 30, default: 3}"))
        result = fix("--policies", tmp_path / "policy.yaml", "--suggested", "-", stdin=text)
        assert result.stdout == text.replace(given, fixed)


def test_what_is_shown_holds_no_line_that_stays(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(JOB.replace("spec:\n  b", "spec: {\n  b").replace("20  #", "20,  #").replace(
        JOB[JOB.index("  template") :], "  template: {},\n}\n"))  # fmt: skip
    marked = [line for line in fix(house(tmp_path), file).stdout.splitlines() if line[0] in "+-"]
    assert marked[2:] == ["+  ttlSecondsAfterFinished: 600"]


def test_a_finding_with_several_cures_is_left_to_the_author(tmp_path: Path) -> None:
    cron = JOB.replace("kind: Job", "kind: CronJob")
    (tmp_path / "policy.yaml").write_text(
        TTL.replace("backoffLimit: {max: 3}", "concurrencyPolicy: {allowed: [Forbid, Replace]}")
    )
    result = fix("--policies", tmp_path / "policy.yaml", "--suggested", "-", stdin=cron)
    assert (result.exit_code, result.stdout) == (0, cron)


def test_what_two_policies_ask_for_is_cured_for_both(tmp_path: Path) -> None:
    other = TTL.replace("house", "second").replace("max: 3", "max: 5")
    (tmp_path / "other.yaml").write_text(other)
    result = fix(house(tmp_path), "--policies", tmp_path / "other.yaml", "--suggested", "-", stdin=JOB)
    assert "backoffLimit: 3  # many" in result.stdout


def test_a_policy_in_audit_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(TTL.replace("Deny", "Audit"))
    result = fix("--policies", tmp_path / "policy.yaml", "--suggested", "-", stdin=JOB)
    assert (result.exit_code, result.stdout) == (0, JOB)


def test_a_removed_api_is_mended_where_that_is_asked_for() -> None:
    old = FIXED.replace("batch/v1", "batch/v1beta1")
    assert fix("-", stdin=old).stdout == old
    assert fix("--suggested", "-", stdin=old).stdout == FIXED


def test_the_namespace_of_the_same_files_counts(tmp_path: Path) -> None:
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: slow, labels: {pace: slow}}\n---\n"
    (tmp_path / "policy.yaml").write_text(
        TTL.replace("spec:\n", "spec:\n  namespaceSelector: {matchLabels: {pace: slow}}\n")
    )
    policies = f"--policies={tmp_path / 'policy.yaml'}"
    assert fix(policies, "-", stdin=namespace + JOB).stdout == namespace + JOB
    assert "ttlSecondsAfterFinished: 600" in fix(policies, "--namespace", "slow", "-", stdin=namespace + JOB).stdout


LAYOUTS = {
    "several documents": f"{CONFIG_MAP}---\n# first\n{{job}}\n--- # second\n---\n{{job}}...\n",
    "no line break at the end": "{job}".rstrip() + "\x00",
    "windows": "{job}\x01",
    "a byte order mark": "\ufeff{job}",
    "byte order marks of files put together": "\ufeff{job}---\n\ufeff{job}",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_keeps_its_layout(layout: str) -> None:
    def laid_out(job: str) -> bytes:
        text = LAYOUTS[layout].replace("{job}", job)
        if "\x00" in text:
            text = text.replace("\x00", "").rstrip("\n")
        if "\x01" in text:
            text = text.replace("\x01", "").replace("\n", "\r\n")
        return text.encode()

    result = fix("-", stdin=laid_out(JOB))
    assert laid_out(FIXED) == result.stdout_bytes


def test_items_of_a_list_are_fixed_where_they_stand() -> None:
    (document,) = read_text(JOB, "job")
    assert isinstance(document, Document)
    listed = {
        "apiVersion": "v1",
        "kind": "List",
        "items": [document.value, {"kind": "List", "items": [document.value]}],
    }
    text = json.dumps(listed, indent=4) + "\n"
    result = fix("-", stdin=text)
    first, second = [each.value for each in read_text(result.stdout, "fixed") if isinstance(each, Document)]
    assert first == second
    assert first["spec"]["ttlSecondsAfterFinished"] == 259200
    assert json.dumps(json.loads(result.stdout), indent=4) + "\n" == result.stdout


def test_what_cannot_be_read_is_named_and_left_alone(tmp_path: Path) -> None:
    template = "kind: Job\nspec: {{ .Values.spec }}\n"
    file = tmp_path / "job.yaml"
    file.write_text(f"{JOB}---\n{template}")
    result = fix("--write", file)
    assert result.exit_code == 2
    assert f"{file}:15:" in result.stderr
    assert "this is a template; render it first" in result.stderr
    assert file.read_text() == f"{FIXED}---\n{template}"


def test_what_would_change_something_else_is_left_alone(tmp_path: Path) -> None:
    shared = JOB.replace("metadata: {name: pi}", "metadata: {name: pi, annotations: &m {a: b}, labels: *m}")
    labels = TTL.replace("backoffLimit: {max: 3}", "requiredLabels: {keys: [team], defaults: {team: x}}")
    (tmp_path / "policy.yaml").write_text(labels)
    file = tmp_path / "job.yaml"
    file.write_text(shared)
    result = fix("--policies", tmp_path / "policy.yaml", "--write", file)
    assert result.exit_code == 2
    assert result.stderr == (
        f"{file}: left as it is: it would change something else, too: where an alias (*) or a merge key (<<) shares a"
        " value, write it out\n"
    )
    assert file.read_text() == shared


def test_text_in_another_encoding_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(JOB, "utf-16")
    before = file.read_bytes()
    result = fix("--write", file)
    assert (result.exit_code, result.stderr) == (
        2,
        f"{file}: left as it is: it is not all UTF-8 text; save it as UTF-8\n",
    )
    assert file.read_bytes() == before


def test_a_full_disk_is_told_and_leaves_the_file_whole(job: Path) -> None:
    command = f"ulimit -f 0; exec {sys.executable} -m webhook.cli fix --write {job}"
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COV")}  # it writes files
    result = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, env=unmeasured, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"{job}: left as it is: it cannot be written: File too large\n"
    assert job.read_text() == JOB
    assert [file.name for file in job.parent.iterdir()] == ["job.yaml"]


def test_a_file_that_is_not_there_and_a_broken_policy_are_named(tmp_path: Path) -> None:
    assert fix(tmp_path / "no.yaml").stderr == f"{tmp_path / 'no.yaml'}: there is no such file or folder\n"
    (tmp_path / "policy.yaml").write_text(TTL.replace("max", "mux"))
    result = fix("--policies", tmp_path / "policy.yaml", "-", stdin=JOB)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "did you mean max?" in result.stderr


@pytest.fixture(scope="module")
def strict() -> Judge:
    """Judge by all ready policies."""
    collection = Collection()
    for name in ready_names():
        collection.bind(ready(name))
    return Judge(collection.snapshot(), datetime.now(UTC))


@pytest.mark.parametrize("suggested", [False, True], ids=["defaults", "suggested"])
def test_real_manifests_are_fixed_and_nothing_else_of_them_changes(
    corpus: Path, strict: Judge, *, suggested: bool
) -> None:
    mend = partial(repair, strict, suggested=suggested)
    files = sorted((corpus / "manifests").rglob("*.yaml"))
    changed = [file for file in files if is_fixed_well(file.read_bytes(), strict, mend)]
    assert len(changed) > len(files) / 2


def is_fixed_well(content: bytes, judge: Judge, mend: Repairing) -> bool:
    """Hold what becomes of a text to all that is promised of it; whether it changed at all."""
    fixed = rewrite(content, "it", mend)
    if not fixed.changes:
        return False
    documents = [
        [each for each in read_text(text, "it") if isinstance(each, Document)] for text in (content, fixed.content)
    ]
    for old, new in zip(*documents, strict=True):
        wanted = old
        for each in mend(old):
            wanted = apply(wanted, each.writes)
        assert wanted.value == new.value
        judged = judge.judge(new)
        assert judged is None or judged.result.written == ()
    assert rewrite(fixed.content, "it", mend).changes == ()
    shown = [line for line in unified(fixed.text, fixed.changes, "it") if line[0] in "+-"][2:]
    removed = [line[1:].rstrip("\r\n}],") for line in shown if line[0] == "-"]
    for line in removed:  # only where a value is replaced, or one line grows: what stood there before it still does
        assert any(line.partition(":")[0] in added for added in shown if added[0] == "+")
    return True

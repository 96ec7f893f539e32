"""``batchwarden check`` reads what people give it, says what is wrong and where, and ends with a code for CI."""

import json
import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.conftest import ROOT
from webhook.cli import main

JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: pi%s}
spec:
  template:
    spec:
      restartPolicy: %s
      containers: [{name: a, image: "a:1", resources: {requests: {cpu: 1, memory: 1Mi}, limits: {memory: 1Mi}}}]
"""
GOOD, BAD = JOB % ("", "Never"), JOB % ("", "Always")
POLICY = """\
apiVersion: batchwarden.io/v1alpha1
kind: ClusterBatchPolicy
metadata: {name: house}
spec:
  namespaceSelector: {matchLabels: {level: high}}
  action: Deny
  rules: {activeDeadline: {maxSeconds: 60}}
"""
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: team-a, labels: {level: high}}\n"
LIMIT_RANGE = """\
apiVersion: v1
kind: LimitRange
metadata: {name: a}
spec: {limits: [{type: Container, default: {memory: 1Gi}}]}
"""
CLEAN = "1 object checked; 0 findings.\n"


def run(*arguments: str | Path, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["check", *map(str, arguments)], input=stdin)


def last(result: Result) -> tuple[int, str]:
    return result.exit_code, result.stdout.splitlines()[-1]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_bad_object_is_told_with_its_place_and_the_code_is_1() -> None:
    Path("bad.yaml").write_text(BAD)
    result = run("bad.yaml")
    assert last(result) == (1, "1 object checked; 1 finding (1 Deny).")
    assert (
        "\n  bad.yaml:7:7: Deny spec.template.spec.restartPolicy is Always; allowed: Never or OnFailure\n"
        in result.stdout
    )
    assert result.stderr == ""


def test_a_good_object_is_not_spoken_of_but_for_what_would_be_written() -> None:
    result = run("-", stdin=GOOD)
    assert result.stdout.splitlines() == [
        "Job default/pi  stdin:1",
        "  default spec.ttlSecondsAfterFinished would be set to 259200 (ttlAfterFinished, policy baseline)",
        "",
        "1 object checked; 0 findings.",
    ]
    assert result.exit_code == 0


def test_without_a_path_it_looks_into_the_current_folder() -> None:
    Path("sub").mkdir()
    Path("sub/good.yaml").write_text(GOOD)
    Path("bad.json").write_text(
        '{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Secret"}]}'
    )
    assert last(run()) == (0, "1 object checked; 0 findings; skipped: 1 Secret.")


def test_what_a_pipe_brings_is_read_document_by_document() -> None:
    stream = f"# Source: chart/job.yaml\n{GOOD}---\n{BAD}---\napiVersion: v1\nkind: Service\n"
    result = run("-", stdin=stream)
    assert last(result) == (1, "2 objects checked; 1 finding (1 Deny); skipped: 1 Service.")
    assert "stdin:17:7: Deny" in result.stdout


def test_a_pipe_of_the_shell_is_read_as_a_file_is() -> None:
    ours, theirs = os.pipe()
    os.write(theirs, BAD.encode())
    os.close(theirs)
    assert last(run(f"/dev/fd/{ours}")) == (1, "1 object checked; 1 finding (1 Deny).")
    os.close(ours)


@pytest.mark.parametrize("parts", [(NAMESPACE, JOB), (JOB, NAMESPACE)], ids=["before", "after"])
def test_the_namespace_in_the_same_files_chooses_policies_wherever_it_stands(parts: tuple[str, str]) -> None:
    Path("policy.yaml").write_text(POLICY)
    text = "---\n".join(parts).replace("%s}", ", namespace: team-a}").replace("%s", "Never")
    assert last(run("--policies", "policy.yaml", "-", stdin=text)) == (
        1, "1 object checked; 1 finding (1 Deny); skipped: 1 Namespace.")  # fmt: skip


def test_the_limit_range_in_the_same_files_counts_where_the_object_lives() -> None:
    job = GOOD.replace(", limits: {memory: 1Mi}", "")
    for options, count in (([], 1), (["-n", "team-a"], 1), (["-n", "team-b"], 1)):
        assert last(run("--policy=restricted", *options, "-", stdin=f"{job}---\n{LIMIT_RANGE}"))[1].startswith(
            f"{count} object checked; 2 findings (2 Deny)")  # fmt: skip
    elsewhere = LIMIT_RANGE.replace("{name: a}", "{name: a, namespace: elsewhere}")
    assert "3 findings (3 Deny)" in last(run("--policy=restricted", "-", stdin=f"{job}---\n{elsewhere}"))[1]


def test_a_ready_policy_named_binds_everywhere_and_by_its_object_selector() -> None:
    assert "2 findings (2 Deny)" in last(run("--policy=restricted", "-", stdin=GOOD))[1]
    labelled = GOOD.replace("name: pi", 'name: pi, labels: {batchwarden.io/idempotent: "false"}')
    for text, found in ((GOOD, "0 findings"), (labelled.replace("Never", "OnFailure"), "1 finding (1 Deny)")):
        assert found in last(run("--policy=non-idempotent-tasks", "-", stdin=text))[1]


def test_policies_and_ready_ones_together_are_united() -> None:
    Path("policy.yaml").write_text(POLICY.replace("{matchLabels: {level: high}}", "{}"))
    assert "2 findings (2 Deny)" in last(run("--policies=policy.yaml", "--policy=baseline", "-", stdin=BAD))[1]
    assert "1 finding (1 Deny)" in last(run("--policies=policy.yaml", "-", stdin=BAD))[1]


@pytest.mark.parametrize(
    ("code", "fail_on"), [(0, "Deny"), (1, "Warn"), (1, "Audit"), (0, "never"), (1, "warn")]
)  # fmt: skip
def test_the_weakest_finding_that_fails_can_be_chosen(code: int, fail_on: str) -> None:
    text = GOOD.replace("a:1", "a:latest")
    assert (code, "1 object checked; 1 finding (1 Warn).") == last(run("--fail-on", fail_on, "-", stdin=text))


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ("stdin:2:11: quote a value that begins with *", "spec:\n  schedule: */5 * * * *\n"),
        ("stdin:2:1: YAML is indented with spaces; replace the tab", "spec:\n\ta: 1\n"),
        ("stdin:1:7: this is not UTF-8 text; save the file as UTF-8", b"name: \xff\n"),
        ("stdin:1:1: it is larger than 16 MiB; split it", b"a" * (17 * 2**20) + b"\n"),
        ("stdin:3:1: metadata is missing", "apiVersion: v1\nkind: Namespace\n"),
    ],
    ids=["alias", "tab", "encoding", "size", "namespace"],
)
def test_what_cannot_be_read_is_named_and_the_rest_is_checked(told: str, text: str | bytes) -> None:
    content = text if isinstance(text, bytes) else text.encode()
    result = run("-", stdin=content + f"---\n{BAD}".encode())
    assert last(result)[0] == 2
    assert "1 object checked; 1 finding (1 Deny)" in last(result)[1]
    assert "; 1 could not be read." in last(result)[1]
    assert "cannot read stdin" in result.stdout


def test_a_path_that_is_not_there_is_told_beside_the_others() -> None:
    Path("good.yaml").write_text(GOOD)
    result = run("gone.yaml", "good.yaml")
    assert last(result) == (2, "1 object checked; 0 findings; 1 could not be read.")
    assert "cannot read gone.yaml: there is no such file or folder\n" in result.stdout


def test_an_empty_path_is_not_the_current_folder() -> None:
    Path("good.yaml").write_text(GOOD)
    result = run("")
    assert last(result) == (2, "0 objects checked; 0 findings; 1 could not be read.")
    assert 'cannot read "": there is no such file or folder\n' in result.stdout


@pytest.mark.parametrize(("code", "path"), [(0, "good.yaml"), (2, "-")])
@pytest.mark.parametrize("command", ["check", "fix --policy=singleton-tasks"])
def test_a_closed_standard_input_is_an_error_only_where_it_is_asked_for(command: str, code: int, path: str) -> None:
    Path("good.yaml").write_text(GOOD)
    program = f"exec {shlex.quote(sys.executable)} -m webhook.cli {command} {path} <&-"
    done = subprocess.run(
        ["sh", "-c", program], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert ("stdin: it is closed" in done.stdout + done.stderr) is (path == "-")


def test_on_a_terminal_progress_is_told_and_covered_by_what_follows() -> None:
    count = 301
    for number in range(count):
        Path(f"{number}.yaml").write_text(BAD if number == 0 else "")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "webhook.cli", "check", "--format=github"]
    subprocess.run(command, stdout=theirs, stderr=theirs, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    os.close(theirs)
    text = os.read(ours, 65536).decode()
    os.close(ours)
    assert text.startswith("Checking  0%\r::error file=0.yaml")
    assert "Checking 90%\r" in text
    assert text.endswith(f"\r{' ' * 12}\r1 object checked; 1 finding (1 Deny).\r\n")


def test_bad_policies_are_told_and_nothing_is_checked() -> None:
    Path("policy.yaml").write_text(POLICY.replace("maxSeconds", "mostSeconds"))
    result = run("--policies=policy.yaml", "-", stdin=GOOD)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("policy.yaml:7:28: ")
    assert "mostSeconds" in result.stderr


def test_where_no_policy_is_nothing_is_checked_but_by_a_ready_one() -> None:
    Path("mine").mkdir()
    Path("mine/namespace.yaml").write_text(NAMESPACE)
    result = run("--policies=mine", "-", stdin=GOOD)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", "mine: there is no policy in it\n")
    assert last(run("--policies=mine", "--policy=baseline", "-", stdin=GOOD))[0] == 0


def test_a_removed_api_is_a_finding_of_its_own() -> None:
    result = run("-", stdin=GOOD.replace("batch/v1", "batch/v1beta1"))
    assert last(result) == (1, "1 object checked; 1 finding (1 Deny).")
    assert (
        "stdin:1:1: Deny apiVersion is batch/v1beta1, removed in Kubernetes 1.25; allowed: batch/v1\n" in result.stdout
    )


def test_a_value_of_another_type_is_told_as_what_it_is_and_not_as_missing() -> None:
    Path("policy.yaml").write_text(POLICY.replace("{matchLabels: {level: high}}", "{}"))
    result = run(
        "--policies=policy.yaml", "-", stdin=GOOD.replace("spec:\n  t", "spec:\n  activeDeadlineSeconds: 1m\n  t")
    )
    assert last(result) == (1, "1 object checked; 1 finding (1 Deny).")
    assert (
        'stdin:5:3: Deny spec.activeDeadlineSeconds is "1m"; allowed: a whole number, without quotes\n' in result.stdout
    )


def test_a_report_goes_into_a_file_and_its_sum_to_the_terminal() -> None:
    result = run("--format=json", "--output=out.json", "-", stdin=BAD)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "1 object checked; 1 finding (1 Deny).\n")
    assert json.loads(Path("out.json").read_text())["summary"]["failing"] == 1


def test_the_report_of_the_run_before_is_no_manifest() -> None:
    Path("bad.yaml").write_text("---\n".join([BAD] * 50))  # more than is held back before it is written
    told = [run("--format=json", "--output=zz.json", ".") for _ in range(2)]
    assert [(each.exit_code, each.stderr) for each in told] == [(1, "50 objects checked; 50 findings (50 Deny).\n")] * 2


@pytest.mark.parametrize(("shown", "environment"), [("\x1b[31m", {}), ("Deny", {"NO_COLOR": "1"})], ids=["yes", "no"])
def test_colours_are_for_terminals_that_want_them(shown: str, environment: dict[str, str]) -> None:
    Path("bad.yaml").write_text(BAD)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "webhook.cli", "check", "bad.yaml"]
    run = subprocess.run(
        command, stdout=theirs, env={**os.environ, **environment, "PYTHONPATH": str(ROOT)}, check=False
    )
    os.close(theirs)
    text = os.read(ours, 65536).decode()
    os.close(ours)
    assert run.returncode == 1
    assert shown in text
    assert ("\x1b" in text) is (shown != "Deny")


def test_it_starts_without_what_only_the_server_needs() -> None:
    Path("good.yaml").write_text(GOOD)
    heavy = {"cryptography", "flask", "gunicorn", "jsonpatch", "jsonschema", "prometheus_client", "ruamel", "werkzeug"}
    program = (
        "import sys; from webhook.cli import main\n"
        "try: main(['check', 'good.yaml'])\n"
        f"finally: print(sorted({heavy} & sys.modules.keys()))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_shows_how_to_begin() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert "helm template . | batchwarden check -\n" in result.stdout
    for option in ("--policies", "--policy", "--namespace", "--format", "--fail-on", "--output", "--why-url"):
        assert option in result.stdout


def test_an_exception_that_names_no_policy_is_told_and_lifts_nothing(folder: Path) -> None:
    (folder / "exception.yaml").write_text("""\
apiVersion: batchwarden.io/v1alpha1
kind: BatchPolicyException
metadata: {name: mistyped, namespace: team-a}
spec:
  {policies: [restricts], rules: [backoffLimit], selector: {}, reason: r, owner: o, expiresAt: "2099-01-01T00:00:00Z"}
""")
    (folder / "job.yaml").write_text(BAD)
    result = run("--policy=restricted", f"--policies={folder / 'exception.yaml'}", folder / "job.yaml")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{folder}/exception.yaml:5:")
    assert "exception mistyped: there is no policy restricts" in result.stderr

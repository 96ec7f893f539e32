"""The program as a whole: help to begin with, names to complete, and no traceback whatever the system refuses."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from pkgutil import iter_modules

import pytest
from click.testing import CliRunner, Result

import webhook.cli
from policies.catalog import rules
from webhook.cli import COMMANDS, main
from webhook.cli.version import KUBERNETES
from webhook.snapshots import LIBRARY, ready_names

ROOT = Path(__file__).parent.parent.parent
NAMES = [name for commands in COMMANDS.values() for name in commands]
HOUSE = """\
apiVersion: batchwarden.io/v1alpha1
kind: BatchPolicy
metadata: {name: house, namespace: team-a}
spec:
  action: Audit
  objectSelector: {matchExpressions: [{key: app, operator: Exists}]}
  rules: {backoffLimit: {max: 3, action: Deny}, restartPolicy: {}}
"""


def run(*arguments: str, **settings: str) -> Result:
    """Run the program in this process."""
    result = CliRunner().invoke(main, arguments, env=settings, prog_name="batchwarden")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which ``batchwarden`` is the program."""
    text = f'batchwarden() {{ {sys.executable} -m webhook.cli "$@"; }}; set -o pipefail; {command}'
    return subprocess.run(["bash", "-c", text], cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_command_is_listed_and_every_one_listed_is_there() -> None:
    assert {module.name for module in iter_modules(webhook.cli.__path__)} == {"__main__", *NAMES}
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: batchwarden {name} ")
    assert result.stdout.count("\n") > 5


def test_the_help_fits_a_terminal_and_loads_no_command() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert [line for line in result.stdout.splitlines() if len(line) > 100] == []
    for commands in COMMANDS.values():
        for name, about in commands.items():
            assert re.search(rf"^  {name} +{re.escape(about)}$", result.stdout, re.MULTILINE), name
    program = (
        "import sys, webhook.cli as it; it.main(['-h'], standalone_mode=False); print(*sys.modules, file=sys.stderr)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stderr
    assert {each for each in loaded.split() if each.startswith(("policies", "yaml", "msgspec", "webhook"))} == {
        "webhook",
        "webhook.cli",
    }


def test_every_command_that_the_help_shows_exists() -> None:
    shown = re.findall(r"batchwarden ([a-z]+)", run("--help").stdout)
    assert set(shown) - {"[OPTIONS]"} <= set(NAMES)


def test_as_a_plugin_of_kubectl_it_calls_itself_so() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"batchwarden": "webhook.cli:main", "kubectl-batchwarden": "webhook.cli:kubectl"}
    program = "import sys, webhook.cli as cli; sys.argv = ['kubectl-batchwarden', 'check', '-h']; cli.kubectl()"
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.startswith("Usage: kubectl batchwarden check ")


@pytest.mark.parametrize("arguments", [["version"], ["--version"]], ids=["command", "option"])
def test_the_version_says_whose_facts_it_knows(arguments: list[str]) -> None:
    result = run(*arguments)
    assert re.fullmatch(rf"batchwarden \S+, Python 3\.\d+\.\S+, Kubernetes {KUBERNETES} \(.*\)\n", result.stdout)


def test_all_facts_are_of_that_version() -> None:
    sources = [file.read_text() for file in (ROOT / "policies").rglob("*.py")]
    named = {found for text in sources for found in re.findall(r"kubernetes/kubernetes/blob/v([\d.]+)/", text)}
    assert named == {KUBERNETES}


def test_rules_are_listed_for_people_and_programs() -> None:
    lines = run("rules").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["RULE", *rules()]
    told = json.loads(run("rules", "--format=json").stdout)
    assert [each["rule"] for each in told] == [*rules()]
    assert {key for each in told for key in each} == {
        "rule", "kinds", "category", "severity", "default", "since", "summary",
    }  # fmt: skip
    assert {each["rule"] for each in told if each["default"]} == {key for key, rule in rules().items() if rule.defaults}


def test_ready_policies_are_listed_and_shown_as_they_are_shipped() -> None:
    listed = run("policies", "list").stdout
    assert re.findall(r"^(\S+)  \(ClusterBatchPolicy\)$", listed, re.MULTILINE) == ready_names()
    for name in ready_names():
        assert run("policies", "show", name).stdout == (LIBRARY / f"{name}.yaml").read_text()
    unknown = run("policies", "show", "baselin")
    assert (unknown.exit_code, unknown.stdout) == (2, "")
    assert "there is no ready policy 'baselin'; did you mean baseline?" in unknown.stderr


def test_policies_in_files_are_listed(tmp_path: Path) -> None:
    (tmp_path / "house.yaml").write_text(HOUSE)
    assert run("policies", "list", "--policies", str(tmp_path)).stdout == (
        "house  (BatchPolicy of namespace team-a)\n  Deny: backoffLimit\n  Audit: restartPolicy\n"
        "  objects: {matchExpressions: [{key: app, operator: Exists}]}\n"
    )
    (tmp_path / "house.yaml").write_text("")
    assert run("policies", "list", "--policies", str(tmp_path)).stdout == "There is no policy.\n"
    (tmp_path / "house.yaml").write_text(HOUSE.replace("max", "mux"))
    broken = run("policies", "list", "--policies", str(tmp_path))
    assert (broken.exit_code, broken.stdout) == (2, "")
    assert "did you mean max?" in broken.stderr


@pytest.mark.parametrize("name", ["bash", "fish", "zsh"])
def test_completion_is_printed_for_each_shell(name: str) -> None:
    result = run("completion", name)
    assert result.exit_code == 0
    assert f"_BATCHWARDEN_COMPLETE={name}_complete" in result.stdout


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("batchwarden exp", "plain,explain"),
        ("batchwarden explain ttl", "plain,ttlAfterFinished"),
        ("batchwarden explain restartPolicy --policy single", "plain,singleton-tasks"),
        ("batchwarden policies show non", "plain,non-idempotent-tasks"),
        ("batchwarden exception job/x --rule back", "plain,backoffLimit"),
        ("batchwarden fix --sug", "plain,--suggested"),
        ("batchwarden check dep", "file,dep"),
        ("batchwarden fix dep", "file,dep"),
    ],
)
def test_commands_rules_policies_and_options_are_completed(words: str, completed: str) -> None:
    at = str(len(words.split()) - 1)
    result = run(COMP_WORDS=words, COMP_CWORD=at, _BATCHWARDEN_COMPLETE="bash_complete")
    assert completed in result.stdout.splitlines()


def test_bash_takes_the_script() -> None:
    assert shell("bash -n <(batchwarden completion bash)").returncode == 0


def test_colours_are_for_terminals_and_for_those_who_want_them() -> None:
    runner = CliRunner()
    job = (ROOT / "deploy" / "examples" / "job-without-ttl.yaml").read_text()
    arguments = ["fix", "--diff", "-"]
    assert "\x1b[32m+" in runner.invoke(main, arguments, input=job, color=True).stdout
    assert "\x1b" not in runner.invoke(main, arguments, input=job).stdout
    assert "\x1b" not in runner.invoke(main, arguments, input=job, color=True, env={"NO_COLOR": "1"}).stdout


@pytest.mark.parametrize("command", ["--help", "--version", "rules", "explain restartPolicy", "policies show baseline"])
def test_a_full_disk_is_told_in_a_sentence(command: str) -> None:
    said = shell(f"batchwarden {command} > /dev/full")
    assert (said.returncode, said.stdout, said.stderr) == (2, "", "Error: No space left on device\n")


def test_a_reader_that_has_enough_is_no_error() -> None:
    said = shell("for i in 1 2 3; do batchwarden rules; done | head -n 1")
    assert said.stdout.startswith("RULE ")
    assert said.stderr == ""


def test_a_file_whose_name_is_no_text_is_named(tmp_path: Path) -> None:
    odd = tmp_path / b"odd-\xff.yaml".decode(errors="surrogateescape")
    odd.write_text("kind: 'x")
    said = shell(f"cd {tmp_path} && PYTHONPATH={ROOT} batchwarden fix .")
    assert said.returncode == 2
    assert "odd-\\udcff.yaml:1:7: " in said.stderr


@pytest.mark.parametrize("command", ["check .", "fix .", "test .", "policies list --policies .", "check --policies ."])
def test_the_name_of_a_file_says_nothing_to_terminals_and_ci_servers(command: str, tmp_path: Path) -> None:
    (tmp_path / "a\x1b[31m\n::error::b.yaml").write_text("kind: 'x")
    said = shell(f"cd {tmp_path} && PYTHONPATH={ROOT} batchwarden {command}")
    assert said.returncode == 2
    assert not re.search(r"\x1b|^::", said.stdout + said.stderr, re.MULTILINE)


def test_what_the_system_refuses_is_told_with_the_name(tmp_path: Path) -> None:
    file = tmp_path / "gone" / "report.txt"
    result = run("check", f"--output={file}", str(tmp_path))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"Error: {file}: No such file or directory\n"

"""What CI systems are told to run is run here, as far as that takes no network: hook, action, and the snippets."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "deploy" / "examples"
PAGE = (ROOT / "deploy" / "ci" / "README.md").read_text()
ACTION: Mapping[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
SHELL = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]  # as GitHub runs shell: bash
PINNED = re.compile(r"[\w-]+/[\w/-]+@[0-9a-f]{40}")
POLICY = """\
apiVersion: batchwarden.io/v1alpha1
kind: ClusterBatchPolicy
metadata: {name: house}
spec: {action: Deny, rules: {ttlAfterFinished: {}}}
"""
GOOD, BAD = "good-job.yaml", "job-without-ttl.yaml"


def snippets(heading: str) -> list[str]:
    """Give the code under a heading of the page."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```\w+\n(.*?)^```", section, re.DOTALL | re.MULTILINE)


def run(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a CI system does: beside the program under test, and with nothing of ours installed."""
    programs = f"{folder / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [*SHELL, script],
        cwd=folder,
        env={**os.environ, "PATH": programs, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a folder with policies, and with manifests that they take."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "house.yaml").write_text(POLICY)
    (tmp_path / "manifests").mkdir()
    shutil.copy(EXAMPLES / GOOD, tmp_path / "manifests")
    return tmp_path


def break_rule(repository: Path) -> None:
    shutil.copy(EXAMPLES / BAD, repository / "manifests")


def test_the_hook_installs_a_program_of_the_project_and_is_told_the_files() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert shlex.split(HOOK["entry"])[0] in project["scripts"]
    assert (HOOK["language"], HOOK["types"], HOOK["require_serial"]) == ("python", ["yaml"], True)


def test_the_hook_passes_over_other_yaml_and_finds_what_is_wrong(repository: Path) -> None:
    (config,) = snippets("pre-commit")
    ((hook,),) = (each["hooks"] for each in yaml.safe_load(config)["repos"])
    assert hook["id"] == HOOK["id"]
    (repository / "manifests" / "other.yaml").write_text("repos: []\n")
    call = [*shlex.split(HOOK["entry"]), *hook["args"]]
    taken = [name for name in ("manifests/other.yaml", f"manifests/{GOOD}") if re.search(hook["files"], name)]
    assert len(taken) == 2
    assert run(shlex.join([*call, *taken]), repository).returncode == 0
    break_rule(repository)
    found = run(shlex.join([*call, *taken, f"manifests/{BAD}"]), repository)
    assert found.returncode == 1
    assert "ttlSecondsAfterFinished is missing" in found.stdout


def step(name: str) -> Mapping[str, Any]:
    (found,) = [each for each in ACTION["runs"]["steps"] if each.get("id") == name]
    return found  # type: ignore[no-any-return]  # as read


def act(repository: Path, **given: str) -> tuple[int, str, str]:
    """Run the action's check with inputs; give its exit code, its log and its output."""
    values = {f"inputs.{name}": about["default"] for name, about in ACTION["inputs"].items()}
    values |= {f"inputs.{name.replace('_', '-')}": value for name, value in given.items()}
    values |= {"steps.install.outputs.program": str(Path(sys.executable).parent / "batchwarden")}
    check, output = step("check"), repository / "output"
    output.touch()
    env = {name: re.sub(r"\$\{\{ (.+?) \}\}", lambda it: values[it[1]], text) for name, text in check["env"].items()}
    done = run(check["run"], repository, GITHUB_OUTPUT=str(output), **env)
    assert "rror: " not in done.stderr, done.stderr
    return done.returncode, done.stdout, output.read_text()


def test_the_action_writes_sarif_and_annotations_and_fails_where_something_is_wrong(repository: Path) -> None:
    given = {"paths": "manifests\n", "policies": "policies\n", "namespace": "team-a", "output": "found.sarif"}
    assert act(repository, **given) == (0, "1 object checked; 0 findings.\n", "sarif=found.sarif\n")
    break_rule(repository)
    code, log, output = act(repository, **given)
    (result,) = json.loads((repository / "found.sarif").read_text())["runs"][0]["results"]
    assert (code, output) == (1, "sarif=found.sarif\nsarif=found.sarif\n")
    assert result["ruleId"] == "ttlAfterFinished"
    assert log.startswith("::error ")
    assert f"file=manifests/{BAD}" in log


def test_the_action_looks_everywhere_by_the_baseline_unless_told_otherwise(repository: Path) -> None:
    shutil.copy(EXAMPLES / "job-that-restarts-always.yaml", repository)
    assert act(repository)[0] == 1
    assert act(repository, fail_on="never")[0] == 0
    assert act(repository, policy="defaults\nnon-idempotent-tasks")[0] == 0
    (repository / "policies" / "house.yaml").write_text(POLICY.replace("ttl", "tll"))
    (repository / "batchwarden.sarif").unlink()
    assert run(step("check")["run"], repository, PROGRAM="batchwarden", PATHS="", POLICIES="policies", POLICY="",
               NAMESPACE="", FAIL_ON="Deny", OUTPUT="x.sarif", GITHUB_OUTPUT="output").returncode == 2  # fmt: skip


def test_the_actions_scripts_are_sound() -> None:
    for each in ACTION["runs"]["steps"]:
        if "run" in each:
            program = Path(sys.executable).parent / "shellcheck"
            subprocess.run([program, "--shell=bash", "-"], input=each["run"], text=True, check=True)
    assert "$SOURCE/requirements.txt" in step("install")["run"]


def test_what_others_wrote_is_pinned() -> None:
    used = [each["uses"] for each in ACTION["runs"]["steps"] if "uses" in each]
    used += [name for name in re.findall(r"uses: (\S+)", PAGE) if name != "OWNER/batchwarden@COMMIT"]
    assert len(used) == 3
    assert [name for name in used if not PINNED.fullmatch(name)] == []


def test_the_workflow_uses_the_action_as_it_is() -> None:
    (workflow,) = snippets("GitHub Actions")
    (job,) = yaml.safe_load(workflow)["jobs"].values()
    assert job["steps"][-1]["with"].keys() <= ACTION["inputs"].keys()


def test_the_gitlab_job_reports_what_it_finds(repository: Path) -> None:
    (config,) = snippets("GitLab")
    (job,) = yaml.safe_load(config).values()
    install, *script = job["script"]
    assert install.startswith("pip install ")
    report = repository / job["artifacts"]["reports"]["junit"]
    assert run("\n".join(script), repository).returncode == 0
    assert "<failure" not in report.read_text()
    break_rule(repository)
    assert run("\n".join(script), repository).returncode == 1
    assert "<failure" in report.read_text()


@pytest.mark.parametrize(
    ("heading", "index", "renderer"), [("Helm and Kustomize", 0, "helm"), ("Helm and Kustomize", 1, "kustomize"),
                                       ("Argo CD", 0, "argocd")])  # fmt: skip
def test_what_a_tool_renders_is_judged_and_its_failure_is_not_hidden(
    repository: Path, heading: str, index: int, renderer: str
) -> None:
    script = snippets(heading)[index]
    assert renderer in script
    rendered = [
        f"---\n# Source: nightly/templates/{name}\n{(EXAMPLES / name).read_text()}"
        for name in (GOOD, BAD, "good-cronjob.yaml")
    ]
    # The tool is not here: what it would have printed comes from a file, or, as where it fails, nothing at all.
    (repository / "bin").mkdir()
    stand_in, printed = repository / "bin" / renderer, repository / "printed"
    stand_in.write_text(f'#!/bin/sh\nexec cat "{printed}"\n')
    stand_in.chmod(0o755)
    printed.write_text("".join(rendered[::2]))
    assert run(script, repository).returncode == 0
    printed.write_text("".join(rendered))
    found = run(script, repository)
    assert found.returncode == 1
    assert "ttlSecondsAfterFinished is missing" in found.stdout
    printed.unlink()
    assert run(script, repository).returncode != 0

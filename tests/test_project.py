"""The project keeps its own promises: what is locked, what is declared, what a module is, what is shipped."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("certs", "policies", "webhook")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROVIDERS = packages_distributions()  # which distributions bring a package: slow to ask
LOCKS = ("requirements.txt", "requirements-build.txt", "requirements-dev.txt")
PIN = re.compile(r"([a-z0-9-]+)==([^ ]+)( ; [^-]+?)?( +--hash=sha256:[0-9a-f]{64})+ *")
EXCUSE = "# Over budget: "


def modules(*folders: str) -> list[Path]:
    """Return the Python files of the folders."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def normal(name: str) -> str:
    """Return the name of a distribution as all its spellings are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(requirements: list[str]) -> set[str]:
    """Return the names of the distributions in a list of requirements."""
    return {normal(re.split(r"[^\w.-]", requirement)[0]) for requirement in requirements}


RUNTIME = declared(PROJECT["project"]["dependencies"])
DATA = {"tzdata"}  # never imported: zoneinfo reads its files, and policies/cron/zones.py the list of their names
DEVELOPMENT = declared(PROJECT["dependency-groups"]["dev"])


def entries(lock: str) -> list[str]:
    """Return the entries of a lock file, each in one line."""
    text = (ROOT / lock).read_text().replace("\\\n", "")
    return [line for line in text.splitlines() if not line.lstrip().startswith("#")]


def pins(lock: str) -> dict[str, str]:
    """Return the version of each distribution in a lock file."""
    return {match[1]: match[2] for match in map(PIN.fullmatch, entries(lock)) if match}


def imports(path: Path) -> set[str]:
    """Return the distributions outside of the standard library and the project that a file imports from."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    foreign = names - sys.stdlib_module_names - {*PACKAGES, "deploy", "tests"}
    return {normal(distribution) for name in foreign for distribution in PROVIDERS.get(name, [name])}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_pins_with_hashes_and_nothing_else(lock: str) -> None:
    assert entries(lock) != []
    assert [entry for entry in entries(lock) if not PIN.fullmatch(entry)] == []
    assert "://" not in (ROOT / lock).read_text()


def test_what_runs_is_locked_alike_for_those_who_develop() -> None:
    assert pins("requirements.txt").items() <= pins("requirements-dev.txt").items()


def test_what_is_declared_is_locked() -> None:
    assert RUNTIME - pins("requirements.txt").keys() == set()
    assert DEVELOPMENT - pins("requirements-dev.txt").keys() == set()


def test_what_runs_imports_what_is_declared_and_all_of_it() -> None:
    assert set().union(*map(imports, modules(*PACKAGES))) | DATA == RUNTIME


def test_tests_import_only_what_is_declared() -> None:
    assert set().union(*map(imports, modules("tests"))) - RUNTIME - DEVELOPMENT == set()


def test_policies_are_forbidden_every_dependency_but_msgspec() -> None:
    contracts = {contract["id"]: contract for contract in PROJECT["tool"]["importlinter"]["contracts"]}
    forbidden = set(contracts["policies-pure"]["forbidden_modules"])
    barred = {normal(origin) for name in forbidden for origin in PROVIDERS.get(name, [])}
    assert RUNTIME - barred - DATA == {"msgspec"}


def test_the_serving_app_starts_without_loading_the_kubernetes_client_or_cryptography() -> None:
    program = "import sys, webhook.admission.app; print({'cryptography', 'kubernetes'} & sys.modules.keys())"
    assert run_python("-c", program) == "set()\n"


def test_every_module_begins_with_its_law() -> None:
    assert [str(path) for path in modules(*PACKAGES, "tests") if not law(path).endswith(".")] == []


def law(path: Path) -> str:
    """Return the first line of a module's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n")[0]


def test_what_is_over_budget_says_why() -> None:
    assert [excess for path in modules(*PACKAGES) for excess in over_budget(path)] == []


def over_budget(path: Path) -> list[str]:
    """Return what is over its budget and gives no reason: the file, or a function less its docstring."""
    text = path.read_text()
    name, lines = path.relative_to(ROOT), text.splitlines()
    most = 80 if path.parent.name == "rules" else 250
    found = [f"{name}: {len(lines)} lines of {most}"] if len(lines) > most and EXCUSE not in text else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = height(node) - (height(node.body[0]) if ast.get_docstring(node) else 0)
            excused = EXCUSE in "\n".join(lines[node.lineno - 1 : node.end_lineno])
            found += [f"{name}: {node.name}: {length} lines of 30"] if length > 30 and not excused else []
    return found


def height(node: ast.stmt) -> int:
    """Return how many lines a statement takes."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_the_wheel_carries_the_packages_whole_and_nothing_else(tmp_path: Path) -> None:
    run_python("-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path))
    (wheel,) = tmp_path.glob("*.whl")
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = {path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()}
    assert {str(path.relative_to(ROOT)) for path in files if path.parent.name != "__pycache__"} == shipped


def run_python(*arguments: str) -> str:
    """Run Python in the checkout and return what it prints; what it complains of fails the test."""
    run = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout

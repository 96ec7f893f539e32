"""What is shipped to install with agrees with what it installs: versions, options, settings, values and metrics."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.json import schema

from webhook.admission.observe import Log, Observer
from webhook.cli.controller import Craft
from webhook.cli.serve import command
from webhook.cluster.api import connect
from webhook.cluster.assembly import Controller
from webhook.cluster.denials.recorder import EventObserver
from webhook.cluster.observe import WatchObserver
from webhook.cluster.settings import ControllerSettings, Reports, read_settings

ROOT = Path(__file__).parent.parent
CHART = ROOT / "deploy" / "helm" / "batchwarden"
VALUES = (CHART / "values.yaml").read_text()
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
README = (CHART / "README.md").read_text()
MANIFESTS = (ROOT / "deploy" / "manifests" / "batchwarden.yaml").read_text()
LIBRARY = ROOT / "policies" / "library"
KUBECONFIG = {
    "clusters": [{"name": "tests", "cluster": {"server": "https://127.0.0.1:1"}}],
    "contexts": [{"name": "tests", "context": {"cluster": "tests"}}],
    "current-context": "tests",
}


def manifest(kind: str, name: str) -> dict[str, Any]:
    """Find one of the manifests for those without Helm."""
    found = (one for one in yaml.safe_load_all(MANIFESTS) if (one["kind"], one["metadata"]["name"]) == (kind, name))
    return next(found)


def test_all_is_of_one_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (version, version)
    assert set(re.findall(r"app\.kubernetes\.io/version: \"(.*)\"", MANIFESTS)) == {version}, "run: make manifests"
    assert set(re.findall(r"image: (.*)", MANIFESTS)) == {f"batchwarden:{version}"}, "run: make manifests"


def keys(values: Mapping[str, Any], schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, bool, bool]]:
    """Go through the keys of values and of their schema; tell of each whether the one and the other has it."""
    known = schema.get("properties", {})
    for key in dict.fromkeys([*values, *known]):
        yield f"{path}{key}", key in values, key in known
        inner, value = known.get(key, {}), values.get(key)
        if "properties" in inner and value != {}:  # what is empty holds nothing until somebody fills it in
            yield from keys(value if isinstance(value, dict) else {}, inner, f"{path}{key}.")


def test_values_and_their_schema_know_the_same() -> None:
    found = [*keys(yaml.safe_load(VALUES), SCHEMA)]
    lonely = [path for path, valued, known in found if not (valued and known)]
    assert ("webhook.replicas", True, True) in found
    assert lonely == ["global"]


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Go through every object of a schema whose properties are named."""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for inner in schema.values():
            yield from objects(inner)


def test_no_object_of_named_values_takes_others() -> None:
    assert [each for each in objects(SCHEMA) if each.get("additionalProperties") is not False] == []


TOLD_ABOVE = ("commonAnnotations", "objectSelector", "prometheusRules")  # by the comment of the value before


def test_every_group_of_values_says_what_it_is_for() -> None:
    lines = VALUES.splitlines()
    groups = [at for at, line in enumerate(lines) if re.match(r"\w+:", line)]
    told = [at for at in groups if any("#" in line for line in around(lines, at))]
    assert [name(lines[at]) for at in groups if at not in told] == [*TOLD_ABOVE]
    assert {name(lines[at]) for at in groups} == yaml.safe_load(VALUES).keys()


def around(lines: list[str], at: int) -> list[str]:
    """Take what stands right above a key, or above the empty line there, and the first line of what it holds."""
    return [lines[at - 1] or lines[at - 2], *(line for line in lines[at + 1 : at + 2] if line.startswith(" "))]


def name(line: str) -> str:
    """Take the key of a line."""
    return line.partition(":")[0]


def test_the_ready_policies_that_may_be_named_are_those_there_are() -> None:
    names = sorted(file.stem for file in LIBRARY.glob("*.yaml"))
    assert SCHEMA["properties"]["policies"]["items"]["enum"] == names
    named = re.search(r"# Ready policies to keep installed: (.*)\.", VALUES)
    assert named
    assert sorted(named[1].split(", ")) == names


def rendered_settings(folder: Path) -> ControllerSettings:
    """Read the settings of the controller as it does."""
    file = folder / "settings.yaml"
    file.write_text(manifest("ConfigMap", "batchwarden-settings")["data"]["settings.yaml"])
    return read_settings(file)


def test_the_controller_takes_its_settings(tmp_path: Path) -> None:
    settings = rendered_settings(tmp_path)
    built_in = ControllerSettings(
        api_version="config.batchwarden.io/v1alpha1", kind="ControllerSettings", namespace="batchwarden"
    )
    differing = {name for name in settings.__struct_fields__ if getattr(settings, name) != getattr(built_in, name)}
    assert differing == {"owner_cluster_role", "service", "exempt_namespaces"}
    assert manifest("ClusterRole", str(settings.owner_cluster_role))
    assert settings.service
    (port,) = manifest("Service", settings.service.name)["spec"]["ports"]
    assert port["port"] == settings.service.port


def test_what_is_set_of_reports_is_bounded_alike_in_chart_and_controller() -> None:
    bounds = schema(Reports)["$defs"]["Reports"]["properties"]
    assert {key: without(bound, "default") for key, bound in bounds.items()} == {
        key: {name: sorted(each) if name == "enum" else each for name, each in bound.items()}
        for key, bound in SCHEMA["properties"]["reports"]["properties"].items()
    }


def without(mapping: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Leave a key out."""
    return {name: value for name, value in mapping.items() if name != key}


def test_the_server_takes_its_options_and_leaves_out_what_the_controller_does() -> None:
    (container,) = manifest("Deployment", "batchwarden-webhook")["spec"]["template"]["spec"]["containers"]
    verb, *options = container["args"]
    assert verb == "serve"
    known = {name for parameter in command.params for name in parameter.opts}
    assert {option.partition("=")[0] for option in options} <= known
    settings = yaml.safe_load(manifest("ConfigMap", "batchwarden-settings")["data"]["settings.yaml"])
    alike = [
        f"--own-namespace={settings['namespace']}",
        *(f"--exempt-namespace={namespace}" for namespace in settings["exemptNamespaces"]),
        f"--controller-user={settings['controllerUser']}",
    ]
    assert [option for option in alike if option not in options] == []


@pytest.mark.parametrize("file", ["prometheus-rules.yaml", "dashboard.json"])
def test_the_metrics_that_are_asked_for_exist(file: str, tmp_path: Path) -> None:
    asked = set(re.findall(r"\bbatchwarden_\w+", (CHART / "files" / file).read_text()))
    observer = Observer(Log())
    WatchObserver(observer.registry, ignore, lambda: 0.0)
    EventObserver(observer.registry, ignore)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(KUBECONFIG))
    controller = Controller(connect(kubeconfig, None), rendered_settings(tmp_path), Craft(), ignore)
    kept = {metric for told in (observer.scrape(), controller.scrape()) for metric in metrics(told.decode())}
    assert asked - kept == set()
    assert len(asked) > 5


def ignore(*_: object, **__: object) -> None:
    """Write nothing."""


def metrics(told: str) -> Iterator[str]:
    """Go through the names of all metrics, those without a sample too."""
    for name in re.findall(r"^# TYPE (\w+)", told, re.MULTILINE):
        yield from (name, f"{name}_bucket")


def test_the_reports_that_others_bring_are_of_the_version_that_is_tested_with() -> None:
    pinned = (ROOT / "tests" / "cluster" / "tools" / "crds" / "go.mod").read_text()
    named = re.findall(r"https://raw\.githubusercontent\.com/([\w-]+/[\w-]+)/(v[\d.]+)/", README)
    assert [repository for repository, _ in named] == ["kyverno/kyverno", "openreports/reports-api"]
    for repository, version in named:
        assert f"\tgithub.com/{repository} {version}\n" in pinned

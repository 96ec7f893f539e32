"""What is shipped to install with agrees with what it installs: versions, options, settings, values and metrics."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from webhook.admission.observe import Log, Observer
from webhook.cli.serve import command
from webhook.cluster.observe import KeeperObserver, WatchObserver
from webhook.cluster.settings import ControllerSettings, read_settings

ROOT = Path(__file__).parent.parent
CHART = ROOT / "deploy" / "helm" / "batchwarden"
VALUES = (CHART / "values.yaml").read_text()
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
MANIFESTS = (ROOT / "deploy" / "manifests" / "batchwarden.yaml").read_text()
LIBRARY = ROOT / "policies" / "library"


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


def test_the_controller_takes_its_settings(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(manifest("ConfigMap", "batchwarden-settings")["data"]["settings.yaml"])
    settings = read_settings(file)
    built_in = ControllerSettings(
        api_version="config.batchwarden.io/v1alpha1", kind="ControllerSettings", namespace="batchwarden"
    )
    differing = {name for name in settings.__struct_fields__ if getattr(settings, name) != getattr(built_in, name)}
    assert differing == {"owner_cluster_role", "service", "exempt_namespaces"}
    assert manifest("ClusterRole", str(settings.owner_cluster_role))
    assert settings.service
    (port,) = manifest("Service", settings.service.name)["spec"]["ports"]
    assert port["port"] == settings.service.port


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
def test_the_metrics_that_are_asked_for_exist(file: str) -> None:
    asked = set(re.findall(r"\bbatchwarden_\w+", (CHART / "files" / file).read_text()))
    observer = Observer(Log())
    WatchObserver(observer.registry, lambda *_, **__: None, lambda: 0.0)
    controllers = CollectorRegistry()
    KeeperObserver(controllers, lambda *_, **__: None)
    registries = (observer.registry, controllers)
    kept = {name for each in registries for name in metrics(each) for name in (name, f"{name}_bucket")}
    assert asked - kept == set()
    assert len(asked) > 5


def metrics(registry: CollectorRegistry) -> list[str]:
    """List the names of all metrics, those without a sample too."""
    return re.findall(r"^# TYPE (\w+)", generate_latest(registry).decode(), re.MULTILINE)

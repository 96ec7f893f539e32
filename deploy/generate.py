"""Writes what is generated: the rules' reference, schemas for editors, programs and API server, the chart's copies.

``make generate`` runs it after a change to a rule; a test fails until it was run.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import yaml

from policies.catalog import rules
from policies.crd import definitions
from policies.reference import reference
from policies.schema import schemas
from webhook.audit import report_shape

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "policies" / "README.md"
SCHEMAS = ROOT / "deploy" / "schema"
DEFINITIONS = ROOT / "deploy" / "crds"
LIBRARY = ROOT / "policies" / "library"
CHART = ROOT / "deploy" / "helm" / "batchwarden" / "files"  # a chart holds no links: some tools leave them out
FOLDERS = (SCHEMAS, DEFINITIONS, CHART / "crds", CHART / "policies")
HEAD = "# Written by make generate from the types in policies/; edit those.\n# yamllint disable rule:line-length\n"


class Dumper(yaml.SafeDumper):
    """Writes text of several paragraphs folded, and everything in full."""

    def ignore_aliases(self, _data: object) -> bool:
        """Never refer to what was written before."""
        return True


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=">" if "\n" in text else None)


Dumper.add_representer(str, _write_text)


def pages() -> Mapping[Path, str]:
    """Map each file that is generated to its text."""
    shapes = {**schemas(), "report.json": report_shape.schema()}
    written = {
        SCHEMAS / name: f"{json.dumps(schema, indent=2, ensure_ascii=False)}\n" for name, schema in shapes.items()
    }
    applied = {DEFINITIONS / name: f"{HEAD}{_yaml(definition)}" for name, definition in definitions().items()}
    charted = {CHART / "crds" / file.name: text for file, text in applied.items()}
    ready = {CHART / "policies" / file.name: file.read_text(encoding="utf-8") for file in LIBRARY.glob("*.yaml")}
    return {REFERENCE: reference([*rules().values()]), **written, **applied, **charted, **ready}


def _yaml(definition: Mapping[str, object]) -> str:
    return yaml.dump(definition, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)


def main() -> None:
    """Write them, and remove what is generated no more."""
    wanted = pages()
    for folder in FOLDERS:
        folder.mkdir(parents=True, exist_ok=True)
        for file in set(folder.iterdir()) - wanted.keys():
            file.unlink()
    for file, text in wanted.items():
        file.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()

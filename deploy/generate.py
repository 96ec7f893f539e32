"""Writes what is generated from the rules: their reference, ``policies/README.md``, and ``deploy/schema/`` for editors.

``make generate`` runs it after a change to a rule; a test fails until it was run.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from policies.catalog import rules
from policies.reference import reference
from policies.schema import schemas

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "policies" / "README.md"
SCHEMAS = ROOT / "deploy" / "schema"


def pages() -> Mapping[Path, str]:
    """Map each file that is generated to its text."""
    written = {
        SCHEMAS / name: f"{json.dumps(schema, indent=2, ensure_ascii=False)}\n" for name, schema in schemas().items()
    }
    return {REFERENCE: reference([*rules().values()]), **written}


def main() -> None:
    """Write them, and remove what is generated no more."""
    SCHEMAS.mkdir(exist_ok=True)
    wanted = pages()
    for file in SCHEMAS.iterdir():
        if file not in wanted:
            file.unlink()
    for file, text in wanted.items():
        file.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()

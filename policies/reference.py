"""Pure: the reference of all rules, as Markdown: ``policies/README.md`` holds what ``make generate`` writes of it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from textwrap import dedent
from typing import Any, Final

from policies.catalog import Parameter, parameters, summary
from policies.rule import Rule, RuleParams

COMMON: Final = frozenset(RuleParams.__struct_encode_fields__)
HEAD: Final = """\
<!-- make generate writes this page from policies/rules/; write there, not here. -->

# The rules

A policy names the rules that it wants under `spec.rules`, each with its parameters, e.g. `backoffLimit: {max: 3}`, or
`backoffLimit: {}` for the built-in values. A parameter without a built-in value is off until it is set. What a rule can
write, it writes only where the author of the object wrote nothing, and only where the parameter named here is set.
`batchwarden explain RULE` prints the same in a terminal, and `deploy/schema/` holds it for editors.
"""


def reference(chosen: Sequence[Rule[Any]]) -> str:
    """Write the whole page: an index, what all rules have in common, and a section for each."""
    return "\n".join(line for part in (_index(chosen), *map(_section, chosen)) for line in part) + "\n"


def _index(chosen: Sequence[Rule[Any]]) -> Iterator[str]:
    rows = [
        (f"[`{rule.key}`](#{rule.key})", ", ".join(rule.kinds), _text(summary(rule)), _writing(rule)) for rule in chosen
    ]
    yield from (HEAD, *_table(("rule", "kinds", "what it asks", "can write"), rows), "", "Each rule also takes:", "")
    yield from _parameters(each for each in parameters(chosen[0]) if each.key in COMMON)


def _section(rule: Rule[Any]) -> Iterator[str]:
    """Write a rule's section; its anchor has the rule's very name, which is what denials append to their address."""
    facts = [", ".join(rule.kinds), rule.category.lower(), f"severity {rule.severity}", f"since {rule.since}"]
    if writing := _writing(rule):
        facts.append(f"can write: {writing}{', which may stop or skip work' if rule.stops_work else ''}")
    yield from ("", f'## <a id="{rule.key}"></a>{rule.key}', "", _prose(rule.doc), f"For {'; '.join(facts)}.")
    if own := [each for each in parameters(rule) if each.key not in COMMON]:
        yield from ("", *_parameters(own))


def _writing(rule: Rule[Any]) -> str:
    """Name the parameters by which a rule writes."""
    if rule.defaults is None:
        return ""
    return ", ".join(f"`{each.key}`" for each in parameters(rule) if each.key.startswith("default")) or "yes"


def _prose(doc: str) -> str:
    """Turn a docstring into Markdown: its literal blocks, which are all YAML, into fenced ones."""
    blocks = r"::\n\n((?:    .*\n|\n(?=\n*    ))+)"
    return re.sub(blocks, lambda block: f":\n\n```yaml\n{dedent(block[1])}```\n", f"{_text(doc.strip())}\n")


def _parameters(described: Iterable[Parameter]) -> list[str]:
    rows = ((f"`{each.key}`", each.values, f"`{each.builtin}`" if each.builtin else "", each.description)
            for each in described)  # fmt: skip
    return _table(("parameter", "takes", "built in", "meaning"), (map(_text, row) for row in rows))


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    lines = [[cell.replace("|", r"\|") for cell in row] for row in (head, *rows)]
    return [f"| {' | '.join(line)} |" for line in (lines[0], ["---"] * len(lines[0]), *lines[1:])]


def _text(text: str) -> str:
    return text.replace("``", "`")

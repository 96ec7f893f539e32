"""The reference of the rules says all that there is to know of each, in Markdown."""

import re
from typing import Annotated, Literal

from msgspec import Meta

from policies.catalog import Example, example, rules
from policies.reference import reference
from policies.rule import Rule, RuleParams

PAGE = """A container says ``most``.

Why it matters.

Flagged, with ``{most: 3}``::

    kind: Job
    spec:
      backoffLimit: 10

    metadata: {}

Allowed::

    kind: Job
"""


class Params(RuleParams, frozen=True):
    most: Annotated[Annotated[int, Meta(ge=0)] | None, Meta(description="The ``most``, a|b.")] = None
    default_most: tuple[Literal["a", "b"], ...] = ("a",)


class NoParams(RuleParams, frozen=True):
    pass


WRITING = Rule("policies.rules.most_of_all", PAGE, Params, lambda *_: (), lambda *_: (), stops_work=True)
STRICT = Rule(
    "policies.rules.strict", "A Job is strict.\n", NoParams, lambda *_: (), kinds=("CronJob",), severity="high"
)
ALWAYS = Rule("policies.rules.always", PAGE, NoParams, lambda *_: (), lambda *_: ())
REASON = (
    "| `reason` | text of 1 to 512 characters |  |"
    " Why, in your words: printed to tenants instead of the rule's own sentence. |"
)


def test_a_rule_has_a_row_and_a_section() -> None:
    assert (
        reference([WRITING, STRICT]).partition("| rule |")[2]
        == f""" kinds | what it asks | can write |
| --- | --- | --- | --- |
| [`mostOfAll`](#mostOfAll) | Job, CronJob | A container says `most`. | `defaultMost` |
| [`strict`](#strict) | CronJob | A Job is strict. |  |

Each rule also takes:

| parameter | takes | built in | meaning |
| --- | --- | --- | --- |
| `action` | Deny, Warn or Audit |  | What is done about it; left out: the policy's own action. |
{REASON}

## <a id="mostOfAll"></a>mostOfAll

A container says `most`.

Why it matters.

Flagged, with `{{most: 3}}`:

```yaml
kind: Job
spec:
  backoffLimit: 10

metadata: {{}}
```

Allowed:

```yaml
kind: Job
```

For Job, CronJob; hygiene; severity medium; since 0.1; can write: `defaultMost`, which may stop or skip work.

| parameter | takes | built in | meaning |
| --- | --- | --- | --- |
| `most` | a whole number, at least 0 |  | The `most`, a\\|b. |
| `defaultMost` | a list, each a or b | `["a"]` |  |

## <a id="strict"></a>strict

A Job is strict.

For CronJob; hygiene; severity high; since 0.1.
"""
    )


def test_a_rule_that_always_writes_says_so() -> None:
    assert "; can write: yes." in reference([ALWAYS])


def test_every_rule_is_there_with_its_examples_and_no_markup_of_another_kind() -> None:
    page = reference([*rules().values()])
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    for key, rule in rules().items():
        assert f"| [`{key}`](#{key}) |" in page
        assert f'\n## <a id="{key}"></a>{key}\n' in page
        wanted: list[Example] = [example(rule, "Flagged"), example(rule, "Allowed")]
        assert [each.manifest.strip() for each in wanted] == [block.strip() for block in blocks[:2]]
        del blocks[:2]
    assert blocks == []
    prose = re.sub(r"```yaml\n.*?```|`[^`\n]*`|<a id=\"\w+\"></a>|<!--.*?-->", "", page, flags=re.DOTALL)
    assert re.findall(r".*(?:::|``|[<>]).*", prose) == []

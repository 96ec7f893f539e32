"""Names of rules and of ready policies as options take them; the lists are made when they are asked for."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Final

import click
from click.shell_completion import CompletionItem


class Known(click.ParamType[str]):
    """A name from a list that is made when it is asked for."""

    def __init__(self, name: str, known: Callable[[], Iterable[str]]) -> None:
        """Remember what it is a name of, and how to list the names."""
        self.name = name
        self._known = known

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check it, and say which name is near."""
        known = list(self._known())
        same = next((each for each in known if each.lower() == value.lower()), None)
        if same is None:
            near = get_close_matches(value, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(known)}"
            self.fail(f"there is no {self.name} {value!r}; {hint}", param, ctx)
        return same

    def shell_complete(self, _ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """List the names that begin so."""
        return [CompletionItem(each) for each in self._known() if each.startswith(incomplete)]


def _rules() -> Iterable[str]:
    from policies.catalog import rules  # noqa: PLC0415 - so that others start fast

    return rules()


def _explained() -> Iterable[str]:
    from webhook.audit.runs.consequences import CONSEQUENCES  # noqa: PLC0415 - as well

    return [*_rules(), *CONSEQUENCES]


def _ready() -> Iterable[str]:
    from webhook.snapshots import ready_names  # noqa: PLC0415 - as well

    return ready_names()


RULE: Final = Known("rule", _rules)
EXPLAINED: Final = Known("rule or consequence", _explained)
READY: Final = Known("ready policy", _ready)

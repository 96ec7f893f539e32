"""Pure: how to write values into a YAML or JSON text so that every line stays that need not change.

Whether the text then means what was wanted is for the caller to see by reading it: an alias, for one, shares what is
written.
"""

from collections.abc import Iterable
from typing import Any, TypeAlias

import yaml

from policies.fields import Path, put, render
from webhook.text.changes import Change
from webhook.text.yaml_nodes import Node, parse
from webhook.text.yaml_pen import Pen

Write: TypeAlias = tuple[Path, Any]


class EditError(ValueError):
    """A value cannot be written into a text: why, for the author of the text."""


def edit(text: str, writes: Iterable[Write]) -> list[Change]:
    """Say how to change a text, which ends with a line break and holds no line ``---``, to write values at paths of it.

    Raises EditError where that cannot be done.
    """
    try:
        root = parse(text)
    except yaml.YAMLError:
        raise EditError("only a JSON parser can read it; format it anew") from None
    plan = _Plan()
    for path, value in writes:
        plan.add(root, path, value)
    pen = Pen(text, root)
    changes = [change for node, (holder, value) in plan.replaced.items() for change in pen.replace(node, holder, value)]
    changes += [change for holder, keys in plan.added.items() for change in pen.add(holder, keys)]
    return sorted(changes, key=lambda change: (change.start, -_depth(change)))


def _depth(change: Change) -> int:
    """Say how far lines are indented: of those put into one spot, the innermost come first."""
    return len(change.text) - len(change.text.lstrip(" "))


class _Plan:
    """What to write where: keys to add to mappings, and values to replace, each with what holds it."""

    def __init__(self) -> None:
        self.added: dict[Node, dict[str, Any]] = {}
        self.replaced: dict[Node, tuple[Node, Any]] = {}

    def add(self, root: Node, path: Path, value: object) -> None:
        holder = root
        for depth, step in enumerate(path, start=1):
            rest = path[depth:]
            child = holder.child(step) if rest else holder.own(step)  # one's own key goes over one that is merged in
            if child is None:
                if holder.entries is None or not isinstance(step, str):
                    raise EditError(f"{render(path)} has no place there")
                keys = self.added.setdefault(holder, {})
                keys[step] = put(keys.get(step), rest, value)
                return
            if child.is_null or not rest:
                _, so_far = self.replaced.get(child, (holder, None))
                self.replaced[child] = holder, put(so_far, rest, value)
                return
            holder = child.itself

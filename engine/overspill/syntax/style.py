"""A file's items → the same items in the one order, with what they leave unsaid about events said.

Nothing here changes the meaning or the digest: declarations by kind, statements by the table of constructs, the rows of
a table as YAML groups them, and each `on EVENT` with its default (LANGUAGE.md principle 6).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from overspill.syntax import tree
from overspill.syntax.constructs import CONSTRUCTS
from overspill.syntax.paths import HEADER, Row, statements_of
from overspill.syntax.plain import DEFAULTS
from overspill.words.codec import replace
from overspill.words.spans import Span

_PLACES = {kind: place for place, kind in enumerate((*HEADER, tree.Unit, *CONSTRUCTS))}


def in_order(items: Iterable[tree.Item]) -> list[tree.Item]:
    """Declarations by kind; among one kind as they were."""
    return sorted(items, key=lambda item: _PLACES[type(item)])


def in_style(items: Iterable[tree.Item]) -> list[tree.Item]:
    """What the formatter writes. Doing it again changes nothing."""
    return [_styled(item) for item in in_order(items)]


def _styled(node: Any) -> Any:
    """A construct, or the `top_up` inside one."""
    changes: dict[str, object] = {}
    defaults = DEFAULTS.get(type(node), {})
    for statement in statements_of(node):
        value = getattr(node, statement.field)
        if statement.shape == "reaction" and value is None:
            changes[statement.field] = _reaction(str(defaults[statement.key]), node.span)
        elif statement.field == "on_reversal":
            changes[statement.field] = _reversals(value, defaults[statement.key], node.span)
        elif isinstance(value, tree.TopUp):
            changes[statement.field] = _styled(value)
        elif isinstance(value, (tree.Numbers, tree.Capacity)):
            changes[statement.field] = _in_rows(value, len(value.by) == 1)
        elif statement.shape == "prices":
            changes[statement.field] = tuple(_in_rows(table, False) for table in value)
    return replace(node, **changes) if changes else node


def _reaction(word: str, span: Span) -> tree.Reaction:
    return tree.Reaction(span=span, word=tree.Name(word, span))


def _reversals(stated: Sequence[tree.OnReversal], defaults: Any, span: Span) -> tuple[tree.OnReversal, ...]:
    """Those stated and those not, in the order of the defaults; what the language does not know comes last."""
    named = {one.name.text for one in stated}
    missing = [
        tree.OnReversal(span=span, name=tree.Name(name, span), reaction=_reaction(word, span))
        for name, word in defaults.items()
        if name not in named
    ]
    order = {name: place for place, name in enumerate(defaults)}
    return tuple(sorted((*stated, *missing), key=lambda one: order.get(one.name.text, len(order))))


def _in_rows(table: Any, default_last: bool) -> Any:
    """Rows whose keys begin alike together, as nested mappings hold them; the default of a plain table last."""
    rank: dict[tuple[str | None, ...], int] = {}

    def place(row: Row) -> tuple[object, ...]:
        words = tuple(None if isinstance(part, tree.Default) else part.text for part in row.key)
        ranks = [rank.setdefault(words[: length + 1], len(rank)) for length in range(len(words))]
        return (default_last and words == (None,), *ranks)

    return replace(table, rows=tuple(sorted(table.rows, key=place)))

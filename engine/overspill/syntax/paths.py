"""Parts of the tree → their paths in the YAML surface: what a comment, a line and a place are known by.

`parts` and `rows` say, for the DSL, what has a line of its own; the writer and the places of comments both walk them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from overspill.syntax import tree
from overspill.syntax.comments import Path
from overspill.syntax.constructs import CONSTRUCTS, TOP_UP
from overspill.syntax.shapes import Named, Statement

Row = tree.NumberRow | tree.CapacityRow | tree.PriceRow
HEADER = {tree.Policy: "policy", tree.Language: "language", tree.Effective: "effective", tree.Owner: "owner"}


class Part(NamedTuple):
    """One statement: its row of the table of constructs, what it states, its path."""

    statement: Statement
    value: object
    path: Path


def item_path(item: tree.Item) -> Path:
    """`limits, plan_windows`; a line of the header by its word."""
    match item:
        case tree.Policy() | tree.Language() | tree.Effective() | tree.Owner():
            return (HEADER[type(item)],)
        case tree.RequestInputs():
            return (CONSTRUCTS[type(item)].key,)
        case tree.Unit():
            return ("units", item.name.text)
        case _:
            return (CONSTRUCTS[type(item)].key, item.name.text)


def statements_of(node: tree.Item | tree.TopUp) -> tuple[Statement, ...]:
    """The statements of what has a block of its own; none of one-line items."""
    if isinstance(node, tree.TopUp):
        return TOP_UP.statements
    construct = CONSTRUCTS.get(type(node))
    return () if construct is None or construct.bare else construct.statements


def parts(node: tree.Item | tree.TopUp, path: Path) -> Iterator[Part]:
    """What a construct states, one part a line, in the order of the table."""
    for statement in statements_of(node):
        value = getattr(node, statement.field)
        if value is None or value == () or value is False:
            continue
        if not statement.many:
            yield Part(statement, value, (*path, statement.key))
            continue
        for index, one in enumerate(value):
            yield Part(statement, one, (*path, statement.key, *_label(statement, value, index)))


def _label(statement: Statement, values: Sequence[object], index: int) -> Path:
    """Its name, or its place in a list; one expression alone stands for the list."""
    if isinstance(statement.shape, Named) or statement.shape == "fields":
        return (values[index].name.text,)  # type: ignore[attr-defined]
    return () if statement.shape == "exprs" and len(values) == 1 else (index,)


def rows(value: object, path: Path) -> Iterator[tuple[Row, Path]]:
    """The rows of a statement that is a table."""
    found: Sequence[Row] = ()
    beside = False
    match value:
        case tree.Numbers(by=by, rows=found) | tree.Capacity(by=by, rows=found) if by:
            beside = len(by) == 1
        case tree.PriceTable(rows=found):
            pass
        case _:
            return
    for row in found:
        words = ["default" if isinstance(part, tree.Default) else part.text for part in row.key]
        yield row, (*path, *(words if beside and isinstance(row.key[0], tree.Default) else ("rows", *words)))


def is_table(value: object) -> bool:
    """Whether a statement has rows of its own."""
    return isinstance(value, tree.PriceTable) or (isinstance(value, (tree.Numbers, tree.Capacity)) and bool(value.by))

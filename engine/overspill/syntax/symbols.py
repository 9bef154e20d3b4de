"""The outline of a bundle: every named thing with its place, and what stands inside it, in the order written."""

from __future__ import annotations

from collections.abc import Iterator

from overspill.syntax import tree
from overspill.syntax.constructs import CONSTRUCTS
from overspill.words.codec import Struct
from overspill.words.spans import Span


class Symbol(Struct, frozen=True):
    """`kind` is the word that begins it (`limit`, `policy`) or the statement it stands in (`windows`, `draws`).

    `span` is all of it, `name_span` the name alone.
    """

    kind: str
    name: str
    span: Span
    name_span: Span
    inside: tuple[Symbol, ...] = ()


def symbols(bundle: tree.Bundle) -> tuple[Symbol, ...]:
    """The named items of all files, by file."""
    return tuple(symbol for file in bundle.files for item in file.items for symbol in _of_item(item))


def _of_item(item: tree.Item) -> Iterator[Symbol]:
    construct = CONSTRUCTS.get(type(item))
    kind = type(item).__name__.lower() if construct is None else construct.word
    inside: list[Symbol] = []
    for statement in () if construct is None else construct.statements:
        parts = getattr(item, statement.field)
        for part in parts if isinstance(parts, tuple) else (parts,):
            inside += _named(statement.field, part, ())
    yield from _named(kind, item, tuple(inside))


def _named(kind: str, node: object, inside: tuple[Symbol, ...]) -> list[Symbol]:
    """A node that has a name; a draw has its layer's."""
    name = getattr(node, "name", None) or getattr(node, "layer", None)
    span = getattr(node, "span", None)
    if not isinstance(name, tree.Name) or span is None:
        return []
    return [Symbol(kind, name.text, span, name.span, inside)]

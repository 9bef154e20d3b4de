"""The comments of a YAML file, which its events leave out: `#` after a space or a line break, outside of every scalar."""

from __future__ import annotations

import re
from collections.abc import Iterator

from overspill.syntax import tree
from overspill.syntax.yaml_nodes import Mapping, Node, Scalar
from overspill.words.spans import Source, Span

_COMMENT = re.compile(r"(?<![^\s])#[^\r\n]*")


def comments(source: Source, document: Node) -> tuple[tree.Comment, ...]:
    """In the order of their places. What stands inside a scalar is text, also behind a block scalar's `|`."""
    found: list[tree.Comment] = []
    start = 0
    for scalar in _scalars(document) if "#" in source.text else ():
        found += _between(source, start, scalar.start)
        start = scalar.end
    return (*found, *_between(source, start, len(source.text)))


def _between(source: Source, start: int, end: int) -> Iterator[tree.Comment]:
    """Those of a stretch that holds no scalar."""
    for match in _COMMENT.finditer(source.text, start, end):
        yield tree.Comment(match[0], Span(source, *match.span()))


def _scalars(node: Node) -> Iterator[Span]:
    """The spans of all scalars, in the order of the text."""
    if isinstance(node, Scalar):
        yield node.span
    elif isinstance(node, Mapping):
        for key, value in node.entries:
            yield key.span
            yield from _scalars(value)
    else:
        for item in node.items:
            yield from _scalars(item)

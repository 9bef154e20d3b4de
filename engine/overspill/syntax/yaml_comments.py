"""The comments of a YAML file, which its events leave out: `#` after a space or a line break, outside of every scalar."""

from __future__ import annotations

import re
from collections.abc import Iterator

from overspill.syntax import tree
from overspill.syntax.yaml_nodes import Mapping, Node, Scalar
from overspill.words.spans import Source, Span

_COMMENT = re.compile(r"(?<![^\s])#[^\r\n]*")


def comments(source: Source, document: Node) -> tuple[tree.Comment, ...]:
    """In the order of their places. What stands inside a scalar is text, but for the line of a block scalar's `|`."""
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
        yield _words(node)
    elif isinstance(node, Mapping):
        for key, value in node.entries:
            yield _words(key)
            yield from _scalars(value)
    else:
        for item in node.items:
            yield from _scalars(item)


def _words(scalar: Scalar) -> Span:
    """The scalar's text: of a block scalar what stands below its first line."""
    span = scalar.span
    if scalar.plain or span.source.text[span.start] not in "|>":
        return span
    first = span.source.text.find("\n", span.start, span.end)
    return Span(span.source, span.end if first < 0 else first, span.end)

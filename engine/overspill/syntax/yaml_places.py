"""A YAML file → its comments by path: where each entry of a mapping or a list stands, and what a comment is next to.

What stands alone on its line belongs to the next entry, or, further in than that one, to the end of the block before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from overspill.syntax import tree
from overspill.syntax.comments import TOP, Comments, Home, Lines, Path, Place, Spot, attach
from overspill.syntax.yaml_nodes import Listing, Mapping, Node, Scalar, read_nodes


def yaml_comments(file: tree.File) -> Comments:
    """The comments of a `*.spill.yaml` file, which is read once more for its nodes."""
    document, _ = read_nodes(file.source)
    if not file.comments or document is None:
        return {}
    lines = Lines(file.source.text)
    root = Place(TOP, 0, len(file.source.text) + 1, None, opens=0, column=0)
    places = list(_inside(document, root, file.source.text, lines))
    return attach(file.source.text, file.comments, places, _Homes(), "#")


def _inside(node: Node, parent: Place, text: str, lines: Lines) -> Iterator[Place]:
    """The entries of a mapping or list, each before what is inside it."""
    if isinstance(node, Mapping):
        for key, value in node.entries:
            yield from _entry((*parent.path, key.value), key.span.start, value, parent, text, lines)
    elif isinstance(node, Listing):
        end = node.span.start
        for index, item in enumerate(node.items):
            start = item.span.start if _is_flow(node, text) else _dash(text, end, node.span.start, lines)
            yield from _entry((*parent.path, index), start, item, parent, text, lines)
            end = _end(item, text)


def _entry(path: Path, start: int, value: Node, parent: Place, text: str, lines: Lines) -> Iterator[Place]:
    column = opens = None
    if not isinstance(value, Scalar):
        first = value.span.start
        opens, column = (first, None) if _is_flow(value, text) else (start, first - lines.start(first))
    place = Place(path, start, _end(value, text), parent, opens, column)
    yield place
    yield from _inside(value, place, text, lines)


def _is_flow(node: Node, text: str) -> bool:
    """In brackets or braces."""
    return text[node.span.start] in "[{"


def _end(node: Node, text: str) -> int:
    """Behind the last character: a block's own mark is that of whatever follows it."""
    while not isinstance(node, Scalar) and not _is_flow(node, text):
        node = node.entries[-1][1] if isinstance(node, Mapping) else node.items[-1]
    return node.span.start + len(node.span.text.rstrip())


def _dash(text: str, end: int, first: int, lines: Lines) -> int:
    """The dash of the first item that begins at or behind `end`; all of a list stand in one column."""
    if end == first:
        return first
    found = re.compile(rf"^ {{{first - lines.start(first)}}}-", re.MULTILINE).search(text, end)
    return end if found is None else found.end() - 1


class _Homes:
    """Where a comment of YAML belongs."""

    def behind(self, spot: Spot) -> Home:
        """To the outermost entry that begins on its line, else to the one that ends there."""
        if spot.before is None:
            return TOP, "leading"
        around = list(spot.before.around())
        begun = [place for place in around if place.path != TOP and place.start >= spot.line]
        if begun:
            return begun[-1].path, "trailing"
        closed = [place for place in around if place.path != TOP and spot.line <= place.end <= spot.start]
        if closed and closed[-1] is not spot.before:
            return closed[-1].path, "closing"
        return spot.before.path, "trailing"

    def alone(self, spot: Spot) -> Home:
        """To the next entry, or to the end of the block whose column it keeps."""
        before, after = spot.before, spot.after
        for place in () if before is None else before.around():
            if place.start < spot.start < place.end and (place.opens is None or spot.start < place.opens):
                return place.path, "leading"
            if place.opens is not None and place.column is None and place.opens < spot.start < place.end:
                is_inside = after is not None and after.start < place.end
                return (after.path, "leading") if is_inside and after is not None else (place.path, "closing")
        column = spot.start - spot.line
        least = -1 if after is None else _column(after)
        for place in () if before is None else before.around():
            if place.column is not None and least < place.column <= column:
                return place.path, "closing"
        return (TOP, "closing") if after is None else (after.path, "leading")


def _column(place: Place) -> int:
    """Where the entries beside a place stand."""
    column = None if place.parent is None else place.parent.column
    return 0 if column is None else column

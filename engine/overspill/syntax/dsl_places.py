"""A file of the DSL → its comments by path: where constructs, statements and rows stand, and what a comment is next to."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from overspill.syntax import tree
from overspill.syntax.comments import TOP, Comments, Home, Path, Place, Spot, attach
from overspill.syntax.paths import is_table, item_path, parts, rows, statements_of
from overspill.words.spans import Span


def dsl_comments(file: tree.File) -> Comments:
    """The comments of a `*.spill` file."""
    if not file.comments:
        return {}
    comments = sorted(file.comments, key=lambda comment: comment.span.start)
    places = sorted(_Places(file, comments).all(), key=lambda place: (place.start, -place.end))
    return attach(file.source.text, comments, places, _Homes(), "//")


class _Places:
    """Finds every place of a file once."""

    def __init__(self, file: tree.File, comments: list[tree.Comment]) -> None:
        self.text = file.source.text
        self.items = file.items
        self.comments = comments
        self.comment_starts = [comment.span.start for comment in comments]
        self.statements = sorted(file.statements, key=lambda one: one[2].start)
        self.statement_starts = [span.start for _, _, span in self.statements]

    def all(self) -> Iterator[Place]:
        for item in self.items:
            yield from self.block(item, item_path(item), item.span, None)

    def block(self, node: tree.Item | tree.TopUp, path: Path, span: Span, parent: Place | None) -> Iterator[Place]:
        """A construct and all inside it."""
        place = self.place(path, span, parent, bool(statements_of(node)))
        yield place
        if place.opens is None:
            return
        low, high = bisect_left(self.statement_starts, span.start), bisect_left(self.statement_starts, span.end)
        stated = {(field, id(value)): span for field, value, span in self.statements[low:high]}
        for statement, value, inner in parts(node, path):
            found = stated.get((statement.field, id(value))) or getattr(value, "span", None)
            if not isinstance(found, Span):  # no line of its own: `account groups of user many`
                continue
            if isinstance(value, tree.TopUp):
                yield from self.block(value, inner, found, place)
                continue
            line = self.place(inner, found, place, is_table(value))
            yield line
            for row, row_path in rows(value, inner):
                yield self.place(row_path, row.span, line, False)

    def place(self, path: Path, span: Span, parent: Place | None, is_block: bool) -> Place:
        opens = self.brace(span) if is_block else None
        return Place(path, span.start, span.end, parent, opens)

    def brace(self, span: Span) -> int:
        """Behind the `{` that opens a block; what stands before it holds no string."""
        at = span.start
        while True:
            at = self.text.index("{", at)
            index = bisect_left(self.comment_starts, at + 1) - 1
            if index < 0 or self.comments[index].span.end <= at:
                return at + 1
            at = self.comments[index].span.end


class _Homes:
    """Where a comment of the DSL belongs."""

    def behind(self, spot: Spot) -> Home:
        """To what ended or opened last before it on its line; inside a statement, to that."""
        found: list[tuple[int, Home]] = []
        for place in () if spot.before is None else spot.before.around():
            if _splits(spot, place):
                return place.path, "leading"
            if spot.line < place.end <= spot.start:
                began_here = place.opens is None or place.opens > spot.line
                found.append((place.end, (place.path, "trailing" if began_here else "closing")))
            elif place.opens is not None and spot.line < place.opens <= spot.start < place.end:
                found.append((place.opens, (place.path, "trailing")))
        return max(found, key=lambda one: one[0])[1] if found else self.alone(spot)

    def alone(self, spot: Spot) -> Home:
        """To what follows in the same block, else last in it; inside a statement, to that."""
        around = () if spot.before is None else spot.before.around()
        inside = next((place for place in around if place.start < spot.start < place.end), None)
        if inside is not None and _splits(spot, inside):
            return inside.path, "leading"
        if spot.after is not None and (inside is None or spot.after.start < inside.end):
            return spot.after.path, "leading"
        return (TOP if inside is None else inside.path), "closing"


def _splits(spot: Spot, place: Place) -> bool:
    """Whether a comment stands between the words of a statement, or of a block's first line."""
    return place.start < spot.start < (place.end if place.opens is None else place.opens)

"""Comments → the declaration or statement each belongs to, so that writers keep them in whatever order they write.

A comment behind something on its line belongs to that, one on a line of its own to what comes next, and one inside a
statement to the statement. A place is named by the keys of the YAML surface: `("limits", "plan_windows", "windows", "week")`, items of lists by their number.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from overspill.syntax import tree
from overspill.syntax.constructs import CONSTRUCTS
from overspill.syntax.shapes import Named, Statement
from overspill.words.spans import Span

Place = tuple[str, ...]
_DECLARATION = 2
"""How long the place of a declaration is; those of statements are longer."""


@dataclass(slots=True)
class Comments:
    """Comments without their signs, by place; each is handed out once. `last` stand after everything."""

    ahead: dict[Place, list[str]] = field(default_factory=dict)
    behind: dict[Place, list[str]] = field(default_factory=dict)
    last: list[str] = field(default_factory=list)
    inside: dict[Place, dict[Place, None]] = field(default_factory=dict)
    """The places of comments by each beginning of theirs, the whole of it with them."""

    def add(self, place: Place, text: str, *, behind: bool) -> None:
        (self.behind if behind else self.ahead).setdefault(place, []).append(text)
        for length in range(1, len(place) + 1):
            self.inside.setdefault(place[:length], {})[place] = None

    def take(self, place: Place, *, whole: bool) -> tuple[list[str], str | None]:
        """(those ahead of a line, the one behind it); with `whole` also those of all places inside."""
        places = self.inside.get(place, {}) if whole else {place: None}
        ahead = [text for known in places for text in self.ahead.pop(known, ())]
        behind = [text for known in places for text in self.behind.pop(known, ())]
        return ahead + behind[1:], behind[0] if behind else None


def comments_of(file: tree.File) -> Comments:
    """The comments of a file by their places."""
    found = Comments()
    if not file.comments:
        return found
    places = sorted(_places(file.items), key=lambda one: (one[0].start, len(one[1])))
    starts = [span.start for span, _ in places]
    for comment in file.comments:
        text = comment.text.removeprefix("//").removeprefix("#").strip()
        line, column = file.source.position(comment.span.start)
        after = bisect_right(starts, comment.span.start)
        before = places[after - 1] if after else None
        if before is not None and file.source.line(line)[: column - 1].strip():
            found.add(before[1], text, behind=True)
        elif before is not None and len(before[1]) > _DECLARATION and comment.span.start < before[0].end:
            found.add(before[1], text, behind=False)
        elif after < len(places):
            found.add(places[after][1], text, behind=False)
        else:
            found.last.append(text)
    return found


def place_of(item: tree.Item) -> Place:
    """The place of a declaration."""
    match item:
        case tree.Unit():
            return "units", item.name.text
        case tree.Policy() | tree.Language() | tree.Effective() | tree.Owner():
            return (type(item).__name__.lower(),)
        case tree.RequestInputs():
            return ("request",)
        case _:
            return CONSTRUCTS[type(item)].key, item.name.text


def part_of(statement: Statement, index: int, value: object) -> str:
    """The last key of one of many: its name, or its number in a list."""
    if isinstance(statement.shape, Named) or statement.shape == "fields":
        return value.name.text  # type: ignore[attr-defined,no-any-return]
    return str(index)


def _places(items: Sequence[tree.Item]) -> Iterator[tuple[Span, Place]]:
    """All that comments may belong to."""
    for item in items:
        place = place_of(item)
        yield item.span, place
        construct = CONSTRUCTS.get(type(item))
        for statement in () if construct is None or construct.bare else construct.statements:
            value = getattr(item, statement.field)
            if statement.many:
                for index, one in enumerate(value):
                    yield one.span, (*place, statement.key, part_of(statement, index, one))
            else:
                span = getattr(value[0] if isinstance(value, tuple) and value else value, "span", None)
                if span is not None:
                    yield span, (*place, statement.key)

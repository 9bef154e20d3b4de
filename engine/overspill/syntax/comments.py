"""Comments and where they belong: each to a construct, a statement or a row, by its place in the text.

A path is that of the YAML surface (`limits, plan_windows, windows, week`), so it means the same in both surfaces, and
a comment that was read in one is written in the other. It stands above what it belongs to, behind it on its line, or
last in its block. Blank lines between comments, and between a comment and what follows it, stay.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from overspill.syntax import tree

Path = tuple[str | int, ...]
TOP: Path = ()
"""The file: above its first line is its head, last in it is what follows everything."""
Body = str | None
"""A comment without its mark, or None for a blank line."""
BLANK: Body = None
_BREAK = re.compile(r"(?>\r\n|\r|\n)")
_GAP = re.compile(rf"[ \t\f]*{_BREAK.pattern}[ \t\f]*{_BREAK.pattern}\s*")
"""At least one blank line, and nothing else."""


@dataclass(slots=True)
class Slots:
    """The comments of one path: above it, behind it, last inside it."""

    leading: list[Body] = field(default_factory=list)
    trailing: list[Body] = field(default_factory=list)
    closing: list[Body] = field(default_factory=list)


Comments = Mapping[Path, Slots]


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where one path stands: characters `start` to `end`; a block's inside begins at `opens`.

    `column` is where the entries of a YAML block stand, and None in braces and in the DSL.
    """

    path: Path
    start: int
    end: int
    parent: Place | None
    opens: int | None = None
    column: int | None = None

    def around(self) -> Iterable[Place]:
        """This one and those it stands in, from the inside out."""
        place: Place | None = self
        while place is not None:
            yield place
            place = place.parent


@dataclass(frozen=True, slots=True)
class Spot:
    """A comment's surroundings: its line's start, its own, the places begun before it, the next one."""

    line: int
    start: int
    before: Place | None
    after: Place | None


Home = tuple[Path, Literal["leading", "trailing", "closing"]]
"""(path, slot)."""


class Homes(Protocol):
    """How one surface decides where a comment belongs: one behind something, and one on a line of its own."""

    def behind(self, spot: Spot) -> Home: ...

    def alone(self, spot: Spot) -> Home: ...


class Lines:
    """Offsets → lines, with any kind of line break."""

    def __init__(self, text: str) -> None:
        self.starts = [0, *(match.end() for match in _BREAK.finditer(text))]

    def line(self, offset: int) -> int:
        return bisect_right(self.starts, offset) - 1

    def start(self, offset: int) -> int:
        return self.starts[self.line(offset)]


def attach(text: str, comments: Sequence[tree.Comment], places: Sequence[Place], homes: Homes, mark: str) -> Comments:
    """Each comment with its home. `places` in the order of their starts, outer before inner."""
    found: defaultdict[Path, Slots] = defaultdict(Slots)
    if not comments:
        return found
    lines = Lines(text)
    starts = [place.start for place in places]
    last: tuple[tree.Comment, Home] | None = None
    for comment in comments:
        start = comment.span.start
        index = bisect_right(starts, start)
        after = places[index] if index < len(places) else None
        spot = Spot(lines.start(start), start, places[index - 1] if index else None, after)
        is_alone = not text[spot.line : start].strip()
        if last is not None and is_alone and last[1][1] == "trailing" and _goes_on(lines, last[0], start):
            home = last[1]
        else:
            home = homes.alone(spot) if is_alone else homes.behind(spot)
        bodies: list[Body] = getattr(found[home[0]], home[1])
        if (
            last is not None
            and last[1] == home
            and home[1] != "trailing"
            and _GAP.fullmatch(text, last[0].span.end, start)
        ):
            bodies.append(BLANK)
        bodies.append(comment.text[len(mark) :].rstrip())
        if home[1] == "leading" and after is not None and _GAP.fullmatch(text, comment.span.end, after.start):
            bodies.append(BLANK)
            last = None
        else:
            last = (comment, home)
    if places:
        _behead(found, places[0].path, any(comment.span.start < starts[0] for comment in comments))
    return found


def _goes_on(lines: Lines, before: tree.Comment, start: int) -> bool:
    """Whether a comment on the next line stands right below the one before: the same comment in several lines."""
    above, own = lines.line(before.span.start), lines.line(start)
    return own == above + 1 and start - lines.starts[own] == before.span.start - lines.starts[above]


def _behead(found: defaultdict[Path, Slots], first: Path, begins: bool) -> None:
    """Gives the file its head, where it begins with a comment: all groups above the first line, but for a last one
    right above it. One group alone is the head, wherever it stands.
    """
    if not begins or not found[first].leading:
        return
    above = found[first].leading
    blanks = [index for index, body in enumerate(above) if body is BLANK]
    cut = blanks[-1] + 1 if blanks else len(above)
    found[TOP].leading += above[:cut]
    found[first].leading = above[cut:]


# ---- comments of a surface that has no line of its own for their path


def settled(comments: Comments, printed: Mapping[Path, bool]) -> Comments:
    """The comments by paths that are written; `printed` holds those in their order, and whether each is a block.

    One whose path has no line goes in front of the first line inside it, or of what it stands in.
    """
    order = list(printed)
    first: dict[Path, int] = {}
    last: dict[Path, int] = {}
    for index, path in enumerate(order):
        for length in range(len(path)):
            first.setdefault(path[:length], index)
            last[path[:length]] = index
    found: defaultdict[Path, Slots] = defaultdict(Slots)
    moved: defaultdict[Path, list[Body]] = defaultdict(list)
    for path, slots in comments.items():
        if path == TOP or path in printed:
            found[path] = Slots([*slots.leading], [*slots.trailing], [*slots.closing])
    homeless = sorted((path for path in comments if path != TOP and path not in printed), key=len)
    for path in reversed(homeless):
        slots = comments[path]
        if path in first:
            target = found[order[first[path]]].leading
            target[:0] = [*slots.leading, *slots.trailing]
        else:
            found[_around(path, printed)].leading += [*slots.leading, *slots.trailing, *slots.closing]
    for path in homeless:
        if path in first:
            around, follower = _around(path, printed), order[last[path] + 1 : last[path] + 2]
            is_beside = bool(follower) and _around(follower[0], printed) == around
            bodies = found[follower[0]].leading if is_beside else moved[around]
            bodies[:0] = comments[path].closing
    for path, bodies in moved.items():
        found[path].closing[:0] = bodies
    for path, slots in list(found.items()):
        if slots.closing and path != TOP and not printed[path]:
            slots.leading += slots.closing
            slots.closing = []
    return found


def _around(path: Path, printed: Mapping[Path, bool]) -> Path:
    """The nearest line that a path stands in."""
    path = path[:-1]
    while path != TOP and path not in printed:
        path = path[:-1]
    return path

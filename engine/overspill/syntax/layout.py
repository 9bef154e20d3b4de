"""Entries with their comments → lines of text: indentation, columns, what fits on one line. The same for both surfaces.

An entry is a line, or a block with entries inside it, or whichever of the two fits. Nothing here knows a word of
either surface but the mark that begins a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from overspill.syntax.comments import BLANK, TOP, Body, Comments, Path, Slots, settled

WIDTH = 120
INDENT = "  "
_WORDS = re.compile(r'"(?:\\.|[^"\\])*"|`[^`]*`|[()\[\]{}]|(?<=\S) (?=\S)')
_OPENS, _CLOSES = ("(", "[", "{"), (")", "]", "}")
_BEFORE = ("&& ", "|| ", "? ", ": ", "when ", "offer ")
"""Words that a further line begins with; else it begins behind a comma."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line, or a block: `text` is its first line, `inside` what stands in it, `close` its last line."""

    path: Path
    text: str
    lead: str = ""
    """What stands before `text`, as wide as those of its neighbours."""
    inside: tuple[Entry, ...] | None = None
    close: str = ""
    flow: str | None = None
    """All of the block on one line; taken where it fits and nothing inside has a comment."""
    gap: bool = False
    """A blank line before it."""
    hangs: bool = False
    """The first line inside continues this one (`- key: …`)."""
    wraps: int | None = 0
    """The character from which on a line that is too long may be broken; None where it may not."""


@dataclass(slots=True)
class Line:
    """A line of the text and the comments behind it, which go on below it."""

    text: str
    behind: Sequence[Body] = ()


def laid_out(entries: Sequence[Entry], comments: Comments, mark: str) -> str:
    """The text of a file. Every comment is in it once, wherever its path has gone."""
    printed: dict[Path, bool] = {}
    for entry in _all(entries):
        printed.setdefault(entry.path, entry.inside is not None)
    found = dict(settled(comments, printed))
    for entry in _all(entries):
        if entry.hangs and entry.inside:
            _share_line(found, entry.path, entry.inside[0].path)
    layout = _Layout(found, mark)
    return "".join(f"{text}\n" for text in layout.joined(layout.file(entries)))


def _share_line(found: dict[Path, Slots], path: Path, first: Path) -> None:
    """What stands behind the first line inside an entry that hangs stands behind the entry: the line is the same."""
    slots = found.get(first)
    if slots is not None and slots.trailing and not (slots.leading or slots.closing):
        found.setdefault(path, Slots()).trailing += found.pop(first).trailing


def _all(entries: Iterable[Entry]) -> Iterator[Entry]:
    for entry in entries:
        yield entry
        yield from _all(entry.inside or ())


class _Layout:
    def __init__(self, comments: Comments, mark: str) -> None:
        self.comments = dict(comments)
        self.mark = mark
        self.busy = {path[:length] for path in comments for length in range(len(path))}
        """Paths that have a comment somewhere inside them."""
        self.busy |= {path for path, slots in comments.items() if slots.closing}

    def take(self, path: Path) -> Slots:
        """The comments of a path, once: of two entries with one path the first has them."""
        return self.comments.pop(path, None) or Slots()

    def file(self, entries: Sequence[Entry]) -> Iterator[Line]:
        own = self.take(TOP)
        head = own.leading
        leads = entries and self.comments.get(entries[0].path, Slots()).leading
        yield from self.alone([*head, BLANK] if head and head[-1] is not BLANK and leads else head, 0)
        yield from self.block(entries, 0)
        yield from self.alone([BLANK, *own.closing] if own.closing and entries else own.closing, 0)

    def block(self, entries: Sequence[Entry], depth: int) -> Iterator[Line]:
        """Entries one below the other; leads next to each other are one column where all of their lines fit then."""
        for index, (has_lead, run) in enumerate(groupby(entries, key=lambda entry: bool(entry.lead))):
            group = list(run)
            width = max(len(entry.lead) for entry in group) if has_lead else 0
            room = WIDTH - len(INDENT) * depth - width - 1
            width = width if all(len(entry.text) <= room for entry in group) else 0
            for place, entry in enumerate(group):
                if entry.gap and (index or place):
                    yield Line("")
                yield from self.entry(entry, depth, width)

    def entry(self, entry: Entry, depth: int, width: int) -> Iterator[Line]:
        own = self.take(entry.path)
        yield from self.alone(own.leading, depth)
        indent = INDENT * depth
        text = entry.flow if entry.flow is not None and entry.path not in self.busy else None
        if (text is not None and len(indent) + len(text) <= WIDTH) or entry.inside is None:
            whole = f"{entry.lead:<{width}} {entry.text}" if entry.lead else text or entry.text
            *lines, last = wrapped(whole, indent, entry.wraps)
            yield from map(Line, lines)
            yield Line(last, own.trailing)
            return
        inner = list(self.block(entry.inside, depth + 1))
        if entry.hangs and inner[0].text.lstrip()[:1] != self.mark[0]:
            inner[0] = Line(f"{indent}{entry.text} {inner[0].text.lstrip()}", [*own.trailing, *inner[0].behind])
        else:
            yield Line(f"{indent}{entry.text}", own.trailing)
        yield from inner
        yield from self.alone(own.closing, depth + 1)
        if entry.close:
            yield Line(f"{indent}{entry.close}")

    def alone(self, bodies: Iterable[Body], depth: int) -> Iterator[Line]:
        for body in bodies:
            yield Line("" if body is BLANK else f"{INDENT * depth}{self.mark}{body}")

    def joined(self, lines: Iterable[Line]) -> Iterator[str]:
        """Lines with the comments behind them, which stand in one column where lines follow each other and it fits."""
        for commented, run in groupby(lines, key=lambda line: bool(line.behind)):
            group = list(run)
            if not commented:
                yield from (line.text for line in group)
                continue
            column = max(len(line.text) for line in group) + 2
            longest = max(len(f"{self.mark}{body}") for line in group for body in line.behind)
            for line in group:
                at = column if column + longest <= WIDTH else len(line.text) + 2
                first, *others = line.behind
                yield f"{line.text:<{at}}{self.mark}{first}"
                yield from (f"{'':<{at}}{self.mark}{body}" for body in others)


def wrapped(text: str, indent: str, start: int | None) -> list[str]:
    """The text as lines of at most 120 characters, broken after commas and before operators, outside strings.

    It breaks as far outside of brackets as it can, and there as late; a line without such a place stays long.
    """
    line = indent + text
    further = indent + INDENT * 2
    lines: list[str] = []
    least = len(line) if start is None else len(indent) + start
    while len(line) > WIDTH:
        gaps = [(depth, gap) for depth, gap in _gaps(line) if gap > least]
        if not gaps:
            break
        outermost = min(depth for depth, _ in gaps)
        cut = max(gap for depth, gap in gaps if depth == outermost)
        lines.append(line[:cut])
        line = further + line[cut + 1 :]
        least = len(further)
    return [*lines, line]


def _gaps(line: str) -> Iterator[tuple[int, int]]:
    """(brackets around it, place) of each space at which a line may be broken, as far as lines go."""
    depth = 0
    for match in _WORDS.finditer(line):
        word = match[0]
        depth += (word in _OPENS) - (word in _CLOSES)
        at = match.start()
        if at > WIDTH:
            return
        if word == " " and (line[at - 1] == "," or line.startswith(_BEFORE, at + 1)):
            yield depth, at

"""Faults → text for people: code, message, the lines with carets, second places, help, the fix (rustc's layout).

    error[OSP301]: layer `credits` is drawn twice
       ┌─ codex.spill:23:8
    22 │   draw credits;
       │        ------- drawn here first
    23 │   draw credits;
       │        ^^^^^^^ drawn again
       = help: keep the one whose place you mean

The places of one file stand in one frame, in the order of their lines. What a frame costs does not grow with the length
of its lines: of a long one a part around the caret is shown. Nothing of the author's text reaches the terminal as a
control character.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from typing import NamedTuple
from unicodedata import category, east_asian_width

from overspill.words.diagnostics import Fault, Severity
from overspill.words.edits import edited
from overspill.words.spans import Source, Span

WIDTH_MAX = 140
"""Characters of a line that are shown."""
LEAD = WIDTH_MAX // 3
"""Of them, those before the caret where the line is longer."""
TAB = "    "
DIFF_LINES_MAX = 12
_COLORS = {Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.HINT: "1;36"}
_SECOND, _GONE, _NEW = "1;34", "31", "32"

Paint = Callable[[str, str], str]
"""(text, ANSI code) → text."""


class _Mark(NamedTuple):
    """One place of a fault: what it marks, and how."""

    span: Span
    text: str
    sign: str
    color: str


class _Row(NamedTuple):
    """A line's part that is shown: from `start` on, with what was cut off before and behind."""

    number: int
    start: int
    text: str
    before: str
    behind: str


def render(faults: Iterable[Fault], color: bool = False) -> str:
    """All faults, a blank line between; ends with a line break."""
    return "\n".join(frame(fault, color) for fault in faults)


def frame(fault: Fault, color: bool = False) -> str:
    """One fault as a block of lines."""
    paint = _painter(color)
    first = _Mark(fault.span, fault.label, "^", _COLORS[fault.severity])
    marks = [first, *(_Mark(note.span, note.text, "-", _SECOND) for note in fault.notes)]
    edits = fault.fix
    numbers = [mark.span.source.position(mark.span.start)[0] for mark in marks]
    numbers += [edit.span.source.position(edit.span.end)[0] for edit in edits]
    gutter = " " * len(str(max(numbers)))
    lines = [f"{paint(f'{fault.severity.value}[{fault.code}]', first.color)}: {paint(visible(fault.message), '1')}"]
    for source in dict.fromkeys(mark.span.source for mark in marks):
        lines += _places([mark for mark in marks if mark.span.source is source], gutter, paint)
    if fault.help is not None:
        lines.append(f"{gutter} = help: {visible(fault.help)}")
    if edits:
        lines.append(f"{gutter} = fix:  `overspill check --fix` changes")
        lines += _difference(fault, gutter, paint)
    return "\n".join(lines) + "\n"


def _painter(color: bool) -> Paint:
    return (lambda text, code: f"\x1b[{code}m{text}\x1b[0m") if color else (lambda text, _: text)


def _places(marks: Sequence[_Mark], gutter: str, paint: Paint) -> list[str]:
    """The marks of one file: its name with the first mark's place, then line after line."""
    lines = [f"{gutter} ┌─ {visible(marks[0].span.place)}"]
    shown: _Row | None = None
    for mark in sorted(marks, key=lambda mark: mark.span.start):
        row = _row(mark.span)
        if shown is None or (row.number, row.start) != (shown.number, shown.start):
            if shown is not None and row.number > shown.number + 1:
                lines.append(f"{gutter} ·")
            lines.append(f"{row.number:>{len(gutter)}} │ {row.before}{_plain(row.text)}{row.behind}".rstrip())
        lines.append(f"{gutter} │ {_under(row, mark, paint)}")
        shown = row
    return lines


def _row(span: Span) -> _Row:
    """The line in which a span begins, or the part of it around the span."""
    text = span.source.text
    number, column = span.source.position(span.start)
    start = span.start - column + 1
    end = _line_end(text, start, WIDTH_MAX)
    if end is not None:
        return _Row(number, start, text[start:end], "", "")
    first = max(start, span.start - LEAD)
    end = _line_end(text, first, WIDTH_MAX)
    last = first + WIDTH_MAX if end is None else end
    return _Row(number, first, text[first:last], "…" if first > start else "", "…" if end is None else "")


def _line_end(text: str, start: int, most: int) -> int | None:
    """Where the line ends, not counting its break; None where it goes on for more than `most` characters."""
    found = text.find("\n", start, start + most + 1)
    if found < 0 and len(text) - start > most:
        return None
    found = len(text) if found < 0 else found
    return start + len(text[start:found].rstrip("\r"))


def _under(row: _Row, mark: _Mark, paint: Paint) -> str:
    """Spaces up to the mark, its signs, its label."""
    at = mark.span.start - row.start
    marked = row.text[at : max(at, mark.span.end - row.start)]
    signs = mark.sign * max(1, _width(marked))
    label = f" {visible(mark.text)}" if mark.text else ""
    return " " * (len(row.before) + _width(row.text[:at])) + paint(signs + label, mark.color)


def _difference(fault: Fault, gutter: str, paint: Paint) -> list[str]:
    """The lines that the fix changes, before and after."""
    spans = [edit.span for edit in fault.fix]
    source = spans[0].source
    start, end = min(span.start for span in spans), max(span.end for span in spans)
    begin, finish = _around(source, start, end)
    old = source.text[begin:finish]
    before, after = old.split("\n"), edited(old, fault.fix, begin).split("\n")
    same = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False))))
    tail = len(
        list(takewhile(lambda pair: pair[0] == pair[1], zip(before[same:][::-1], after[same:][::-1], strict=False)))
    )
    number = source.position(begin)[0] + same
    changes = [("-", line, _GONE) for line in before[same : len(before) - tail]]
    changes += [("+", line, _NEW) for line in after[same : len(after) - tail]]
    shown = [(sign, _plain(line.rstrip("\r")), color) for sign, line, color in changes[:DIFF_LINES_MAX]]
    return [paint(f"{number:>{len(gutter)}} {sign} {line}".rstrip(), color) for sign, line, color in shown]


def _around(source: Source, start: int, end: int) -> tuple[int, int]:
    """The whole lines around a range, or as much of them as is shown."""
    column = source.position(start)[1]
    finish = _line_end(source.text, max(start, end - 1), WIDTH_MAX)
    return max(start - column + 1, start - LEAD), max(end, end + LEAD if finish is None else finish)


def visible(text: str) -> str:
    """Control and other invisible characters shown as what they are."""
    return text if text.isprintable() else "".join(map(_shown, text))


def _plain(text: str) -> str:
    """A line for a terminal: tabs as spaces, the rest visible."""
    return visible(text.replace("\t", TAB))


def _shown(char: str) -> str:
    return char if char.isprintable() else f"<U+{ord(char):04X}>"


def _width(text: str) -> int:
    """Columns that a terminal needs: two for wide characters, none for marks that stand on the one before."""
    if text.isascii() and text.isprintable():
        return len(text)
    return sum(map(_columns, text))


def _columns(char: str) -> int:
    if char == "\t":
        return len(TAB)
    if not char.isprintable():
        return len(_shown(char))
    if category(char) in ("Mn", "Me"):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1

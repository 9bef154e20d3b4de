"""Faults → text for people: code, message, the line with carets, second places, help (rustc's layout)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from unicodedata import east_asian_width

from overspill.words.diagnostics import Fault, Severity
from overspill.words.spans import Span

WIDTH_MAX = 160
_COLORS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.HINT: "36"}


def render(faults: Sequence[Fault], color: bool = False) -> str:
    """All faults, a blank line between; ends with a line break."""
    return "\n".join(frame(fault, color) for fault in faults)


def frame(fault: Fault, color: bool = False) -> str:
    """One fault as a block of lines."""
    paint = _painter(color)
    head = paint(f"{fault.severity.value}[{fault.code}]", f"1;{_COLORS[fault.severity]}")
    lines = [f"{head}: {paint(fault.message, '1')}"]
    lines += _place(fault.span, fault.label, "^", paint)
    for note in fault.notes:
        lines += _place(note.span, note.text, "-", paint)
    if fault.help is not None:
        lines.append(f"  = help: {fault.help}")
    return "\n".join(lines) + "\n"


Paint = Callable[[str, str], str]
"""(text, ANSI code) → text."""


def _painter(color: bool) -> Paint:
    return (lambda text, code: f"\x1b[{code}m{text}\x1b[0m") if color else (lambda text, _: text)


def _place(span: Span, label: str, mark: str, paint: Paint) -> list[str]:
    line, column = span.source.position(span.start)
    text = span.source.line(line) if span.source.text else ""
    end = min(span.end - span.start + column - 1, len(text))
    before, marked = text[: column - 1], text[column - 1 : end]
    if len(text) > WIDTH_MAX:
        cut = max(0, column - 1 - WIDTH_MAX // 2)
        before, text = text[cut : column - 1], text[cut : cut + WIDTH_MAX]
        marked = marked[: WIDTH_MAX // 2]
    number = str(line)
    gutter = " " * len(number)
    under = "".join("\t" if char == "\t" else " " * _width(char) for char in before)
    carets = mark * max(1, sum(map(_width, marked)))
    tail = f" {label}" if label else ""
    return [
        f"{gutter} ┌─ {span.place}",
        f"{number} │ {_visible(text)}",
        f"{gutter} │ {under}{paint(carets + tail, '1')}",
    ]


def _visible(text: str) -> str:
    """Control and other invisible characters shown as what they are."""
    return "".join(char if char.isprintable() or char == "\t" else f"<U+{ord(char):04X}>" for char in text)


def _width(char: str) -> int:
    if not char.isprintable():
        return len(_visible(char))
    return 2 if east_asian_width(char) in "WF" else 1

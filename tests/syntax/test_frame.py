"""Frames: what people see of a fault, whatever its line holds and however long it is."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill.syntax.frame import WIDTH_MAX, frame
from overspill.words.diagnostics import Edit, Fault, Note, Severity
from overspill.words.spans import Source, Span


def fault(text: str, marked: str, *, notes: tuple[tuple[str, str], ...] = (), fix: str | None = None) -> Fault:
    """A fault on the first `marked` in the text, with notes on others; `fix` replaces what is marked."""
    source = Source("t.spill", text)

    def span(word: str) -> Span:
        start = text.index(word)
        return Span(source, start, start + len(word))

    return Fault(
        code="OSP999",
        span=span(marked),
        message="message",
        label="label",
        notes=tuple(Note(span(word), said) for word, said in notes),
        help="help",
        severity=Severity.WARNING,
        fix=() if fix is None else (Edit(span(marked), fix),),
    )


LAYOUTS = {
    "one place": (
        fault("a;\n  bb;\nc;", "bb"),
        "  ┌─ t.spill:2:3\n2 │   bb;\n  │   ^^ label\n  = help: help",
    ),
    "places in the order of their lines": (
        fault("a;\nb;\nc;\nd;\ne;", "d", notes=(("a", "one"), ("e", "two"))),
        "  ┌─ t.spill:4:1\n1 │ a;\n  │ - one\n  ·\n4 │ d;\n  │ ^ label\n5 │ e;\n  │ - two\n  = help: help",
    ),
    "two places on one line": (
        fault("a b;", "b", notes=(("a", "one"),)),
        "  ┌─ t.spill:1:3\n1 │ a b;\n  │ - one\n  │   ^ label\n  = help: help",
    ),
    "tabs": (fault("\ta\tb;", "b"), "  ┌─ t.spill:1:4\n1 │     a    b;\n  │          ^ label\n  = help: help"),
    "wide characters": (
        fault('"漢字" b;', "b"),
        '  ┌─ t.spill:1:6\n1 │ "漢字" b;\n  │        ^ label\n  = help: help',
    ),
    "marks on the character before": (
        fault('"e\u0301" b;', "b"),
        '  ┌─ t.spill:1:6\n1 │ "e\u0301" b;\n  │     ^ label\n  = help: help',
    ),
    "control characters": (
        fault("\x1b[31m b;", "b"),
        "  ┌─ t.spill:1:7\n1 │ <U+001B>[31m b;\n  │              ^ label\n  = help: help",
    ),
    "a place of several lines": (
        fault("a {\n b;\n}", "a {\n b;\n}"),
        "  ┌─ t.spill:1:1\n1 │ a {\n  │ ^^^ label\n  = help: help",
    ),
    "line breaks of two characters": (
        fault("a;\r\nb;\r\n", "b"),
        "  ┌─ t.spill:2:1\n2 │ b;\n  │ ^ label\n  = help: help",
    ),
    "more of a line break than there should be": (
        fault("a;\r\r\nb;", "a"),
        "  ┌─ t.spill:1:1\n1 │ a;\n  │ ^ label\n  = help: help",
    ),
    "a fix": (
        fault("a;\n  bb;\nc;", "bb", fix="dd"),
        "  ┌─ t.spill:2:3\n2 │   bb;\n  │   ^^ label\n  = help: help\n"
        "  = fix:  `overspill check --fix` changes\n2 -   bb;\n2 +   dd;",
    ),
    "a fix that takes a line away": (
        fault("a;\nbb;\nc;", "bb;\n", fix=""),
        "  ┌─ t.spill:2:1\n2 │ bb;\n  │ ^^^ label\n  = help: help\n  = fix:  `overspill check --fix` changes\n2 - bb;",
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_frame_shows(name: str) -> None:
    found, expected = LAYOUTS[name]
    assert frame(found) == f"warning[OSP999]: message\n{expected}\n"


def test_a_long_line_is_cut_around_the_caret() -> None:
    text = f"{'x' * 5000} here {'y' * 5000}"
    lines = frame(fault(text, "here")).splitlines()
    assert all(len(line) <= WIDTH_MAX + 8 for line in lines)
    assert lines[3].index("^") == lines[2].index("here")
    assert lines[2].count("…") == 2


def test_what_stands_in_a_message_cannot_write_to_the_terminal() -> None:
    found = Fault(code="OSP999", span=Span(Source("\x1b.spill", ""), 0, 1), message="`\x1b[2J\n`", help="\x07")
    assert "\x1b" not in frame(found) and "\x07" not in frame(found)
    assert len(frame(found).splitlines()) == 5


def test_colour_changes_nothing_but_colour() -> None:
    import re

    found = LAYOUTS["a fix"][0]
    painted = frame(found, color=True)
    assert "\x1b[1;33mwarning[OSP999]\x1b[0m" in painted
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == frame(found)


def columns(text: str) -> int:
    """What a terminal needs, said otherwise than the frame says it."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


@given(st.text(st.sampled_from("ab \t漢é\u0301\n\r\x1b\u202e"), max_size=400), st.data())
def test_the_caret_stands_below_what_it_means(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    source = Source("t.spill", text)
    found = Fault(code="OSP999", span=Span(source, start, data.draw(st.integers(start, len(text)))), message="m")
    lines = frame(found).splitlines()
    assert len(lines) == 4 and all(line.isprintable() for line in lines)
    gutter = lines[1].index("┌")
    shown, marks = lines[2][gutter + 2 :], lines[3][gutter + 2 :]
    before = source.line(source.position(start)[0])[: source.position(start)[1] - 1]
    if len(before) < 40:
        expected = before.replace("\t", "    ").replace("\x1b", "<U+001B>").replace("\u202e", "<U+202E>")
        expected = expected.replace("\r", "<U+000D>")
        assert shown.startswith(expected.rstrip())
        assert columns(marks) - columns(marks.lstrip(" ")) == columns(expected)

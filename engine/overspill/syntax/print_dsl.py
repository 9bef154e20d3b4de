"""A DSL file → the same file in the one style: a statement a line, two spaces a level, one space between words.

Works on the words of the text, not on its tree: comments stay where they are, the order of statements is the
author's, and nothing but white space changes. Formatting the result again changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from overspill.syntax import tree

_WORDS = re.compile(
    r"""(?P<comment>//[^\r\n]*)
    |(?P<string>[bBrR]{0,2}(?:\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|"(?:\\.|[^"\\\r\n])*"|'(?:\\.|[^'\\\r\n])*')|`[^`]*`)
    |(?P<word>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z|[A-Za-z_]+(?:/[A-Za-z0-9_+\-]+)+(?=\s*;)|[A-Za-z0-9_]+(?:\.[0-9]+)?%?)
    |(?P<mark>==|!=|<=|>=|&&|\|\||[^\s])
    |(?P<space>\s+)""",
    re.VERBOSE,
)
_BINARY = frozenset(["==", "!=", "<=", ">=", "&&", "||", "<", ">", "*", "/", "%", "+", "="])
_NO_SPACE_BEFORE = frozenset(";,.)]:")
_NO_SPACE_AFTER = frozenset("([.!")
INDENT = "  "


@dataclass(slots=True)
class _Line:
    """A statement under way: its words joined, and what decides about the next space."""

    parts: list[str] = field(default_factory=list)
    previous: str = ""
    glued: bool = False
    """The next word follows without a space (after a sign, an opening bracket)."""
    ternaries: int = 0

    def add(self, text: str, kind: str, follows_space: bool) -> None:
        if self.parts and not self._tight(text, kind, follows_space):
            self.parts.append(" ")
        self.parts.append(text)
        self.glued = text in _NO_SPACE_AFTER or (text == "-" and self._is_sign())
        self.previous = text

    def _is_sign(self) -> bool:
        """A minus with nothing to subtract from."""
        before = self.previous
        return before in _BINARY or before in ("(", "[", ",", "?", ":", "-", "when", "serves", "in", "")

    def _tight(self, text: str, kind: str, follows_space: bool) -> bool:
        if self.glued:
            return True
        if text == ":" and self.ternaries:
            self.ternaries -= 1
            return False
        if text == "?":
            # A type's `?` stands tight; a condition's has spaces around it.
            self.ternaries += follows_space
            return not follows_space
        if text in _NO_SPACE_BEFORE and kind == "mark":
            return True
        called = text in ("(", "[") and (self.previous[-1:].isalnum() or self.previous in (")", "]"))
        return called and self.previous not in ("in", "when", "serves") and not follows_space

    def text(self) -> str:
        return "".join(self.parts)


def format_dsl(file: tree.File) -> str:
    """The file's text in the one style."""
    return format_text(file.source.text)


def format_text(text: str) -> str:
    """The same of text that is known to parse."""
    return _Layout().layout(text)


class _Layout:
    """Walks the words once and writes lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.line = _Line()
        self.depth = 0
        self.braces: list[bool] = []
        """For each open `{`: whether it is a block, not a map inside an expression."""

    def layout(self, text: str) -> str:
        breaks, spaced = 0, False
        for match in _WORDS.finditer(text):
            kind, word = match.lastgroup or "mark", match[0]
            if kind == "space":
                breaks, spaced = max(breaks, word.count("\n")), True
                continue
            if kind == "comment":
                self.comment(word.rstrip(), breaks)
            else:
                if not self.line.parts and breaks > 1:
                    self.blank()
                self.word(word, kind, spaced)
            breaks, spaced = 0, False
        self.end()
        while self.lines and not self.lines[-1]:
            self.lines.pop()
        return "\n".join(self.lines) + "\n"

    def word(self, word: str, kind: str, spaced: bool) -> None:
        if word == "{" and kind == "mark":
            is_block = not self.line.parts or not self._in_expression()
            self.braces.append(is_block)
            self.line.add("{", "brace", spaced)
            if is_block:
                self.end()
                self.depth += 1
        elif word == "}" and kind == "mark" and self.braces:
            if self.braces.pop():
                self.end()
                self.depth -= 1
                if self.lines and not self.lines[-1]:
                    self.lines.pop()
                self.write("}")
            else:
                self.line.add("}", "mark", False)
        else:
            self.line.add(word, kind, spaced)
            if word == ";" and kind == "mark":
                self.end()

    def _in_expression(self) -> bool:
        """After `when`, `serves`, `=` …, and in an invariant, a brace opens a map."""
        return self.line.parts[0] == "invariant" or any(part in ("when", "serves", "=") for part in self.line.parts)

    def comment(self, text: str, breaks: int) -> None:
        """On its own line, or behind what stands before it on the same line."""
        if breaks == 0 and self.lines and not self.line.parts:
            self.lines[-1] += f"  {text}"
        elif self.line.parts:
            # Inside a statement: the comment moves in front of it, so that the statement stays one line.
            self.write(text)
        else:
            if breaks > 1:
                self.blank()
            self.write(text)

    def end(self) -> None:
        if self.line.parts:
            self.write(self.line.text())
            self.line = _Line()

    def write(self, text: str) -> None:
        self.lines.append(INDENT * self.depth + text)

    def blank(self) -> None:
        """One blank line at most, and none at the start of a block."""
        if self.lines and self.lines[-1] and not self.lines[-1].endswith("{"):
            self.lines.append("")

"""Where something stands: a source text and a half-open range of characters in it."""

from __future__ import annotations

import re
from bisect import bisect_right

from overspill.words.codec import Struct

_BREAK = re.compile("\n")


class Source(Struct, frozen=True, eq=False):
    """One file as it was read: `name` as the user gave it, `text` decoded."""

    name: str
    text: str
    _line_starts: list[int] = []

    def position(self, offset: int) -> tuple[int, int]:
        """Offset → (line, column), both from 1, the column in characters."""
        starts = self._line_starts
        if not starts:
            starts.append(0)
            starts.extend(found.end() for found in _BREAK.finditer(self.text))
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of line `number` (from 1), without its line break."""
        self.position(0)
        start = self._line_starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start : end if end >= 0 else len(self.text)].rstrip("\r")


class Span(Struct, frozen=True):
    """Characters `start` (inclusive) to `end` (exclusive) of `source`."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    @property
    def place(self) -> str:
        """`file:line:column`, as people and editors read it."""
        line, column = self.source.position(self.start)
        return f"{self.source.name}:{line}:{column}"

    def to(self, other: Span) -> Span:
        """From the start of this to the end of `other`."""
        return Span(self.source, self.start, other.end)

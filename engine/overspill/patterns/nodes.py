"""The parts of a pattern: what a character may be, and how parts follow each other."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import NamedTuple

from overspill.words.codec import Struct


class Item(NamedTuple):
    """Characters in `ranges` (code points, inclusive) or in a general category that starts with one of `categories`.

    `negated`: all others.
    """

    ranges: tuple[tuple[int, int], ...]
    categories: tuple[str, ...] = ()
    negated: bool = False


class Chars(Struct, frozen=True):
    """One character: one that is in any of `items`, or in none where `negated`; `fold`: in whatever case."""

    items: tuple[Item, ...]
    negated: bool = False
    fold: bool = False

    def admits(self, char: str) -> bool:
        """Whether it is `char`."""
        codes = folded(char) if self.fold else (ord(char),)
        return any(_within(item, codes) for item in self.items) != self.negated


def _within(item: Item, codes: tuple[int, ...]) -> bool:
    hit = any(low <= code <= high for code in codes for low, high in item.ranges)
    if not hit and item.categories:
        hit = any(unicodedata.category(chr(code)).startswith(item.categories) for code in codes)
    return hit != item.negated


class Edge(Struct, frozen=True):
    """A place between characters: text_start, text_end, line_start, line_end, word, not_word."""

    kind: str


class Sequence(Struct, frozen=True):
    parts: tuple[Node, ...]


class Choice(Struct, frozen=True):
    parts: tuple[Node, ...]


class Repeat(Struct, frozen=True):
    """`part` from `least` to `most` times (None: without end)."""

    part: Node
    least: int
    most: int | None


Node = Chars | Edge | Sequence | Choice | Repeat


def folded(char: str) -> tuple[int, ...]:
    """The code points that differ from `char` in case only, itself among them (Unicode's simple case folding)."""
    return _orbits().get(_fold_key(char), tuple(map(ord, char)))


def _fold_key(char: str) -> str:
    full = char.casefold()
    if len(full) == 1:
        return full
    lower = char.lower()
    return lower if len(lower) == 1 else char


@lru_cache(maxsize=1)
def _orbits() -> dict[str, tuple[int, ...]]:
    """Fold key → code points, for all characters that have case; all of them lie below U+1E944."""
    found: dict[str, list[int]] = {}
    for code in range(0x1E944):
        char = chr(code)
        key = _fold_key(char)
        if key != char:
            found.setdefault(key, [ord(key)]).append(code)
    return {key: tuple(codes) for key, codes in found.items()}

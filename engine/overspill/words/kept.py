"""What is made once and kept within a bound: answers of a pure function that come again from decision to decision."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

KEPT_MAX = 65536


class _Kept(dict[K, V]):
    """Thing → what is made of it when it is missing; emptied when it is full."""

    __slots__ = ("_make", "_most")

    def __init__(self, make: Callable[[K], V], most: int) -> None:
        super().__init__()
        self._make, self._most = make, most

    def __missing__(self, thing: K) -> V:
        if len(self) >= self._most:
            self.clear()
        made = self[thing] = self._make(thing)
        return made


def kept(make: Callable[[K], V], most: int = KEPT_MAX) -> Callable[[K], V]:
    """`make`, remembering up to `most` of its answers. `make` is pure; of equal things it must make equal ones."""
    return _Kept(make, most).__getitem__


def kept_both(make: Callable[[K], V], undo: Callable[[V], K]) -> tuple[Callable[[K], V], Callable[[V], K]]:
    """`make` and what undoes it, each remembering: what was made need not be undone."""
    undone = _Kept(undo, KEPT_MAX)

    def made(thing: K) -> V:
        found = make(thing)
        if len(undone) >= KEPT_MAX:
            undone.clear()
        undone[found] = thing
        return found

    return kept(made), undone.__getitem__

"""Clocks (LANGUAGE.md T3): monotonic time plus an offset fixed at start, so that no jump of the wall clock is felt."""

from __future__ import annotations

import time
from collections.abc import Callable


def ahead_of(other: Callable[[], int | None]) -> int:
    """Microseconds by which this machine's wall clock is surely ahead of another one, whenever within its question that was
    read; below 0 behind it, and 0 where it is neither, or there is no other."""
    before = time.time_ns() // 1000
    theirs = other()
    after = time.time_ns() // 1000
    if theirs is None or before <= theirs <= after:
        return 0
    return before - theirs if theirs < before else after - theirs


class SystemClock:
    """Starts at the wall clock, or at `not_before` if that is later, and then follows monotonic time alone."""

    def __init__(self, not_before: int = 0) -> None:
        wall = time.time_ns() // 1000
        self._offset = max(wall, not_before) - time.monotonic_ns() // 1000

    def now(self) -> int:
        return time.monotonic_ns() // 1000 + self._offset

    def drift(self) -> int:
        """Microseconds by which the wall clock is ahead of this one."""
        return time.time_ns() // 1000 - self.now()


class ManualClock:
    """Time as the caller sets it; never backwards."""

    def __init__(self, at: int) -> None:
        self._at = at

    def now(self) -> int:
        return self._at

    def drift(self) -> int:
        return 0

    def set(self, at: int) -> None:
        self._at = max(self._at, at)

    def advance(self, micros: int) -> None:
        self._at += max(micros, 0)

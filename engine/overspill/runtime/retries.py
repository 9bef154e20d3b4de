"""What a database has given up in favour of another transaction is done again: a few times, after waits that chance shortens,
so that two who were in each other's way do not meet again and again. Nothing has happened, so nothing is done twice."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

from overspill.words.failures import Interrupted, StoreFailure

T = TypeVar("T")

AGAIN_MAX = 4
WAIT_MICROS = 5_000
"""At most so long before the first time, and twice as long before each that follows: some 75 ms in all, in which nobody
decides."""


def pause(micros: int) -> None:
    time.sleep(micros / 1_000_000)


def chance(most: int) -> int:
    """A whole number from 0 to `most`."""
    return int.from_bytes(os.urandom(4), "big") % (most + 1)


class Retries:
    """`wait` (microseconds) and `chance` are what it has of the world."""

    def __init__(self, wait: Callable[[int], None] = pause, chance: Callable[[int], int] = chance) -> None:
        self._wait, self._chance = wait, chance

    def run(self, act: Callable[[], T]) -> T:
        """Its result. Raises what it raises; `Interrupted` only when that was the end of every attempt."""
        try:
            return act()
        except Interrupted as failed:
            return self.again(act, failed)

    def again(self, act: Callable[[], T], failed: StoreFailure) -> T:
        """The same where it has `failed` once already, and nothing has happened."""
        for attempt in range(AGAIN_MAX):
            if isinstance(failed, Interrupted):
                self._wait(self._chance(WAIT_MICROS << attempt))
            try:
                return act()
            except Interrupted as once_more:
                failed = once_more
        raise failed

"""Chance: `random.Random`, with the draw that a simulation makes all the time made in the shortest way."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Chance(Random):
    """What there is to choose among is little: what a float's 53 bits prefer of it is nothing."""

    def choice(self, among: Sequence[T]) -> T:  # type: ignore[override]
        return among[int(self.random() * len(among))]

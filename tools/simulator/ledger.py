"""What lots and holds must have by the answers alone."""

from __future__ import annotations

import msgspec

from simulator.book import LotKey, Where

Back = dict[Where, dict[int, int]]
"""By window and generation, what comes back there."""


class Lot(msgspec.Struct):
    """`gone` is what was voided, transferred or has expired; what is not left is used, held or gone."""

    granted: int
    granted_at: int
    expires_at: int
    paid: tuple[int, int] = (0, 0)
    """(cents, for so many steps) of the purchase that it stems from."""
    used: int = 0
    held: int = 0
    gone: int = 0
    voided: bool = False
    expired: bool = False

    @property
    def left(self) -> int:
        return self.granted - self.used - self.held - self.gone


class Part(msgspec.Struct):
    """A lot's part of a leg."""

    lot: LotKey
    amount: int
    used: int = 0


class Count(msgspec.Struct):
    """A counter's part of a leg: of an overage only what the lots did not give."""

    where: Where
    generation: int
    amount: int


class Leg(msgspec.Struct):
    layer: str
    base: int
    amount: int
    parts: list[Part] = []
    counts: list[Count] = []
    used_base: int = 0
    used: int = 0

    def back_of(self, count: Count) -> int:
        """What a counter gets back of what is not used."""
        return count.amount - max(self.used - (self.amount - count.amount), 0)


class Hold(msgspec.Struct):
    id: str
    root: str
    expires_at: int
    late_until: int
    legs: list[Leg]
    occupied: list[Where]
    is_open: bool = True
    over: bool = False
    reversed: bool = False
    owed: int = 0
    absorbed: int = 0
    """Of all captures so far: what one part finds no cover for, a later one may."""
    booked: int = 0
    """What all captures so far have used."""

"""What a plan reads of an account: the shapes of windows and lots as plain tuples, and the protocol of a state.

Tuples of integers, since a decision reads them a million times for each time that a person does; their places have
names here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

Scalar = str | int | bool

WindowState = tuple[int, int, int, int]
"""(generation, opened_at, ends_at, used): one window's latest generation; `used` counts held amounts too."""
GENERATION: Final = 0
OPENED_AT: Final = 1
ENDS_AT: Final = 2
USED: Final = 3

Lot = tuple[str, int, int, int, int, int, int]
"""(id, left, granted_at, expires_at, priority, category, amount): one grant; `left` is what is free to draw."""
LOT_ID: Final = 0
LOT_LEFT: Final = 1
LOT_GRANTED_AT: Final = 2
LOT_EXPIRES_AT: Final = 3
LOT_PRIORITY: Final = 4
LOT_CATEGORY: Final = 5
LOT_AMOUNT: Final = 6

PROMOTIONAL, PAID = 0, 1
CATEGORIES = ("promotional", "paid")

LOT_ORDER = {
    "priority": LOT_PRIORITY,
    "expires_at": LOT_EXPIRES_AT,
    "category": LOT_CATEGORY,
    "granted_at": LOT_GRANTED_AT,
    "id": LOT_ID,
}
"""The keys of a pool's `order`. Ids compare as text, which for ASCII identifiers is the order of their UTF-8 bytes."""


class AccountFacts(Protocol):
    """The part of an account's state that decisions read."""

    @property
    def attributes(self) -> Mapping[str, Scalar]: ...
    @property
    def windows(self) -> Mapping[str, WindowState]: ...
    @property
    def pools(self) -> Mapping[str, tuple[Lot, ...]]: ...

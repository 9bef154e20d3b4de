"""What a plan reads of an account: the shapes of windows and lots as plain tuples, and the protocol of a state.

Tuples of integers, since a decision reads them a million times for each time that a person does; their places have
names here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

Scalar = str | int | bool
Attribute = Scalar | tuple[str, ...]
"""What an account keeps under a name: a value, or the ids of accounts that it is a member of."""

WindowState = tuple[int, ...]
"""(generation, opened_at, ends_at, used): one window's latest generation; `used` counts held amounts too.

Windows that fill up again by themselves have more behind it: `SLIDING`, then (generation, counts until, amount) for
each sub-window; or `BUCKET`, then (at, rest, refill, per). Theirs is the `ends_at` of the next room.
"""
GENERATION: Final = 0
OPENED_AT: Final = 1
ENDS_AT: Final = 2
USED: Final = 3
FORM: Final = 4
SLIDING: Final = 1
BUCKET: Final = 2


def closed_key(key: str, generation: int) -> str:
    """The key of a generation that is over."""
    return f"{key}@{generation}"


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
    def since(self) -> int: ...
    @property
    def attributes(self) -> Mapping[str, object]: ...
    @property
    def windows(self) -> Mapping[str, WindowState]: ...
    @property
    def pools(self) -> Mapping[str, tuple[Lot, ...]]: ...
    @property
    def ordered(self) -> Mapping[str, tuple[tuple[str, ...], tuple[Lot, ...]]]: ...
    @property
    def closed(self) -> Mapping[str, WindowState]: ...
    @property
    def debts(self) -> Mapping[str, int]: ...

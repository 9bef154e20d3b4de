"""The state of one account: a small record in packed bytes, a fold of the journal's effects and nothing else.

The account is the unit of serialisation (DESIGN.md section 4). The shapes of windows and lots are the plan's, which
reads them.
"""

from __future__ import annotations

from typing import Any, Final

from overspill.account.purchases import TopUp
from overspill.plan.shapes import Attribute, Lot, WindowState
from overspill.words.codec import Light, packed_bytes, packed_decoder
from overspill.words.instants import NEVER

Value = Attribute
"""What an attribute holds; amounts in steps."""
Fact = str | int | bool | tuple[Any, ...] | None
"""What a hold remembers of an input; None: it was absent; of many accounts their values side by side."""


class Count(Light, frozen=True, array_like=True):
    """What one counter holds for a draw: `amount` steps in this generation of it."""

    kind: int
    """The index of the account kind that keeps it."""
    key: str
    generation: int
    amount: int


class Leg(Light, frozen=True, array_like=True):
    """What one layer holds for a reservation: `base` and `amount` in steps, in these counters and from these lots. A
    concurrency's has a base of 0: it goes back whole."""

    layer: str
    kind: int
    """The account kind's index."""
    base: int
    amount: int
    counts: tuple[Count, ...]
    lots: tuple[tuple[str, Lot, int], ...]
    """(pool key, the lot as it was, amount drawn), in the order drawn."""
    used_base: int = 0
    used: int = 0
    """What captures have booked of it so far; the rest is held."""
    lapses: bool = False
    """What it holds of a lot that expires is no longer held (`on expired_in_hold lapse`)."""


class Hold(Light, frozen=True, array_like=True):
    """An open reservation, with all of its admission that a capture needs (LANGUAGE.md S1, T2)."""

    id: str
    accounts: tuple[str | None, ...]
    """Account keys by kind; the first is the account that answers for the hold."""
    digest: str
    """The policy it was made under."""
    waterfall: str
    at: int
    expires_at: int
    late_until: int
    base: int
    facts: tuple[Fact, ...]
    """The inputs the waterfall read at admission, in the order of its slots; None: absent."""
    request: str
    """The request's id."""
    decision: str
    legs: tuple[Leg, ...]
    open: bool
    """False once timed out: nothing is held any more, a late capture still finds it."""
    meters: dict[str, int] = {}
    """What captures have used so far: the next is priced with it (LANGUAGE.md S2)."""
    absorbed: int = 0
    """What of it nobody covered, in base steps."""
    owed_base: int = 0
    owed: int = 0
    """What of it is a debt of the last eligible pool, in base steps and in the pool's."""
    bookings: int = 0
    """How many captures there were."""
    only: tuple[str, ...] | None = None
    """The layers that the request bounds itself to (LANGUAGE.md L10); None: all."""
    max_charge: dict[str, int] = {}
    """What it may be charged at most by unit, in steps."""
    funded: tuple[str, ...] = ()
    """The graces whose key an earlier request had funded at its admission (LANGUAGE.md L12)."""


Banked = tuple[str, int, int]
"""(id, granted_at, expires_at): a reset that an account may redeem."""
BANKED_ID: Final = 0
BANKED_EXPIRES_AT: Final = 2


class Account(Light, frozen=True, array_like=True):
    """`at` is the instant of the last change; time never runs backwards for an account (LANGUAGE.md T3)."""

    version: int = 0
    at: int = 0
    attributes: dict[str, Value] = {}
    windows: dict[str, WindowState] = {}
    """By window key: `limit.window`, then `|value` for each further field the limit is kept per."""
    pools: dict[str, tuple[Lot, ...]] = {}
    """By pool key, in the default draw order; lots with nothing left are gone."""
    holds: dict[str, Hold] = {}
    since: int = NEVER
    """When its attributes were last what they are not now, or when it came into being: every reset up to then is settled
    in its windows."""
    banked: dict[str, tuple[Banked, ...]] = {}
    """By limit: the resets that were granted and not redeemed, the earliest expiry first."""
    debts: dict[str, int] = {}
    """By pool key: what was used and is owed, in steps; the next purchase repays it first."""
    due_at: int = NEVER
    """When something of it next ends by itself (`account.due`)."""
    top_ups: dict[str, TopUp] = {}
    """By pool key: buying by itself, where somebody has set it."""
    ordered: dict[str, tuple[tuple[str, ...], tuple[Lot, ...]]] = {}
    """By pool key: (an order that a policy declares, the lots in it), so that no decision has to sort them."""
    closed: dict[str, WindowState] = {}
    """By window key and generation (`closed_key`): generations that ended while a hold was open, which its excess may still
    count in (LANGUAGE.md T2)."""


EMPTY = Account()

pack = packed_bytes
"""Account → bytes."""
unpack = packed_decoder(Account).decode
"""Bytes → Account."""

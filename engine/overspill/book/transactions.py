"""Transactions: what one record moves between accounts, as pairs of a debit and a credit in one asset each.

Every leg has both sides, so a transaction balances per asset by its form. What stands beside the legs says where they
come from: the record and its key, the decision that caused it, the policy and rate card of the admission, and the
instant at which it takes effect.
"""

from __future__ import annotations

from typing import Literal

from overspill.records.balances import BalanceUpdate
from overspill.records.monetization import MonetizationEvent
from overspill.records.usage_events import UsageEvent
from overspill.words.codec import Light

Row = UsageEvent | MonetizationEvent | BalanceUpdate
"""Of the three datasets."""
HoldState = Literal["open", "late", "over"]
"""A hold holds something, has timed out and may be captured late, or is no more."""


class Leg(Light, frozen=True):
    """`amount` is decimal text, above 0."""

    debit: str
    credit: str
    asset: str
    amount: str


class OpenedLot(Light, frozen=True, kw_only=True, omit_defaults=True):
    """A lot that comes into being; `parent` is the account of the lot that it stems from. `cost` (`9.99 usd`) was paid for
    `per` of the first lot of its line: what a part of it costs."""

    account: str
    asset: str
    category: str
    parent: str | None = None
    cost: str | None = None
    per: str | None = None
    expires_at: str | None = None


class Transaction(Light, frozen=True, kw_only=True, omit_defaults=True):
    """`record` is the id that makes it happen once, `cause` the id of the decision or of the record itself. `policy` (its
    digest), `version` and `rate_card` are those of the admission, where there was one; `at` and `effective_at` are in
    microseconds."""

    record: str
    seq: int
    kind: str
    key: tuple[str, str, str, str]
    cause: str
    policy: str | None = None
    version: int | None = None
    rate_card: str | None = None
    at: int
    effective_at: int
    legs: tuple[Leg, ...]
    opened: tuple[OpenedLot, ...] = ()
    hold: str | None = None
    hold_state: HoldState | None = None
    """What the hold is behind it."""


class Posted(Light, frozen=True):
    """What one record comes to: its transaction, if it moves anything, and its rows of the datasets."""

    transaction: Transaction | None = None
    rows: tuple[Row, ...] = ()


NOTHING = Posted()


EarlyReason = Literal["unknown_hold", "unknown_lot", "unknown_request", "earlier_record"]


class Parked(Light, frozen=True):
    """A record that came too early: what it names, or what is before it on one of its accounts, is not posted yet."""

    record: str
    reason: EarlyReason
    of: str
    """The hold, lot, request or account."""

"""Postings: what one record of the journal comes to in the book, as one row that is written once.

A transaction is what the record moves between accounts, as pairs of a debit and a credit in one asset each. Every leg
has both sides, so a transaction balances per asset by its form. What stands beside the legs says where they come from:
the record and its key, the decision that caused it, the policy and rate card of the admission, and the instant at which
it takes effect. With it stand the record's rows of the three datasets (DESIGN.md section 5).
"""

from __future__ import annotations

from typing import Literal

from overspill.records.balances import BalanceUpdate
from overspill.records.monetization import MonetizationEvent
from overspill.records.usage_events import UsageEvent
from overspill.words.codec import Light, json_decoder

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


class Posted(Light, frozen=True, kw_only=True, omit_defaults=True):
    """What one record comes to: its transaction, if it moves anything, and its rows of the datasets."""

    transaction: Transaction | None = None
    usage: UsageEvent | None = None
    monetization: MonetizationEvent | None = None
    updates: tuple[BalanceUpdate, ...] = ()

    @property
    def rows(self) -> tuple[Row, ...]:
        """Of the datasets, each caused by the one before it."""
        if self.usage is None or self.monetization is None:
            return self.updates
        return (self.usage, self.monetization, *self.updates)


NOTHING = Posted()
posted_from = json_decoder(Posted).decode
"""A row as a store keeps it → what it says."""


ParkedReason = Literal["unknown_hold", "unknown_lot", "unknown_request", "unknown_record", "contradiction"]


class Parked(Light, frozen=True):
    """What was to be posted and cannot be: it names what the book does not have, or contradicts what it has."""

    record: str
    reason: ParkedReason
    of: str
    """The hold, lot or request; what a contradiction is."""

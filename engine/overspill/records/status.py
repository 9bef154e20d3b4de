"""What an account's page shows: a preview of the decisions on one version of its state, typed.

The shapes are the wire's: amounts are decimal text with their unit beside them, instants RFC 3339 in UTC.
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import msgspec

from overspill.records.answers import DecisionRecord, FactShown
from overspill.words.codec import json_decoder


class NextChange(msgspec.Struct, frozen=True, kw_only=True):
    """What changes next by itself, and when; `of` is the counter's key, or the id of the lot, hold or reset."""

    at: str
    what: Literal[
        "window_ends",
        "use_leaves",
        "refills",
        "capacity_changes",
        "reset",
        "begins",
        "ends",
        "lot_usable",
        "lot_expires",
        "hold_expires",
        "banked_reset_expires",
        "top_up_tested",
    ]
    of: str


class CounterStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A window, or whatever else counts draws, as a draw now would find it.

    `used` counts held amounts too, `held` is that part of it. `limit` None: the bound is absent, or depends on the inputs
    that `unknown` names, which a request would bring. `warning` is the highest percentage of it that use has reached, of
    those at which the policy warns.
    """

    key: str
    kind: Literal["window", "cap", "overage", "allowance", "grace", "concurrency"]
    of: str
    """The limit, pool, entitlement, grace, cap or concurrency."""
    generation: int
    open: bool
    in_force: bool
    used: str
    held: str
    limit: str | None
    warning: int | None
    unit: str
    ends_at: str | None
    next_change: NextChange | None
    unknown: tuple[str, ...]


class LotStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`left` is free to draw once the lot is usable; `held` comes back to it or is captured."""

    lot: str
    left: str
    held: str
    granted: str
    usable: bool
    priority: int
    category: str
    granted_at: str
    expires_at: str | None


class PoolStatus(msgspec.Struct, frozen=True, kw_only=True):
    """settled - pending - held = available + not_usable, and what is owed stands beside it.

    `settled` is the balance posted in the book, `pending` what was captured and is not yet posted, `held` what open holds
    have; `available` is free to draw now, `not_usable` is in lots that are not usable at this instant. As long as nobody
    posts, all that was ever captured is pending.
    """

    pool: str
    unit: str
    settled: str
    pending: str
    held: str
    available: str
    not_usable: str
    debt: str
    lots: tuple[LotStatus, ...]
    """In the order that they are drawn in."""
    next_change: NextChange | None


class BankedStatus(msgspec.Struct, frozen=True, kw_only=True):
    limit: str
    reset: str
    usable: bool
    granted_at: str
    expires_at: str | None


class HoldStatus(msgspec.Struct, frozen=True, kw_only=True):
    hold: str
    request: str
    waterfall: str
    held_since: str
    expires_at: str | None


class PurchaseStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The last purchase of a top-up; `amount` is in the pool's unit."""

    purchase: str
    state: Literal["intended", "pending", "succeeded", "declined", "abandoned"]
    amount: str
    money: str
    currency: str
    attempted_at: str


class TopUpStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What is bought for a pool by itself: the settings with who agreed and when, and where it stands.

    `reason` says why nothing is bought for a balance below the minimum; None: something is, or need not be. `bought` is
    what this calendar month (UTC) counts, `retry_at` the end of a back-off.
    """

    pool: str
    unit: str
    enabled: bool
    minimum: str
    target: str
    monthly_maximum: str | None
    settings_version: int
    actor: str
    agreed_at: str
    reason: Literal["not_applicable", "no_consent", "in_flight", "back_off", "monthly_maximum"] | None
    purchase: PurchaseStatus | None
    bought: str
    retry_at: str | None


class TopUpList(msgspec.Struct, frozen=True, kw_only=True):
    """What is bought for an account by itself, pool by pool."""

    account: str
    top_ups: tuple[TopUpStatus, ...]


class AccountStatus(msgspec.Struct, frozen=True, kw_only=True):
    account: str
    version: int
    attributes: dict[str, FactShown]
    windows: tuple[CounterStatus, ...]
    counters: tuple[CounterStatus, ...]
    """What caps, overages, allowances, graces and concurrencies have counted."""
    pools: tuple[PoolStatus, ...]
    top_ups: tuple[TopUpStatus, ...]
    banked_resets: tuple[BankedStatus, ...]
    holds: tuple[HoldStatus, ...]
    next_change: NextChange | None


class StatusPolicy(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    version: int
    digest: str


class StatusRecord(msgspec.Struct, frozen=True, kw_only=True):
    """`decision` is the preview of the request that was asked about, on the very states that are shown."""

    at: str
    policy: StatusPolicy
    accounts: tuple[AccountStatus, ...]
    decision: DecisionRecord | None


_decode = json_decoder(StatusRecord).decode


class Status:
    """The accounts as they stand: `json` are the bytes, everything else is read from them."""

    def __init__(self, json: bytes) -> None:
        self.json = json

    @cached_property
    def record(self) -> StatusRecord:
        """All fields, typed."""
        return _decode(self.json)

    @property
    def at(self) -> str:
        return self.record.at

    @property
    def accounts(self) -> tuple[AccountStatus, ...]:
        return self.record.accounts

    @property
    def decision(self) -> DecisionRecord | None:
        """What the request that was asked about would get."""
        return self.record.decision

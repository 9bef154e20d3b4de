"""Receipts as the reference tells them. What an engine answers goes out in its own bytes and is never made from these;
tests hold the two against each other. A field with a default is left out where it says nothing."""

from __future__ import annotations

from typing import Any

from overspill.words.codec import Struct


class PolicyShown(Struct, frozen=True, kw_only=True):
    """Of the admission."""

    digest: str
    waterfall: str


class CaptureDraw(Struct, frozen=True, kw_only=True):
    """What a capture adds to one layer: `base` in the capture's unit, `amount` in the layer's own; `returned` is what of the
    hold went back. `from` says whether it was held before, or drawn beside the hold."""

    layer: str
    base: str
    amount: str
    unit: str


class Gone(Struct, frozen=True, kw_only=True):
    """What was to go back to a lot that is over."""

    account: str
    pool: str
    lot: str
    amount: str


class CaptureReceipt(Struct, frozen=True, kw_only=True):
    """`used` is what this capture books, of which `covered` was there and `absorbed` is nobody's; `late`: the hold had timed
    out."""

    capture: str
    hold: str
    request: str
    at: str
    late: bool
    used: str
    covered: str
    absorbed: str
    unit: str
    charge: dict[str, str]
    draws: tuple[CaptureDraw, ...]
    policy: PolicyShown
    expired: tuple[Gone, ...] = ()


class ExtendReceipt(Struct, frozen=True, kw_only=True):
    """`expires_at` null: never."""

    extend: str
    hold: str
    request: str
    at: str
    expires_at: str | None
    policy: PolicyShown


class ReleaseReceipt(Struct, frozen=True, kw_only=True):
    release: str
    hold: str
    request: str
    at: str
    policy: PolicyShown
    expired: tuple[Gone, ...] = ()


class Returned(Struct, frozen=True, kw_only=True):
    """What went back, and to what: a window or a lot."""

    account: str
    amount: str
    to: str
    window: str | None = None
    generation: int = 0
    pool: str | None = None
    lot: str | None = None


class ReversalReceipt(Struct, frozen=True, kw_only=True):
    """`credit` is what pools got back, by unit."""

    reversal: str
    at: str
    of: str
    request: str
    account: str
    credit: dict[str, str]
    returned: tuple[Returned, ...]
    actor: str
    policy: PolicyShown


class AttributesReceipt(Struct, frozen=True, kw_only=True):
    set: str
    at: str
    account: str
    attributes: dict[str, Any]
    actor: str


class GrantReceipt(Struct, frozen=True, kw_only=True):
    """`balance` is what the lot has behind the debts that it repaid."""

    grant: str
    at: str
    account: str
    pool: str
    lot: str
    amount: str
    unit: str
    balance: str
    priority: int
    category: str
    expires_at: str | None
    actor: str
    cost: str | None = None
    repaid: str = "0"


class VoidReceipt(Struct, frozen=True, kw_only=True):
    void: str
    at: str
    account: str
    pool: str
    lot: str
    amount: str
    unit: str
    actor: str


class RefundReceipt(Struct, frozen=True, kw_only=True):
    """`money` is what is due back, by currency."""

    refund: str
    at: str
    account: str
    pool: str
    lot: str
    amount: str
    unit: str
    money: dict[str, str]
    actor: str


class TransferReceipt(Struct, frozen=True, kw_only=True):
    transfer: str
    at: str
    account: str
    pool: str
    lot: str
    to: str
    to_lot: str
    amount: str
    unit: str
    actor: str


class Begun(Struct, frozen=True, kw_only=True):
    """A window that began anew."""

    window: str
    generation: int


class ResetReceipt(Struct, frozen=True, kw_only=True):
    reset: str
    at: str
    account: str
    windows: tuple[Begun, ...]
    actor: str


class RedeemReceipt(Struct, frozen=True, kw_only=True):
    redeem: str
    at: str
    account: str
    windows: tuple[Begun, ...]
    actor: str


class GrantResetReceipt(Struct, frozen=True, kw_only=True):
    grant_reset: str
    at: str
    account: str
    actor: str


class TopUpReceipt(Struct, frozen=True, kw_only=True):
    """What an account has agreed to."""

    set_top_up: str
    at: str
    account: str
    pool: str
    enabled: bool
    minimum: str
    target: str
    actor: str
    monthly_maximum: str | None = None


class PurchaseReceipt(Struct, frozen=True, kw_only=True):
    """What became of a purchase: a lot (`purchase`), or nothing (`unpaid`)."""

    at: str
    account: str
    pool: str
    purchase: str = ""
    unpaid: str = ""

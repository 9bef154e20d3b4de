"""Receipts as the reference tells them. What an engine answers goes out in its own bytes and is never made from these;
tests hold the two against each other. A field with a default is left out where it says nothing."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import field

from overspill.words.codec import Struct


class PolicyShown(Struct, frozen=True, kw_only=True):
    """Of the admission."""

    digest: str
    waterfall: str


class LotPart(Struct, frozen=True, kw_only=True):
    """What of a lot a capture uses more."""

    account: str
    pool: str
    lot: str
    amount: str


class CaptureDraw(Struct, frozen=True, kw_only=True):
    """What a capture adds to one layer: `base` in the capture's unit, `amount` in the layer's own; `returned` is what of the
    hold went back. `from` says whether it was held before, drawn beside the hold, or is owed. `overage` is what was drawn
    beyond the lots."""

    layer: str
    source: Literal["hold", "free", "debt"] = field(name="from")
    base: str
    amount: str
    returned: str
    unit: str
    lots: tuple[LotPart, ...] = ()
    overage: str = ""


class Reissued(Struct, frozen=True, kw_only=True):
    """The lot that it became."""

    lot: str
    expires_at: str | None


class Gone(Struct, frozen=True, kw_only=True):
    """What was to go back to a lot that is over: expired too, or `reissued` as a lot of its own."""

    account: str
    pool: str
    lot: str
    amount: str
    unit: str
    reissued: Reissued | None = None


class Refunded(Struct, frozen=True, kw_only=True):
    """What of an overshoot went back to the lot that it was drawn from."""

    account: str
    pool: str
    lot: str
    amount: str
    unit: str


class RepaidBack(Struct, frozen=True, kw_only=True):
    """What purchases have repaid of a debt that is none any more: a lot again."""

    account: str
    pool: str
    lot: str
    amount: str
    unit: str
    expires_at: str | None


class CaptureReceipt(Struct, frozen=True, kw_only=True):
    """`used` is what this capture books, of which `covered` was there and `absorbed` is nobody's; `late`: the hold had timed
    out. Where a hold is captured in parts `total` is what all of them book so far, and `final` the last."""

    capture: str
    hold: str
    request: str
    at: str
    late: bool
    used: str
    covered: str
    absorbed: str
    unit: str
    total: str = ""
    final: bool = True
    charge: dict[str, str]
    draws: tuple[CaptureDraw, ...]
    refunded: Refunded | None = None
    repaid_back: RepaidBack | None = None
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
    """What went back, and to what. A window's: the one that was counted in (`open`), the next one (`present`), or `nothing`. A
    pool's: its `lot`, nothing (`voided`, `expired`), a lot of its own (`reissued`), or less is owed (`debt`)."""

    account: str
    amount: str
    to: Literal["open", "present", "nothing", "voided", "lot", "expired", "reissued", "debt"]
    window: str | None = None
    generation: int = 0
    pool: str | None = None
    lot: str | None = None
    unit: str = ""
    reissued: Reissued | None = None


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
    effective_at: str = ""


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
    repaid: str = "0"
    actor: str


class Begun(Struct, frozen=True, kw_only=True):
    """A window that began anew. `ends_at` null: never."""

    window: str
    generation: int
    ends_at: str | None


class ResetReceipt(Struct, frozen=True, kw_only=True):
    reset: str
    at: str
    account: str
    limit: str
    anchor: Literal["keep_anchor", "restart_anchor"]
    windows: tuple[Begun, ...]
    actor: str


class RedeemReceipt(Struct, frozen=True, kw_only=True):
    """`reset` is the one that was used, `banked` how many are left."""

    redeem: str
    at: str
    account: str
    limit: str
    reset: str
    windows: tuple[Begun, ...]
    banked: int
    actor: str


class GrantResetReceipt(Struct, frozen=True, kw_only=True):
    """`banked` is how many can be redeemed now. `expires_at` null: never."""

    grant_reset: str
    at: str
    account: str
    limit: str
    reset: str
    expires_at: str | None
    banked: int
    actor: str


class SettingsTold(Struct, frozen=True, kw_only=True):
    """What an account has agreed to, since when, and who said so; `monthly_maximum` null: none."""

    version: int
    enabled: bool
    minimum: str
    target: str
    monthly_maximum: str | None
    actor: str
    at: str


class TopUpReceipt(Struct, frozen=True, kw_only=True):
    """`abandoned` is a purchase that nobody was asked for yet, and nobody will be."""

    set_top_up: str
    at: str
    account: str
    pool: str
    settings: SettingsTold
    unit: str
    abandoned: str = ""


class PaidReceipt(Struct, frozen=True, kw_only=True):
    """A purchase that succeeded: its lot, and the `balance` of the pool behind the debts that it `repaid`."""

    purchase: str
    at: str
    account: str
    pool: str
    lot: str
    amount: str
    unit: str
    cost: str
    receipt: str
    repaid: str = "0"
    balance: str
    category: str
    expires_at: str | None


class UnpaidReceipt(Struct, frozen=True, kw_only=True):
    """A purchase that is pending still, or is over: `next_at` is when the next one may be."""

    unpaid: str
    at: str
    account: str
    pool: str
    purchase: str
    outcome: Literal["declined", "pending", "abandoned"]
    detail: str = ""
    next_at: str = ""
    actor: str

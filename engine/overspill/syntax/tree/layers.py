"""What requests are covered from: limits, pools, entitlements, graces; and the caps and concurrencies that bound it."""

from __future__ import annotations

from overspill.cel.tree import Expr
from overspill.syntax.tree.leaves import (
    Amount,
    DurationText,
    InstantText,
    Name,
    Number,
    Numbers,
    Path,
    Percent,
    Period,
    Reaction,
    RowKey,
    Source,
    Text,
    Unlimited,
)
from overspill.words.codec import Struct
from overspill.words.spans import Span


class Skip(Struct, frozen=True, kw_only=True):
    """`skip credits_opt_out when user.use_credits == "never";`"""

    span: Span
    name: Name
    when: Expr


class Sliding(Struct, frozen=True, kw_only=True):
    """`sliding 1h`: any stretch of that length."""

    span: Span
    length: DurationText


class Bucket(Struct, frozen=True, kw_only=True):
    """`bucket 5 credits per 1min burst 20 credits`: refills continuously, up to its burst."""

    span: Span
    refill: Amount
    per: DurationText
    burst: Amount


WindowKind = Period | Sliding | Bucket


class Window(Struct, frozen=True, kw_only=True):
    span: Span
    name: Name
    kind: WindowKind


class CapacityCell(Struct, frozen=True, kw_only=True):
    """`five_hours 60 credits`; `window` is None where one bound is stated for all windows of the limit."""

    span: Span
    window: Name | None
    bound: Amount | Unlimited


class CapacityRow(Struct, frozen=True, kw_only=True):
    span: Span
    key: RowKey
    cells: tuple[CapacityCell, ...]


class Capacity(Struct, frozen=True, kw_only=True):
    """`capacity 30 generations;` (no `by`, one row with an empty key) or `capacity by user.plan { rows }`."""

    span: Span
    by: tuple[Path, ...]
    rows: tuple[CapacityRow, ...]


class CapacityTimes(Struct, frozen=True, kw_only=True):
    """`capacity times 2 from T until T;`"""

    span: Span
    times: Number
    starts: InstantText
    ends: InstantText


class Reset(Struct, frozen=True, kw_only=True):
    """`reset users_3m "3M weekly users" of week at T keep_anchor when EXPR;`; no `of`: all windows of the limit."""

    span: Span
    name: Name
    label: Text | None
    of: tuple[Name, ...]
    at: InstantText
    anchor: Name
    """keep_anchor or restart_anchor."""
    when: Expr | None


class BankedReset(Struct, frozen=True, kw_only=True):
    """`banked_reset valid 30d restart_anchor;`"""

    span: Span
    valid: DurationText
    anchor: Name


class Limit(Struct, frozen=True, kw_only=True):
    span: Span
    name: Name
    label: Text | None
    per: tuple[Path, ...]
    unit: Name
    windows: tuple[Window, ...]
    capacity: Capacity | None
    """None where every window is a bucket, which bounds itself."""
    capacity_times: tuple[CapacityTimes, ...]
    multiplier: Numbers | None
    resets: tuple[Reset, ...]
    banked_reset: BankedReset | None
    warn_at: tuple[Percent, ...]
    skips: tuple[Skip, ...]


class UnitPrice(Struct, frozen=True, kw_only=True):
    """`price 0.04 usd per 1 credits;`"""

    span: Span
    amount: Amount
    per: Amount


class Allowance(Struct, frozen=True, kw_only=True):
    """`overage up to N per PERIOD;`, `up to N per PERIOD;`, `unlimited;` (no period)."""

    span: Span
    up_to: Source
    period: Period | None


class TopUp(Struct, frozen=True, kw_only=True):
    """`top_up { settings user; on top_up_cap partial; when EXPR; }`"""

    span: Span
    settings: Name
    """The account kind whose minimum, target, monthly maximum and consent count."""
    on_top_up_cap: Reaction | None
    """partial (the default) or none."""
    when: Expr | None


class Pool(Struct, frozen=True, kw_only=True):
    span: Span
    name: Name
    label: Text | None
    per: tuple[Path, ...]
    unit: Name
    order: tuple[Name, ...]
    """Empty: the default order."""
    lots_expire_after: DurationText | None
    overage: Allowance | None
    multiplier: Numbers | None
    free: bool
    skips: tuple[Skip, ...]
    price: UnitPrice | None
    top_up: TopUp | None
    on_overshoot: Reaction | None
    """refund (the default) or debt up to N."""
    on_expired_in_hold: Reaction | None
    """honor (the default), lapse or reissue L."""


class Validity(Struct, frozen=True, kw_only=True):
    """`valid from T [until T];`"""

    span: Span
    starts: InstantText
    ends: InstantText | None


class Entitlement(Struct, frozen=True, kw_only=True):
    """Drawn like a pool without lots: so much a period, or without bound."""

    span: Span
    name: Name
    label: Text | None
    per: tuple[Path, ...]
    unit: Name
    valid: Validity | None
    allowance: Allowance
    multiplier: Numbers | None
    billed: Name | None
    """in_arrears."""
    skips: tuple[Skip, ...]


class Grace(Struct, frozen=True, kw_only=True):
    """Lets work that was begun be finished; its draws are never charged."""

    span: Span
    name: Name
    label: Text | None
    per: tuple[Path, ...]
    unit: Name
    up_to: Source
    only_if: Name | None
    """started_funded."""


class Cap(Struct, frozen=True, kw_only=True):
    """Bounds what is drawn from the layers that are drawn `within` it."""

    span: Span
    name: Name
    label: Text | None
    per: tuple[Path, ...]
    unit: Name
    windows: tuple[Window, ...]
    """Exactly one."""
    up_to: Source
    mode: Name | None
    """strict (the default) or finish_started."""


class Concurrency(Struct, frozen=True, kw_only=True):
    """Bounds how many holds are open at once."""

    span: Span
    name: Name
    label: Text | None
    per: tuple[Path, ...]
    at_most: Numbers

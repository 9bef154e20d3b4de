"""What requests are covered from: limits, pools, entitlements, graces; and the caps and concurrencies that bound it."""

from __future__ import annotations

from dataclasses import dataclass

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
from overspill.words.spans import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """`skip credits_opt_out when user.use_credits == "never";`"""

    span: Span
    name: Name
    when: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Sliding:
    """`sliding 1h`: any stretch of that length."""

    span: Span
    length: DurationText


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """`bucket 5 credits per 1min burst 20 credits`: refills continuously, up to its burst."""

    span: Span
    refill: Amount
    per: DurationText
    burst: Amount


WindowKind = Period | Sliding | Bucket


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    span: Span
    name: Name
    kind: WindowKind


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityCell:
    """`five_hours 60 credits`; `window` is None where one bound is stated for all windows of the limit."""

    span: Span
    window: Name | None
    bound: Amount | Unlimited


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityRow:
    span: Span
    key: RowKey
    cells: tuple[CapacityCell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """`capacity 30 generations;` (no `by`, one row with an empty key) or `capacity by user.plan { rows }`."""

    span: Span
    by: tuple[Path, ...]
    rows: tuple[CapacityRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityTimes:
    """`capacity times 2 from T until T;`"""

    span: Span
    times: Number
    starts: InstantText
    ends: InstantText


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """`reset users_3m "3M weekly users" of week at T keep_anchor when EXPR;`; no `of`: all windows of the limit."""

    span: Span
    name: Name
    label: Text | None
    of: tuple[Name, ...]
    at: InstantText
    anchor: Name
    """keep_anchor or restart_anchor."""
    when: Expr | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BankedReset:
    """`banked_reset valid 30d restart_anchor;`"""

    span: Span
    valid: DurationText
    anchor: Name


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPrice:
    """`price 0.04 usd per 1 credits;`"""

    span: Span
    amount: Amount
    per: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """`overage up to N per PERIOD;`, `up to N per PERIOD;`, `unlimited;` (no period)."""

    span: Span
    up_to: Source
    period: Period | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUp:
    """`top_up { settings user; on top_up_cap partial; when EXPR; }`"""

    span: Span
    settings: Name
    """The account kind whose minimum, target, monthly maximum and consent count."""
    on_top_up_cap: Reaction | None
    """partial (the default) or none."""
    when: Expr | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """`valid from T [until T];`"""

    span: Span
    starts: InstantText
    ends: InstantText | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlement:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Grace:
    """Lets work that was begun be finished; its draws are never charged."""

    span: Span
    name: Name
    label: Text | None
    per: tuple[Path, ...]
    unit: Name
    up_to: Source
    only_if: Name | None
    """started_funded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Concurrency:
    """Bounds how many holds are open at once."""

    span: Span
    name: Name
    label: Text | None
    per: tuple[Path, ...]
    at_most: Numbers

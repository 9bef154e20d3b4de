"""Waterfalls: which requests they serve, at what price, from which layers in which order."""

from __future__ import annotations

from dataclasses import dataclass

from overspill.cel.tree import Expr
from overspill.syntax.tree.leaves import Amount, DurationText, Name, Number, Reaction, Text
from overspill.words.spans import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """`deny account_suspended when user.suspended;`"""

    span: Span
    name: Name
    when: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """`at 10 credits per generation`, `at 10 credits per 2 generations`: layer units per base units."""

    span: Span
    amount: Amount
    per: Number | None
    unit: Name
    """The unit's name or its singular."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """`draw credits within seat at 10 credits per generation on error skip when EXPR;`; their order is the precedence."""

    span: Span
    layer: Name
    within: tuple[Name, ...]
    """Caps."""
    at: Exchange | None
    on_error: Name | None
    when: Expr | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupy:
    """`occupy streams;`: a hold of this waterfall counts in that concurrency."""

    span: Span
    concurrency: Name
    when: Expr | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Otherwise:
    """`otherwise deny usage_exhausted offer wait, add_credits, upgrade;`"""

    span: Span
    code: Name
    offers: tuple[Name, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """`holds expire after 15min, late capture 1h;`"""

    span: Span
    expire_after: DurationText
    late_capture: DurationText | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnReversal:
    """`on reversal expired_lot reissue 7d;`; `name` is the case, closed_window or expired_lot."""

    span: Span
    name: Name
    reaction: Reaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    span: Span
    name: Name
    label: Text | None
    serves: tuple[Expr, ...]
    """Any of these."""
    priced_by: Name | None
    """A rate card; exactly one of `priced_by` and `counts` is given."""
    counts: Name | None
    """An indivisible unit whose meter of the same name is counted."""
    guards: tuple[Guard, ...]
    draws: tuple[Draw, ...]
    occupies: tuple[Occupy, ...]
    otherwise: Otherwise
    fill: Name | None
    """split (the default) or whole."""
    admission: Name | None
    """hold (the default) or verify_only."""
    holds: Holds | None
    on_shortfall: Reaction | None
    """deny (the default) or partial."""
    on_error: Reaction | None
    """deny (the default), skip or stop."""
    on_unavailable: Reaction | None
    """deny (the default) or allow up to N."""
    on_reversal: tuple[OnReversal, ...]

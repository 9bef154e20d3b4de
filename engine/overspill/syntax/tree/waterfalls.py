"""Waterfalls: which requests they serve, at what price, from which layers in which order."""

from __future__ import annotations

from overspill.cel.tree import Expr
from overspill.syntax.tree.leaves import Amount, DurationText, Name, Number, Reaction, Text
from overspill.words.codec import Struct
from overspill.words.spans import Span


class Guard(Struct, frozen=True, kw_only=True):
    """`deny account_suspended when user.suspended;`"""

    span: Span
    name: Name
    when: Expr


class Exchange(Struct, frozen=True, kw_only=True):
    """`at 10 credits per generation`, `at 10 credits per 2 generations`: layer units per base units."""

    span: Span
    amount: Amount
    per: Number | None
    unit: Name
    """The unit's name or its singular."""


class Draw(Struct, frozen=True, kw_only=True):
    """`draw credits within seat at 10 credits per generation on error skip when EXPR;`; their order is the precedence."""

    span: Span
    layer: Name
    within: tuple[Name, ...]
    """Caps."""
    at: Exchange | None
    on_error: Name | None
    when: Expr | None


class Occupy(Struct, frozen=True, kw_only=True):
    """`occupy streams;`: a hold of this waterfall counts in that concurrency."""

    span: Span
    concurrency: Name
    when: Expr | None


class Otherwise(Struct, frozen=True, kw_only=True):
    """`otherwise deny usage_exhausted offer wait, add_credits, upgrade;`"""

    span: Span
    code: Name
    offers: tuple[Name, ...]


class Holds(Struct, frozen=True, kw_only=True):
    """`holds expire after 15min, late capture 1h;`"""

    span: Span
    expire_after: DurationText
    late_capture: DurationText | None


class OnReversal(Struct, frozen=True, kw_only=True):
    """`on reversal expired_lot reissue 7d;`; `name` is the case, closed_window or expired_lot."""

    span: Span
    name: Name
    reaction: Reaction


class Waterfall(Struct, frozen=True, kw_only=True):
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

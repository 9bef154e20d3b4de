"""Waterfalls, resolved: guards, draws in their order, what follows which event."""

from __future__ import annotations

from collections.abc import Mapping

from overspill.check.rules.inputs import Condition, RateCard, Ratio, Table
from overspill.check.rules.layers import Cap, Concurrency, Layer, Reaction
from overspill.words.amounts import Unit
from overspill.words.codec import Struct
from overspill.words.lengths import Length
from overspill.words.spans import Span


class Guard(Struct, frozen=True):
    name: str
    when: Condition
    span: Span


class Draw(Struct, frozen=True, kw_only=True):
    """`ratio` replaces the layer's multiplier where the draw says `at`; both are layer steps per base step."""

    span: Span
    layer: Layer
    within: tuple[Cap, ...]
    ratio: Table[Ratio]
    on_error: str
    when: Condition | None


class Occupy(Struct, frozen=True, kw_only=True):
    span: Span
    concurrency: Concurrency
    when: Condition | None


class Waterfall(Struct, frozen=True, kw_only=True):
    span: Span
    name: str
    label: str | None
    serves: tuple[Condition, ...]
    """Any of these."""
    unit: Unit
    """The unit of base amounts."""
    card: RateCard | None
    counts: str | None
    """The meter counted, when there is no card."""
    guards: tuple[Guard, ...]
    draws: tuple[Draw, ...]
    occupies: tuple[Occupy, ...]
    otherwise: str
    otherwise_span: Span
    offers: tuple[str, ...]
    fill: str
    admission: str
    reactions: Mapping[str, Reaction]
    """By event: on_shortfall, on_error, on_unavailable, closed_window, expired_lot."""
    holds_expire_after: Length
    late_capture: Length

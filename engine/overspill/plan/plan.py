"""The plan: one checked bundle with every name, unit, table and constant resolved, as frozen data.

Made by `compile`; run by generated functions and by the plain interpreter alike. Inputs are read into `facts`, a tuple
in the order of a waterfall's slots; conditions and tables speak of slots by index. Amounts are steps, instants and
lengths are microseconds, `place` is `file:line:column` in the policy's source.
"""

from __future__ import annotations

from collections.abc import Mapping

from overspill.plan.carried import Carried, Invariant
from overspill.plan.expression import Expr
from overspill.plan.parts import (
    ROOT,
    AccountKind,
    CalendarPeriod,
    Clause,
    Condition,
    FirstUse,
    Input,
    Instant,
    Origin,
    Ratio,
    Row,
    Scalar,
    Schedule,
    Skip,
    Slot,
    Table,
    Window,
    WindowKind,
    state_key,
)
from overspill.words.amounts import Unit
from overspill.words.codec import Struct
from overspill.words.lengths import Length

__all__ = [
    "ROOT",
    "AccountKind",
    "CalendarPeriod",
    "CapacityTimes",
    "Clause",
    "Condition",
    "Counting",
    "DerivedMeter",
    "Dispatch",
    "FirstUse",
    "Guard",
    "Input",
    "Instant",
    "Layer",
    "LimitLayer",
    "Offer",
    "Origin",
    "Plan",
    "Pool",
    "PoolLayer",
    "PriceTable",
    "Pricing",
    "Ratio",
    "Row",
    "Scalar",
    "Schedule",
    "Skip",
    "Slot",
    "Table",
    "Waterfall",
    "Window",
    "WindowKind",
    "state_key",
]


class DerivedMeter(Struct, frozen=True, kw_only=True):
    """Evaluated over facts and the derived meters before it, in the slot behind them."""

    name: str
    expr: Expr


class PriceTable(Struct, frozen=True, kw_only=True):
    starts: int
    version: str
    """The date of `starts` as decisions name it: `codex_tokens@2026-04-02`."""
    table: Table[tuple[int, ...]]


class Pricing(Struct, frozen=True, kw_only=True):
    """base = Σ facts[meters[i]] × row[i] / denominator, rounded once. `tables` newest first."""

    card: str
    derived: tuple[DerivedMeter, ...]
    meters: tuple[int, ...]
    denominator: int
    round: str
    tables: tuple[PriceTable, ...]


class Counting(Struct, frozen=True, kw_only=True):
    """base = the meter's quantity."""

    meter: int


class CapacityTimes(Struct, frozen=True, kw_only=True):
    """In force in [`starts`, `ends`): capacities times `factor`, downwards; several in force multiply."""

    starts: int
    ends: int
    factor: Ratio


class LimitLayer(Struct, frozen=True, kw_only=True):
    """Draws on windows: covers the least remaining of them, counts in each (LANGUAGE.md W4)."""

    name: str
    label: str | None
    place: str
    unit: Unit
    kind: int
    """The account kind that keeps it."""
    per: tuple[int, ...]
    ratio: Table[Ratio]
    when: Condition | None
    skips: tuple[Skip, ...]
    on_error: str
    windows: tuple[Window, ...]
    capacity: Table[tuple[int, ...]]
    capacity_times: tuple[CapacityTimes, ...]
    warn_at: tuple[int, ...]
    """Percentages of a capacity, ascending."""


class PoolLayer(Struct, frozen=True, kw_only=True):
    """Draws on lots, in the pool's order (LANGUAGE.md G2)."""

    name: str
    label: str | None
    place: str
    unit: Unit
    kind: int
    per: tuple[int, ...]
    ratio: Table[Ratio]
    when: Condition | None
    skips: tuple[Skip, ...]
    on_error: str
    order: tuple[str, ...]
    """Empty: the default order, which the state keeps."""
    free: bool


Layer = LimitLayer | PoolLayer


class Guard(Struct, frozen=True, kw_only=True):
    name: str
    when: Condition
    place: str


class Offer(Struct, frozen=True, kw_only=True):
    """`pool` is the layer whose purchase would help (`add_POOL`), None for others."""

    name: str
    layer: int | None


class Waterfall(Struct, frozen=True, kw_only=True):
    name: str
    label: str | None
    place: str
    slots: tuple[Slot, ...]
    serves: Condition | None
    """What is left to test after dispatch; None: nothing."""
    unit: Unit
    base: Pricing | Counting
    base_max: int
    """The largest base amount of which no layer's amount overflows."""
    guards: tuple[Guard, ...]
    layers: tuple[Layer, ...]
    otherwise: str
    otherwise_place: str
    offers: tuple[Offer, ...]
    fill_whole: bool
    partial: bool
    """`on shortfall partial`."""
    hold_length: Length
    late_length: Length
    carried: tuple[Carried, ...]
    """What it says and this version cannot decide on; with any of these it decides nothing."""


class Pool(Struct, frozen=True, kw_only=True):
    """A pool apart from its layers: what a grant needs."""

    name: str
    unit: Unit
    kind: int
    per: tuple[str, ...]
    """Names of the request fields it is further kept per."""
    lots_expire_after: Length | None
    price: tuple[int, Unit, int] | None
    """(money steps, money unit, pool steps): `price 0.04 usd per 1 credits`."""


class Dispatch(Struct, frozen=True, kw_only=True):
    """Which waterfalls may serve a request: by the value of one request field, then by their `serves`."""

    field: str | None
    by_value: Mapping[str, tuple[int, ...]]
    always: tuple[int, ...]


class Plan(Struct, frozen=True, kw_only=True):
    name: str
    version: int
    digest: str
    effective_from: int | None
    effective_until: int | None
    kinds: tuple[AccountKind, ...]
    kind_names: tuple[str, ...]
    fields: Mapping[str, Input]
    meters: frozenset[str]
    pools: Mapping[str, Pool]
    waterfalls: tuple[Waterfall, ...]
    dispatch: Dispatch
    many: tuple[AccountKind, ...]
    """Kinds of which a request may stand for any number: `user.groups`."""
    invariants: tuple[Invariant, ...]

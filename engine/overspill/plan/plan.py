"""The plan: one checked bundle with every name, unit, table and constant resolved, as frozen data.

Made by `compile`; run by generated functions and by the plain interpreter alike. Inputs are read into `facts`, a tuple
in the order of a waterfall's slots; conditions and tables speak of slots by index. Amounts are steps, instants and
lengths are microseconds, `place` is `file:line:column` in the policy's source.
"""

from __future__ import annotations

from collections.abc import Mapping

from overspill.plan.bounds import Choice, Members, SlotAmount, Source
from overspill.plan.expression import Expr
from overspill.plan.parts import (
    ROOT,
    AccountKind,
    Bucket,
    CalendarPeriod,
    Clause,
    Condition,
    Counter,
    FirstUse,
    Forever,
    Input,
    Instant,
    Origin,
    Ratio,
    Row,
    Scalar,
    Schedule,
    ScheduleBy,
    Skip,
    Sliding,
    Slot,
    Table,
    WindowKind,
    state_key,
)
from overspill.words.amounts import Unit
from overspill.words.codec import Struct
from overspill.words.lengths import Length

__all__ = [
    "ROOT",
    "AccountKind",
    "BankedReset",
    "Bucket",
    "CalendarPeriod",
    "CapacityTimes",
    "Choice",
    "Clause",
    "Condition",
    "Counter",
    "Counting",
    "DerivedMeter",
    "Dispatch",
    "EntitlementLayer",
    "FirstUse",
    "Forever",
    "GraceLayer",
    "Guard",
    "Input",
    "Instant",
    "Invariant",
    "Layer",
    "LimitLayer",
    "Members",
    "Occupancy",
    "Offer",
    "Origin",
    "Plan",
    "Pool",
    "PoolLayer",
    "PriceTable",
    "Pricing",
    "Ratio",
    "Reset",
    "Row",
    "Scalar",
    "Schedule",
    "ScheduleBy",
    "Skip",
    "Sliding",
    "Slot",
    "SlotAmount",
    "Source",
    "Table",
    "TopUp",
    "Waterfall",
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


class Reset(Struct, frozen=True, kw_only=True):
    """LANGUAGE.md W6; `windows` are indexes of the limit's."""

    name: str
    label: str | None
    windows: tuple[int, ...]
    at: int
    restart: bool
    when: Condition | None


class BankedReset(Struct, frozen=True, kw_only=True):
    """Resets that are granted, kept, and redeemed within `valid`."""

    valid: Length
    restart: bool


class LayerBase(Struct, frozen=True, kw_only=True):
    """What all layers have in common.

    `counters` are its own first (a limit's windows; the one of an entitlement, a grace, an overage), then those of its
    caps, from `caps_from` on: a decision's step has their states and bounds in this order.
    """

    name: str
    label: str | None
    place: str
    unit: Unit
    account: int
    """The index of the account kind that keeps it."""
    per: tuple[int, ...]
    ratio: Table[Ratio]
    when: Condition | None
    skips: tuple[Skip, ...]
    on_error: str
    counters: tuple[Counter, ...]
    caps_from: int

    @property
    def windows(self) -> tuple[Counter, ...]:
        """Its own counters."""
        return self.counters[: self.caps_from]

    @property
    def caps(self) -> tuple[Counter, ...]:
        return self.counters[self.caps_from :]


class LimitLayer(LayerBase, frozen=True, kw_only=True):
    """Draws on windows: covers the least remaining of them, counts in each (LANGUAGE.md W4)."""

    capacity: Table[tuple[int, ...]]
    capacity_times: tuple[CapacityTimes, ...]
    resets: tuple[Reset, ...]
    """In the order of their instants."""
    banked_reset: BankedReset | None
    warn_at: tuple[int, ...]
    """Percentages of a capacity, ascending."""


class PoolLayer(LayerBase, frozen=True, kw_only=True):
    """Draws on lots, in the pool's order (LANGUAGE.md G2), then on its overage where it has one."""

    order: tuple[str, ...]
    """Empty: the default order, which the state keeps."""
    free: bool
    debt: int
    """What of an overshoot may be owed, in steps (`on overshoot debt up to`); 0: it is refunded (LANGUAGE.md S3)."""
    lapses: bool
    """Whether what is held of a lot expires with it (`on expired_in_hold lapse`, LANGUAGE.md G5)."""
    reissue: Length | None
    """How long a lot lasts that what comes back of an expired one becomes (`reissue`); None: it is expired."""


class EntitlementLayer(LayerBase, frozen=True, kw_only=True):
    """An allowance without lots, in [`starts`, `ends`) (LANGUAGE.md L11); None: open."""

    starts: int | None
    ends: int | None
    billed_in_arrears: bool


class GraceLayer(LayerBase, frozen=True, kw_only=True):
    """Covers up to its amount per key (LANGUAGE.md L12); `per` are the slots of the key, any of them may be absent."""

    started_funded: bool


Layer = LimitLayer | PoolLayer | EntitlementLayer | GraceLayer


class Occupancy(Struct, frozen=True, kw_only=True):
    """A hold counts in this concurrency, of which so many may be open at once."""

    counter: Counter
    at_most: Table[int]
    when: Condition | None
    place: str


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
    occupies: tuple[Occupancy, ...]
    layers: tuple[Layer, ...]
    otherwise: str
    otherwise_place: str
    offers: tuple[Offer, ...]
    fill_whole: bool
    partial: bool
    """`on shortfall partial`."""
    verify_only: bool
    """LANGUAGE.md S5: a reservation holds nothing."""
    reversal_transfers: bool
    """Whether a reversal gives what a closed window counted to the one that is open now (LANGUAGE.md S4)."""
    reversal_reissue: Length | None
    """How long a lot lasts that what a reversal returns of an expired one becomes; None: it stays expired."""
    unavailable: int
    """What an account may be granted from limits during an outage of the store, in base steps; 0: nothing."""
    hold_length: Length
    late_length: Length
    has_funded: bool
    """Whether a grace asks for what was funded before: then requests leave a mark."""


class TopUp(Struct, frozen=True, kw_only=True):
    """Buying by itself (LANGUAGE.md U1): by what the pool's own account has set, of which `when` reads the attributes in
    `slots`. `partial`: at the monthly maximum what is left of it is bought, else nothing."""

    partial: bool
    slots: tuple[Slot, ...]
    when: Condition | None


class Pool(Struct, frozen=True, kw_only=True):
    """A pool apart from its layers: what a grant needs."""

    name: str
    unit: Unit
    kind: int
    per: tuple[str, ...]
    """Names of the request fields it is further kept per."""
    order: tuple[str, ...]
    """Of its lots; empty: the default."""
    lots_expire_after: Length | None
    price: tuple[int, Unit, int] | None
    """(money steps, money unit, pool steps): `price 0.04 usd per 1 credits`."""
    top_up: TopUp | None


class Dispatch(Struct, frozen=True, kw_only=True):
    """Which waterfalls may serve a request: by the value of one request field, then by their `serves`."""

    field: str | None
    by_value: Mapping[str, tuple[int, ...]]
    always: tuple[int, ...]


class Invariant(Struct, frozen=True, kw_only=True):
    """What holds for every decision; `expr` is None where it cannot be typed, `paths` are its inputs by slot."""

    name: str
    text: str
    expr: Expr | None
    paths: tuple[str, ...]
    place: str


class Plan(Struct, frozen=True, kw_only=True):
    name: str
    version: int
    digest: str
    effective_from: int | None
    effective_until: int | None
    kinds: tuple[AccountKind, ...]
    kind_names: tuple[str, ...]
    fields: Mapping[str, Input]
    field_types: Mapping[str, type]
    meters: frozenset[str]
    pools: Mapping[str, Pool]
    waterfalls: tuple[Waterfall, ...]
    dispatch: Dispatch
    many: tuple[AccountKind, ...]
    """Kinds of which a request may stand for any number: `user.groups`."""
    invariants: tuple[Invariant, ...]

    def measures(self) -> dict[str, str]:
        """In which unit, and how finely, each pool and whatever else counts is kept: what states say in steps."""
        found = {f"pool `{pool.name}`": pool.unit for pool in self.pools.values()}
        for waterfall in self.waterfalls:
            for layer in waterfall.layers:
                if layer.counters:
                    found[f"layer `{layer.name}`"] = layer.unit
        return {name: f"{unit.name} of {unit.scale} decimals" for name, unit in sorted(found.items())}

    def waterfall(self, name: str) -> Waterfall:
        """The one of that name, which a decision or a hold of this plan has."""
        return next(one for one in self.waterfalls if one.name == name)

"""What a policy means, resolved and typed: every name is the thing it names, every amount is in steps, every condition
has its type. Made by `from_tree.py`; `compile` makes a plan of it."""

from __future__ import annotations

from overspill.check.rules.inputs import (
    AccountKind,
    Condition,
    DerivedMeter,
    Field,
    InputPath,
    Invariant,
    PriceTable,
    RateCard,
    Ratio,
    Table,
)
from overspill.check.rules.layers import (
    DEFAULT_ORDER,
    Allowance,
    BankedReset,
    Bucket,
    CalendarPeriod,
    Cap,
    CapacityTimes,
    Choice,
    Concurrency,
    Entitlement,
    FirstUse,
    Grace,
    Layer,
    Limit,
    Members,
    Period,
    Pool,
    Reaction,
    Reset,
    Schedule,
    Skip,
    Sliding,
    Source,
    TopUp,
    Window,
    WindowKind,
)
from overspill.check.rules.waterfalls import (
    Draw,
    Guard,
    Occupy,
    Waterfall,
)
from overspill.words.amounts import Unit
from overspill.words.codec import Struct
from overspill.words.spans import Span

__all__ = [
    "DEFAULT_ORDER",
    "AccountKind",
    "Allowance",
    "BankedReset",
    "Bucket",
    "CalendarPeriod",
    "Cap",
    "CapacityTimes",
    "Choice",
    "Concurrency",
    "Condition",
    "DerivedMeter",
    "Draw",
    "Entitlement",
    "Field",
    "FirstUse",
    "Grace",
    "Guard",
    "InputPath",
    "Invariant",
    "Layer",
    "Limit",
    "Members",
    "Occupy",
    "Period",
    "Pool",
    "PriceTable",
    "RateCard",
    "Ratio",
    "Reaction",
    "Reset",
    "Rules",
    "Schedule",
    "Skip",
    "Sliding",
    "Source",
    "Table",
    "TopUp",
    "Waterfall",
    "Window",
    "WindowKind",
]


class Rules(Struct, frozen=True, kw_only=True):
    """One bundle, checked. Declarations are in the order of the files and their lines."""

    span: Span
    name: str
    version: int
    language: int
    owner: str | None
    effective_from: int | None
    effective_until: int | None
    digest: str
    """`sha256:…` of the canonical JSON."""
    units: tuple[Unit, ...]
    accounts: tuple[AccountKind, ...]
    request: tuple[Field, ...]
    cards: tuple[RateCard, ...]
    limits: tuple[Limit, ...]
    pools: tuple[Pool, ...]
    entitlements: tuple[Entitlement, ...]
    graces: tuple[Grace, ...]
    caps: tuple[Cap, ...]
    concurrencies: tuple[Concurrency, ...]
    invariants: tuple[Invariant, ...]
    waterfalls: tuple[Waterfall, ...]

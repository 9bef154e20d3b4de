"""The plan: one checked bundle with every name, unit, table and constant resolved, as frozen data.

Made by `compile`; run by generated functions and by the plain interpreter alike. Inputs are read into `facts`, a tuple
in the order of a waterfall's slots; conditions and tables speak of slots by index. Amounts are steps, instants and
lengths are microseconds, `place` is `file:line:column` in the policy's source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from overspill.plan.expression import Expr
from overspill.words.amounts import Unit
from overspill.words.lengths import Length

V = TypeVar("V")

Scalar = str | int | bool
Row = str | tuple[str, ...]
"""A table's key: the one value it is keyed by, or a tuple of them."""


ROOT = 0
"""The index of the account kind that every request names."""


class Origin(Enum):
    """Where a slot's value comes from."""

    FIELD = "field"
    METER = "meter"
    ATTRIBUTE = "attribute"
    ACCOUNT_ID = "account_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A declared input of requests or accounts; `type` is str, int or bool as Python holds it."""

    name: str
    type: type[Scalar]
    unit: Unit | None
    optional: bool
    default: Scalar | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountKind:
    """`of` None: the root, which every request names."""

    name: str
    of: str | None
    attributes: Mapping[str, Input]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One input that a waterfall reads. `kind` is the account kind's index for attributes and account ids."""

    path: str
    origin: Origin
    kind: int
    input: Input


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One operand of a condition's top-level `&&`: the trace names the one that failed."""

    text: str
    expr: Expr
    slots: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    expr: Expr
    can_fail: bool
    clauses: tuple[Clause, ...]
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Generic[V]):
    """`rows` by the values of the slots `by`; no `by`: `default` alone. `default` None: a missing row is a failure."""

    by: tuple[int, ...]
    rows: Mapping[Row, V]
    default: V | None


Ratio = tuple[int, int]
"""(numerator, denominator) in lowest terms: layer steps per base step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedMeter:
    """Evaluated over facts and the derived meters before it, in the slot behind them."""

    name: str
    expr: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    starts: int
    version: str
    """The date of `starts` as decisions name it: `codex_tokens@2026-04-02`."""
    table: Table[tuple[int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pricing:
    """base = Σ facts[meters[i]] × row[i] / denominator, rounded once. `tables` newest first."""

    card: str
    derived: tuple[DerivedMeter, ...]
    meters: tuple[int, ...]
    denominator: int
    round: str
    tables: tuple[PriceTable, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """base = the meter's quantity."""

    meter: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstUse:
    length: Length


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarPeriod:
    period: str
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    name: str
    key: str
    """`limit.window`: the window's key in the account's state."""
    kind: FirstUse | CalendarPeriod


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    name: str
    when: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitLayer:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLayer:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    name: str
    when: Condition
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """`pool` is the layer whose purchase would help (`add_POOL`), None for others."""

    name: str
    layer: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A pool apart from its layers: what a grant needs."""

    name: str
    unit: Unit
    kind: int
    per: tuple[str, ...]
    """Names of the request fields it is further kept per."""
    lots_expire_after: Length | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """Which waterfalls may serve a request: by the value of one request field, then by their `serves`."""

    field: str | None
    by_value: Mapping[str, tuple[int, ...]]
    always: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    name: str
    version: int
    digest: str
    effective_from: int | None
    effective_until: int | None
    kinds: tuple[AccountKind, ...]
    fields: Mapping[str, Input]
    meters: frozenset[str]
    pools: Mapping[str, Pool]
    waterfalls: tuple[Waterfall, ...]
    dispatch: Dispatch


def state_key(name: str, values: tuple[Scalar, ...]) -> str:
    """The key in an account's state of what is kept per further fields: `limit.window|gpt-5.5`, values escaped."""
    if not values:
        return name
    return "|".join([name, *(str(value).replace("%", "%25").replace("|", "%7C") for value in values)])

"""The plan: one checked bundle with every name, unit, table and constant resolved, as frozen data.

Made by `compile`; run by generated functions and by the plain interpreter alike. Inputs are read into `facts`, a tuple
in the order of a waterfall's slots; conditions and tables speak of slots by index. Amounts are steps, instants and
lengths are microseconds, `place` is `file:line:column` in the policy's source.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Generic, TypeVar

from overspill.plan.expression import Expr
from overspill.words.amounts import Unit
from overspill.words.codec import Struct
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


class Input(Struct, frozen=True, kw_only=True):
    """A declared input of requests or accounts; `type` is str, int or bool as Python holds it."""

    name: str
    type: type[Scalar]
    unit: Unit | None
    optional: bool
    default: Scalar | None


class AccountKind(Struct, frozen=True, kw_only=True):
    """`of` None: the root, which every request names."""

    name: str
    of: str | None
    attributes: Mapping[str, Input]


class Slot(Struct, frozen=True, kw_only=True):
    """One input that a waterfall reads. `kind` is the account kind's index for attributes and account ids."""

    path: str
    origin: Origin
    kind: int
    input: Input


class Clause(Struct, frozen=True, kw_only=True):
    """One operand of a condition's top-level `&&`: the trace names the one that failed."""

    text: str
    expr: Expr
    slots: tuple[int, ...]


class Condition(Struct, frozen=True, kw_only=True):
    expr: Expr
    can_fail: bool
    clauses: tuple[Clause, ...]
    place: str


class Table(Struct, Generic[V], frozen=True, kw_only=True):
    """`rows` by the values of the slots `by`; no `by`: `default` alone. `default` None: a missing row is a failure."""

    by: tuple[int, ...]
    rows: Mapping[Row, V]
    default: V | None


Ratio = tuple[int, int]
"""(numerator, denominator) in lowest terms: layer steps per base step."""


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


class FirstUse(Struct, frozen=True, kw_only=True):
    length: Length


class CalendarPeriod(Struct, frozen=True, kw_only=True):
    period: str
    zone: str


class Window(Struct, frozen=True, kw_only=True):
    name: str
    key: str
    """`limit.window`: the window's key in the account's state."""
    kind: FirstUse | CalendarPeriod


class Skip(Struct, frozen=True, kw_only=True):
    name: str
    when: Condition


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


class Pool(Struct, frozen=True, kw_only=True):
    """A pool apart from its layers: what a grant needs."""

    name: str
    unit: Unit
    kind: int
    per: tuple[str, ...]
    """Names of the request fields it is further kept per."""
    lots_expire_after: Length | None


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


def state_key(name: str, values: tuple[Scalar, ...]) -> str:
    """The key in an account's state of what is kept per further fields: `limit.window|gpt-5.5`, values escaped."""
    if not values:
        return name
    return "|".join([name, *(str(value).replace("%", "%25").replace("|", "%7C") for value in values)])

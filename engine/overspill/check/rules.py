"""What a policy means, resolved and typed: every name is the thing it names, every amount is in steps, every condition
has its type. Made by `from_tree.py`; `compile` makes a plan of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from overspill.cel.typed import TypedExpr
from overspill.cel.types import Type
from overspill.words.amounts import Unit
from overspill.words.lengths import Length
from overspill.words.spans import Span

V = TypeVar("V")

DEFAULT_ORDER = ("priority", "expires_at", "category", "granted_at", "id")
"""LANGUAGE.md G2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A declared input. `type` is a CEL type; amounts have the type `AmountType(unit)`; meters are int.

    `default` is the run-time value (str, int, bool; amounts in steps) or None; `optional` marks `string?`.
    """

    span: Span
    name: str
    type: Type
    unit: Unit | None
    is_meter: bool
    optional: bool
    default: str | int | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountKind:
    span: Span
    name: str
    of: str | None
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class InputPath:
    """`user.plan`, `request.model`: owner is `request` or the name of an account kind; field may be `id` of an account."""

    owner: str
    field: str
    span: Span

    @property
    def text(self) -> str:
        return f"{self.owner}.{self.field}"


@dataclass(frozen=True, slots=True)
class Ratio:
    """An exact positive ratio in lowest terms: steps of a layer's unit per step of the base unit."""

    numerator: int
    denominator: int


@dataclass(frozen=True, slots=True)
class Condition:
    """A boolean expression; `span.text` is the author's text."""

    expr: TypedExpr
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Generic[V]):
    """Rows by the values of `by` (in order); an empty `by` has only `default`. `default` None: no row, no value."""

    by: tuple[InputPath, ...]
    rows: tuple[tuple[tuple[str, ...], V], ...]
    default: V | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedMeter:
    name: str
    expr: TypedExpr
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """In force from `starts` (microseconds). A row holds one price per meter of the card, in `RateCard.meters` order.

    Prices are integers over the card's common denominator: base steps = Σ quantity × price / `RateCard.denominator`.
    A free row is all zeros.
    """

    starts: int
    table: Table[tuple[int, ...]]
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class RateCard:
    span: Span
    name: str
    unit: Unit
    meters: tuple[str, ...]
    """Priced meters, declared or derived, in the order of first mention."""
    derived: tuple[DerivedMeter, ...]
    denominator: int
    round: str
    tables: tuple[PriceTable, ...]
    """By `starts`, ascending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstUse:
    length: Length


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarPeriod:
    period: str
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    span: Span
    name: str
    kind: FirstUse | CalendarPeriod


@dataclass(frozen=True, slots=True)
class Skip:
    name: str
    when: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """`account` is the account kind that keeps the counts, `per` the request fields that divide them further."""

    span: Span
    name: str
    label: str | None
    account: str
    per: tuple[InputPath, ...]
    unit: Unit
    windows: tuple[Window, ...]
    capacity: Table[tuple[int, ...]]
    """One bound per window, in steps; UNLIMITED where unlimited."""
    multiplier: Table[Ratio]
    skips: tuple[Skip, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    span: Span
    name: str
    label: str | None
    account: str
    per: tuple[InputPath, ...]
    unit: Unit
    order: tuple[str, ...]
    lots_expire_after: Length | None
    multiplier: Table[Ratio]
    free: bool
    skips: tuple[Skip, ...]
    price: tuple[int, Unit, int] | None
    """(money steps, money unit, pool steps): `price 0.04 usd per 1 credits`."""


@dataclass(frozen=True, slots=True)
class Guard:
    name: str
    when: Condition
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """`ratio` replaces the layer's multiplier where the draw says `at`; both are layer steps per base step."""

    span: Span
    layer: Limit | Pool
    ratio: Table[Ratio]
    on_error: str
    when: Condition | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    span: Span
    name: str
    label: str | None
    serves: Condition
    unit: Unit
    """The unit of base amounts."""
    card: RateCard | None
    counts: str | None
    """The meter counted, when there is no card."""
    guards: tuple[Guard, ...]
    draws: tuple[Draw, ...]
    otherwise: str
    otherwise_span: Span
    offers: tuple[str, ...]
    fill: str
    on_shortfall: str
    holds_expire_after: Length
    late_capture: Length


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
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
    waterfalls: tuple[Waterfall, ...]

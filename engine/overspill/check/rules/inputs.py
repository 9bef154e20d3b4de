"""Declared inputs, conditions, tables and prices, typed."""

from __future__ import annotations

from typing import Generic, TypeVar

from overspill.cel.typed import TypedExpr
from overspill.cel.types import Type
from overspill.words.amounts import Unit
from overspill.words.codec import Struct
from overspill.words.spans import Span

V = TypeVar("V")


class Field(Struct, frozen=True, kw_only=True):
    """A declared input. `type` is a CEL type; amounts have the type `AmountType(unit)`; meters are int.

    `default` is the run-time value (str, int, bool; amounts in steps, timestamps in microseconds) or None; `optional`
    marks `string?`; `from_request` an attribute that the caller passes with the request.
    """

    span: Span
    name: str
    type: Type
    unit: Unit | None
    is_meter: bool
    optional: bool
    from_request: bool
    default: str | int | bool | None


class AccountKind(Struct, frozen=True, kw_only=True):
    span: Span
    name: str
    of: str | None
    many: bool
    """A request may stand for any number of these: `user.groups`."""
    fields: tuple[Field, ...]


class InputPath(Struct, frozen=True):
    """`user.plan`, `request.model`: owner is `request` or the name of an account kind; field may be `id` of an account."""

    owner: str
    field: str
    span: Span

    @property
    def text(self) -> str:
        return f"{self.owner}.{self.field}"


class Ratio(Struct, frozen=True):
    """An exact positive ratio in lowest terms: steps of a layer's unit per step of the base unit."""

    numerator: int
    denominator: int


class Condition(Struct, frozen=True):
    """A boolean expression; `span.text` is the author's text."""

    expr: TypedExpr
    span: Span


class Invariant(Struct, frozen=True, kw_only=True):
    """`typed` is None where the expression uses what cannot be typed yet; `text` is its normal form."""

    span: Span
    name: str
    text: str
    typed: TypedExpr | None


class Table(Struct, Generic[V], frozen=True, kw_only=True):
    """Rows by the values of `by` (in order); an empty `by` has only `default`. `default` None: no row, no value."""

    by: tuple[InputPath, ...]
    rows: tuple[tuple[tuple[str, ...], V], ...]
    default: V | None


class DerivedMeter(Struct, frozen=True, kw_only=True):
    name: str
    expr: TypedExpr
    span: Span


class PriceTable(Struct, frozen=True, kw_only=True):
    """In force from `starts` (microseconds). A row holds one price per meter of the card, in `RateCard.meters` order.

    Prices are integers over the card's common denominator: base steps = Σ quantity × price / `RateCard.denominator`.
    A free row is all zeros.
    """

    starts: int
    table: Table[tuple[int, ...]]
    span: Span


class RateCard(Struct, frozen=True, kw_only=True):
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

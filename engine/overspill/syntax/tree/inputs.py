"""The header, what stands for the whole bundle, declared inputs and prices."""

from __future__ import annotations

from dataclasses import dataclass

from overspill.cel.tree import Expr
from overspill.syntax.tree.leaves import Amount, Free, InstantText, Name, Number, Path, RowKey, Text
from overspill.words.spans import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """`policy codex_sora version 12;`"""

    span: Span
    name: Name
    version: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """`language 1;`"""

    span: Span
    version: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """`effective from T [until T];`"""

    span: Span
    starts: InstantText
    ends: InstantText | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """`owner "access-platform";`"""

    span: Span
    text: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Include:
    """`include access version 3;`: the declarations of another bundle, by its name and version."""

    span: Span
    name: Name
    version: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class Let:
    """`let is_paid = user.plan in ["plus", "pro"];`: a name for an expression."""

    span: Span
    name: Name
    expr: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """`invariant opted_out_never_pays: EXPR;`: what holds for every decision."""

    span: Span
    name: Name
    expr: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """`unit credits: decimal(6);` `unit generations: integer, singular generation;`; `digits` is None for `integer`."""

    span: Span
    name: Name
    digits: Number | None
    singular: Name | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """`plan: string;` `turn: string?;` `suspended: bool = false;`; the type is a CEL scalar, a unit or `meter`.

    `from_request`: an attribute that the caller passes with the request (`plan: string from request;`).
    """

    span: Span
    name: Name
    type: Name
    optional: bool
    from_request: bool
    default: Text | Number | Amount | InstantText | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountKind:
    """`account user { … }`, `account workspace of user { … }`, `account groups of user many { … }`."""

    span: Span
    name: Name
    of: Name | None
    many: bool
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestInputs:
    """`request { … }`."""

    span: Span
    fields: tuple[Field, ...]


# ---- prices


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceKey:
    """`price in credits per 1_000_000 by request.model;`"""

    span: Span
    unit: Name
    per: Number
    by: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedMeter:
    """`meter fresh_input_tokens = input_tokens - cached_input_tokens;`"""

    span: Span
    name: Name
    expr: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceCell:
    """`output_tokens 750`."""

    span: Span
    meter: Name
    price: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRow:
    span: Span
    key: RowKey
    cells: tuple[PriceCell, ...] | Free


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """`from 2026-04-02T00:00:00Z { rows }`: in force from that instant until the next table's."""

    span: Span
    starts: InstantText
    rows: tuple[PriceRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RateCard:
    span: Span
    name: Name
    label: Text | None
    price: PriceKey
    meters: tuple[DerivedMeter, ...]
    round: Name | None
    """half_even (the default), half_up, up or down."""
    tables: tuple[PriceTable, ...]

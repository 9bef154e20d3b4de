"""The header, what stands for the whole bundle, declared inputs and prices."""

from __future__ import annotations

from overspill.cel.tree import Expr
from overspill.syntax.tree.leaves import Amount, Free, InstantText, Name, Number, Path, RowKey, Text
from overspill.words.codec import Struct
from overspill.words.spans import Span


class Policy(Struct, frozen=True, kw_only=True):
    """`policy codex_sora version 12;`"""

    span: Span
    name: Name
    version: Number


class Language(Struct, frozen=True, kw_only=True):
    """`language 1;`"""

    span: Span
    version: Number


class Effective(Struct, frozen=True, kw_only=True):
    """`effective from T [until T];`"""

    span: Span
    starts: InstantText
    ends: InstantText | None


class Owner(Struct, frozen=True, kw_only=True):
    """`owner "access-platform";`"""

    span: Span
    text: Text


class Include(Struct, frozen=True, kw_only=True):
    """`include access version 3;`: the declarations of another bundle, by its name and version."""

    span: Span
    name: Name
    version: Number


class Let(Struct, frozen=True, kw_only=True):
    """`let is_paid = user.plan in ["plus", "pro"];`: a name for an expression."""

    span: Span
    name: Name
    expr: Expr


class Invariant(Struct, frozen=True, kw_only=True):
    """`invariant opted_out_never_pays: EXPR;`: what holds for every decision."""

    span: Span
    name: Name
    expr: Expr


class Unit(Struct, frozen=True, kw_only=True):
    """`unit credits: decimal(6);` `unit generations: integer, singular generation;`; `digits` is None for `integer`."""

    span: Span
    name: Name
    digits: Number | None
    singular: Name | None


class Field(Struct, frozen=True, kw_only=True):
    """`plan: string;` `turn: string?;` `suspended: bool = false;`; the type is a CEL scalar, a unit or `meter`.

    `from_request`: an attribute that the caller passes with the request (`plan: string from request;`).
    """

    span: Span
    name: Name
    type: Name
    optional: bool
    from_request: bool
    default: Text | Number | Amount | InstantText | bool | None


class AccountKind(Struct, frozen=True, kw_only=True):
    """`account user { … }`, `account workspace of user { … }`, `account groups of user many { … }`."""

    span: Span
    name: Name
    of: Name | None
    many: bool
    fields: tuple[Field, ...]


class RequestInputs(Struct, frozen=True, kw_only=True):
    """`request { … }`."""

    span: Span
    fields: tuple[Field, ...]


# ---- prices


class PriceKey(Struct, frozen=True, kw_only=True):
    """`price in credits per 1_000_000 by request.model;`"""

    span: Span
    unit: Name
    per: Number
    by: tuple[Path, ...]


class DerivedMeter(Struct, frozen=True, kw_only=True):
    """`meter fresh_input_tokens = input_tokens - cached_input_tokens;`"""

    span: Span
    name: Name
    expr: Expr


class PriceCell(Struct, frozen=True, kw_only=True):
    """`output_tokens 750`."""

    span: Span
    meter: Name
    price: Number


class PriceRow(Struct, frozen=True, kw_only=True):
    span: Span
    key: RowKey
    cells: tuple[PriceCell, ...] | Free


class PriceTable(Struct, frozen=True, kw_only=True):
    """`from 2026-04-02T00:00:00Z { rows }`: in force from that instant until the next table's."""

    span: Span
    starts: InstantText
    rows: tuple[PriceRow, ...]


class RateCard(Struct, frozen=True, kw_only=True):
    span: Span
    name: Name
    label: Text | None
    price: PriceKey
    meters: tuple[DerivedMeter, ...]
    round: Name | None
    """half_even (the default), half_up, up or down."""
    tables: tuple[PriceTable, ...]

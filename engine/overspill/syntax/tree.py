"""The one tree that both surfaces give: what a policy says, with the span of every word, and nothing resolved yet.

Leaves keep their text as the author's characters normalised (no `_` in numbers); names are unresolved. Both readers
build these records, the printers and the canonical form read them, `check` makes rules of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from overspill.cel.tree import Expr
from overspill.words.spans import Source, Span


@dataclass(frozen=True, slots=True)
class Name:
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Text:
    """A string, unescaped."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Number:
    """A plain decimal, `6000` or `2.5`; underscores between thousands already removed."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Amount:
    """`60 credits`."""

    number: Number
    unit: Name
    span: Span


@dataclass(frozen=True, slots=True)
class Unlimited:
    span: Span


@dataclass(frozen=True, slots=True)
class Free:
    span: Span


@dataclass(frozen=True, slots=True)
class DurationText:
    """`5h`; checked and made canonical by `words.lengths`."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class InstantText:
    """`2026-10-05T10:00:00Z`."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Path:
    """`user.plan`, `request.model`, or one name alone (`user`)."""

    parts: tuple[Name, ...]
    span: Span

    @property
    def text(self) -> str:
        return ".".join(part.text for part in self.parts)


@dataclass(frozen=True, slots=True)
class Default:
    """The row key `default`."""

    span: Span


RowKey = tuple[Text | Default, ...]
"""One key for each path of the table's `by`."""


# ---- header and declared inputs


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
class Unit:
    """`unit credits: decimal(6);` `unit generations: integer, singular generation;`; `digits` is None for `integer`."""

    span: Span
    name: Name
    digits: Number | None
    singular: Name | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """`plan: string;` `turn: string?;` `suspended: bool = false;`; the type is a CEL scalar, a unit or `meter`."""

    span: Span
    name: Name
    type: Name
    optional: bool
    default: Text | Number | Amount | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountKind:
    """`account user { … }`, `account workspace of user { … }`."""

    span: Span
    name: Name
    of: Name | None
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


# ---- layers


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """`skip credits_opt_out when user.use_credits == "never";`"""

    span: Span
    name: Name
    when: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiplierRow:
    span: Span
    key: RowKey
    factor: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiplier:
    """`multiplier 2.5;` (no `by`, `fixed` given) or `multiplier by request.speed { rows }`."""

    span: Span
    fixed: Number | None
    by: tuple[Path, ...]
    rows: tuple[MultiplierRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstUse:
    """`5h from first_use`."""

    span: Span
    length: DurationText


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarPeriod:
    """`calendar day in America/Los_Angeles`; period is day, week, month or year."""

    span: Span
    period: Name
    zone: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    span: Span
    name: Name
    kind: FirstUse | CalendarPeriod


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityCell:
    """`five_hours 60 credits`; `window` is None where one bound is stated for all windows of the limit."""

    span: Span
    window: Name | None
    bound: Amount | Unlimited


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityRow:
    span: Span
    key: RowKey
    cells: tuple[CapacityCell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """`capacity 30 generations;` (no `by`, one row with an empty key) or `capacity by user.plan { rows }`."""

    span: Span
    by: tuple[Path, ...]
    rows: tuple[CapacityRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    span: Span
    name: Name
    label: Text | None
    per: tuple[Path, ...]
    unit: Name
    windows: tuple[Window, ...]
    capacity: Capacity
    multiplier: Multiplier | None
    skips: tuple[Skip, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPrice:
    """`price 0.04 usd per 1 credits;`"""

    span: Span
    amount: Amount
    per: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    span: Span
    name: Name
    label: Text | None
    per: tuple[Path, ...]
    unit: Name
    order: tuple[Name, ...]
    """Empty: the default order."""
    lots_expire_after: DurationText | None
    multiplier: Multiplier | None
    free: bool
    skips: tuple[Skip, ...]
    price: UnitPrice | None


# ---- precedence


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """`deny account_suspended when user.suspended;`"""

    span: Span
    name: Name
    when: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """`at 10 credits per generation`, `at 10 credits per 2 generations`: layer units per base units."""

    span: Span
    amount: Amount
    per: Number | None
    unit: Name
    """The unit's name or its singular."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """`draw credits at 10 credits per generation on error skip when EXPR;`; precedence is the order of these."""

    span: Span
    layer: Name
    at: Exchange | None
    on_error: Name | None
    when: Expr | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Otherwise:
    """`otherwise deny usage_exhausted offer wait, add_credits, upgrade;`"""

    span: Span
    code: Name
    offers: tuple[Name, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """`holds expire after 15min, late capture 1h;`"""

    span: Span
    expire_after: DurationText
    late_capture: DurationText | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    span: Span
    name: Name
    label: Text | None
    serves: Expr
    priced_by: Name | None
    """A rate card; exactly one of `priced_by` and `counts` is given."""
    counts: Name | None
    """An indivisible unit whose meter of the same name is counted."""
    guards: tuple[Guard, ...]
    draws: tuple[Draw, ...]
    otherwise: Otherwise
    fill: Name | None
    """split (the default) or whole."""
    holds: Holds | None
    on_shortfall: Name | None
    """deny (the default) or partial."""
    on_error: Name | None
    """deny (the default), skip or stop."""


Item = Policy | Language | Effective | Owner | Unit | AccountKind | RequestInputs | RateCard | Limit | Pool | Waterfall


@dataclass(frozen=True, slots=True)
class Comment:
    """`// text` or `# text` as written, with its place; never part of the meaning."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """One policy file: its items in the order written."""

    source: Source
    items: tuple[Item, ...]
    comments: tuple[Comment, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """Files that compile together, in the order of their names; exactly one carries the header."""

    files: tuple[File, ...]

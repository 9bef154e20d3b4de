"""The one tree that both surfaces give: what a policy says, with the span of every word, and nothing resolved yet.

Leaves keep their text as the author's characters normalised (no `_` in numbers); names are unresolved. Both readers
build these records, the writers and the canonical form read them, `check` makes rules of them.
"""

from __future__ import annotations

from overspill.syntax.tree.inputs import (
    AccountKind,
    DerivedMeter,
    Effective,
    Field,
    Include,
    Invariant,
    Language,
    Let,
    Owner,
    Policy,
    PriceCell,
    PriceKey,
    PriceRow,
    PriceTable,
    RateCard,
    RequestInputs,
    Unit,
)
from overspill.syntax.tree.layers import (
    Allowance,
    BankedReset,
    Bucket,
    Cap,
    Capacity,
    CapacityCell,
    CapacityRow,
    CapacityTimes,
    Concurrency,
    Entitlement,
    Grace,
    Limit,
    Pool,
    Reset,
    Skip,
    Sliding,
    TopUp,
    UnitPrice,
    Validity,
    Window,
    WindowKind,
)
from overspill.syntax.tree.leaves import (
    Amount,
    CalendarPeriod,
    Choice,
    Default,
    DurationText,
    Free,
    InstantText,
    LengthFrom,
    Name,
    Number,
    NumberRow,
    Numbers,
    Path,
    Percent,
    Period,
    Reaction,
    RowKey,
    Source,
    Text,
    Unlimited,
)
from overspill.syntax.tree.waterfalls import (
    Draw,
    Exchange,
    Guard,
    Holds,
    Occupy,
    OnReversal,
    Otherwise,
    Waterfall,
)
from overspill.words.codec import Struct
from overspill.words.spans import Source as SourceText
from overspill.words.spans import Span

__all__ = [
    "AccountKind",
    "Allowance",
    "Amount",
    "BankedReset",
    "Bucket",
    "Bundle",
    "CalendarPeriod",
    "Cap",
    "Capacity",
    "CapacityCell",
    "CapacityRow",
    "CapacityTimes",
    "Choice",
    "Comment",
    "Concurrency",
    "Default",
    "DerivedMeter",
    "Draw",
    "DurationText",
    "Effective",
    "Entitlement",
    "Exchange",
    "Field",
    "File",
    "Free",
    "Grace",
    "Guard",
    "Header",
    "Holds",
    "Include",
    "InstantText",
    "Invariant",
    "Item",
    "Language",
    "Layer",
    "LengthFrom",
    "Let",
    "Limit",
    "Name",
    "Number",
    "NumberRow",
    "Numbers",
    "Occupy",
    "OnReversal",
    "Otherwise",
    "Owner",
    "Path",
    "Percent",
    "Period",
    "Policy",
    "Pool",
    "PriceCell",
    "PriceKey",
    "PriceRow",
    "PriceTable",
    "RateCard",
    "Reaction",
    "RequestInputs",
    "Reset",
    "RowKey",
    "Skip",
    "Sliding",
    "Source",
    "Statement",
    "Text",
    "TopUp",
    "Unit",
    "UnitPrice",
    "Unlimited",
    "Validity",
    "Waterfall",
    "Window",
    "WindowKind",
]

Header = Policy | Language | Effective | Owner | Unit
Layer = Limit | Pool | Entitlement | Grace
"""What a waterfall may draw."""
Item = (
    Header | Include | AccountKind | RequestInputs | RateCard | Let | Invariant | Layer | Cap | Concurrency | Waterfall
)


class Comment(Struct, frozen=True):
    """`// text` or `# text` as written, with its place; never part of the meaning."""

    text: str
    span: Span


Statement = tuple[str, object, Span]
"""(field, value, all of it): what a statement of the DSL fills in, and where it stands."""


class File(Struct, frozen=True, eq=False):
    """One policy file: its items in the order written."""

    source: SourceText
    items: tuple[Item, ...]
    comments: tuple[Comment, ...] = ()
    statements: tuple[Statement, ...] = ()
    """Of the DSL, inner ones before those around them; for the formatter, which keeps comments where they stand."""


class Bundle(Struct, frozen=True, eq=False):
    """Files that compile together, in the order of their names; exactly one carries the header."""

    files: tuple[File, ...]

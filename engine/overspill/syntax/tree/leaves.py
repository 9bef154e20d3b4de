"""The leaves of the tree: words, numbers, amounts and paths as the author wrote them, each with its place."""

from __future__ import annotations

from overspill.words.codec import Struct
from overspill.words.spans import Span


class Name(Struct, frozen=True):
    text: str
    span: Span


class Text(Struct, frozen=True):
    """A string, unescaped."""

    text: str
    span: Span


class Number(Struct, frozen=True):
    """A plain decimal, `6000` or `2.5`; underscores between thousands already removed."""

    text: str
    span: Span


class Amount(Struct, frozen=True):
    """`60 credits`."""

    number: Number
    unit: Name
    span: Span


class Unlimited(Struct, frozen=True):
    span: Span


class Free(Struct, frozen=True):
    span: Span


class DurationText(Struct, frozen=True):
    """`5h`; checked and made canonical by `words.lengths`."""

    text: str
    span: Span


class InstantText(Struct, frozen=True):
    """`2026-10-05T10:00:00Z`."""

    text: str
    span: Span


class Path(Struct, frozen=True):
    """`user.plan`, `request.model`, or one name alone (`user`)."""

    parts: tuple[Name, ...]
    span: Span

    @property
    def text(self) -> str:
        return ".".join(part.text for part in self.parts)


class Default(Struct, frozen=True):
    """The row key `default`."""

    span: Span


RowKey = tuple[Text | Default, ...]
"""One key for each path of the table's `by`."""


class Percent(Struct, frozen=True):
    """`80%`; `text` without the sign."""

    text: str
    span: Span


class Choice(Struct, frozen=True, kw_only=True):
    """`first_set(a, b)` or `max(a, b)`: one of several amounts."""

    span: Span
    function: Name
    args: tuple[Source, ...]


Source = Amount | Unlimited | Path | Choice
"""Where a bound comes from: written out, or an amount among the account's attributes."""


class Reaction(Struct, frozen=True, kw_only=True):
    """What follows an event: `deny`, `debt up to 50 credits`, `reissue 7d`."""

    span: Span
    word: Name
    up_to: Amount | None = None
    length: DurationText | None = None


class LengthFrom(Struct, frozen=True, kw_only=True):
    """`5h from first_use`, `7d from 2026-01-05T00:00:00Z`, `1mo from user.billing_anchor`; `first_use` is a path of one."""

    span: Span
    length: DurationText
    start: InstantText | Path


class CalendarPeriod(Struct, frozen=True, kw_only=True):
    """`calendar day in America/Los_Angeles`; period is day, week, month or year."""

    span: Span
    period: Name
    zone: Text


Period = LengthFrom | CalendarPeriod


class NumberRow(Struct, frozen=True, kw_only=True):
    span: Span
    key: RowKey
    number: Number


class Numbers(Struct, frozen=True, kw_only=True):
    """`2.5` (no `by`, `fixed` given) or `by request.speed { rows }`: multipliers, numbers of holds."""

    span: Span
    fixed: Number | None
    by: tuple[Path, ...]
    rows: tuple[NumberRow, ...]

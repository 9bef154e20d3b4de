"""The leaves of the tree: words, numbers, amounts and paths as the author wrote them, each with its place."""

from __future__ import annotations

from dataclasses import dataclass

from overspill.words.spans import Span


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


@dataclass(frozen=True, slots=True)
class Percent:
    """`80%`; `text` without the sign."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """`first_set(a, b)` or `max(a, b)`: one of several amounts."""

    span: Span
    function: Name
    args: tuple[Source, ...]


Source = Amount | Unlimited | Path | Choice
"""Where a bound comes from: written out, or an amount among the account's attributes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What follows an event: `deny`, `debt up to 50 credits`, `reissue 7d`."""

    span: Span
    word: Name
    up_to: Amount | None = None
    length: DurationText | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthFrom:
    """`5h from first_use`, `7d from 2026-01-05T00:00:00Z`, `1mo from user.billing_anchor`; `first_use` is a path of one."""

    span: Span
    length: DurationText
    start: InstantText | Path


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarPeriod:
    """`calendar day in America/Los_Angeles`; period is day, week, month or year."""

    span: Span
    period: Name
    zone: Text


Period = LengthFrom | CalendarPeriod


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberRow:
    span: Span
    key: RowKey
    number: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """`2.5` (no `by`, `fixed` given) or `by request.speed { rows }`: multipliers, numbers of holds."""

    span: Span
    fixed: Number | None
    by: tuple[Path, ...]
    rows: tuple[NumberRow, ...]

"""Lengths of time: `5h` `30d` `12mo` in, exact microseconds or calendar months out.

LANGUAGE.md W1: `ms` to `w` are exact lengths (a day is 86,400 s); `mo` and `y` are calendar periods in UTC from an
anchor, the day clamped to the month.
"""

from __future__ import annotations

import re
from datetime import MAXYEAR, UTC, datetime, timedelta

from overspill.words.codec import Struct
from overspill.words.instants import DAY, HOUR, MINUTE, NEVER, SECOND

_EXACT = {"ms": SECOND // 1000, "s": SECOND, "min": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_MONTHS = {"mo": 1, "y": 12}
_TEXT = re.compile(r"([0-9]{1,6})(ms|s|min|h|d|w|mo|y)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


class LengthError(ValueError):
    """Text that is no length of time."""

    help = "write a number from 1 and a unit, such as `15min`, `5h`, `7d` or `12mo`"


class Length(Struct, frozen=True):
    """Either exact `micros` or calendar `months`; the other is 0."""

    micros: int
    months: int


def length_from_text(text: str) -> Length:
    """`5h` → exact, `12mo` → calendar. Raises LengthError for anything else, zero included."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise LengthError(f"`{text[:40]}` is not a length of time such as `15min`, `5h`, `7d` or `12mo`")
    count, suffix = int(match[1]), match[2]
    if count == 0:
        raise LengthError(f"`{text}` is no time at all")
    if suffix in _MONTHS:
        return Length(0, count * _MONTHS[suffix])
    return Length(count * _EXACT[suffix], 0)


def length_text(length: Length) -> str:
    """The canonical text: months as `mo`, exact lengths in the largest suffix that divides them."""
    if length.months:
        return f"{length.months}mo"
    for suffix in ("w", "d", "h", "min", "s"):
        if length.micros % _EXACT[suffix] == 0:
            return f"{length.micros // _EXACT[suffix]}{suffix}"
    return f"{length.micros // _EXACT['ms']}ms"


def instant_after(anchor: int, length: Length) -> int:
    """The end of one `length` that starts at `anchor` (microseconds); months count in UTC, the day clamped. What would
    end after the year 9999, the last that a calendar here has, never ends."""
    if not length.months:
        end = anchor + length.micros
        return end if end <= _LAST else NEVER
    if anchor > _LAST:
        return NEVER
    seconds, micros = divmod(anchor, SECOND)
    start = _EPOCH + timedelta(seconds=seconds)
    year, month = divmod(start.year * 12 + start.month - 1 + length.months, 12)
    if year > MAXYEAR:
        return NEVER
    day = min(start.day, _days(year, month + 1))
    last = start.replace(year=year, month=month + 1, day=day)
    return int((last - _EPOCH) // timedelta(seconds=1)) * SECOND + micros


def _days(year: int, month: int) -> int:
    """How many days a month has. (The library's `calendar` brings `locale` with it, a millisecond of every start.)"""
    if month == 2:
        return 28 + (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0))
    return 30 if month in (4, 6, 9, 11) else 31

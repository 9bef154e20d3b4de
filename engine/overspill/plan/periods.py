"""Windows in time: which generation an instant falls into (LANGUAGE.md W1, W2, W7). Zones come from pinned data.

A calendar boundary is the first valid instant at or after local midnight, and the first of an ambiguous pair:
midnight that the clocks skip is the end of the gap, midnight that comes twice is the earlier one.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, assert_never

from overspill.plan.counting import bucket_at, sliding_at
from overspill.plan.parts import Bucket, CalendarPeriod, FirstUse, Forever, Schedule, ScheduleBy, Sliding, WindowKind
from overspill.plan.shapes import ENDS_AT, FORM, GENERATION, WindowState
from overspill.plan.zones import zone_of
from overspill.words.instants import NEVER, SECOND
from overspill.words.lengths import Length, instant_after

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def window_at(state: WindowState | None, kind: WindowKind, now: int) -> WindowState:
    """The window as a draw at `now` would find it: the open generation, or the next one, unused."""
    match kind:
        case Sliding(length=length):
            return sliding_at(state, length.micros, now)
        case Bucket(refill=refill, per=per):
            return bucket_at(state, refill, per.micros, now)
    if state is not None and now < state[ENDS_AT]:
        return state if len(state) == FORM else state[:FORM]
    generation = 1 if state is None else state[GENERATION] + 1
    match kind:
        case Forever():
            return (generation, now, NEVER, 0)
        case FirstUse(length=length):
            return (generation, now, instant_after(now, length), 0)
        case CalendarPeriod(period=period, zone=zone):
            start, end = calendar_period(period, zone, now)
            return (generation, start, end, 0)
        case Schedule(length=length, anchor=anchor):
            start, end = scheduled_period(anchor, length, now)
            return (generation, start, end, 0)
        case ScheduleBy():
            raise AssertionError("its anchor stands in the facts: `kind_of` first")
        case _:
            assert_never(kind)


def kind_of(kind: WindowKind, facts: tuple[object, ...]) -> WindowKind:
    """The kind with its anchor, where that is one of the facts."""
    if not isinstance(kind, ScheduleBy):
        return kind
    anchor = facts[kind.anchor]
    assert isinstance(anchor, int)
    return Schedule(length=kind.length, anchor=anchor)


def scheduled_period(anchor: int, length: Length, now: int) -> tuple[int, int]:
    """The half-open [anchor + k lengths, anchor + (k+1) lengths) around `now`; months are counted from the anchor."""
    if not length.months:
        start = anchor + (now - anchor) // length.micros * length.micros
        return start, instant_after(start, length)
    count = (_month(now) - _month(anchor)) // length.months
    if now < _months_after(anchor, count * length.months):
        count -= 1
    return _months_after(anchor, count * length.months), _months_after(anchor, (count + 1) * length.months)


def _month(instant: int) -> int:
    moment = _EPOCH + timedelta(seconds=instant // SECOND)
    return moment.year * 12 + moment.month


def _months_after(anchor: int, months: int) -> int:
    return instant_after(anchor, Length(0, months)) if months else anchor


def calendar_period(period: str, zone: str, now: int) -> tuple[int, int]:
    """The half-open [start, end) in microseconds of the day, week (from Monday), month or year around `now`. A period
    that outlasts the year 9999 never ends."""
    try:
        day = (_EPOCH + timedelta(seconds=now // SECOND)).astimezone(zone_of(zone)).date()
    except OverflowError:  # the zone's new year has come
        day = date.max
    first = _first_day(period, day)
    start, end = _midnight(zone, first), _midnight(zone, _next_first_day(period, first))
    if now < start:  # a skipped midnight moved the boundary behind `now`: still the period before
        return _midnight(zone, _first_day(period, first - timedelta(days=1))), start
    if now >= end:  # the later of an ambiguous pair still reads as the old day
        return end, _midnight(zone, _next_first_day(period, _next_first_day(period, first)))
    return start, end


def _first_day(period: str, day: date) -> date:
    match period:
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "year":
            return day.replace(month=1, day=1)
        case _:
            return day


def _next_first_day(period: str, first: date | None) -> date | None:
    """None behind the year 9999, the last of the calendar."""
    try:
        match first, period:
            case None, _:
                return None
            case date(), "week":
                return first + timedelta(days=7)
            case date(), "month":
                return (first + timedelta(days=31)).replace(day=1)
            case date(), "year":
                return first.replace(year=first.year + 1)
            case _:
                return first + timedelta(days=1)
    except (OverflowError, ValueError):
        return None


@lru_cache(maxsize=4096)
def _midnight(zone: str, day: date | None) -> int:
    """The first instant whose local date is `day` or later."""
    if day is None:
        return NEVER
    tz = zone_of(zone)
    local = datetime(day.year, day.month, day.day, tzinfo=tz, fold=0)
    second = _second(local.astimezone(UTC))
    if _local(tz, second).replace(tzinfo=None) != local.replace(tzinfo=None):
        second = _end_of_gap(tz, second)
    return second * SECOND


def _second(moment: datetime) -> int:
    return int((moment - _EPOCH) // timedelta(seconds=1))


def _local(tz: ZoneInfo, second: int) -> datetime:
    return (_EPOCH + timedelta(seconds=second)).astimezone(tz)


def _end_of_gap(tz: ZoneInfo, second: int) -> int:
    """The instant of the last change of offset at or before `second`, by halving the 26 hours before it.

    A local time in a gap, read with the offset before it, lands behind the gap, so the change lies before `second`.
    """
    low, high = second - 26 * 3600, second
    after = _local(tz, high).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if _local(tz, middle).utcoffset() == after:
            high = middle
        else:
            low = middle
    return high

"""Windows and periods: lengths, schedules, calendars in known zones, sliding windows and buckets."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from typing import assert_never

from overspill.check.inputs import TIMESTAMP, Inputs
from overspill.check.names import Faults, Names
from overspill.check.rules import (
    Bucket,
    CalendarPeriod,
    FirstUse,
    InputPath,
    Period,
    Schedule,
    Sliding,
    Window,
    WindowKind,
)
from overspill.syntax import tree
from overspill.words.amounts import Unit
from overspill.words.instants import DAY
from overspill.words.spans import Span

CALENDAR = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY, "year": 365 * DAY}
"""Calendar periods with about how long they last, for comparing them."""
FIRST_USE = "first_use"


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    """The names of all time zones, as the tzdata package lists them."""
    return frozenset((files("tzdata") / "zones").read_text("utf-8").split())


class Periods:
    """Checks one bundle's windows and periods."""

    def __init__(self, names: Names, inputs: Inputs, faults: Faults) -> None:
        self.names, self.inputs, self.faults = names, inputs, faults

    def windows(self, items: Iterable[tree.Window], unit: Unit | None, declared: Span) -> tuple[Window, ...] | None:
        """The windows of one limit or cap, each name once; None where any is faulty."""
        found: dict[str, tree.Window] = {}
        windows = []
        complete = True
        for item in items:
            first = found.setdefault(item.name.text, item)
            complete = self.names.once(item.name, first.name, "window") and complete
            complete = self.names.may_be("window", item.name) and complete
            kind = self.kind(item.kind, unit, declared)
            if kind is None:
                complete = False
            else:
                windows.append(Window(span=item.name.span, name=item.name.text, kind=kind))
        return tuple(windows) if complete else None

    def kind(self, kind: tree.WindowKind, unit: Unit | None, declared: Span) -> WindowKind | None:
        match kind:
            case tree.LengthFrom() if isinstance(kind.start, tree.Path) and kind.start.text == FIRST_USE:
                length = self.names.length(kind.length)
                return None if length is None else FirstUse(length=length)
            case tree.LengthFrom() | tree.CalendarPeriod():
                return self.period(kind)
            case tree.Sliding():
                length = self.names.length(kind.length)
                if length is not None and length.months:
                    self._exact(kind.length)
                    return None
                return None if length is None else Sliding(length=length)
            case tree.Bucket():
                return self._bucket(kind, unit, declared)
            case _:
                assert_never(kind)

    def period(self, period: tree.Period) -> Period | None:
        """A period that one can tell for any instant: none that begins with first use."""
        if isinstance(period, tree.LengthFrom):
            length, anchor = self.names.length(period.length), self._anchor(period.start)
            return None if length is None or anchor is None else Schedule(length=length, anchor=anchor)
        if period.period.text not in CALENDAR:
            self.faults.unknown("calendar period", period.period, CALENDAR)
            return None
        if period.zone.text not in zones():
            self.faults.unknown("time zone", tree.Name(period.zone.text, period.zone.span), zones())
            return None
        return CalendarPeriod(period=period.period.text, zone=period.zone.text)

    def _anchor(self, start: tree.InstantText | tree.Path) -> int | InputPath | None:
        if isinstance(start, tree.InstantText):
            return self.names.instant(start)
        if start.text == FIRST_USE:
            help = "write an instant, a timestamp of the account, or a calendar period"
            self.faults.add("OSP204", start.span, "only a limit's window begins with first use", help=help)
            return None
        path = self.inputs.path(start)
        if path is None:
            return None
        field = self.inputs.declared(path)
        if field is None or field.type != TIMESTAMP or field.optional:
            kind = (
                "optional" if field is not None and field.optional else f"a {'string' if field is None else field.type}"
            )
            self.faults.add(
                "OSP212",
                start.span,
                f"`{start.text}` is {kind}; a period begins at a timestamp that is always there",
                note=None if field is None else (field.span, "declared here"),
                help=f"declare it as `{path.field}: timestamp` in its account",
            )
            return None
        return path

    def _bucket(self, kind: tree.Bucket, unit: Unit | None, declared: Span) -> Bucket | None:
        per = self.names.length(kind.per)
        if unit is None or per is None:
            return None
        refill, burst = self.names.steps(kind.refill, unit, declared), self.names.steps(kind.burst, unit, declared)
        if per.months:
            self._exact(kind.per)
            return None
        if refill is None or burst is None:
            return None
        if refill <= 0 or burst <= 0:
            self.faults.add("OSP306", kind.span, "a bucket refills, and holds more than nothing", help="raise both")
            return None
        return Bucket(refill=refill, per=per, burst=burst)

    def _exact(self, length: tree.DurationText) -> None:
        help = "write it in weeks, days or less"
        self.faults.add("OSP212", length.span, f"`{length.text}` is no exact length of time", help=help)


def about(kind: WindowKind) -> int:
    """About how long a window lasts, in microseconds; a bucket counts as the time it takes to fill."""
    match kind:
        case CalendarPeriod(period=period):
            return CALENDAR[period]
        case Bucket(refill=refill, per=per, burst=burst):
            return per.micros * burst // refill
        case FirstUse(length=length) | Schedule(length=length) | Sliding(length=length):
            return length.micros or length.months * CALENDAR["month"]
        case _:
            assert_never(kind)

"""What bounds layers and holds: caps and concurrencies."""

from __future__ import annotations

from overspill.check.bounds import Bounds
from overspill.check.inputs import Inputs
from overspill.check.kept import Kept
from overspill.check.names import Faults, Names
from overspill.check.rules import CalendarPeriod, Cap, Concurrency, Schedule
from overspill.check.tables import Tables
from overspill.syntax import tree

MODES = ("strict", "finish_started")


class Caps:
    """Checks one bundle's caps and concurrencies."""

    def __init__(self, names: Names, inputs: Inputs, tables: Tables, bounds: Bounds, faults: Faults) -> None:
        self.names, self.tables, self.bounds, self.faults = names, tables, bounds, faults
        self.kept = Kept(inputs, faults)

    def cap(self, item: tree.Cap) -> Cap | None:
        head = self.kept.head(item)
        unit = self.names.unit(item.unit)
        windows = self.bounds.periods.windows(item.windows, unit, item.unit.span)
        up_to = None if unit is None else self.bounds.source(item.up_to, unit, item.unit.span)
        mode = self.names.word("mode", item.mode, MODES)
        if len(item.windows) > 1:
            self.faults.add(
                "OSP203",
                item.windows[1].span,
                "a cap counts in one window",
                note=(item.windows[0].span, "the first one"),
                help="declare a second cap, and draw within both",
            )
            return None
        if windows is not None and not isinstance(windows[0].kind, (CalendarPeriod, Schedule)):
            help = "write `calendar month in UTC`, or `30d from` an instant"
            self.faults.add("OSP212", item.windows[0].kind.span, "a cap counts by fixed periods", help=help)
            return None
        if head is None or unit is None or windows is None or up_to is None or mode is None:
            return None
        return Cap(
            **head,
            unit=unit,
            window=windows[0],
            up_to=up_to,
            finish_started=mode == "finish_started",
        )

    def concurrency(self, item: tree.Concurrency) -> Concurrency | None:
        head = self.kept.head(item)
        at_most = self.tables.numbers(item.at_most, self.tables.count)
        if head is None or at_most is None:
            return None
        return Concurrency(
            **head,
            at_most=at_most,
        )

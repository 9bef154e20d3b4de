"""Limits and pools: who they are kept per, in which unit, with which windows, bounds, orders and skips."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from overspill.check.inputs import Inputs
from overspill.check.names import Faults, Names
from overspill.check.rules import (
    DEFAULT_ORDER,
    CalendarPeriod,
    FirstUse,
    InputPath,
    Limit,
    Pool,
    Skip,
    Window,
)
from overspill.check.tables import Tables
from overspill.syntax import tree
from overspill.words.amounts import Unit
from overspill.words.lengths import Length, LengthError, length_from_text

PERIODS = ("day", "week", "month", "year")


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    """The names of all time zones, as the tzdata package lists them."""
    return frozenset((files("tzdata") / "zones").read_text("utf-8").split())


class Layers:
    """Checks one bundle's layers."""

    def __init__(self, names: Names, inputs: Inputs, tables: Tables, faults: Faults) -> None:
        self.names, self.inputs, self.tables, self.faults = names, inputs, tables, faults

    def limit(self, item: tree.Limit) -> Limit | None:
        kept = self._kept(item.per)
        unit = self.names.unit(item.unit)
        windows = self._windows(item)
        capacity = None if unit is None else self.tables.capacity(item, unit)
        multiplier = self.tables.ratio(item.multiplier)
        skips = self._skips(item.skips)
        if kept is None or unit is None or windows is None or capacity is None or multiplier is None or skips is None:
            return None
        return Limit(
            span=item.name.span,
            name=item.name.text,
            label=None if item.label is None else item.label.text,
            account=kept[0],
            per=kept[1],
            unit=unit,
            windows=windows,
            capacity=capacity,
            multiplier=multiplier,
            skips=skips,
        )

    def pool(self, item: tree.Pool) -> Pool | None:
        kept = self._kept(item.per)
        unit = self.names.unit(item.unit)
        order = self._order(item.order)
        expire = None if item.lots_expire_after is None else self.length(item.lots_expire_after)
        multiplier = self.tables.ratio(item.multiplier)
        skips = self._skips(item.skips)
        price = None if item.price is None or unit is None else self._price(item.price, unit, item)
        if kept is None or unit is None or order is None or multiplier is None or skips is None:
            return None
        return Pool(
            span=item.name.span,
            name=item.name.text,
            label=None if item.label is None else item.label.text,
            account=kept[0],
            per=kept[1],
            unit=unit,
            order=order,
            lots_expire_after=expire,
            multiplier=multiplier,
            free=item.free,
            skips=skips,
            price=price,
        )

    # ---- shared by both

    def _kept(self, paths: tuple[tree.Path, ...]) -> tuple[str, tuple[InputPath, ...]] | None:
        """(account kind, further request fields)."""
        first, rest = paths[0], paths[1:]
        if first.text not in self.inputs.accounts:
            if len(first.parts) == 1:
                self.faults.unknown("account", first.parts[0], self.inputs.accounts)
            else:
                self.faults.add("OSP212", first.span, "a layer is kept per an account first", help="write `per user`")
            return None
        further = [self.inputs.string_path(path) for path in rest]
        for path in further:
            if path is not None and path.owner != "request":
                self.faults.add("OSP212", path.span, "beside its account a layer is kept per request fields")
                return None
        known = tuple(path for path in further if path is not None)
        return (first.text, known) if len(known) == len(rest) else None

    def _skips(self, items: tuple[tree.Skip, ...]) -> tuple[Skip, ...] | None:
        found, seen = [], dict[str, tree.Name]()
        for item in items:
            first = seen.setdefault(item.name.text, item.name)
            if first is not item.name:
                self.faults.add(
                    "OSP211",
                    item.name.span,
                    f"skip `{item.name.text}` is declared twice",
                    note=(first.span, "declared here"),
                    help="rename one of them",
                )
                return None
            condition = self.inputs.condition(item.when)
            if condition is not None:
                found.append(Skip(item.name.text, condition))
        return tuple(found) if len(found) == len(items) else None

    def length(self, text: tree.DurationText) -> Length | None:
        try:
            return length_from_text(text.text)
        except LengthError as error:
            self.faults.add("OSP223", text.span, str(error))
            return None

    # ---- limits

    def _windows(self, item: tree.Limit) -> tuple[Window, ...] | None:
        found: dict[str, tree.Window] = {}
        windows = []
        for window in item.windows:
            first = found.setdefault(window.name.text, window)
            if first is not window:
                self.faults.add(
                    "OSP211",
                    window.name.span,
                    f"window `{window.name.text}` is declared twice",
                    note=(first.name.span, "declared here"),
                    help="rename one of them",
                )
            kind = self._kind(window.kind)
            if kind is not None:
                windows.append(Window(span=window.name.span, name=window.name.text, kind=kind))
        return tuple(windows) if len(windows) == len(found) == len(item.windows) else None

    def _kind(self, kind: tree.FirstUse | tree.CalendarPeriod) -> FirstUse | CalendarPeriod | None:
        if isinstance(kind, tree.FirstUse):
            length = self.length(kind.length)
            return None if length is None else FirstUse(length=length)
        if kind.period.text not in PERIODS:
            self.faults.unknown("calendar period", kind.period, PERIODS)
            return None
        if kind.zone.text not in zones():
            self.faults.unknown("time zone", tree.Name(kind.zone.text, kind.zone.span), zones())
            return None
        return CalendarPeriod(period=kind.period.text, zone=kind.zone.text)

    # ---- pools

    def _order(self, names: tuple[tree.Name, ...]) -> tuple[str, ...] | None:
        """LANGUAGE.md G2: total, which only `id` can make it; each key once."""
        if not names:
            return DEFAULT_ORDER
        for index, name in enumerate(names):
            if name.text not in DEFAULT_ORDER:
                self.faults.unknown("order key", name, DEFAULT_ORDER)
                return None
            if name.text in [other.text for other in names[:index]]:
                self.faults.add("OSP203", name.span, f"`{name.text}` is there twice", help="keep the first")
                return None
        if names[-1].text != "id":
            self.faults.add(
                "OSP305",
                names[0].span.to(names[-1].span),
                "two lots may tie: the order is not total",
                help="end it with `id`",
            )
            return None
        return tuple(name.text for name in names)

    def _price(self, price: tree.UnitPrice, unit: Unit, item: tree.Pool) -> tuple[int, Unit, int] | None:
        money = self.names.unit(price.amount.unit)
        amount = self.names.steps(price.amount, None, None)
        per = self.names.steps(price.per, unit, item.unit.span)
        if money is None or amount is None or per is None:
            return None
        if per <= 0:
            self.faults.add("OSP306", price.per.span, "a price is per more than nothing", help="write `per 1`")
            return None
        return amount, money, per

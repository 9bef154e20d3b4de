"""Rate cards: which meters are priced, what a row comes to in exact integers, which table is in force when."""

from __future__ import annotations

from overspill.cel.types import INT, Type
from overspill.check.inputs import Inputs
from overspill.check.names import Faults, Names
from overspill.check.rules import DerivedMeter, PriceTable, RateCard, Table
from overspill.check.tables import Tables
from overspill.syntax import tree
from overspill.words.amounts import AmountError, decimal_from_text

ROUNDINGS = ("half_even", "half_up", "up", "down")


class Prices:
    """Checks one bundle's rate cards."""

    def __init__(self, names: Names, inputs: Inputs, tables: Tables, faults: Faults) -> None:
        self.names, self.inputs, self.tables, self.faults = names, inputs, tables, faults

    def card(self, item: tree.RateCard) -> RateCard | None:
        unit = self.names.unit(item.price.unit)
        derived = self._derived(item)
        known = [*(name for name, field in self.inputs.request.items() if field.is_meter)]
        known += [meter.name.text for meter in item.meters]
        priced = self._priced(item, known)
        per = self._per(item.price.per)
        mode = "half_even" if item.round is None else item.round.text
        if item.round is not None and mode not in ROUNDINGS:
            self.faults.unknown("rounding", item.round, ROUNDINGS)
            return None
        if unit is None or derived is None or priced is None or per is None:
            return None
        scale = self._scale(item)
        tables = self._dated(item, priced, scale)
        if tables is None:
            return None
        # base steps = Σ quantity × price × 10^unit.scale / per, with prices held as integers of 10^-scale.
        numerator, denominator = 10**unit.scale, per * 10**scale
        return RateCard(
            span=item.span,
            name=item.name.text,
            unit=unit,
            meters=priced,
            derived=derived,
            denominator=denominator,
            round=mode,
            tables=tuple(_scaled(table, numerator) for table in tables),
        )

    def _derived(self, item: tree.RateCard) -> tuple[DerivedMeter, ...] | None:
        scope: dict[str, Type] = {}
        found: list[DerivedMeter] = []
        for meter in item.meters:
            name = meter.name.text
            if name in scope or name in self.inputs.scope or name in self.names.lets:
                self.faults.add("OSP211", meter.name.span, f"`{name}` is declared twice", help="use another name")
                return None
            if not self.names.may_be("meter", meter.name):
                return None
            typed = self.inputs.expression(meter.expr, scope)
            if typed is None:
                return None
            if typed.type != INT:
                self.faults.add("OSP232", meter.expr.span, f"a meter is an int, this is a {typed.type}")
                return None
            scope[name] = INT
            found.append(DerivedMeter(name=name, expr=typed, span=meter.span))
        return tuple(found)

    def _priced(self, item: tree.RateCard, known: list[str]) -> tuple[str, ...] | None:
        """The meters that any row prices, in the order of first mention."""
        meters: dict[str, None] = {}
        complete = True
        for table in item.tables:
            for row in table.rows:
                seen: set[str] = set()
                for cell in () if isinstance(row.cells, tree.Free) else row.cells:
                    name = cell.meter.text
                    if name not in known:
                        self.faults.unknown("meter", cell.meter, known)
                        complete = False
                    if name in seen:
                        self.faults.add("OSP203", cell.span, f"`{name}` is priced twice", help="keep one price")
                        complete = False
                    seen.add(name)
                    meters[name] = None
        return tuple(meters) if complete else None

    def _per(self, number: tree.Number) -> int | None:
        if not number.text.isdigit() or not 0 < int(number.text) <= 10**12:
            self.faults.add("OSP222", number.span, "a price is per a whole number of units, from 1 to 10^12")
            return None
        return int(number.text)

    def _scale(self, item: tree.RateCard) -> int:
        """The most digits behind the point of any price."""
        scales = [0]
        for table in item.tables:
            for row in table.rows:
                for cell in () if isinstance(row.cells, tree.Free) else row.cells:
                    try:
                        scales.append(decimal_from_text(cell.price.text).scale)
                    except AmountError as error:
                        self.faults.add("OSP222", cell.price.span, str(error), help=error.help)
        return max(scales)

    def _dated(self, item: tree.RateCard, meters: tuple[str, ...], scale: int) -> list[PriceTable] | None:
        found: list[PriceTable] = []
        complete = True
        for dated in item.tables:
            starts = self.names.instant(dated.starts)
            if starts is None:
                return None
            if found and starts <= found[-1].starts:
                self.faults.add(
                    "OSP304",
                    dated.starts.span,
                    "dated tables stand in the order of their dates, each later than the one before",
                    note=(found[-1].span, "the table before"),
                    help="move the table, or correct its date",
                )
                complete = False
            table = self.tables.table(
                item.price.by,
                dated.rows,
                lambda row: _row(row, meters, scale),
                span=dated.span,
                wants_default=False,
            )
            if table is None:
                complete = False
            else:
                found.append(PriceTable(starts=starts, table=table, span=dated.starts.span))
        return found if complete else None


def _row(row: tree.PriceRow, meters: tuple[str, ...], scale: int) -> tuple[int, ...] | None:
    """The row's prices in `meters` order, as integers of 10^-scale; None where a price is no number."""
    if isinstance(row.cells, tree.Free):
        return (0,) * len(meters)
    prices: dict[str, int] = {}
    for cell in row.cells:
        try:
            decimal = decimal_from_text(cell.price.text)
        except AmountError:
            return None
        prices[cell.meter.text] = decimal.digits * 10 ** (scale - decimal.scale)
    return tuple(prices.get(meter, 0) for meter in meters)


def _scaled(table: PriceTable, factor: int) -> PriceTable:
    """Prices times the steps of the card's unit."""
    rows = tuple((key, tuple(price * factor for price in row)) for key, row in table.table.rows)
    default = None if table.table.default is None else tuple(price * factor for price in table.table.default)
    return PriceTable(starts=table.starts, table=Table(by=table.table.by, rows=rows, default=default), span=table.span)

"""Tables by the values of inputs: one row a key, a default at most once, every row complete."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import gcd
from typing import TypeVar

from overspill.check.inputs import Inputs
from overspill.check.names import Faults, Names
from overspill.check.rules import Ratio, Table
from overspill.syntax import tree
from overspill.words.amounts import UNLIMITED, AmountError, Unit, decimal_from_text
from overspill.words.initiators import INITIATOR_PATH, INITIATORS
from overspill.words.spans import Span

R = TypeVar("R", tree.CapacityRow, tree.NumberRow, tree.PriceRow)
V = TypeVar("V")


class Tables:
    """Builds the tables of one bundle."""

    def __init__(self, names: Names, inputs: Inputs, faults: Faults) -> None:
        self.names, self.inputs, self.faults = names, inputs, faults

    def table(
        self,
        by: tuple[tree.Path, ...],
        rows: Sequence[R],
        value_of: Callable[[R], V | None],
        *,
        span: Span,
        wants_default: bool,
    ) -> Table[V] | None:
        """The rows by key; None with faults where a row is not what it should be."""
        paths = [self.inputs.string_path(path) for path in by]
        known = tuple(path for path in paths if path is not None)
        values = [(row, value_of(row)) for row in rows]
        found: dict[tuple[str, ...], tuple[R, V]] = {}
        default: tuple[R, V] | None = None
        complete = len(known) == len(by)
        for row, value in values:
            if value is None or not self._key_fits(row, len(by)):
                complete = False
            elif all(isinstance(part, tree.Default) for part in row.key):
                complete = self._once(row, default) and complete
                default = (row, value)
            else:
                key = tuple(part.text for part in row.key if isinstance(part, tree.Text))
                self._begun_by(row, by)
                complete = self._once(row, found.get(key)) and complete
                found[key] = (row, value)
        if wants_default and default is None:
            self.faults.add(
                "OSP307",
                Span(span.source, span.start, min(span.end, span.start + 12)),
                "the table has no `default` row",
                help="say what holds for every other value",
            )
            return None
        if not complete:
            return None
        shown = tuple((key, value) for key, (_, value) in found.items())
        return Table(by=known, rows=shown, default=None if default is None else default[1])

    def _key_fits(self, row: R, width: int) -> bool:
        defaults = [part for part in row.key if isinstance(part, tree.Default)]
        where = row.key[0].span if row.key else row.span
        if len(row.key) != width:
            self.faults.add("OSP204", where, f"the row has {len(row.key)} keys, the table is by {width}")
            return False
        quoted = [part for part in row.key if isinstance(part, tree.Text) and part.text == "default"]
        if quoted:
            help = "name the value otherwise; the row for every other value is `default`, without quotes"
            self.faults.add("OSP204", quoted[0].span, '`"default"` cannot be told from the row `default`', help=help)
            return False
        if defaults and len(defaults) != width:
            self.faults.add(
                "OSP204", defaults[0].span, "`default` stands for the whole key", help="name every value, or none"
            )
            return False
        return True

    def _begun_by(self, row: R, by: tuple[tree.Path, ...]) -> None:
        """A row by who began the request is by a word that can be."""
        for part, path in zip(row.key, by, strict=True):
            if path.text == INITIATOR_PATH and isinstance(part, tree.Text) and part.text not in INITIATORS:
                self.faults.unknown("initiator", tree.Name(part.text, part.span), INITIATORS)

    def _once(self, row: R, first: tuple[R, V] | None) -> bool:
        if first is None:
            return True
        self.faults.add(
            "OSP203",
            row.key[0].span,
            "the row is there twice",
            label="here again",
            note=(first[0].key[0].span, "first here"),
            help="keep one of them",
        )
        return False

    # ---- what rows hold

    def ratio(self, multiplier: tree.Numbers | None) -> Table[Ratio] | None:
        if multiplier is None:
            return Table(by=(), rows=(), default=Ratio(1, 1))
        return self.numbers(multiplier, self.factor)

    def numbers(self, numbers: tree.Numbers, value_of: Callable[[tree.Number], V | None]) -> Table[V] | None:
        """One number, or a table of them with a default."""
        if numbers.fixed is not None:
            value = value_of(numbers.fixed)
            return None if value is None else Table(by=(), rows=(), default=value)
        return self.table(
            numbers.by,
            numbers.rows,
            lambda row: value_of(row.number),
            span=numbers.span,
            wants_default=True,
        )

    def count(self, number: tree.Number) -> int | None:
        """A whole number of things."""
        if number.text.isdigit() and len(number.text) <= 9:
            return int(number.text)
        self.faults.add("OSP222", number.span, "expected a whole number below 10^9", help="write it without a point")
        return None

    def factor(self, number: tree.Number) -> Ratio | None:
        """A positive decimal as an exact ratio in lowest terms."""
        try:
            decimal = decimal_from_text(number.text)
        except AmountError as error:
            self.faults.add("OSP222", number.span, str(error), help=error.help)
            return None
        if decimal.digits <= 0:
            self.faults.add(
                "OSP306",
                number.span,
                "a multiplier is more than zero",
                help="price the row `free` in its rate card, or leave the layer out",
            )
            return None
        return ratio_of(decimal.digits, 10**decimal.scale)

    def capacity(
        self, limit: tree.Limit, capacity: tree.Capacity, unit: Unit, given: Mapping[str, int]
    ) -> Table[tuple[int, ...]] | None:
        """One bound for each window of the limit, in their order; `given` are those of windows that bound themselves."""
        if not capacity.by:
            bounds = self._bounds(capacity.rows[0], limit, unit, given)
            return None if bounds is None else Table(by=(), rows=(), default=bounds)
        return self.table(
            capacity.by,
            capacity.rows,
            lambda row: self._bounds(row, limit, unit, given),
            span=capacity.span,
            wants_default=True,
        )

    def _bounds(
        self, row: tree.CapacityRow, limit: tree.Limit, unit: Unit, given: Mapping[str, int]
    ) -> tuple[int, ...] | None:
        windows = [window.name.text for window in limit.windows]
        free = [window for window in windows if window not in given]
        bounds: dict[str, int] = dict(given)
        complete = True
        for cell in row.cells:
            steps = self._bound(cell, limit, unit)
            if cell.window is None and len(row.cells) > 1:
                self.faults.add("OSP204", cell.span, "a bound among several names its window", help="name the window")
            elif cell.window is not None and cell.window.text not in windows:
                self.faults.unknown("window", cell.window, windows)
            elif not free or (cell.window is not None and cell.window.text in given):
                self.faults.add("OSP212", cell.span, "a bucket bounds itself: its burst", help="leave it out here")
            elif cell.window is not None and cell.window.text in bounds:
                self.faults.add("OSP203", cell.span, f"window `{cell.window.text}` is there twice", help="keep one")
            elif steps is not None:
                bounds |= dict.fromkeys(free if cell.window is None else [cell.window.text], steps)
                continue
            complete = False
        missing = [window for window in windows if window not in bounds]
        if complete and missing:
            self.faults.add(
                "OSP307",
                row.span,
                f"the row says nothing of window {', '.join(f'`{window}`' for window in missing)}",
                note=(limit.name.span, "a window of this limit"),
                help="give each window a bound",
            )
        return tuple(bounds[window] for window in windows) if complete and not missing else None

    def _bound(self, cell: tree.CapacityCell, limit: tree.Limit, unit: Unit) -> int | None:
        if isinstance(cell.bound, tree.Unlimited):
            return UNLIMITED
        return self.names.steps(cell.bound, unit, limit.unit.span)


def ratio_of(numerator: int, denominator: int) -> Ratio:
    """In lowest terms."""
    common = gcd(numerator, denominator)
    return Ratio(numerator // common, denominator // common)

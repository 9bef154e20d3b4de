"""A waterfall of a plan → one straight Python function over ints, with the interpreter's exact meaning.

The text names no constant: amounts, names, tables and codes are closure variables `k0 …`, so that waterfalls of the
same shape share one compiled function and only bind other values (CPython's `compile` is the slow part). Everything
that does not happen on the way of an ordinary request (a window to open, a missing input, an unknown row) is a call.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from overspill.compile.expressions import ConstantPool, can_fail, python_text
from overspill.plan import facts, interpret, lots, pricing
from overspill.plan.arithmetic import round_quotient
from overspill.plan.expression import Expr
from overspill.plan.functions import NAMESPACE
from overspill.plan.periods import kind_of, window_at
from overspill.plan.plan import (
    ROOT,
    Bucket,
    Condition,
    Counting,
    Layer,
    LimitLayer,
    Origin,
    PoolLayer,
    Pricing,
    ScheduleBy,
    Sliding,
    Table,
    Waterfall,
    state_key,
)
from overspill.plan.program import DecideFunction
from overspill.plan.raw import COVERED, ERROR, GUARD_ERROR, GUARDED, OCCUPIED, SHORT, SKIPPED, STOPPED, TOOK, ZERO

V = TypeVar("V")

_GLOBALS = {
    **NAMESPACE,
    "capacities_at": interpret.capacities_at,
    "lots_in": lots.lots_in,
    "invalid_usage": pricing.invalid_usage,
    "kind_of": kind_of,
    "occupied": interpret.occupied,
    "price_table": pricing.price_table,
    "raise_": pricing.raise_,
    "read_facts": facts.read_facts,
    "round_quotient": round_quotient,
    "state_key": state_key,
    "take": lots.take,
    "base_amount": pricing.base_amount,
    "unknown_row": pricing.unknown_row,
    "visited": interpret.visited,
    "window_at": window_at,
}


def generated(waterfall: Waterfall) -> DecideFunction:
    """The waterfall's function; equal in meaning to `plan.program.interpreted(waterfall)`."""
    text, constants = function_text(waterfall)
    return _factory(text)(*constants)


def function_text(waterfall: Waterfall) -> tuple[str, list[object]]:
    """The factory's source text, and the constants to call it with."""
    emitter = _Emitter(waterfall)
    emitter.function()
    names = ", ".join(f"k{index}" for index in range(len(emitter.pool.values)))
    body = "\n".join(emitter.lines)
    return f"def make({names}):\n def decide(F, M, ids, A, now):\n{body}\n return decide\n", emitter.pool.values


@lru_cache(maxsize=1024)
def _factory(text: str) -> Callable[..., DecideFunction]:
    namespace = dict(_GLOBALS)
    exec(compile(text, "<plan>", "exec"), namespace)
    return namespace["make"]  # type: ignore[return-value]


class _Emitter:
    """Writes one function, top to bottom; `indent` is the depth of the line being written."""

    def __init__(self, waterfall: Waterfall) -> None:
        self.waterfall = waterfall
        self.pool = ConstantPool()
        self.lines: list[str] = []
        self.indent = 2

    def line(self, text: str) -> None:
        self.lines.append(" " * self.indent + text)

    def block(self, head: str, *body: str) -> None:
        self.line(head)
        for text in body:
            self.lines.append(" " * (self.indent + 1) + text)

    def constant(self, value: object) -> str:
        return self.pool.name(value)

    def slot(self, index: int) -> str:
        """The local of a fact, or of a derived meter behind the facts."""
        return f"s{index}"

    def text(self, expr: Expr) -> str:
        return python_text(expr, self.slot, self.pool)

    # ---- the function, in the order of a decision

    def function(self) -> None:
        self.facts()
        self.base()
        for index, guard in enumerate(self.waterfall.guards):
            name = self.condition(guard.when, f"g{index}")
            if guard.when.can_fail:
                self.line(f"if {name} is None: return ({GUARD_ERROR}, {index}, base, base, facts, ())")
            self.line(f"if {name}: return ({GUARDED}, {index}, base, base, facts, ())")
        if self.waterfall.occupies:
            self.line(f"full = occupied({self.constant(self.waterfall)}, facts, A)")
            self.line(f"if full >= 0: return ({OCCUPIED}, full, base, base, facts, ())")
        self.line(f"if base == 0: return ({ZERO}, 0, 0, 0, facts, ())")
        self.line("left = base")
        for index, layer in enumerate(self.waterfall.layers):
            self.layer(index, layer)
        self.line(f"return ({SHORT}, 0, base, left, facts, {self.steps(len(self.waterfall.layers))})")

    def facts(self) -> None:
        """Loads every slot; a missing one is found and named by the interpreter's reader."""
        kinds = sorted({slot.kind for slot in self.waterfall.slots if slot.origin in _KEPT})
        for kind in kinds:
            read = f"A[{kind}].attributes"
            self.line(f"a{kind} = {read}" if kind == ROOT else f"a{kind} = None if A[{kind}] is None else {read}")
        self.line("try:")
        self.indent += 1
        for index in range(len(self.waterfall.slots)):
            self.line(f"s{index} = {self.load(index)}")
        self.line(f"facts = {_tuple(f's{index}' for index in range(len(self.waterfall.slots)))}")
        self.indent -= 1
        missing = f"read_facts({self.constant(self.waterfall)}, F, M, ids, A)"
        self.block("except KeyError:", f"{missing}", "raise")

    def load(self, index: int) -> str:
        slot = self.waterfall.slots[index]
        name = self.constant(slot.input.name)
        default = slot.input.default
        fallback = "ABSENT" if default is None else self.constant(default)
        required = default is None and not slot.input.optional
        match slot.origin:
            case Origin.FIELD:
                read = f"F[{name}]" if required else f"F.get({name}, {fallback})"
                return read if slot.kind == ROOT else f"ABSENT if ids[{slot.kind}] is None else {read}"
            case Origin.METER:
                return f"M[{name}]" if required else f"M.get({name}, {fallback})"
            case Origin.ACCOUNT_ID:
                return f"ABSENT if ids[{slot.kind}] is None else ids[{slot.kind}]"
            case Origin.MEMBERS:
                source = f"a{slot.kind}"
                read = f"{source}.get({name}, ())"
                return read if slot.kind == ROOT else f"() if {source} is None else {read}"
            case Origin.ATTRIBUTE:
                source = f"a{slot.kind}"
                read = f"{source}[{name}]" if required else f"{source}.get({name}, {fallback})"
                return read if slot.kind == ROOT else f"ABSENT if {source} is None else {read}"

    def base(self) -> None:
        waterfall = self.constant(self.waterfall)
        match self.waterfall.base:
            case Counting(meter=meter):
                self.line(f"base = s{meter} * {self.constant(self.waterfall.unit.step)}")
            case Pricing() as pricing:
                self.price(pricing)
        # The interpreter raises the failure that says by how much.
        self.line(f"if base > {self.constant(self.waterfall.base_max)}: base_amount({waterfall}, facts, now)")

    def price(self, pricing: Pricing) -> None:
        for index, table in enumerate(pricing.tables):
            word = "if" if index == 0 else "elif"
            self.block(f"{word} now >= {self.constant(table.starts)}:", f"row = {self.lookup(table.table)}")
        self.block("else:", f"price_table({self.constant(pricing)}, now)")
        for index, meter in enumerate(pricing.derived, len(self.waterfall.slots)):
            value, name = self.text(meter.expr), self.constant(meter.name)
            if can_fail(meter.expr):
                self.block("try:", f"s{index} = {value}")
                self.block("except CelError as error:", f"raise invalid_usage({name}, str(error)) from None")
            else:
                self.line(f"s{index} = {value}")
            self.line(f"if s{index} < 0: raise invalid_usage({name}, f'it comes to {{s{index}}}')")
        terms = " + ".join(f"s{slot} * row[{index}]" for index, slot in enumerate(pricing.meters))
        denominator = self.constant(pricing.denominator)
        if pricing.round == "half_even":
            self.line(f"base, rest = divmod({terms or '0'}, {denominator})")
            self.line(
                f"if rest and (rest + rest > {denominator} or (rest + rest == {denominator} and base & 1)): base += 1"
            )
        else:
            self.line(f"base = round_quotient({terms or '0'}, {denominator}, {self.constant(pricing.round)})")

    def condition(self, condition: Condition, name: str) -> str:
        """The text of a condition's value: inline where it cannot fail, else a local that is None for an error."""
        if not condition.can_fail:
            return f"({self.text(condition.expr)})"
        self.block("try:", f"{name} = {self.text(condition.expr)}")
        self.block("except CelError:", f"{name} = None")
        return name

    def lookup(self, table: Table[V]) -> str:
        """The text of a table's row for these facts."""
        if not table.by:
            return self.constant(table.default)
        key = f"s{table.by[0]}" if len(table.by) == 1 else _tuple(f"s{slot}" for slot in table.by)
        rows = self.constant(table.rows)
        if table.default is not None:
            return f"{rows}.get({key}, {self.constant(table.default)})"
        unknown = f"unknown_row({self.constant(table)}, {self.constant(self.waterfall)}, facts)"
        found = self.pool.temporary()
        return f"({found} if ({found} := {rows}.get({key})) is not None else raise_({unknown}))"

    # ---- layers

    def layer(self, index: int, layer: Layer) -> None:
        """One layer: why it is passed by, or else what it covers."""
        word = "if"
        for test, step in self.passings(index, layer):
            self.block(f"{word} {test}:", *self.passed(index, layer, step))
            word = "elif"
        if word == "elif":
            self.line("else:")
            self.indent += 1
        if is_plain(layer):
            match layer:
                case LimitLayer():
                    self.limit(index, layer)
                case PoolLayer():
                    self.drawn_lots(index, layer)
        else:
            self.called(index, layer)
        if word == "elif":
            self.indent -= 1

    def passings(self, index: int, layer: Layer) -> list[tuple[str, tuple[int, int]]]:
        """(test, step) in the order of the interpreter's `_passed`."""
        found: list[tuple[str, tuple[int, int]]] = []
        if layer.account != ROOT:
            found.append((f"A[{layer.account}] is None", (1, -1)))
        if layer.when is not None:
            name = self.condition(layer.when, f"c{index}")
            if layer.when.can_fail:
                found.append((f"{name} is None", (ERROR, -1)))
            found.append((f"not {name}", (1, -1)))
        for number, skip in enumerate(layer.skips):
            name = self.condition(skip.when, f"c{index}_{number}")
            if skip.when.can_fail:
                found.append((f"{name} is None", (ERROR, number)))
            found.append((name, (SKIPPED, number)))
        return found

    def passed(self, index: int, layer: Layer, step: tuple[int, int]) -> list[str]:
        lines = [f"t{index} = {step}"]
        if step[0] == ERROR and layer.on_error == "deny":
            lines.append(f"return ({STOPPED}, {index}, base, left, facts, {self.steps(index + 1)})")
        elif step[0] == ERROR and layer.on_error == "stop":
            lines.append(f"return ({SHORT}, 0, base, left, facts, {self.steps(index + 1)})")
        return lines

    def called(self, index: int, layer: Layer) -> None:
        """A layer with more to it than windows or lots: the interpreter's own visit."""
        arguments = f"{self.constant(self.waterfall)}, {self.constant(layer)}, facts, A, left, now, {self.steps(index)}"
        self.line(f"t{index} = visited({arguments})")
        self.line(f"if t{index}[0] == {TOOK}:")
        self.indent += 1
        steps = _tuple(f"t{number}" for number in range(index + 1))
        self.line(f"if t{index}[1] == left: return ({COVERED}, 0, base, 0, facts, {steps})")
        self.line("pass" if self.waterfall.fill_whole else f"left -= t{index}[1]")
        self.indent -= 1

    def limit(self, index: int, layer: LimitLayer) -> None:
        caps = self.lookup(layer.capacity)
        if layer.capacity_times:
            caps = f"capacities_at({caps}, {self.constant(layer.capacity_times)}, now)"
        self.line(f"caps = {caps}")
        self.line(f"W = A[{layer.account}].windows")
        windows = [f"w{number}" for number in range(len(layer.windows))]
        for number, window in enumerate(layer.windows):
            name = windows[number]
            self.line(f"{name} = W.get({self.key(window.key, layer.per)})")
            kind = self.constant(window.kind)
            if isinstance(window.kind, ScheduleBy):
                kind = f"kind_of({kind}, facts)"
            opened = f"window_at({name}, {kind}, now)"
            self.line(f"if {name} is None or now >= {name}[2]: {name} = {opened}")
            self.line(f"{'room' if number == 0 else 'r'} = caps[{number}] - {name}[3]")
            if number:
                self.line("if r < room: room = r")
        tail = f"{_tuple(windows)}, caps, ())"
        self.block("if room <= 0:", f"t{index} = (0, 0, 0, {tail}")
        self.line("else:")
        self.indent += 1
        numerator, denominator = self.ratio(layer)
        self.line(f"n = {_ceil('left', numerator, denominator)}")
        self.block("if n <= room:", self.covered(index, f"(0, left, n, {tail}"))
        self.line(f"b = {_floor('room', numerator, denominator)}")
        self.line(f"n = {_ceil('b', numerator, denominator)}")
        self.line(f"t{index} = (0, b, n, {tail}")
        if not self.waterfall.fill_whole:
            self.line("left -= b")
        self.indent -= 1

    def drawn_lots(self, index: int, layer: PoolLayer) -> None:
        account, key = f"A[{layer.account}]", self.key(layer.name, layer.per)
        if layer.order:
            self.line(f"lots = lots_in({account}, {key}, {self.constant(layer.order)})")
        else:
            self.line(f"lots = {account}.pools.get({key}, ())")
        numerator, denominator = self.ratio(layer)
        self.line(f"n = g = {_ceil('left', numerator, denominator)}")
        self.line("d = []")
        self.line("for lot in lots:")
        self.indent += 1
        self.line("if lot[2] <= now < lot[3]:")
        self.indent += 1
        self.line("x = lot[1]")
        covered = self.covered(index, "(0, left, n, (), (), tuple(d))")
        self.block("if x >= g:", "d.append((lot, g))", covered)
        self.line("d.append((lot, x))")
        self.line("g -= x")
        self.indent -= 2
        self.line("g = n - g")
        self.line(f"b = {_floor('g', numerator, denominator)}")
        self.line(f"n = {_ceil('b', numerator, denominator)}")
        self.line(f"t{index} = (0, b, n, (), (), tuple(d) if n == g else take(lots, n, now)[0])")
        if not self.waterfall.fill_whole:
            self.line("left -= b")

    def ratio(self, layer: Layer) -> tuple[str, str]:
        """The texts of numerator and denominator; `1` is written out, so that the arithmetic can leave it out."""
        if layer.ratio.by:
            self.line(f"p, q = {self.lookup(layer.ratio)}")
            return "p", "q"
        assert layer.ratio.default is not None
        numerator, denominator = layer.ratio.default
        return (
            "1" if numerator == 1 else self.constant(numerator),
            "1" if denominator == 1 else self.constant(denominator),
        )

    def key(self, name: str, per: tuple[int, ...]) -> str:
        if not per:
            return self.constant(name)
        return f"state_key({self.constant(name)}, {_tuple(f'str(s{slot})' for slot in per)})"

    def covered(self, index: int, step: str) -> str:
        steps = _tuple([*(f"t{number}" for number in range(index)), step])
        return f"return ({COVERED}, 0, base, 0, facts, {steps})"

    def steps(self, count: int) -> str:
        return _tuple(f"t{number}" for number in range(count))


_KEPT = (Origin.ATTRIBUTE, Origin.MEMBERS)
"""What is read of accounts' attributes."""


def is_plain(layer: Layer) -> bool:
    """Whether there is no more to the layer than windows that end, or lots: these are written out."""
    match layer:
        case LimitLayer():
            filling = any(isinstance(window.kind, Sliding | Bucket) for window in layer.windows)
            return not (layer.caps or layer.resets or filling)
        case PoolLayer():
            return not layer.counters
        case _:
            return False


def _tuple(texts: object) -> str:
    parts = list(texts)  # type: ignore[call-overload]
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def _ceil(amount: str, numerator: str, denominator: str) -> str:
    """ceil(amount × numerator / denominator)."""
    product = amount if numerator == "1" else f"{amount} * {numerator}"
    return product if denominator == "1" else f"-(-{product} // {denominator})"


def _floor(room: str, numerator: str, denominator: str) -> str:
    """floor(room × denominator / numerator)."""
    product = room if denominator == "1" else f"{room} * {denominator}"
    return product if numerator == "1" else f"{product} // {numerator}"

"""A covered decision → a form and its values: the same bytes as `render.py` writes, and nobody writes them before
somebody looks.

Most decisions are covered in full, layer by layer, and most of these have one of a few shapes: which layers were
visited, which fell short by which windows, how many lots were drawn. For each shape the text between the numbers is
written out once, as a form, and one straight function gives the values that stand in it. Whatever is not on that way
(a denial, a part, dozens of lots) is written by the plain renderer, which stays the reference.

In the templates below `«reads expression»` is a hole: a Python expression over the function's locals, and how its value
reads (`records/written.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from overspill.account.effects import Effect, SetWindow
from overspill.plan.functions import ABSENT
from overspill.plan.plan import (
    ROOT,
    Bucket,
    Counter,
    Instant,
    Layer,
    LimitLayer,
    Origin,
    Plan,
    PoolLayer,
    Sliding,
    Slot,
    Waterfall,
    state_key,
)
from overspill.plan.raw import Step, TookStep
from overspill.records.written import Form, Hole, Value, form_of
from overspill.words.codec import quoted

PARTS_MAX = 8
"""So many lots drawn from one layer, or windows of one that fell short, at most, are in a form."""
SHAPES_MAX = 512
"""So many forms a waterfall has, at most; what comes after is written plainly."""
PASSED = -1
_HOLES = re.compile("[«»]")
_LITERAL, _WRITTEN = str.maketrans("«»", "\x02\x03"), str.maketrans("\x02\x03", "«»")
"""What marks a hole stands for itself in text from a policy; JSON text has no such control characters."""
_RECORDED = ("text id", "text rid", "text digest", "text request", "instant now")
"""The holes of the values that a record has (`records/written.py`)."""

Shape = tuple[int, ...]
"""A number for each visited layer: `PASSED`, how many lots were drawn, `short_of` a limit, 0 for the limit that covers
the rest."""
ValuesOf = Callable[..., "tuple[Value, ...]"]
"""(decided, decision id, request digest, request JSON, account version, hold JSON, rate card JSON) → the form's values."""


def shape_of(formed: Sequence[bool], steps: Sequence[Step]) -> Shape | None:
    """The shape of a covered decision, or None when it has no form; `formed` says of each layer whether it may have."""
    last = len(steps) - 1
    shape = []
    for index, step in enumerate(steps):
        if len(step) == 2:
            shape.append(PASSED)
        elif not formed[index]:
            return None
        elif step[4]:
            if index == last:
                shape.append(0)
            elif len(step[3]) > PARTS_MAX:
                return None
            else:
                shape.append(short_of(step))
        elif len(step[5]) <= PARTS_MAX and bool(step[1]) == bool(step[5]):
            shape.append(len(step[5]))
        else:
            return None
    return tuple(shape)


def has_forms(waterfall: Waterfall) -> bool:
    """Whether covered decisions of the waterfall have forms at all."""
    many = any(slot.origin is Origin.MEMBERS for slot in waterfall.slots)
    return not (waterfall.fill_whole or waterfall.occupies or many)


def has_form(layer: Layer) -> bool:
    """Whether a layer's draws are told by windows that end, or by lots, alone."""
    match layer:
        case LimitLayer():
            return not layer.caps and not any(isinstance(window.kind, Sliding | Bucket) for window in layer.windows)
        case PoolLayer():
            return not layer.counters
        case _:
            return False


def short_of(step: TookStep) -> int:
    """How a limit fell short, as a number: whether it drew, the window that names the shortfall, and as bits the
    windows that bind (`shortfall.binding_counters`)."""
    capacities: tuple[int, ...] = step[4]  # type: ignore[assignment]
    least = ends = name = binds = -1
    for number, (_, _, ends_at, used) in enumerate(step[3]):
        room = max(capacities[number] - used, 0)
        if room < least or least < 0:
            least, ends, name, binds = room, ends_at, number, 1 << number
        elif room == least:
            binds |= 1 << number
            if ends_at > ends:
                ends, name = ends_at, number
    return (binds << 8 | name) << 1 | (step[1] > 0)


class Fixed(NamedTuple):
    """What never changes in a waterfall's answers, as JSON text: the head of the policy object, up to the rate card, and
    `not_reached[n]`, the trace steps of the layers behind the first n."""

    policy: str
    not_reached: Sequence[str]


class FirstDrawn(NamedTuple):
    """What a request comes to that the first layer's windows cover: the kind of the account that is drawn, and a function (raw
    decision, ids, the caller's id, now, decision id, request digest, request JSON, account version, rate card JSON) → the form's
    values, and what changes in the account (`effects.py`)."""

    form: Form
    kind: int
    of: Callable[..., tuple[tuple[Value, ...], list[Effect]]]


class Forms:
    """The forms of one waterfall by shape, each made when the first decision has it."""

    def __init__(self, plan: Plan, waterfall: Waterfall, fixed: Fixed, passed: Callable[..., str]) -> None:
        """`passed(decided, index, step, asked)` writes the trace step of a layer that was passed by."""
        self._writer = _Writer(plan, waterfall, fixed)
        self._passed = passed
        self._made: dict[Shape, tuple[Form, ValuesOf]] = {}
        self._formed = [has_form(layer) for layer in waterfall.layers]
        first = waterfall.layers[0]
        self.first = self._make((0,)) if isinstance(first, LimitLayer) and self._formed[0] else None
        """What the first layer's windows cover, as they mostly do."""
        self.drawn = None if self.first is None or waterfall.has_funded else self._drawn(first)  # type: ignore[arg-type]
        """The same with what it draws, where that is all that changes."""

    def of(self, steps: Sequence[Step]) -> tuple[Form, ValuesOf] | None:
        """The form for a covered decision of these steps and the function that gives its values, or None."""
        shape = shape_of(self._formed, steps)
        if shape is None:
            return None
        return self._made.get(shape) or self._make(shape)

    def _make(self, shape: Shape) -> tuple[Form, ValuesOf] | None:
        if len(self._made) >= SHAPES_MAX:
            return None
        form, lines, values = self._writer.form(shape)
        source = [
            "def values(decided, id, digest, request, version, hold, card):",
            "raw = decided.raw",
            "admitted = decided.admitted; ids = admitted.ids; rid = admitted.request.id; now = decided.now",
            *lines,
            f"return {values}",
        ]
        made = self._made[shape] = form, self._compiled(source, "values")
        return made

    def _drawn(self, layer: LimitLayer) -> FirstDrawn:
        form, lines, values = self._writer.form((0,))
        source = [
            "def drawn(raw, ids, rid, now, id, digest, request, version, card):",
            "hold = 'null'",
            *lines,
            f"return {values}, [{', '.join(_changes(layer))}]",
        ]
        return FirstDrawn(form, layer.account, self._compiled(source, "drawn"))

    def _compiled(self, source: Sequence[str], name: str) -> Callable[..., Any]:
        names: dict[str, Any] = {
            "ABSENT": ABSENT,
            "SetWindow": SetWindow,
            "passed": self._passed,
            "state_key": state_key,
        }
        exec(compile("\n ".join(source), "<form>", "exec"), names)
        return names[name]  # type: ignore[no-any-return]


def _formed(template: str, scales: dict[str, int]) -> tuple[Form, str]:
    """The form of a template, and the Python text of the tuple of its values: each expression once. `scales` are those
    of the units that amounts are in."""
    pieces = _HOLES.split(template)
    expressions = list(dict.fromkeys(hole.split(" ", 1)[1] for hole in (*_RECORDED, *pieces[1::2])))
    places = {expression: index for index, expression in enumerate(expressions)}
    holes = []
    for piece in pieces[1::2]:
        reads, expression = piece.split(" ", 1)
        kind, _, which = reads.partition("/")
        holes.append(Hole(places[expression], kind, scales.get(which, 0)))
    form = form_of(tuple([piece.translate(_WRITTEN) for piece in pieces[::2]]), tuple(holes))
    return form, f"({', '.join(expressions)})"


def _quoted(text: str) -> str:
    """A policy's text as JSON, in a template."""
    return quoted(text).translate(_LITERAL)


class _Visited(NamedTuple):
    """One visited layer in templates: how its step is unpacked; the step of the trace; the draw, empty when it drew
    nothing; the effects as (what they change, the amount)."""

    unpacked: str
    step: str
    draw: str = ""
    effects: tuple[tuple[str, str], ...] = ()


class _Writer:
    """The templates of one waterfall. Of layer 1 the locals are `t1`, `b1` and `m1` (what it gave, in base steps and in
    its own), `a1` (what was asked of it; of layer 0 that is `base`), and for each window or lot `g1_0`, `u1_0` …"""

    def __init__(self, plan: Plan, waterfall: Waterfall, fixed: Fixed) -> None:
        self.kinds = plan.kind_names
        self.waterfall = waterfall
        self.fixed = fixed
        self.scales = {"base": waterfall.unit.scale}
        self.scales |= {str(index): layer.unit.scale for index, layer in enumerate(waterfall.layers)}
        units = ((index, slot.input.unit) for index, slot in enumerate(waterfall.slots))
        self.scales |= {f"s{index}": unit.scale for index, unit in units if unit is not None}

    def form(self, shape: Shape) -> tuple[Form, list[str], str]:
        """The form of a shape; lines that name what stands in it, of `raw`; and the tuple of that."""
        waterfall = self.waterfall
        layers = waterfall.layers[: len(shape)]
        last = len(shape) - 1
        visited = [self.visited(index, layer, shape[index], index == last) for index, layer in enumerate(layers)]
        effects = [(index, *effect) for index, one in enumerate(visited) for effect in one.effects]
        answer = self.answer(
            charge=",".join(self.charges(shape)),
            draws=",".join(one.draw for one in visited if one.draw),
            steps="".join(one.step for one in visited) + self.fixed.not_reached[len(shape)].translate(_LITERAL),
            effects=",".join(self.effect(number, *effect) for number, effect in enumerate(effects)),
        )
        form, values = _formed(answer, self.scales)
        facts = "".join(f"s{index}, " for index in range(len(waterfall.slots)))
        lines = [
            f"_, _, base, _, ({facts}), ({''.join(f't{index}, ' for index in range(len(shape)))}) = raw",
            *(line for index, one in enumerate(visited) for line in (one.unpacked, _asked_next(index, shape)) if line),
        ]
        return form, lines, values

    # ---- one visited layer

    def visited(self, index: int, layer: Layer, code: int, covers: bool) -> _Visited:
        if code == PASSED:
            return _Visited("", f"«text passed(decided, {index}, t{index}, {_asked(index)})»")
        if isinstance(layer, LimitLayer):
            return self.limit(index, layer, code, covers)
        assert isinstance(layer, PoolLayer)
        return self.pool(index, layer, code, covers)

    def limit(self, index: int, layer: LimitLayer, code: int, covers: bool) -> _Visited:
        drew, name, binds = covers or bool(code & 1), code >> 1 & 255, code >> 9
        numbers = range(len(layer.windows))
        states = "".join(f"({_state(index, number)}), " for number in numbers)
        capacities = "".join(f"c{index}_{number}, " for number in numbers)
        shown = ",".join(
            _window(index, number, window, drew, bool(binds >> number & 1))
            for number, window in enumerate(layer.windows)
        )
        short = "" if covers else f',"cause":"{layer.windows[name].name}","binding":"{layer.windows[name].name}"'
        where = tuple((f'"window":{_key(window.key, layer.per)}', f"m{index}") for window in layer.windows)
        return self.took(index, layer, f"({states}), ({capacities}), _", drew, short, f',"windows":[{shown}]', where)

    def pool(self, index: int, layer: PoolLayer, lots: int, covers: bool) -> _Visited:
        names = [f"{index}_{number}" for number in range(lots)]
        drawn = "".join(f"((i{name}, l{name}, _, n{name}, *_), p{name}), " for name in names)
        shown = ",".join(
            f'{{"lot":"«text i{name}»","amount":"«amount/{index} p{name}»","before":"«amount/{index} l{name}»",'
            f'"after":"«amount/{index} l{name} - p{name}»","expires_at":«end n{name}»}}'
            for name in names
        )
        short = "" if covers else ',"cause":"empty","binding":null'
        pool = f'"pool":{_key(layer.name, layer.per)},"lot":'
        where = tuple((f'{pool}"«text i{name}»"', f"p{name}") for name in names)
        return self.took(index, layer, f"_, _, ({drawn})", bool(lots), short, f',"lots":[{shown}]', where)

    def took(
        self,
        index: int,
        layer: Layer,
        rest: str,
        drew: bool,
        short: str,
        parts: str,
        effects: tuple[tuple[str, str], ...],
    ) -> _Visited:
        """A layer that drew, or had nothing left; `rest` is what of its step stands behind the amounts."""
        unpacked = f"_, b{index}, m{index}, {rest} = t{index}"
        granted = f"«amount/base b{index}»" if drew else "0"
        step = (
            f'{{"step":"layer","layer":"{layer.name}","source":{_quoted(layer.place)},'
            f'"verdict":"{"drew" if drew else "exhausted"}","asked":"«amount/base {_asked(index)}»","available":"{granted}",'
            f'"granted":"{granted}"{short}{parts}}},'
        )
        if not drew:
            return _Visited(unpacked, step)
        draw = (
            f'{{"layer":"{layer.name}","base":"{granted}","amount":"«amount/{index} m{index}»",'
            f'"unit":"{layer.unit.name}"{parts}}}'
        )
        return _Visited(unpacked, step, draw, effects)

    # ---- the whole

    def charges(self, shape: Shape) -> list[str]:
        """LANGUAGE.md S7: what pools not marked `free` were debited, by unit."""
        charged: dict[str, list[int]] = {}
        for index, (layer, code) in enumerate(zip(self.waterfall.layers, shape, strict=False)):
            if isinstance(layer, PoolLayer) and not layer.free and code > 0:
                charged.setdefault(layer.unit.name, []).append(index)
        return [
            f'"{unit}":"«amount/{drawn[0]} {" + ".join(f"m{index}" for index in drawn)}»"'
            for unit, drawn in charged.items()
        ]

    def effect(self, number: int, index: int, where: str, amount: str) -> str:
        kind = self.waterfall.layers[index].account
        account = f'"account":"{self.kinds[kind]}/«text ids[{kind}]»"'
        return f'{{"key":"«text id»/{number}",{account},{where},"amount":"«amount/{index} {amount}»"}}'

    def answer(self, *, charge: str, draws: str, steps: str, effects: str) -> str:
        """The template of the whole decision, in the order that the plain renderer writes it."""
        waterfall = self.waterfall
        guards = "".join(
            f'{{"step":"guard","guard":"{guard.name}","source":{_quoted(guard.place)},"verdict":"passed"}},'
            for guard in waterfall.guards
        )
        facts = ",".join(f"{quoted(slot.path)}:{_fact(index, slot)}" for index, slot in enumerate(waterfall.slots))
        return (
            '{"decision":"«text id»","request":"«text rid»","at":"«instant now»","outcome":"allow",'
            '"requested":"«amount/base base»","granted":"«amount/base base»","shortfall":"0",'
            f'"unit":"{waterfall.unit.name}","charge":{{{charge}}},"draws":[{draws}],"reason":null,"offers":[],'
            f'"retry_at":null,"hold":«text hold»,"account_version":«digits version»,{self.fixed.policy}«text card»}},'
            f'"trace":[{{"step":"inputs","waterfall":"{waterfall.name}","source":{_quoted(waterfall.place)},'
            f'"request":«text request»,"request_digest":"sha256:«text digest»","facts":{{{facts}}}}},'
            f"{guards}{steps}"
            f'{{"step":"outcome","source":{_quoted(waterfall.otherwise_place)},"outcome":"allow","code":null,'
            f'"effects":[{effects}]}}]}}'
        )


def _asked(index: int) -> str:
    """What is asked of a layer."""
    return f"a{index}" if index else "base"


def _asked_next(index: int, shape: Shape) -> str:
    """What is asked of the layer behind this one."""
    if index == len(shape) - 1:
        return ""
    return f"a{index + 1} = {_asked(index)}" + ("" if shape[index] == PASSED else f" - b{index}")


def _window(index: int, number: int, window: Counter, drew: bool, binds: bool) -> str:
    name = f"{index}_{number}"
    after = f"u{name} + m{index}" if drew else f"u{name}"
    return (
        f'{{"window":"{window.name}","generation":«digits g{name}»,"before":"«amount/{index} u{name}»",'
        f'"after":"«amount/{index} {after}»","limit":"«limit/{index} c{name}»","ends_at":«end n{name}»,'
        f'"binds":{"true" if binds else "false"}}}'
    )


def _state(index: int, number: int, more: str = "") -> str:
    """A window's state as locals, with `more` added to its use."""
    return ", ".join(f"{letter}{index}_{number}" for letter in "gonu") + more


def _changes(layer: LimitLayer) -> Iterator[str]:
    """For each window of the first layer, which covers it all, what changes (`effects.py`)."""
    values = "".join(f"str(s{slot}), " for slot in layer.per)
    for number, window in enumerate(layer.windows):
        key = f"state_key({window.key!r}, ({values}))" if layer.per else repr(window.key)
        yield f"SetWindow({key}, ({_state(0, number, ' + m0')}))"


def _key(name: str, per: tuple[int, ...]) -> str:
    """A state key as JSON, in a template."""
    if not per:
        return quoted(name)
    values = "".join(f"str(s{slot}), " for slot in per)
    return f'«string state_key("{name}", ({values}))»'


def _always(slot: Slot) -> bool:
    """Whether the fact cannot be absent."""
    always = slot.origin is not Origin.ACCOUNT_ID and slot.kind == ROOT
    return always and not slot.input.optional


def _fact(index: int, slot: Slot) -> str:
    """A fact in a template."""
    name, always = f"s{index}", _always(slot)
    kinds: dict[type, str] = {str: "string", bool: "bool", int: "digits" if always else "int", Instant: "moment"}
    reads = kinds[slot.input.type]
    if slot.input.unit is not None and slot.origin is Origin.ATTRIBUTE:
        reads = f"quantity/{name}"
    return f"«{reads} {name}»" if always else f"«{reads} None if {name} is ABSENT else {name}»"

"""A waterfall → one straight function that writes its plain allows: the same bytes as `render.py`, much sooner.

Most decisions are covered in full, layer by layer. For these the text between the numbers is written out once, as one
f-string a layer, and numbers that are equal by construction (asked, available, granted) are written once. The most
frequent of all, covered by the windows of the first layer, are not written at all: their text is a form, and the
function gives the values that stand in it. Whatever is not on that way (a layer passed by or short of everything) is
asked of the plain renderer, which stays the reference.

In the templates below `«reads expression»` is a hole: a Python expression over the function's locals, and how its value
reads (`records/written.py`). A form keeps the expression's value; an f-string has the text that it reads as.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from json.encoder import encode_basestring as quoted
from typing import Any, NamedTuple

from overspill.plan.functions import ABSENT
from overspill.plan.plan import ROOT, Layer, LimitLayer, Origin, Plan, PoolLayer, Slot, Waterfall, Window, state_key
from overspill.records.written import Form, Hole, Value, form_of
from overspill.words.texts import f_string, string_json

_HOLES = re.compile("[«»]")
_LITERAL, _WRITTEN = str.maketrans("«»", "\x02\x03"), str.maketrans("\x02\x03", "«»")
"""What marks a hole stands for itself in text from a policy; JSON text has no such control characters."""
_RECORDED = ("text id", "text rid", "text digest", "text request", "instant now")
"""The holes of the values that a record has (`records/written.py`)."""
WriteAllow = Callable[..., "str | tuple[Value, ...]"]
"""(decided, decision id, request digest, request JSON, account version, hold JSON, rate card JSON) → JSON text, or
the form's values. `passed(decided, index, step, asked)`, one of the helpers, writes the trace step of a layer that gave
nothing."""


class Fixed(NamedTuple):
    """What never changes in a waterfall's answers, as JSON text: the head of the policy object, up to the rate card, and
    `not_reached[n]`, the trace steps of the layers behind the first n."""

    policy: str
    not_reached: Sequence[str]


def write_allow(
    plan: Plan, waterfall: Waterfall, fixed: Fixed, names: dict[str, Any]
) -> tuple[Form | None, WriteAllow]:
    """The waterfall's form and its function; `names` are the helpers that the function calls."""
    writer = _Writer(plan, waterfall, fixed)
    form, first = writer.first()
    namespace = {
        **names,
        "ABSENT": ABSENT,
        "J": ",".join,
        "JN": "".join,
        "not_reached": fixed.not_reached,
        "q": string_json,
        "state_key": state_key,
    }
    exec(compile("\n".join(writer.function(first)), "<render>", "exec"), namespace)
    return form, namespace["write"]  # type: ignore[return-value]


def _text(template: str) -> str:
    """A Python f-string of a template."""
    pieces = _HOLES.split(template)
    expressions = []
    for piece in pieces[1::2]:
        reads, expression = piece.split(" ", 1)
        kind, _, which = reads.partition("/")
        call = {"amount": f"f_{which}", "limit": f"limit_{which}", "end": "end", "instant": "instant"}.get(kind)
        expressions.append(f"{call}({expression})" if call else expression)
    return f_string([piece.translate(_WRITTEN) for piece in pieces[::2]], expressions)


def _formed(template: str, scales: dict[str, int]) -> tuple[Form, str]:
    """The form of a template, and the Python text of the tuple of its values: each expression once. `scales` are those
    of the units that amounts are in."""
    pieces = _HOLES.split(template)
    expressions = list(dict.fromkeys(hole.split(" ", 1)[1] for hole in (*_RECORDED, *pieces[1::2])))
    holes = []
    for piece in pieces[1::2]:
        reads, expression = piece.split(" ", 1)
        kind, _, which = reads.partition("/")
        holes.append(Hole(expressions.index(expression), kind, scales.get(which, 0)))
    form = form_of(tuple([piece.translate(_WRITTEN) for piece in pieces[::2]]), tuple(holes))
    return form, f"({', '.join(expressions)})"


def _quoted(text: str) -> str:
    """A policy's text as JSON, in a template."""
    return quoted(text).translate(_LITERAL)


def _charges(layer: Layer) -> bool:
    return isinstance(layer, PoolLayer) and not layer.free


class _Writer:
    """The templates and the function of one waterfall."""

    def __init__(self, plan: Plan, waterfall: Waterfall, fixed: Fixed) -> None:
        self.kinds = plan.kind_names
        self.waterfall = waterfall
        self.fixed = fixed

    # ---- the function

    def function(self, first: list[str]) -> list[str]:
        """Its lines; `first` are those of the decision that the form is for."""
        waterfall = self.waterfall
        unpack = "".join(f"s{index}, " for index in range(len(waterfall.slots)))
        charged: dict[str, int] = {}
        for index, layer in enumerate(waterfall.layers):
            if _charges(layer):
                charged.setdefault(layer.unit.name, index)
        lines = [
            "def write(decided, id, digest, request, version, hold, card):",
            " _, _, base, _, facts, steps = decided.raw",
            " asked = decided.admitted; ids = asked.ids; rid = asked.request.id; now = decided.now",
            f" {unpack}= facts" if unpack else " pass",
            " last = len(steps) - 1; left = base; e = 0",
            *first,
            " B = f_base(base)",
            " D = []; T = []; E = []; C = []",
            *(f" charge_{unit} = 0" for unit in charged),
        ]
        for index, layer in enumerate(waterfall.layers):
            lines += [f" if last >= {index}:", *("  " + line for line in self.layer(index, layer))]
        for unit, index in charged.items():
            entry = _text(f'"{unit}":"«amount/{index} charge_{unit}»"')
            lines.append(f" if charge_{unit}: C.append({entry})")
        facts = ",".join(f"{quoted(slot.path)}:{_fact(index, slot)}" for index, slot in enumerate(waterfall.slots))
        answer = self.answer("«text B»", facts, "«text J(C)»", "«text J(D)»", "«text JN(T)»«text not_reached[last + 1]»",
                             "«text J(E)»")  # fmt: skip
        return [*lines, f" return {_text(answer)}"]

    def first(self) -> tuple[Form | None, list[str]]:
        """The most frequent decision, covered by the windows of the first layer alone: a form and its values."""
        waterfall = self.waterfall
        layer = waterfall.layers[0]
        if not isinstance(layer, LimitLayer):
            return None, []
        windows = list(enumerate(layer.windows))
        base, amount = "«amount/base base»", "«amount/0 m»"
        shown = ",".join(_window(0, number, window, "false") for number, window in windows)
        effects = ",".join(self.window_effect(layer, window, str(number), amount) for number, window in windows)
        parts = f',"windows":[{shown}]'
        draw, step = _draw(layer, base, amount, parts), _step(layer, base, base, parts)
        facts = ",".join(
            f"{quoted(slot.path)}:{_fact_value(index, slot)}" for index, slot in enumerate(waterfall.slots)
        )
        answer = self.answer(base, facts, "", draw, step + self.fixed.not_reached[1].translate(_LITERAL), effects)
        scales = {"base": waterfall.unit.scale, "0": layer.unit.scale}
        scales |= {f"s{index}": slot.input.unit.scale for index, slot in enumerate(waterfall.slots) if slot.input.unit}
        form, values = _formed(answer, scales)
        unpacked = "; ".join(f"g{number}, _, n{number}, u{number} = t[3][{number}]" for number, _ in windows)
        return form, [
            " if last == 0:",
            "  t = steps[0]; m = t[2]; caps = t[4]",
            f"  {unpacked}",
            f"  return {values}",
        ]

    # ---- one visited layer

    def layer(self, index: int, layer: Layer) -> list[str]:
        """The block of one layer: its trace step, its draw and its effects."""
        same_unit = layer.unit == self.waterfall.unit
        parts = self.windows(index, layer) if isinstance(layer, LimitLayer) else self.lots(index, layer)
        return [
            f"t = steps[{index}]",
            f"if t[0] or not t[1]: T.append(passed(decided, {index}, t, left))",
            "else:",
            " b = t[1]; m = t[2]",
            " b_ = B if b == base else f_base(b)",
            f" m_ = b_ if m == b else f_{index}(m)" if same_unit else f" m_ = f_{index}(m)",
            " A = B if left == base else f_base(left)",
            *(" " + line for line in parts),
            f" T.append({_text(_step(layer, '«text A»', '«text b_»', '«text x»«text p»'))})",
            f" D.append({_text(_draw(layer, '«text b_»', '«text m_»', '«text p»'))})",
            *([f" charge_{layer.unit.name} += m"] if _charges(layer) else []),
            " left -= b",
        ]

    def windows(self, index: int, layer: LimitLayer) -> list[str]:
        numbers = range(len(layer.windows))
        shown, lines = [], ["w = t[3]; caps = t[4]"]
        for number, window in enumerate(layer.windows):
            lines.append(f"g{number}, _, n{number}, u{number} = w[{number}]")
            shown.append(_window(index, number, window, f"«text i{number}»"))
            effect = self.window_effect(layer, window, f"«text e + {number}»", "«text m_»")
            lines.append(f"E.append({_text(effect)})")
        return [
            *lines,
            f"if last == {index}: {' = '.join(f'i{number}' for number in numbers)} = 'false'; x = ''",
            *_short(index, layer),
            f"p = {_text(',' + quoted('windows') + ':[' + ','.join(shown) + ']')}",
            f"e += {len(layer.windows)}",
        ]

    def lots(self, index: int, layer: PoolLayer) -> list[str]:
        write = f"amount/{index}"
        lot = (
            f'{{"lot":"«text lot[0]»","amount":"«text a»","before":"«{write} lot[1]»",'
            f'"after":"«{write} lot[1] - part»","expires_at":«end lot[3]»}}'
        )
        effect = (
            f'{{"key":"«text id»/«text e»",{self.account(layer)},"pool":{_key(layer.name, layer.per)},'
            '"lot":"«text lot[0]»","amount":"«text a»"}'
        )
        return [
            "P = []",
            "for lot, part in t[3]:",
            f" a = m_ if part == m else f_{index}(part)",
            f" P.append({_text(lot)})",
            f" E.append({_text(effect)})",
            " e += 1",
            f"p = {_text(',' + quoted('lots') + ':[«text J(P)»]')}",
            f'x = \'\' if last == {index} else \',"cause":"empty","binding":null\'',
        ]

    # ---- templates

    def account(self, layer: Layer) -> str:
        return f'"account":"{self.kinds[layer.kind]}/«text ids[{layer.kind}]»"'

    def window_effect(self, layer: LimitLayer, window: Window, number: str, amount: str) -> str:
        where = _key(window.key, layer.per)
        return f'{{"key":"«text id»/{number}",{self.account(layer)},"window":{where},"amount":"{amount}"}}'

    def answer(self, base: str, facts: str, charge: str, draws: str, steps: str, effects: str) -> str:
        """The template of the whole decision, in the order that the plain renderer writes it."""
        waterfall = self.waterfall
        guards = "".join(
            f'{{"step":"guard","guard":"{guard.name}","source":{_quoted(guard.place)},"verdict":"passed"}},'
            for guard in waterfall.guards
        )
        return (
            f'{{"decision":"«text id»","request":"«text rid»","at":"«instant now»","outcome":"allow","requested":"{base}",'
            f'"granted":"{base}","shortfall":"0","unit":"{waterfall.unit.name}","charge":{{{charge}}},'
            f'"draws":[{draws}],"reason":null,"offers":[],"retry_at":null,"hold":«text hold»,'
            f'"account_version":«digits version»,{self.fixed.policy}«text card»}},"trace":['
            f'{{"step":"inputs","waterfall":"{waterfall.name}","source":{_quoted(waterfall.place)},'
            f'"request":«text request»,"request_digest":"sha256:«text digest»","facts":{{{facts}}}}},'
            f"{guards}{steps}"
            f'{{"step":"outcome","source":{_quoted(waterfall.otherwise_place)},"outcome":"allow","code":null,'
            f'"effects":[{effects}]}}]}}'
        )


def _draw(layer: Layer, base: str, amount: str, parts: str) -> str:
    return f'{{"layer":"{layer.name}","base":"{base}","amount":"{amount}","unit":"{layer.unit.name}"{parts}}}'


def _step(layer: Layer, asked: str, granted: str, parts: str) -> str:
    return (
        f'{{"step":"layer","layer":"{layer.name}","source":{_quoted(layer.place)},"verdict":"drew","asked":"{asked}",'
        f'"available":"{granted}","granted":"{granted}"{parts}}},'
    )


def _window(index: int, number: int, window: Window, binds: str) -> str:
    write = f"amount/{index}"
    return (
        f'{{"window":"{window.name}","generation":«digits g{number}»,"before":"«{write} u{number}»",'
        f'"after":"«{write} u{number} + m»","limit":"«limit/{index} caps[{number}]»","ends_at":«end n{number}»,'
        f'"binds":{binds}}}'
    )


def _key(name: str, per: tuple[int, ...]) -> str:
    """A state key as JSON, in a template."""
    if not per:
        return quoted(name)
    values = "".join(f"str(s{slot}), " for slot in per)
    return f'«text q(state_key("{name}", ({values})))»'


def _short(index: int, layer: LimitLayer) -> list[str]:
    """Which windows bind, and the cause, for a limit that fell short; written out for one window and for two."""
    causes = [f',"cause":"{window.name}","binding":"{window.name}"' for window in layer.windows]
    match causes:
        case [only]:
            return [f"else: i0 = 'true'; x = '{only}'"]
        case [first, second]:
            return [
                "else:",
                " r0 = caps[0] - u0; r1 = caps[1] - u1",
                f" if r0 < r1 and r1 > 0: i0 = 'true'; i1 = 'false'; x = '{first}'",
                f" elif r1 < r0 and r0 > 0: i0 = 'false'; i1 = 'true'; x = '{second}'",
                f" else: i0 = i1 = 'true'; x = '{first}' if n0 >= n1 else '{second}'",
            ]
        case _:
            names = ", ".join(f"i{number}" for number in range(len(causes)))
            return [f"else: {names}, x = short_{index}(t)"]


def _always(slot: Slot) -> bool:
    """Whether the fact cannot be absent."""
    always = slot.origin in (Origin.FIELD, Origin.METER) or (slot.origin is Origin.ATTRIBUTE and slot.kind == ROOT)
    return always and not slot.input.optional


def _fact(index: int, slot: Slot) -> str:
    """A fact's text in a template."""
    name = f"s{index}"
    if slot.input.unit is not None and slot.origin is Origin.ATTRIBUTE:
        return f"«text value({index}, {name})»"
    shown = {str: f"q({name})", bool: f'("true" if {name} else "false")', int: name}[slot.input.type]
    return f"«text {shown}»" if _always(slot) else f'«text "null" if {name} is ABSENT else {shown}»'


def _fact_value(index: int, slot: Slot) -> str:
    """A fact's value in a template."""
    name, always = f"s{index}", _always(slot)
    reads = {str: "string", bool: "bool", int: "digits" if always else "int"}[slot.input.type]
    if slot.input.unit is not None and slot.origin is Origin.ATTRIBUTE:
        reads = f"quantity/{name}"
    return f"«{reads} {name}»" if always else f"«{reads} None if {name} is ABSENT else {name}»"

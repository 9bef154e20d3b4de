"""A waterfall → one straight function that writes its plain allows as JSON: the same bytes as `render.py`, much sooner.

Most decisions are covered in full, layer by layer. For these the text between the numbers is written out once, as one
f-string a layer, and numbers that are equal by construction (asked, available, granted) are written once. Whatever is
not on that way (a layer passed by or short of everything) is asked of the plain renderer, which stays the reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from json.encoder import encode_basestring as quoted
from typing import Any

from overspill.plan.functions import ABSENT
from overspill.plan.plan import ROOT, Layer, LimitLayer, Origin, PoolLayer, Slot, Waterfall, Window, state_key

_HOLES = re.compile("[«»]")
WriteAllow = Callable[..., str]
"""(raw, decision id, request id, request JSON, request digest, at, account version, hold JSON, rate card JSON, ids,
decided) → JSON text. `passed(decided, index, step, asked)`, one of the helpers, writes the trace step of a layer that
gave nothing."""


def write_allow(waterfall: Waterfall, policy: str, names: dict[str, Any]) -> WriteAllow:
    """The waterfall's function. `policy` is the fixed head of the policy object; `names` are the helpers it calls."""
    lines = _function(waterfall, policy)
    namespace = {**names, "ABSENT": ABSENT, "q": quoted, "state_key": state_key, "J": ",".join, "JN": "".join}
    exec(compile("\n".join(lines), "<render>", "exec"), namespace)
    return namespace["write"]  # type: ignore[no-any-return]


def _text(template: str) -> str:
    """A Python f-string of a template in which `«expression»` is filled in and all else is literal."""
    parts = []
    for index, piece in enumerate(_HOLES.split(template)):
        literal = piece.replace("\\", "\\\\").replace("'", "\\'").replace("{", "{{").replace("}", "}}")
        parts.append("{" + piece + "}" if index % 2 else literal)
    return "f'" + "".join(parts) + "'"


def _function(waterfall: Waterfall, policy: str) -> list[str]:
    slots = waterfall.slots
    unpack = "".join(f"s{index}, " for index in range(len(slots)))
    charged: dict[str, int] = {}
    for index, layer in enumerate(waterfall.layers):
        if _charges(layer):
            charged.setdefault(layer.unit.name, index)
    lines = [
        "def write(raw, id, rid, request, digest, at, version, hold, card, ids, decided):",
        " base, facts, steps = raw[2], raw[4], raw[5]",
        f" {unpack}= facts" if slots else " pass",
        " last = len(steps) - 1; left = base; e = 0",
        " B = f_base(base)",
        *_first(waterfall, policy),
        " D = []; T = []; E = []; C = []",
        *(f" charge_{unit} = 0" for unit in charged),
    ]
    for index, layer in enumerate(waterfall.layers):
        lines += [f" if last >= {index}:", *("  " + line for line in _layer(index, layer, waterfall))]
    for unit, index in charged.items():
        entry = _text(f'"{unit}":"«f_{index}(charge_{unit})»"')
        lines.append(f" if charge_{unit}: C.append({entry})")
    return [*lines, f" return {_text(_answer(waterfall, policy, '«J(C)»', '«J(D)»', '«JN(T)»', '«J(E)»'))}"]


def _first(waterfall: Waterfall, policy: str) -> list[str]:
    """The most frequent decision, covered by the windows of the first layer alone: one f-string and no lists."""
    layer = waterfall.layers[0]
    if not isinstance(layer, LimitLayer):
        return []
    unpacked = "; ".join(f"g{number}, _, n{number}, u{number} = t[3][{number}]" for number in range(len(layer.windows)))
    shown = ",".join(
        _window(0, number, window).replace(f"«i{number}»", "false") for number, window in enumerate(layer.windows)
    )
    effects = ",".join(_window_effect(layer, window, str(number)) for number, window in enumerate(layer.windows))
    draw, step = _draw_text(layer, "B", "«p»"), _step_text(layer, "B", "B", "«p»")
    return [
        " if last == 0:",
        "  t = steps[0]; m = t[2]; caps = t[4]",
        f"  m_ = {'B if m == base else ' if layer.unit == waterfall.unit else ''}f_0(m)",
        f"  {unpacked}",
        f"  p = {_text(',' + quoted('windows') + ':[' + shown + ']')}",
        f"  return {_text(_answer(waterfall, policy, '', draw, step, effects))}",
    ]


def _draw_text(layer: Layer, base: str, parts: str) -> str:
    return f'{{"layer":"{layer.name}","base":"«{base}»","amount":"«m_»","unit":"{layer.unit.name}"{parts}}}'


def _step_text(layer: Layer, asked: str, granted: str, parts: str) -> str:
    return (
        f'{{"step":"layer","layer":"{layer.name}","source":{quoted(layer.place)},"verdict":"drew","asked":"«{asked}»",'
        f'"available":"«{granted}»","granted":"«{granted}»"{parts}}},'
    )


def _window(index: int, number: int, window: Window) -> str:
    return (
        f'{{"window":"{window.name}","generation":«g{number}»,"before":"«f_{index}(u{number})»",'
        f'"after":"«f_{index}(u{number} + m)»","limit":"«limit_{index}(caps[{number}])»",'
        f'"ends_at":«instant(n{number})»,"binds":«i{number}»}}'
    )


def _window_effect(layer: LimitLayer, window: Window, number: str) -> str:
    return (
        f'{{"key":"«id»/«{number}»","account":"«kind_{layer.kind}»«ids[{layer.kind}]»",'
        f'"window":{_key(window.key, layer.per)},"amount":"«m_»"}}'
    )


def _charges(layer: Layer) -> bool:
    return isinstance(layer, PoolLayer) and not layer.free


def _layer(index: int, layer: Layer, waterfall: Waterfall) -> list[str]:
    """The block of one visited layer: its trace step, its draw and its effects."""
    step = _text(_step_text(layer, "A", "b_", "«x»«p»"))
    draw = _text(_draw_text(layer, "b_", "«p»"))
    same_unit = layer.unit == waterfall.unit
    return [
        f"t = steps[{index}]",
        f"if t[0] or not t[1]: T.append(passed(decided, {index}, t, left))",
        "else:",
        " b = t[1]; m = t[2]",
        " b_ = B if b == base else f_base(b)",
        f" m_ = b_ if m == b else f_{index}(m)" if same_unit else f" m_ = f_{index}(m)",
        " A = B if left == base else f_base(left)",
        *(" " + line for line in _parts(index, layer)),
        f" T.append({step})",
        f" D.append({draw})",
        *([f" charge_{layer.unit.name} += m"] if _charges(layer) else []),
        " left -= b",
    ]


def _parts(index: int, layer: Layer) -> list[str]:
    match layer:
        case LimitLayer():
            return _windows(index, layer)
        case PoolLayer():
            return _lots(index, layer)


def _key(name: str, per: tuple[int, ...]) -> str:
    """A state key as JSON, in a template."""
    if not per:
        return quoted(name)
    values = "".join(f"str(s{slot}), " for slot in per)
    return f'«q(state_key("{name}", ({values})))»'


def _windows(index: int, layer: LimitLayer) -> list[str]:
    numbers = range(len(layer.windows))
    shown, lines = [], ["w = t[3]; caps = t[4]"]
    for number, window in enumerate(layer.windows):
        lines.append(f"g{number}, _, n{number}, u{number} = w[{number}]")
        shown.append(_window(index, number, window))
        lines.append(f"E.append({_text(_window_effect(layer, window, f'e + {number}'))})")
    return [
        *lines,
        f"if last == {index}: {' = '.join(f'i{number}' for number in numbers)} = 'false'; x = ''",
        *_short(index, layer),
        f"p = {_text(',' + quoted('windows') + ':[' + ','.join(shown) + ']')}",
        f"e += {len(layer.windows)}",
    ]


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


def _lots(index: int, layer: PoolLayer) -> list[str]:
    lot = (
        f'{{"lot":"«lot[0]»","amount":"«a»","before":"«f_{index}(lot[1])»","after":"«f_{index}(lot[1] - part)»",'
        '"expires_at":«instant(lot[3])»}'
    )
    effect = (
        f'{{"key":"«id»/«e»","account":"«kind_{layer.kind}»«ids[{layer.kind}]»",'
        f'"pool":{_key(layer.name, layer.per)},"lot":"«lot[0]»","amount":"«a»"}}'
    )
    return [
        "P = []",
        "for lot, part in t[3]:",
        f" a = m_ if part == m else f_{index}(part)",
        f" P.append({_text(lot)})",
        f" E.append({_text(effect)})",
        " e += 1",
        f"p = {_text(',' + quoted('lots') + ':[«J(P)»]')}",
        f'x = \'\' if last == {index} else \',"cause":"empty","binding":null\'',
    ]


def _fact(index: int, slot: Slot) -> str:
    """A fact's value in a template."""
    name = f"s{index}"
    if slot.input.unit is not None and slot.origin is Origin.ATTRIBUTE:
        return f"«value({index}, {name})»"
    shown = {str: f"q({name})", bool: f'("true" if {name} else "false")', int: name}[slot.input.type]
    always = slot.origin in (Origin.FIELD, Origin.METER) or (slot.origin is Origin.ATTRIBUTE and slot.kind == ROOT)
    if always and not slot.input.optional:
        return f"«{shown}»"
    return f'«"null" if {name} is ABSENT else {shown}»'


def _answer(waterfall: Waterfall, policy: str, charge: str, draws: str, steps: str, effects: str) -> str:
    """The template of the whole decision, in the order that the plain renderer writes it."""
    facts = ",".join(f"{quoted(slot.path)}:{_fact(index, slot)}" for index, slot in enumerate(waterfall.slots))
    guards = "".join(
        f'{{"step":"guard","guard":"{guard.name}","source":{quoted(guard.place)},"verdict":"passed"}},'
        for guard in waterfall.guards
    )
    return (
        '{"decision":"«id»","request":"«rid»","at":"«at»","outcome":"allow","requested":"«B»","granted":"«B»",'
        f'"shortfall":"0","unit":"{waterfall.unit.name}","charge":{{{charge}}},"draws":[{draws}],'
        '"reason":null,"offers":[],"retry_at":null,"hold":«hold»,"account_version":«version»,'
        f'{policy}«card»}},"trace":['
        f'{{"step":"inputs","waterfall":"{waterfall.name}","source":{quoted(waterfall.place)},'
        f'"request":«request»,"request_digest":"«digest»","facts":{{{facts}}}}},'
        f"{guards}{steps}«not_reached[last + 1]»"
        f'{{"step":"outcome","source":{quoted(waterfall.otherwise_place)},"outcome":"allow","code":null,'
        f'"effects":[{effects}]}}]}}'
    )

"""A decision's draws → effects on accounts, and the legs that a hold remembers them by."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from overspill.account.effects import Effect, SetLot, SetWindow
from overspill.account.state import Leg
from overspill.decide.decide import Decided, drawn
from overspill.plan.plan import Layer, LimitLayer, PoolLayer, state_key
from overspill.plan.raw import Facts
from overspill.plan.shapes import LOT_LEFT, Lot

LayerEffects = Callable[[object, Facts], list[Effect]]
"""(the step of a layer that draws, facts) → what changes in its account."""


def effects_of(decided: Decided, keys: Sequence[str | None]) -> dict[str, list[Effect]]:
    """Account key → what the draws change there, in the order drawn: each window counts its layer's amount, each lot
    loses its part. `keys` are the accounts' by kind."""
    made: Sequence[LayerEffects] = decided.program.effects.get(decided.at) or _made(decided)  # type: ignore[assignment]
    effects: dict[str, list[Effect]] = {}
    facts, steps, layers = decided.raw[4], decided.raw[5], decided.waterfall.layers
    for index in decided.drawing:
        key = keys[layers[index].kind]
        assert key is not None
        found = made[index](steps[index], facts)
        if key in effects:
            effects[key] += found
        else:
            effects[key] = found
    return effects


def _made(decided: Decided) -> tuple[LayerEffects, ...]:
    """The functions of a waterfall's layers, made at its first draw and kept with the program."""
    made = tuple([_layer_effects(layer) for layer in decided.waterfall.layers])
    decided.program.effects[decided.at] = made
    return made


def _layer_effects(layer: Layer) -> LayerEffects:
    """A limit's windows are few and known: theirs are written out."""
    key = repr if not layer.per else lambda name: f"state_key({name!r}, values)"
    values = "".join(f"str(facts[{slot}]), " for slot in layer.per)
    match layer:
        case LimitLayer():
            states = ", ".join(f"(g{number}, o{number}, n{number}, u{number})" for number in range(len(layer.windows)))
            made = ", ".join(
                f"SetWindow({key(window.key)}, (g{number}, o{number}, n{number}, u{number} + amount))"
                for number, window in enumerate(layer.windows)
            )
            lines = [f"_, _, amount, ({states},), _ = step", f"return [{made}]"]
        case PoolLayer():
            lines = [
                f"pool = {key(layer.name)}",
                "return [SetLot(pool, lot_with(lot, lot[LOT_LEFT] - part)) for lot, part in step[3]]",
            ]
    names = {
        "SetWindow": SetWindow,
        "SetLot": SetLot,
        "lot_with": lot_with,
        "LOT_LEFT": LOT_LEFT,
        "state_key": state_key,
    }
    source = "\n ".join(["def effects(step, facts):", *([f"values = ({values})"] if layer.per else []), *lines])
    exec(compile(source, "<effects>", "exec"), names)
    return names["effects"]  # type: ignore[return-value]


def lot_with(lot: Lot, left: int) -> Lot:
    """The lot with `left` free to draw."""
    return (lot[0], left, *lot[2:])


def legs_of(decided: Decided) -> tuple[Leg, ...]:
    """The draws as a hold keeps them, in the waterfall's order."""
    facts = decided.raw[4]
    legs = []
    for _, layer, step in drawn(decided):
        values = tuple(str(facts[slot]) for slot in layer.per)
        windows: tuple[tuple[str, int], ...] = ()
        lots: tuple[tuple[str, Lot, int], ...] = ()
        if isinstance(layer, LimitLayer) and len(step) == 5:
            windows = tuple(
                (state_key(window.key, values), state[0]) for window, state in zip(layer.windows, step[3], strict=True)
            )
        elif len(step) == 4:
            pool = state_key(layer.name, values)
            lots = tuple((pool, lot, part) for lot, part in step[3])
        legs.append(Leg(layer.name, layer.kind, step[1], step[2], windows, lots))
    return tuple(legs)

"""A decision's draws → effects on accounts, and the legs that a hold remembers them by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from overspill.account.effects import Effect, SetLot, SetWindow
from overspill.account.state import Count, Leg
from overspill.decide.decide import FIRST, Decided, drawn
from overspill.decide.graces import marks
from overspill.plan.counting import counted
from overspill.plan.interpret import key_of, occupies, values_of
from overspill.plan.periods import window_at
from overspill.plan.plan import Bucket, Layer, LimitLayer, PoolLayer, Sliding, state_key
from overspill.plan.raw import DRAWN, Facts, TookStep
from overspill.plan.shapes import GENERATION, LOT_LEFT, Lot, WindowState

LayerEffects = Callable[[object, Facts], list[Effect]]
"""(the step of a layer that draws, facts) → what changes in its account."""


def effects_of(decided: Decided, keys: Sequence[str | None]) -> dict[str, list[Effect]]:
    """Account key → what the draws change there, in the order drawn: each counter counts its amount, each lot loses its
    part. `keys` are the accounts' by kind."""
    made: Sequence[LayerEffects | None] = decided.program.effects[decided.at] or _made(decided)  # type: ignore[assignment]
    waterfall, drawing = decided.waterfall, decided.drawing
    _, _, _, _, facts, steps = decided.raw
    layers = waterfall.layers
    if drawing is FIRST and not waterfall.has_funded and (write := made[0]) is not None:
        return {keys[layers[0].account]: write(steps[0], facts)}  # type: ignore[dict-item]
    effects: dict[str, list[Effect]] = {}
    for index in drawing:
        layer, write = layers[index], made[index]
        if write is None:
            step: TookStep = steps[index]  # type: ignore[assignment]
            for account, effect in layer_effects(layer, step, facts):
                _add(effects, keys[account], [effect])
            continue
        key, found = keys[layer.account], write(steps[index], facts)
        assert key is not None
        if key in effects:
            effects[key] += found
        else:
            effects[key] = found
    if waterfall.has_funded:
        for account, effect in marks(decided):
            _add(effects, keys[account], [effect])
    return effects


def marks_of(decided: Decided, keys: Sequence[str | None]) -> dict[str, list[Effect]]:
    """The same of a request that is admitted and draws nothing yet (LANGUAGE.md S5): what it funds."""
    effects: dict[str, list[Effect]] = {}
    for account, effect in marks(decided):
        _add(effects, keys[account], [effect])
    return effects


def _add(effects: dict[str, list[Effect]], key: str | None, found: list[Effect]) -> None:
    if key is None:
        return
    if key in effects:
        effects[key] += found
    else:
        effects[key] = found


# ---- one layer


def counts_of(layer: Layer, step: TookStep, facts: Facts) -> Iterator[tuple[int, str, WindowState, int]]:
    """(account kind, key, state before, amount) for each counter that a draw counts in: all of them the whole amount,
    but an overage what the lots did not give."""
    beyond = step[2] - sum([part for _, part in step[DRAWN]]) if isinstance(layer, PoolLayer) else step[2]
    for index, counter in enumerate(layer.counters):
        amount = beyond if index < layer.caps_from else step[2]
        if amount:
            yield counter.account, key_of(counter, facts), step[3][index], amount


def layer_effects(layer: Layer, step: TookStep, facts: Facts) -> Iterator[tuple[int, Effect]]:
    """(account kind, effect) for each counter and lot of a layer that draws."""
    for account, key, state, amount in counts_of(layer, step, facts):
        yield account, SetWindow(key, counted(state, amount))
    if isinstance(layer, PoolLayer):
        pool = state_key(layer.name, values_of(layer.per, facts))
        for lot, part in step[DRAWN]:
            yield layer.account, SetLot(pool, lot_with(lot, lot[LOT_LEFT] - part))


def _made(decided: Decided) -> tuple[LayerEffects | None, ...]:
    """The functions of a waterfall's layers, made at its first draw and kept with the program."""
    made = tuple([_written(layer) for layer in decided.waterfall.layers])
    decided.program.effects[decided.at] = made
    return made


def _written(layer: Layer) -> LayerEffects | None:
    """A limit's windows are few and known, a pool without counters has its lots: theirs are written out."""
    key = repr if not layer.per else lambda name: f"state_key({name!r}, values)"
    values = "".join(f"str(facts[{slot}]), " for slot in layer.per)
    if isinstance(layer, LimitLayer) and not layer.caps and not any(_fills(layer)):
        states = ", ".join(f"(g{number}, o{number}, n{number}, u{number})" for number in range(len(layer.windows)))
        made = ", ".join(
            f"SetWindow({key(window.key)}, (g{number}, o{number}, n{number}, u{number} + amount))"
            for number, window in enumerate(layer.windows)
        )
        lines = [f"_, _, amount, ({states},), _, _ = step", f"return [{made}]"]
    elif isinstance(layer, PoolLayer) and not layer.counters:
        lines = [
            f"pool = {key(layer.name)}",
            "return [SetLot(pool, lot_with(lot, lot[LOT_LEFT] - part)) for lot, part in step[5]]",
        ]
    else:
        return None
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


def _fills(layer: LimitLayer) -> Iterator[bool]:
    """For each window, whether it fills up again by itself."""
    return (isinstance(window.kind, Sliding | Bucket) for window in layer.windows)


def lot_with(lot: Lot, left: int) -> Lot:
    """The lot with `left` free to draw."""
    return (lot[0], left, *lot[2:])


# ---- holds


def legs_of(decided: Decided) -> tuple[Leg, ...]:
    """The draws as a hold keeps them, in the waterfall's order; then what it occupies, which comes back whole."""
    facts = decided.raw[4]
    legs = [leg_of(layer, step, facts) for _, layer, step in drawn(decided)]
    for occupancy in decided.waterfall.occupies:
        if occupies(occupancy, facts, decided.accounts):
            counter = occupancy.counter
            count = Count(counter.account, key_of(counter, facts), 1, 1)
            legs.append(Leg(counter.name, counter.account, 0, 1, (count,), ()))
    return tuple(legs)


def leg_of(layer: Layer, step: TookStep, facts: Facts) -> Leg:
    """One draw."""
    counts = tuple(
        [
            Count(account, key, state[GENERATION], amount)
            for account, key, state, amount in counts_of(layer, step, facts)
        ]
    )
    lots: tuple[tuple[str, Lot, int], ...] = ()
    if step[DRAWN]:
        pool = state_key(layer.name, values_of(layer.per, facts))
        lots = tuple([(pool, lot, part) for lot, part in step[DRAWN]])
    lapses = isinstance(layer, PoolLayer) and layer.lapses
    return Leg(layer.name, layer.account, step[1], step[2], counts, lots, lapses=lapses)


def occupying(decided: Decided) -> Iterator[tuple[int, SetWindow]]:
    """(account kind, effect) for each concurrency that a hold of this decision counts in."""
    facts = decided.raw[4]
    for occupancy in decided.waterfall.occupies:
        if occupies(occupancy, facts, decided.accounts):
            counter = occupancy.counter
            account = decided.accounts[counter.account]
            assert account is not None
            key = key_of(counter, facts)
            state = window_at(account.windows.get(key), counter.kind, decided.now)
            yield counter.account, SetWindow(key, counted(state, 1))

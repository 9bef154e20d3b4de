"""Why a layer fell short, when the request would pass, and what purchase would help (LANGUAGE.md L6)."""

from __future__ import annotations

from collections.abc import Iterator

from overspill.decide.decide import DENY, Decided, available, outcome_of, run
from overspill.plan.arithmetic import ceil_ratio
from overspill.plan.interpret import look_up
from overspill.plan.plan import Layer, LimitLayer, PoolLayer, Pricing, state_key
from overspill.plan.raw import NOT_APPLICABLE, SHORT, SKIPPED, TOOK, LimitStep, Step
from overspill.plan.shapes import ENDS_AT, LOT_EXPIRES_AT, LOT_GRANTED_AT, LOT_LEFT, USED, Lot
from overspill.words.amounts import STEPS_MAX
from overspill.words.codec import Struct


class Offer(Struct, frozen=True):
    """`until` is set for `wait`; `layer` and `amount` (in the pool's steps) for `add_POOL`."""

    name: str
    until: int | None
    layer: int | None
    amount: int | None


def binding_windows(step: LimitStep) -> tuple[int, ...]:
    """The indexes of the windows at the least remaining: all of them bind."""
    remaining = [max(capacity - window[USED], 0) for window, capacity in zip(step[3], step[4], strict=True)]
    least = min(remaining)
    return tuple(index for index, room in enumerate(remaining) if room == least)


def binding_window(step: LimitStep) -> int:
    """The one that names the layer's shortfall: of those that bind the one that ends last, then the first written."""
    return max(binding_windows(step), key=lambda index: (step[3][index][ENDS_AT], -index))


def cause(layer: Layer, step: Step) -> str:
    """The name of why a visited layer did not cover all that was still asked."""
    if len(step) == 5:
        assert isinstance(layer, LimitLayer)
        return layer.windows[binding_window(step)].name
    if len(step) == 4:
        return "empty"
    if step[0] == NOT_APPLICABLE:
        return "not_applicable"
    return layer.skips[step[1]].name if step[0] == SKIPPED else "error"


def binding(decided: Decided) -> str | None:
    """Of the windows that bind in any layer, the one that ends last, then the first written; None if none is short."""
    best: tuple[int, str] | None = None
    for layer, step in zip(decided.waterfall.layers, decided.raw[5], strict=False):
        if isinstance(layer, LimitLayer) and len(step) == 5:
            index = binding_window(step)
            ends_at = step[3][index][ENDS_AT]
            if best is None or ends_at > best[0]:
                best = (ends_at, layer.windows[index].name)
    return None if best is None else best[1]


def retry_at(decided: Decided) -> int | None:
    """The first instant at which the same request passes with nothing new spent or bought, holds kept; None: never.

    Room only ever grows at an instant where a window ends, a lot becomes usable or a price table comes into force, so
    the decision is made again at each of these, in order, until it is no denial.
    """
    if decided.outcome != DENY or decided.raw[0] != SHORT:
        return None
    function = decided.program.function_of(decided.at)
    for instant in sorted(set(_changes(decided))):
        raw = run(function, decided.admitted, decided.accounts, instant)
        if outcome_of(decided.waterfall, raw)[0] != DENY:
            return instant
    return None


def _changes(decided: Decided) -> Iterator[int]:
    now = decided.now
    base = decided.waterfall.base
    if isinstance(base, Pricing):
        yield from (table.starts for table in base.tables if table.starts > now)
    for layer, step in zip(decided.waterfall.layers, decided.raw[5], strict=False):
        if len(step) == 5:
            yield from (window[ENDS_AT] for window in step[3] if window[ENDS_AT] > now)
            times = layer.capacity_times if isinstance(layer, LimitLayer) else ()
            yield from (at for one in times for at in (one.starts, one.ends) if at > now)
        elif isinstance(layer, PoolLayer) and len(step) == 4:
            yield from (lot[LOT_GRANTED_AT] for lot in _lots(decided, layer) if lot[LOT_GRANTED_AT] > now)


def _lots(decided: Decided, layer: PoolLayer) -> tuple[Lot, ...]:
    account = decided.accounts[layer.kind]
    if account is None:
        return ()
    key = state_key(layer.name, tuple(str(decided.raw[4][slot]) for slot in layer.per))
    return account.pools.get(key, ())


def offers(decided: Decided, until: int | None) -> tuple[Offer, ...]:
    """The declared offers that would help, in their order; `until` is the denial's `retry_at`."""
    if decided.outcome != DENY or decided.raw[0] != SHORT:
        return ()
    return tuple(
        offer
        for declared in decided.waterfall.offers
        if (offer := _offer(decided, declared.name, declared.layer, until))
    )


def _offer(decided: Decided, name: str, layer: int | None, until: int | None) -> Offer | None:
    if name == "wait":
        return None if until is None else Offer(name, until, None, None)
    if layer is None:
        return Offer(name, None, None, None)
    amount = smallest_purchase(decided, layer)
    return None if amount is None else Offer(name, None, layer, amount)


def smallest_purchase(decided: Decided, index: int) -> int | None:
    """The least steps of a new lot in the pool at `index` that make the request pass; None when none would.

    The pool covers b base steps out of what it has; to cover b + shortfall it needs ceil((b + shortfall)·r) steps in
    all, under `fill whole` ceil(base·r).
    """
    layer, steps = decided.waterfall.layers[index], decided.raw[5]
    if index >= len(steps) or steps[index][0] != TOOK or not isinstance(layer, PoolLayer):
        return None
    base = decided.raw[2]
    needed = base if decided.waterfall.fill_whole else steps[index][1] + base - available(decided)
    ratio = look_up(layer.ratio, decided.waterfall, decided.raw[4])
    usable = sum(
        lot[LOT_LEFT] for lot in _lots(decided, layer) if lot[LOT_GRANTED_AT] <= decided.now < lot[LOT_EXPIRES_AT]
    )
    amount = ceil_ratio(needed, *ratio) - usable
    return amount if 0 < amount <= STEPS_MAX else None

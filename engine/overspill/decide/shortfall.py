"""Why a layer fell short, when the request would pass, and what purchase would help (LANGUAGE.md L6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from overspill.account.state import Account
from overspill.decide.decide import ALLOW, DENY, Decided, available, outcome_at
from overspill.plan.arithmetic import ceil_ratio
from overspill.plan.counting import back_at, full_at, steps_back
from overspill.plan.interpret import is_charged, lots_of, room_in, values_of
from overspill.plan.plan import EntitlementLayer, Layer, LimitLayer, PoolLayer, Pricing, state_key
from overspill.plan.pricing import look_up
from overspill.plan.raw import (
    BOUNDS,
    COVERED,
    NOT_APPLICABLE,
    NOT_ELIGIBLE,
    SHORT,
    SKIPPED,
    STATES,
    STOPPED,
    TOOK,
    TookStep,
)
from overspill.plan.shapes import (
    BUCKET,
    ENDS_AT,
    FORM,
    LOT_EXPIRES_AT,
    LOT_GRANTED_AT,
    LOT_LEFT,
    PAID,
    SLIDING,
    USED,
    Lot,
    WindowState,
)
from overspill.words.amounts import STEPS_MAX, UNLIMITED
from overspill.words.codec import Struct, replace
from overspill.words.instants import NEVER

ROOM = (SHORT, STOPPED)
"""The endings of a denial that more room may turn: no guard and no full concurrency."""


class Offer(Struct, frozen=True):
    """`until` is set for `wait`; `layer` and `amount` (in the pool's steps) for `add_POOL`."""

    name: str
    until: int | None
    layer: int | None
    amount: int | None


# ---- which counters bind


def rooms_of(layer: Layer, step: TookStep) -> list[int]:
    """What each counter of the layer let through."""
    pairs = zip(step[STATES], step[BOUNDS], strict=True)
    return [room_in(layer, index, state[USED], bound) for index, (state, bound) in enumerate(pairs)]


def binding_counters(decided: Decided, index: int, step: TookStep) -> tuple[int, ...]:
    """The indexes of the layer's counters at the least remaining: all of them bind. None where something else does: the
    lots of a pool, the layer's own allowance, what the request may be charged."""
    layer = decided.waterfall.layers[index]
    rooms = rooms_of(layer, step)
    named = range(len(rooms)) if isinstance(layer, LimitLayer) else range(layer.caps_from, len(rooms))
    least = min([rooms[number] for number in named], default=UNLIMITED)
    if not isinstance(layer, LimitLayer) and (least == UNLIMITED or own_room(decided, layer, rooms) < least):
        return ()
    if chargeable(decided, index) < least:
        return ()
    return tuple([number for number in named if rooms[number] == least])


Binds = Sequence[tuple[int, ...]]
"""For each visited layer the indexes of the counters that bind."""


def binds_of(decided: Decided) -> Binds:
    """Those of all layers but one that covers all that is still asked: there nothing binds."""
    steps = decided.raw[5]
    last = len(steps) - 1 if decided.raw[0] == COVERED else -1
    return [
        () if len(step) == 2 or index == last else binding_counters(decided, index, step)
        for index, step in enumerate(steps)
    ]


def binding_counter(step: TookStep, found: tuple[int, ...]) -> int | None:
    """The one that names the layer's shortfall: of those that bind the one that ends last, then the first written."""
    if len(found) < 2:
        return found[0] if found else None
    return max(found, key=lambda number: (step[STATES][number][ENDS_AT], -number))


def own_room(decided: Decided, layer: Layer, rooms: list[int]) -> int:
    """What the layer has by itself, whatever its caps say: lots and overage of a pool, an allowance."""
    own = sum(rooms[: layer.caps_from])
    return own + usable(decided, layer) if isinstance(layer, PoolLayer) else own


def usable(decided: Decided, layer: PoolLayer) -> int:
    """What the pool's usable lots have left (LANGUAGE.md G1)."""
    now = decided.now
    return sum(lot[LOT_LEFT] for lot in _lots(decided, layer) if lot[LOT_GRANTED_AT] <= now < lot[LOT_EXPIRES_AT])


def _lots(decided: Decided, layer: PoolLayer) -> tuple[Lot, ...]:
    account = decided.accounts[layer.account]
    return () if account is None else tuple(lots_of(layer, decided.raw[4], account))


def _debt(decided: Decided, layer: PoolLayer) -> int:
    """What a purchase repays first."""
    account, facts = decided.accounts[layer.account], decided.raw[4]
    return 0 if account is None else account.debts.get(state_key(layer.name, values_of(layer.per, facts)), 0)


def chargeable(decided: Decided, index: int) -> int:
    """What the request's own `max_charge` lets through at this layer."""
    bounds, layers = decided.bounds, decided.waterfall.layers
    layer = layers[index]
    most = bounds.max_charge.get(layer.unit.name, UNLIMITED) if is_charged(layer) else UNLIMITED
    if most == UNLIMITED or decided.waterfall.fill_whole:
        return most
    before = [
        step[2]
        for other, step in zip(layers[:index], decided.raw[5], strict=False)
        if len(step) != 2 and is_charged(other) and other.unit == layer.unit
    ]
    return most - sum(before)


# ---- causes


def cause(decided: Decided, index: int, binds: Binds) -> str:
    """The name of why the visited layer at `index` did not cover all that was still asked."""
    layer, step = decided.waterfall.layers[index], decided.raw[5][index]
    if len(step) == 2:
        if step[0] == SKIPPED:
            return layer.skips[step[1]].name
        return {NOT_APPLICABLE: "not_applicable", NOT_ELIGIBLE: "not_eligible"}.get(step[0], "error")
    counter = binding_counter(step, binds[index])
    if counter is not None:
        return layer.counters[counter].name
    rooms = rooms_of(layer, step)
    if chargeable(decided, index) < own_room(decided, layer, rooms):
        return "max_charge"
    if isinstance(layer, PoolLayer) and layer.caps_from and step[BOUNDS][0]:
        return "overage"
    return "empty" if isinstance(layer, PoolLayer | EntitlementLayer) else layer.name


def binding_of(decided: Decided, index: int, binds: Binds) -> str | None:
    """The window or cap that names the shortfall of the layer at `index`, if one does."""
    step = decided.raw[5][index]
    counter = None if len(step) == 2 else binding_counter(step, binds[index])
    return None if counter is None else decided.waterfall.layers[index].counters[counter].name


def binding(decided: Decided, binds: Binds) -> str | None:
    """Of the windows that bind in any layer, the one that ends last, then the first written; None if none is short."""
    best: tuple[int, str] | None = None
    for index, step in enumerate(decided.raw[5]):
        counter = None if len(step) == 2 else binding_counter(step, binds[index])
        if counter is not None and len(step) == 6:
            ends_at = step[STATES][counter][ENDS_AT]
            if best is None or ends_at > best[0]:
                best = (ends_at, decided.waterfall.layers[index].counters[counter].name)
    return None if best is None else best[1]


# ---- when it would pass


def retry_at(decided: Decided) -> int | None:
    """The first instant at which the same request passes with nothing new spent or bought, holds kept; None: never.

    Room only ever grows at an instant where a window ends or a sub-window leaves it, a lot becomes usable, a reset, a
    factor, an allowance or a price table comes into force, so the decision is made again at each of these, in order,
    until it is no denial. A bucket refills all the time between them, until a lot ends: the first instant there is found
    by halving. Where a condition that fails ends the waterfall, the layers before it may yet cover all.
    """
    if decided.outcome != DENY or decided.raw[0] not in ROOM:
        return None
    instants = sorted({instant for instant in _changes(decided) if instant < NEVER})
    full = max([full_at(state, 0) for state in _buckets(decided)], default=0)
    if not full:
        return next((instant for instant in instants if _passes(decided, instant)), None)
    before, instants = decided.now, sorted({*instants, *_ends(decided, full)})
    for instant in (*[one for one in instants if one < full], full, *[one for one in instants if one >= full]):
        if instant - 1 > before and _passes(decided, instant - 1):
            return _first(decided, before, instant - 1)
        if _passes(decided, instant):
            return instant
        before = instant
    return None


def _passes(decided: Decided, instant: int) -> bool:
    return outcome_at(decided, instant) != DENY


def _first(decided: Decided, low: int, high: int) -> int:
    """The first instant behind `low` that passes; `high` does. It is one at which a step of a bucket is back: of the
    instants between two of these only one is tried."""
    buckets = list(_buckets(decided))
    while high - low > 1:
        middle = (low + high) // 2
        if _passes(decided, middle):
            last = [back_at(state, steps_back(state, middle)) for state in buckets]
            high = max([at for at in last if low < at], default=middle)
        else:
            following = [back_at(state, steps_back(state, middle) + 1) for state in buckets]
            low = min([high, *following]) - 1
    return high


def _changes(decided: Decided) -> Iterator[int]:
    now = decided.now
    base = decided.waterfall.base
    if isinstance(base, Pricing):
        yield from (table.starts for table in base.tables if table.starts > now)
    for layer, step in zip(decided.waterfall.layers, decided.raw[5], strict=False):
        if isinstance(layer, EntitlementLayer):
            yield from (at for at in (layer.starts, layer.ends) if at is not None and at > now)
        if step[0] != TOOK or len(step) == 2:
            continue
        yield from (at for state in step[STATES] for at in _leaves(state) if at > now)
        if isinstance(layer, LimitLayer):
            yield from (at for one in layer.capacity_times for at in (one.starts, one.ends) if at > now)
            yield from (reset.at for reset in layer.resets if reset.at > now)
        elif isinstance(layer, PoolLayer):
            yield from (lot[LOT_GRANTED_AT] for lot in _lots(decided, layer) if lot[LOT_GRANTED_AT] > now)


def _ends(decided: Decided, full: int) -> Iterator[int]:
    """When usable lots end before the instant `full`."""
    for layer, step in zip(decided.waterfall.layers, decided.raw[5], strict=False):
        if len(step) == 6 and isinstance(layer, PoolLayer):
            ends = (lot[LOT_EXPIRES_AT] for lot in _lots(decided, layer))
            yield from (at for at in ends if decided.now < at < full)


def _leaves(state: WindowState) -> tuple[int, ...]:
    """When what is counted leaves a window."""
    if len(state) == FORM:
        return (state[ENDS_AT],)
    return state[FORM + 2 :: 3] if state[FORM] == SLIDING else ()


def _buckets(decided: Decided) -> Iterator[WindowState]:
    for step in decided.raw[5]:
        if len(step) == 6:
            yield from (state for state in step[STATES] if len(state) > FORM and state[FORM] == BUCKET)


# ---- what would help


def offers(decided: Decided, until: int | None) -> tuple[Offer, ...]:
    """The declared offers that would help, in their order; `until` is the denial's `retry_at`."""
    if decided.outcome != DENY or decided.raw[0] not in ROOM:
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
    all, under `fill whole` ceil(base·r), and no cap of its own below that. Where a later layer draws under the same bound,
    what the pool gives more the other may give less, so that it may need more, and all that is asked of it may be too much.
    """
    layer, steps = decided.waterfall.layers[index], decided.raw[5]
    if index >= len(steps) or not isinstance(layer, PoolLayer):
        return None
    step = steps[index]
    if len(step) == 2:
        return None
    base = decided.raw[2]
    needed = base if decided.waterfall.fill_whole else step[1] + base - available(decided)
    ratio = look_up(layer.ratio, decided.waterfall, decided.raw[4])
    steps_needed = ceil_ratio(needed, *ratio)
    rooms = rooms_of(layer, step)
    if min([chargeable(decided, index), *rooms[layer.caps_from :]]) < steps_needed:
        return None
    has = own_room(decided, layer, rooms) - _debt(decided, layer)
    amount = steps_needed - has
    if not 0 < amount <= STEPS_MAX:
        return None
    if not _shares(decided, index) or _helps(decided, index, amount):
        return amount
    asked = base - sum(other[1] for other in steps[:index] if len(other) != 2)
    most = min([ceil_ratio(asked, *ratio), chargeable(decided, index), *rooms[layer.caps_from :]]) - has
    if not amount < most <= STEPS_MAX or not _helps(decided, index, most):
        return None
    while most - amount > 1:
        middle = (amount + most) // 2
        amount, most = (amount, middle) if _helps(decided, index, middle) else (middle, most)
    return most


def _shares(decided: Decided, index: int) -> bool:
    """Whether a later layer draws under a bound that the one at `index` draws under too: a cap, or what may be charged."""
    layers, steps = decided.waterfall.layers, decided.raw[5]
    if decided.waterfall.fill_whole:
        return False
    layer = layers[index]
    caps = {cap.key for cap in layer.caps}
    charged = is_charged(layer) and layer.unit.name in decided.bounds.max_charge
    return any(
        any(cap.key in caps for cap in other.caps) or (charged and is_charged(other) and other.unit == layer.unit)
        for other, step in zip(layers[index + 1 :], steps[index + 1 :], strict=False)
        if len(step) == 6 and step[1]
    )


def _helps(decided: Decided, index: int, amount: int) -> bool:
    """Whether the request passes whole with a purchase of so many steps in the pool at `index`."""
    layer = decided.waterfall.layers[index]
    account = decided.accounts[layer.account]
    assert isinstance(layer, PoolLayer) and isinstance(account, Account)
    key = state_key(layer.name, values_of(layer.per, decided.raw[4]))
    left = amount - account.debts.get(key, 0)
    lots = (*account.pools.get(key, ()), ("", left, decided.now, NEVER, 0, PAID, left))
    richer = replace(account, pools={**account.pools, key: lots}, ordered={})
    accounts = (*decided.accounts[: layer.account], richer, *decided.accounts[layer.account + 1 :])
    return outcome_at(replace(decided, accounts=accounts), decided.now) == ALLOW

"""Windows, caps, overages, allowances, graces and concurrencies of one account, as a decision would find them now.

States and bounds come from the functions that a decision calls; a bound that reads what nobody has said is left out,
with the names of what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from overspill.account.held import Held
from overspill.account.state import Account
from overspill.decide.known import Known, Scene, known_of
from overspill.plan.bounds import bound_of, slots_of
from overspill.plan.counting import next_leaving, still_counts
from overspill.plan.evaluate import test
from overspill.plan.functions import ABSENT
from overspill.plan.interpret import Meeting, capacities_at, key_of, state_of
from overspill.plan.parts import state_values
from overspill.plan.periods import window_at
from overspill.plan.plan import (
    Bucket,
    CalendarPeriod,
    Counter,
    EntitlementLayer,
    FirstUse,
    GraceLayer,
    Layer,
    LimitLayer,
    Occupancy,
    PoolLayer,
    Schedule,
    ScheduleBy,
    Sliding,
)
from overspill.plan.pricing import look_up
from overspill.plan.shapes import ENDS_AT, GENERATION, OPENED_AT, USED, WindowState
from overspill.records.status import CounterStatus, NextChange
from overspill.words.amounts import UNLIMITED
from overspill.words.codec import Struct
from overspill.words.failures import Failure
from overspill.words.instants import NEVER, instant_text
from overspill.words.texts import amount_text_of, limit_text_of

Change = tuple[int, str, str]
"""(instant, what happens then, to which counter, lot, hold or reset)."""
CounterKind = Literal["window", "cap", "overage", "allowance", "grace", "concurrency"]


class Seen(Struct, frozen=True, kw_only=True):
    """One counter of an account: `bound` None is an absent one, or one that reads what is `unknown`."""

    key: str
    kind: CounterKind
    counter: Counter
    state: WindowState
    bound: int | None
    unknown: list[str]
    in_force: bool
    changes: list[Change]
    unit: str
    scale: int
    warn_at: tuple[int, ...] = ()
    """Percentages of the bound, ascending."""


def counters_of(scene: Scene, kind: int, account: Account) -> Iterator[Seen]:
    """The counters that the account of this kind keeps, each once, in the order of the policy."""
    seen: set[str] = set()
    for waterfall in scene.plan.waterfalls:
        known = known_of(waterfall, scene)
        for layer in waterfall.layers:
            for index, counter in enumerate(layer.counters):
                for key, found in _keys(counter, known, account) if counter.account == kind else ():
                    if key not in seen:
                        seen.add(key)
                        yield _of_layer(scene, found, layer, index, key)
        for occupancy in waterfall.occupies:
            counter = occupancy.counter
            for key, found in _keys(counter, known, account) if counter.account == kind else ():
                if key not in seen:
                    seen.add(key)
                    yield _of_occupancy(scene, found, occupancy, key, account)


def _keys(counter: Counter, known: Known, account: Account) -> Iterable[tuple[str, Known]]:
    """The keys under which the account has the counter, and the one that a request would meet, each with what is known."""
    if not counter.per:
        return [(counter.key, known)]
    keys = [key for key in account.windows if key.split("|", 1)[0] == counter.key]
    if not known.missing(counter.per) and all(known.facts[slot] is not ABSENT for slot in counter.per):
        keys.append(key_of(counter, known.facts))
    return [(key, known.with_values(counter.per, state_values(key))) for key in dict.fromkeys(keys)]


# ---- counters of layers


def _of_layer(scene: Scene, known: Known, layer: Layer, index: int, key: str) -> Seen:
    counter = layer.counters[index]
    meeting = Meeting(waterfall=known.waterfall, facts=known.facts, accounts=scene.accounts, now=scene.now)
    unknown = known.missing(_state_slots(layer, index))
    if unknown:
        account = scene.accounts[counter.account]
        state = (None if account is None else account.windows.get(key)) or (0, scene.now, NEVER, 0)
    else:
        state = state_of(meeting, layer, index)
    bound, missing = _bound(known, layer, index, scene.now)
    return Seen(
        key=key,
        kind=_kind(layer, index),
        counter=counter,
        state=state,
        bound=bound,
        unknown=list(dict.fromkeys([*unknown, *missing])),
        in_force=not isinstance(layer, EntitlementLayer) or _in_force(layer, scene.now),
        changes=[(at, what, key) for at, what in _changes(known, layer, index, state) if at > scene.now],
        unit=layer.unit.name,
        scale=layer.unit.scale,
        warn_at=layer.warn_at if isinstance(layer, LimitLayer) and index < layer.caps_from else (),
    )


def _state_slots(layer: Layer, index: int) -> Iterator[int]:
    """What the counter's state is read by, beside the account."""
    kind = layer.counters[index].kind
    if isinstance(kind, ScheduleBy):
        yield kind.anchor
    if isinstance(layer, LimitLayer) and index < layer.caps_from:
        for reset in layer.resets:
            for clause in reset.when.clauses if reset.when is not None else ():
                yield from clause.slots


def _bound(known: Known, layer: Layer, index: int, now: int) -> tuple[int | None, list[str]]:
    """(bound, what it reads and nobody has said)."""
    if isinstance(layer, LimitLayer) and index < layer.caps_from:
        missing = known.missing(layer.capacity.by)
        if missing:
            return None, missing
        try:
            row = look_up(layer.capacity, known.waterfall, known.facts)
        except Failure:  # no row: a request would fail by it
            return None, [known.waterfall.slots[slot].path for slot in layer.capacity.by]
        return capacities_at(row, layer.capacity_times, now)[index], []
    source = layer.counters[index].up_to
    assert source is not None
    missing = known.missing(slots_of(source))
    return (None, missing) if missing else (bound_of(source, known.facts), [])


def _kind(layer: Layer, index: int) -> CounterKind:
    if index >= layer.caps_from:
        return "cap"
    match layer:
        case LimitLayer():
            return "window"
        case PoolLayer():
            return "overage"
        case EntitlementLayer():
            return "allowance"
        case GraceLayer():
            return "grace"


def _in_force(layer: EntitlementLayer, now: int) -> bool:
    return (layer.starts is None or layer.starts <= now) and (layer.ends is None or now < layer.ends)


def _changes(known: Known, layer: Layer, index: int, state: WindowState) -> Iterator[tuple[int, str]]:
    """(instant, what happens then), past ones too."""
    yield from _own_changes(layer.counters[index], state)
    if index >= layer.caps_from:
        return
    if isinstance(layer, EntitlementLayer):
        yield from ((at, what) for at, what in ((layer.starts, "begins"), (layer.ends, "ends")) if at is not None)
    if isinstance(layer, LimitLayer):
        for one in layer.capacity_times:
            yield from ((one.starts, "capacity_changes"), (one.ends, "capacity_changes"))
        for reset in layer.resets:
            holds = reset.when is None or test(reset.when, known.facts) is True
            if index in reset.windows and holds:
                yield reset.at, "reset"


def _own_changes(counter: Counter, state: WindowState) -> Iterator[tuple[int, str]]:
    """What time alone does to a counter."""
    match counter.kind:
        case Sliding():
            yield next_leaving(state), "use_leaves"
        case Bucket():
            yield state[ENDS_AT], "refills"
        case FirstUse():
            if state[USED]:
                yield state[ENDS_AT], "window_ends"
        case _:
            yield state[ENDS_AT], "window_ends"


# ---- concurrencies


def _of_occupancy(scene: Scene, known: Known, occupancy: Occupancy, key: str, account: Account) -> Seen:
    missing = known.missing(occupancy.at_most.by)
    counter = occupancy.counter
    return Seen(
        key=key,
        kind="concurrency",
        counter=counter,
        state=window_at(account.windows.get(key), counter.kind, scene.now),
        bound=None if missing else look_up(occupancy.at_most, known.waterfall, known.facts),
        unknown=missing,
        in_force=True,
        changes=[],
        unit="holds",
        scale=0,
    )


# ---- as shown


def shown(seen: Seen, account: Account, held: Held, now: int) -> CounterStatus:
    """The counter as the page shows it."""
    write, state = amount_text_of(seen.scale), seen.state
    parts = [
        amount
        for (key, generation), amount in held.counters.items()
        if key == seen.key and still_counts(state, generation, now)
    ]
    return CounterStatus(
        key=seen.key,
        kind=seen.kind,
        of=seen.counter.key.split(".", 1)[0],
        generation=state[GENERATION],
        open=_is_open(seen, account.windows.get(seen.key), now),
        in_force=seen.in_force,
        used=write(state[USED]),
        held=write(min(sum(parts), state[USED])),
        limit=None if seen.bound is None else limit_text_of(seen.scale)(seen.bound),
        warning=_warning(seen),
        unit=seen.unit,
        ends_at=None if state[ENDS_AT] == NEVER else instant_text(state[ENDS_AT]),
        next_change=next_of(seen.changes),
        unknown=tuple(seen.unknown),
    )


def _warning(seen: Seen) -> int | None:
    """The highest share that use has reached; of nothing and of what has no bound there is none."""
    if not seen.bound or seen.bound == UNLIMITED:
        return None
    used = seen.state[USED] * 100
    return max((percent for percent in seen.warn_at if percent * seen.bound <= used), default=None)


def _is_open(seen: Seen, stored: WindowState | None, now: int) -> bool:
    """Whether the generation is under way already, or would begin with a draw now."""
    if isinstance(seen.counter.kind, CalendarPeriod | Schedule | ScheduleBy):
        return True
    state = seen.state
    same = stored is not None and stored[GENERATION] == state[GENERATION]
    return same or state[USED] > 0 or state[OPENED_AT] < now


def next_of(changes: Iterable[Change]) -> NextChange | None:
    """The first of these; None when nothing ever changes."""
    at, what, of = min(changes, default=(NEVER, "", ""))
    return None if at == NEVER else NextChange(at=instant_text(at), what=what, of=of)  # type: ignore[arg-type]

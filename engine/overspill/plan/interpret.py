"""The plain interpreter of a plan: the reference that generated functions are compared with, and the way of the rare
commands (a capture beyond its hold). Facts in, a raw decision out.

Order of a decision (LANGUAGE.md section 3): read the facts, price them (M2), guards (L1), a base of zero (M4), then the
layers as written (L2, L3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from overspill.plan.arithmetic import ceil_ratio, cover_more
from overspill.plan.bounds import bound_of
from overspill.plan.counting import counted, room_left
from overspill.plan.evaluate import test
from overspill.plan.facts import Accounts, read_facts
from overspill.plan.functions import ABSENT
from overspill.plan.lots import lots_in, take
from overspill.plan.periods import kind_of, window_at
from overspill.plan.plan import (
    Bucket,
    CapacityTimes,
    Counter,
    EntitlementLayer,
    FirstUse,
    Forever,
    GraceLayer,
    Layer,
    LimitLayer,
    Occupancy,
    PoolLayer,
    Reset,
    Scalar,
    Sliding,
    Waterfall,
    WindowKind,
    state_key,
)
from overspill.plan.pricing import base_amount, look_up
from overspill.plan.raw import (
    COVERED,
    ERROR,
    GUARD_ERROR,
    GUARDED,
    OCCUPIED,
    SHORT,
    SKIPPED,
    STEP_NOT_APPLICABLE,
    STEP_NOT_ELIGIBLE,
    STOPPED,
    TOOK,
    ZERO,
    Facts,
    PassedStep,
    Raw,
    Step,
)
from overspill.plan.resets import pending, reset_states
from overspill.plan.shapes import ENDS_AT, GENERATION, OPENED_AT, USED, AccountFacts, Lot, WindowState, closed_key
from overspill.words.amounts import STEPS_MAX, UNLIMITED
from overspill.words.codec import Struct
from overspill.words.instants import NEVER

V = TypeVar("V")


class Bounds(Struct, frozen=True):
    """What a request bounds itself by (LANGUAGE.md L10): the names of the layers that it may draw on, and what it may be
    charged at most by unit, in steps."""

    only: frozenset[str] | None = None
    max_charge: Mapping[str, int] = {}


NO_BOUNDS = Bounds()


def decide(
    waterfall: Waterfall,
    fields: Mapping[str, Scalar],
    meters: Mapping[str, int],
    ids: Sequence[str | None],
    accounts: Accounts,
    now: int,
    bounds: Bounds = NO_BOUNDS,
) -> Raw:
    """The raw decision on a request whose fields and meters have been admitted. Raises Failure for invalid input."""
    facts = read_facts(waterfall, fields, meters, ids, accounts)
    base = base_amount(waterfall, facts, now)
    for index, guard in enumerate(waterfall.guards):
        verdict = test(guard.when, facts)
        if verdict is not False:
            return (GUARD_ERROR if verdict is None else GUARDED, index, base, base, facts, ())
    if waterfall.occupies:
        full = occupied(waterfall, facts, accounts)
        if full >= 0:
            return (OCCUPIED, full, base, base, facts, ())
    if base == 0:
        return (ZERO, 0, 0, 0, facts, ())
    return fill(Meeting(waterfall=waterfall, facts=facts, accounts=accounts, now=now, bounds=bounds), base)


def occupied(waterfall: Waterfall, facts: Facts, accounts: Accounts) -> int:
    """The index of the first concurrency that is full, -1 where there is room for one hold more. A condition that errs
    occupies."""
    for index, occupancy in enumerate(waterfall.occupies):
        if not occupies(occupancy, facts, accounts):
            continue
        account = accounts[occupancy.counter.account]
        assert account is not None
        state = account.windows.get(key_of(occupancy.counter, facts))
        if (0 if state is None else state[USED]) >= look_up(occupancy.at_most, waterfall, facts):
            return index
    return -1


def occupies(occupancy: Occupancy, facts: Facts, accounts: Accounts) -> bool:
    """Whether a hold of these facts counts in the concurrency."""
    if accounts[occupancy.counter.account] is None:
        return False
    return occupancy.when is None or test(occupancy.when, facts) is not False


# ---- the layers


class Meeting(Struct, kw_only=True):
    """What a run down the layers meets.

    `admitted_at` is set for what a capture asks beyond its hold: counters are met as of the admission, whatever has
    begun since (LANGUAGE.md T2); `funded` are then the graces that it found funded. `bounds` are the request's own.
    """

    waterfall: Waterfall
    facts: Facts
    accounts: Accounts
    now: int
    steps: Sequence[Step] = ()
    """Those of the layers before."""
    prior: Mapping[str, tuple[int, int]] = {}
    """What each layer has given already, (base, amount), of what is priced as one with this (LANGUAGE.md S2)."""
    admitted_at: int | None = None
    funded: Sequence[str] = ()
    bounds: Bounds = NO_BOUNDS


def fill(meeting: Meeting, asked: int) -> Raw:
    """Runs `asked` base steps down the layers (LANGUAGE.md L2, L3)."""
    waterfall, facts = meeting.waterfall, meeting.facts
    left = asked
    charged: dict[str, int] = {}
    steps: list[Step] = []
    meeting.steps = steps
    for index, layer in enumerate(waterfall.layers):
        step = visit(meeting, layer, left, charged)
        steps.append(step)
        if step[0] == ERROR and layer.on_error != "skip":
            ending = STOPPED if layer.on_error == "deny" else SHORT
            return (ending, index if ending == STOPPED else 0, asked, left, facts, tuple(steps))
        if len(step) == 2:
            continue
        if step[1] == left:
            return (COVERED, 0, asked, 0, facts, tuple(steps))
        if not waterfall.fill_whole:
            left -= step[1]
            if is_charged(layer):
                charged[layer.unit.name] = charged.get(layer.unit.name, 0) + step[2]
    return (SHORT, 0, asked, left, facts, tuple(steps))


def is_charged(layer: Layer) -> bool:
    """LANGUAGE.md S7: whether what the layer gives is a charge."""
    return isinstance(layer, PoolLayer) and not layer.free


def visit(meeting: Meeting, layer: Layer, asked: int, charged: Mapping[str, int]) -> Step:
    """What one layer can cover of `asked`, or why it is passed by (LANGUAGE.md L9). `charged` by unit so far."""
    passed = passed_by(layer, meeting.facts, meeting.accounts[layer.account])
    if passed is not None:
        return passed
    bounds = meeting.bounds
    if bounds.only is not None and layer.name not in bounds.only:
        return STEP_NOT_APPLICABLE
    most = UNLIMITED
    if bounds.max_charge and is_charged(layer):
        most = bounds.max_charge.get(layer.unit.name, UNLIMITED) - charged.get(layer.unit.name, 0)
    return take_from(meeting, layer, asked, most)


def passed_by(layer: Layer, facts: Facts, account: AccountFacts | None) -> PassedStep | None:
    """Why a layer is passed by, None when it applies."""
    if account is None:
        return STEP_NOT_APPLICABLE
    if layer.when is not None:
        verdict = test(layer.when, facts)
        if verdict is not True:
            return (ERROR, -1) if verdict is None else STEP_NOT_APPLICABLE
    for index, skip in enumerate(layer.skips):
        verdict = test(skip.when, facts)
        if verdict is not False:
            return (ERROR if verdict is None else SKIPPED, index)
    return None


def visited(
    waterfall: Waterfall, layer: Layer, facts: Facts, accounts: Accounts, asked: int, now: int, steps: Sequence[Step]
) -> Step:
    """The same for generated code, which has looked at the layer's conditions."""
    meeting = Meeting(waterfall=waterfall, facts=facts, accounts=accounts, now=now, steps=steps)
    return take_from(meeting, layer, asked, UNLIMITED)


def take_from(meeting: Meeting, layer: Layer, asked: int, most: int) -> Step:
    """What a layer that applies covers of `asked`, at most `most` of its own steps (LANGUAGE.md M3)."""
    facts = meeting.facts
    account = meeting.accounts[layer.account]
    assert account is not None
    if isinstance(layer, EntitlementLayer) and not _in_force(layer, meeting):
        return STEP_NOT_APPLICABLE
    if isinstance(layer, GraceLayer) and not _eligible(layer, meeting, account):
        return STEP_NOT_ELIGIBLE
    ratio = look_up(layer.ratio, meeting.waterfall, facts)
    states: tuple[WindowState, ...] = ()
    bounds: tuple[int | None, ...] = ()
    if layer.counters:
        states = tuple([state_of(meeting, layer, index) for index in range(len(layer.counters))])
        bounds = bounds_of(meeting, layer)
    settles = meeting.admitted_at is not None
    rooms = [
        room_in(layer, index, state[USED], bound, settles)
        for index, (state, bound) in enumerate(zip(states, bounds, strict=True))
    ]
    room = min([most, *rooms[layer.caps_from :]])
    prior = meeting.prior.get(layer.name, (0, 0))
    if not isinstance(layer, PoolLayer):
        base, amount = cover_more(asked, min([room, *rooms[: layer.caps_from]]), *ratio, *prior)
        return (TOOK, base, amount, states, bounds, ())
    beyond = rooms[0] if layer.caps_from else 0
    lots = lots_of(layer, facts, account)
    wanted = min(ceil_ratio(prior[0] + asked, *ratio) - prior[1], max(room, 0))
    drawn, found = take(lots, wanted, meeting.now)
    base, amount = cover_more(asked, min(found + beyond, room), *ratio, *prior)
    if amount < found:
        drawn, _ = take(lots, amount, meeting.now)
    return (TOOK, base, amount, states, bounds, drawn)


def lots_of(layer: PoolLayer, facts: Facts, account: AccountFacts) -> Sequence[Lot]:
    """The pool's lots in its order."""
    return lots_in(account, state_key(layer.name, values_of(layer.per, facts)), layer.order)


def values_of(per: tuple[int, ...], facts: Facts) -> tuple[str, ...]:
    """What something is kept per beside its account."""
    return tuple([str(facts[slot]) for slot in per])


def _in_force(layer: EntitlementLayer, meeting: Meeting) -> bool:
    at = meeting.now if meeting.admitted_at is None else meeting.admitted_at
    return (layer.starts is None or layer.starts <= at) and (layer.ends is None or at < layer.ends)


def _eligible(layer: GraceLayer, meeting: Meeting, account: AccountFacts) -> bool:
    """LANGUAGE.md L12. What a capture asks beyond its hold is the same request: it finds what its admission found."""
    if not has_key(layer, meeting.facts):
        return False
    if not layer.started_funded:
        return True
    if meeting.admitted_at is not None:
        return layer.name in meeting.funded
    return is_funded(layer, meeting.facts, account, meeting.now)


def has_key(layer: GraceLayer, facts: Facts) -> bool:
    """Whether the request has what the grace is kept per."""
    return all(facts[slot] is not ABSENT for slot in layer.per)


def is_funded(layer: GraceLayer, facts: Facts, account: AccountFacts, now: int) -> bool:
    """Whether a request before has funded the key: that is its counter's being there."""
    state = account.windows.get(key_of(layer.counters[0], facts))
    return state is not None and now < state[ENDS_AT]


# ---- counters


def key_of(counter: Counter, facts: Facts) -> str:
    """The counter's key in its account's state."""
    return state_key(counter.key, values_of(counter.per, facts)) if counter.per else counter.key


def state_of(meeting: Meeting, layer: Layer, index: int) -> WindowState:
    """A counter as a draw would find it, with what earlier layers count in it for this request; of an account that the
    request does not name nothing is counted."""
    counter, facts = layer.counters[index], meeting.facts
    account = meeting.accounts[counter.account]
    if account is None:
        return (0, 0, NEVER, 0)
    key = key_of(counter, facts)
    state = account.windows.get(key)
    kind = kind_of(counter.kind, facts)
    at = meeting.now if meeting.admitted_at is None else meeting.admitted_at
    due: list[Reset] = []
    if (
        isinstance(layer, LimitLayer)
        and layer.resets
        and layer.resets[-1].at > account.since
        and index < layer.caps_from
    ):
        due = pending([reset for reset in layer.resets if index in reset.windows], account.since, facts, at)
        state = reset_states(state, kind, due)
    if meeting.admitted_at is not None:
        state = as_admitted(state, kind, at, meeting.now, key, account.closed)
    else:
        state = window_at(state, kind, at)
    if due and state[OPENED_AT] < due[-1].at:  # a period that began before the reset and is opened behind it
        state = (state[GENERATION], due[-1].at, *state[ENDS_AT:])
    if index >= layer.caps_from and not meeting.waterfall.fill_whole:
        for earlier, step in zip(meeting.waterfall.layers, meeting.steps, strict=False):
            if len(step) == 6 and step[1] and counter.key in [cap.key for cap in earlier.caps]:
                state = counted(state, step[2])
    return state


def as_admitted(
    state: WindowState | None,
    kind: WindowKind,
    admitted_at: int,
    now: int,
    key: str,
    closed: Mapping[str, WindowState],
) -> WindowState:
    """The counter as a late draw may use it: in the generation of the admission, closed or not, as far as that has room,
    and never in a later one (LANGUAGE.md T2). What fills up again by itself has no later one."""
    if isinstance(kind, Sliding | Bucket):
        return window_at(state, kind, now)
    if state is not None and admitted_at < state[OPENED_AT]:
        generation = state[GENERATION] - 1
        before = closed.get(closed_key(key, generation))
        while before is not None and admitted_at < before[OPENED_AT]:
            generation -= 1
            before = closed.get(closed_key(key, generation))
        if before is not None and admitted_at < before[ENDS_AT]:
            return before
        return _unopened(kind, admitted_at, key, closed)
    return window_at(state, kind, admitted_at)


def _unopened(kind: WindowKind, admitted_at: int, key: str, closed: Mapping[str, WindowState]) -> WindowState:
    """The period of an admission in which nothing was counted in time, once a later one has begun: its generation is the
    start of it, below zero. What opens with its first use was not open then, and has no room."""
    if isinstance(kind, FirstUse | Forever):
        return (-admitted_at, admitted_at, admitted_at, UNLIMITED)
    _, start, end, _ = window_at(None, kind, admitted_at)
    return closed.get(closed_key(key, -start)) or (-start, start, end, 0)


def bounds_of(meeting: Meeting, layer: Layer) -> tuple[int | None, ...]:
    """The bounds of the layer's counters, in their order."""
    facts = meeting.facts
    if not isinstance(layer, LimitLayer):
        return tuple([_bound(counter, meeting) for counter in layer.counters])
    at = meeting.now if meeting.admitted_at is None else meeting.admitted_at
    capacities = capacities_at(look_up(layer.capacity, meeting.waterfall, facts), layer.capacity_times, at)
    return (*capacities, *[_bound(counter, meeting) for counter in layer.caps]) if layer.caps else capacities


def _bound(counter: Counter, meeting: Meeting) -> int | None:
    """A cap of an account that the request does not name does not apply."""
    assert counter.up_to is not None
    return None if meeting.accounts[counter.account] is None else bound_of(counter.up_to, meeting.facts)


def room_in(layer: Layer, index: int, used: int, bound: int | None, settles: bool = False) -> int:
    """What the counter at `index` lets through (LANGUAGE.md L8, L11). A cap without bound does not apply, an allowance
    without one is none."""
    if bound is None:
        return 0 if index < layer.caps_from else UNLIMITED
    return room_left(used, bound, layer.counters[index].finish_started, settles)


def capacities_at(capacities: tuple[int, ...], times: tuple[CapacityTimes, ...], now: int) -> tuple[int, ...]:
    """LANGUAGE.md W5: the capacities times all that is in force, rounded down once; no bound stays none."""
    numerator = denominator = 1
    for one in times:
        if one.starts <= now < one.ends:
            numerator *= one.factor[0]
            denominator *= one.factor[1]
    if numerator == denominator:
        return capacities
    return tuple([c if c == UNLIMITED else min(c * numerator // denominator, STEPS_MAX) for c in capacities])

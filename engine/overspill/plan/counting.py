"""What is counted in a window: draws that come, amounts that go back, and the two kinds that fill up again by themselves.

A `sliding` window keeps its use by sub-windows of a 60th of its length, each of which counts until the last draw that
it may hold is a whole length ago: never more than the capacity in any trailing length, and room returns at most a 60th
late (LANGUAGE.md W8). A `bucket` keeps what was taken and not yet refilled, in whole steps and a rest, as of an instant.
"""

from __future__ import annotations

from overspill.plan.shapes import (
    BUCKET,
    ENDS_AT,
    FORM,
    GENERATION,
    OPENED_AT,
    SLIDING,
    USED,
    WindowState,
)
from overspill.words.amounts import UNLIMITED
from overspill.words.instants import NEVER

SUB_WINDOWS = 60
_PLAIN = 4


def counted(state: WindowState, amount: int) -> WindowState:
    """The state as of now with `amount` more in its present generation; it must be as `window_at` gives it."""
    generation, opened_at, ends_at, used, *rest = state
    if not rest:
        return (generation, opened_at, ends_at, used + amount)
    if rest[0] == BUCKET:
        return _bucket(generation, opened_at, used + amount, *rest[1:])
    return (generation, opened_at, ends_at, used + amount, *rest[:-1], rest[-1] + amount)


def given_back(state: WindowState, generation: int, amount: int) -> WindowState:
    """The state with `amount` gone back to the generation that it was counted in; one that is over takes nothing."""
    if len(state) == _PLAIN:
        if state[GENERATION] != generation:
            return state
        return (*state[:USED], less(state[USED], amount))
    if state[FORM] == BUCKET:
        _, opened_at, _, used, _, at, rest, refill, per = state
        left = less(used, amount)
        return _bucket(state[GENERATION], opened_at, left, at, rest if left else 0, refill, per)
    parts = _parts(state)
    found = [(number, until, less(part, amount) if number == generation else part) for number, until, part in parts]
    return _sliding(state[GENERATION], state[OPENED_AT], found)


def still_counts(state: WindowState, generation: int, now: int) -> bool:
    """Whether what was counted in this generation counts at `now`: a window is open until its end, a bucket always."""
    if len(state) > _PLAIN and state[FORM] == BUCKET:
        return True
    return any(number == generation and now < until for number, until, _ in _parts(state))


def next_leaving(state: WindowState) -> int:
    """When the first use that a sliding window counts leaves it; NEVER where it counts none."""
    return min([until for _, until, amount in _parts(state) if amount], default=NEVER)


def less(used: int, amount: int) -> int:
    """A window's use after `amount` has gone back to it; never below 0."""
    return max(used - amount, 0)


def room_left(used: int, bound: int, finishes: bool, settles: bool) -> int:
    """What a counter lets through below its bound: nothing, never less, once it is reached or lowered (LANGUAGE.md W5). One
    that `finishes` what was started lets all through while anything is left, and whatever settles it (L8)."""
    room = max(bound - used, 0)
    return UNLIMITED if finishes and (settles or room > 0) else room


# ---- sliding windows


def sliding_at(state: WindowState | None, length: int, now: int) -> WindowState:
    """The window as of `now`: what has left it is gone, and the present sub-window is there to be counted in."""
    parts = [] if state is None else [part for part in _parts(state) if now < part[1]]
    until = counts_until(length, now)
    generation = 0 if state is None else state[GENERATION]
    opened_at = state[OPENED_AT] if state is not None and parts else now
    if not parts or parts[-1][1] != until:
        generation += 1
        parts.append((generation, until, 0))
    return _sliding(generation, opened_at, parts)


def counts_until(length: int, at: int) -> int:
    """When the sub-window that `at` falls into has left every trailing window: its last instant and one length more."""
    last = -(-(at * SUB_WINDOWS // length + 1) * length // SUB_WINDOWS) - 1
    return min(last + length, NEVER)


def _sliding(generation: int, opened_at: int, parts: list[tuple[int, int, int]]) -> WindowState:
    flat = [number for part in parts for number in part]
    return (generation, opened_at, parts[0][1], sum(part[2] for part in parts), SLIDING, *flat)


def _parts(state: WindowState) -> list[tuple[int, int, int]]:
    """(generation, counts until, amount) for each sub-window, the oldest first; a window of another kind is one."""
    if len(state) == _PLAIN or state[FORM] != SLIDING:
        return [(state[GENERATION], state[ENDS_AT], state[USED])]
    flat = state[FORM + 1 :]
    return list(zip(flat[::3], flat[1::3], flat[2::3], strict=True))


# ---- buckets


def bucket_at(state: WindowState | None, refill: int, per: int, now: int) -> WindowState:
    """The bucket as of `now`, refilled by `refill` steps each `per` microseconds: `used` is what is still missing. One that
    was another kind of window has refilled since that opened, whether anybody drew or not: nobody writes down when a
    policy makes a bucket of it."""
    if state is None:
        return _bucket(1, now, 0, now, 0, refill, per)
    generation, opened_at, _, used, *form = state
    if not form or form[0] != BUCKET:
        used = sum([amount for _, until, amount in _parts(state) if now < until])
        used, rest = refilled(used, 0, refill, per, max(now - opened_at, 0))
        return _bucket(generation + 1, now, used, now, rest, refill, per)
    _, at, rest, old_refill, old_per = form
    used, rest = refilled(used, rest, old_refill, old_per, now - at)
    if not used:
        return _bucket(generation + 1, now, 0, now, 0, refill, per)
    if (old_refill, old_per) != (refill, per):
        rest = 0
    return _bucket(generation, opened_at, used, now, rest, refill, per)


def refilled(used: int, rest: int, refill: int, per: int, passed: int) -> tuple[int, int]:
    """(used, rest) when `passed` microseconds more have refilled: `used` × `per` - `rest` is missing, 0 ≤ rest < per."""
    missing = used * per - rest - passed * refill
    if missing <= 0:
        return 0, 0
    left = -(-missing // per)
    return left, left * per - missing


def _bucket(generation: int, opened_at: int, used: int, at: int, rest: int, refill: int, per: int) -> WindowState:
    """`ends_at` is when the next whole step is back."""
    ends_at = min(at - (rest - per) // refill, NEVER) if used else NEVER
    return (generation, opened_at, ends_at, used, BUCKET, at, rest, refill, per)


def steps_back(state: WindowState, by: int) -> int:
    """How many whole steps have come back to a bucket that nobody draws on, up to an instant not before its own."""
    *_, at, rest, refill, per = state
    return (rest + (by - at) * refill) // per


def back_at(state: WindowState, count: int) -> int:
    """When so many have."""
    *_, at, rest, refill, per = state
    return at + -(-(count * per - rest) // refill)


def full_at(state: WindowState, steps: int) -> int:
    """When a bucket that nobody draws on has refilled all but `steps` of what is missing."""
    _, _, _, used, _, at, rest, refill, per = state
    missing = (used - steps) * per - rest
    return at if missing <= 0 else min(at + -(-missing // refill), NEVER)

"""What is claimed of windows, counters, sliding windows and buckets (LANGUAGE.md W1 to W8, L8)."""

from __future__ import annotations

from overspill.plan.counting import (
    SUB_WINDOWS,
    bucket_at,
    counted,
    counts_until,
    full_at,
    given_back,
    less,
    refilled,
    room_left,
    sliding_at,
)
from overspill.plan.parts import FirstUse, Schedule
from overspill.plan.periods import window_at
from overspill.plan.shapes import BUCKET, ENDS_AT, GENERATION, OPENED_AT, SLIDING, USED, WindowState
from overspill.prove.claims import Claim, claim
from overspill.prove.paths import Given, implies, same
from overspill.words.amounts import UNLIMITED
from overspill.words.instants import HOUR, NEVER
from overspill.words.lengths import Length

PARTS = 2


@claim(
    "a counter lets through what is left below its bound, and nothing once that is reached or lowered",
    room_left,
    rules="W5 L5 L8",
)
def counter_bounds(given: Given) -> None:
    used, bound, amount = [given.number(name, least=0) for name in ("used", "bound", "amount")]
    room = room_left(used, bound, False, False)
    given.shows("never negative", room >= 0)
    given.shows(
        "what is granted stays within the bound", implies((amount >= 1) & (amount <= room), used + amount <= bound)
    )
    given.shows("equality suffices", implies(used + amount <= bound, amount <= room))
    given.shows("a lowered bound leaves nothing", implies(bound <= used, room == 0))
    started = room_left(used, bound, True, False)
    given.shows("what is started is finished", started == UNLIMITED if room > 0 else started == 0)
    given.shows("what settles it is not limited", room_left(used, bound, True, True) == UNLIMITED)


@claim(
    "what a window has used is never negative and never passes its capacity by a draw",
    counted,
    room_left,
    given_back,
    less,
    rules="W3 W5",
)
def window_is_bounded(given: Given) -> None:
    """By induction over draws, whatever the capacity is at each, and returns of any generation."""
    used, capacity, amount = [given.number(name, least=0) for name in ("used", "capacity", "amount")]
    state: WindowState = (given.number("generation"), given.number("opened_at"), given.number("ends_at"), used)
    generation, returned = given.number("of"), given.number("returned", least=0)
    given.assume(amount <= room_left(used, capacity, False, False))
    drawn = counted(state, amount)
    given.shows("counts what is drawn", drawn[USED] == used + amount)
    given.shows("within its capacity, or nothing was drawn", (drawn[USED] <= capacity) | (amount == 0))
    back = given_back(drawn, generation, returned)
    for place in (GENERATION, OPENED_AT, ENDS_AT):
        given.shows("only its use changes", (back[place] == state[place]) & (drawn[place] == state[place]))
    given.shows("never negative, never more", (back[USED] >= 0) & (back[USED] <= drawn[USED]))
    same_one = generation == state[GENERATION]
    given.shows("never across generations", same_one | (back[USED] == drawn[USED]))
    given.shows("what was counted goes back", implies(same_one & (returned == amount), back[USED] == used))
    given.shows("all that it has, at most", implies(same_one, less(drawn[USED], returned) == back[USED]))


@claim(
    "a window goes to its next generation at its end, unused, and never back",
    window_at,
    rules="W1 W2",
    scope="all integers; exact lengths, one of five hours for a schedule",
)
def windows_go_forward(given: Given) -> None:
    now, length = given.number("now"), given.number("length", least=1)
    passed, anchor = given.number("passed", least=0), given.number("anchor")
    state: WindowState = (
        given.number("generation"), given.number("opened_at"), given.number("ends_at"), given.number("used", least=0)
    )  # fmt: skip
    given.assume(now + passed + length < NEVER, now + passed + 5 * HOUR < LAST, now + passed + length < LAST)
    for kind in (
        FirstUse(length=Length(length, 0)),
        Schedule(length=Length(5 * HOUR, 0), anchor=anchor),
    ):
        found = window_at(state, kind, now)
        if now < state[ENDS_AT]:
            given.shows("open, it stays", found == state)
            continue
        given.shows("the next, unused", (found[GENERATION] == state[GENERATION] + 1) & (found[USED] == 0))
        given.shows("around now", (found[OPENED_AT] <= now) & (now < found[ENDS_AT]))
        later = window_at(found, kind, now + passed)
        given.shows("never back", later[GENERATION] >= found[GENERATION])
        given.shows("half-open", same(later[GENERATION] == found[GENERATION], now + passed < found[ENDS_AT]))
        if isinstance(kind, Schedule):
            given.shows("by its schedule", (found[OPENED_AT] - anchor) % (5 * HOUR) == 0)
        else:
            given.shows("from its first use", (found[OPENED_AT] == now) & (found[ENDS_AT] == now + length))


LAST = 253402300799999999
"""The last instant of the year 9999, behind which nothing ends."""


@claim(
    "a draw counts in a sliding window for its whole length, and less than a 60th of it longer",
    counts_until,
    rules="W8",
)
def counts_for_its_length(given: Given) -> None:
    length, at, passed = given.number("length", least=1), given.number("at"), given.number("passed", least=0)
    until, later = counts_until(length, at), counts_until(length, at + passed)
    given.shows("never early", (until >= at + length) | (until == NEVER))
    given.shows("at most a 60th late", (until - at - length) * SUB_WINDOWS < length)
    part, part_later = at * SUB_WINDOWS // length, (at + passed) * SUB_WINDOWS // length
    given.product(part - part_later - 1, length)
    given.product(part_later - part, length)
    given.shows("in order", until <= later)


@claim(
    "a sliding window is the sum of its sub-windows that still count, and a draw counts until it has left every length",
    sliding_at, counted, given_back, counts_until,
    rules="W8",
    scope=f"all integers, {PARTS} sub-windows, a length of one hour",
)  # fmt: skip
def sliding_counts(given: Given) -> None:
    """By induction over draws: in order before, in order after."""
    now, passed, amount = given.number("now", least=0), given.number("passed", least=0), given.number("amount", least=1)
    given.assume(now + passed + 3 * HOUR < NEVER)
    parts = [
        (given.number(f"generation{index}"), given.number(f"until{index}"), given.number(f"amount{index}", least=0))
        for index in range(PARTS)
    ]
    given.assume(
        parts[0][0] < parts[1][0], parts[0][1] < parts[1][1], parts[1][1] <= counts_until(HOUR, now)
    )  # fmt: skip
    flat = [number for part in parts for number in part]
    state: WindowState = (
        parts[1][0], given.number("opened_at"), parts[0][1], parts[0][2] + parts[1][2], SLIDING, *flat
    )  # fmt: skip
    found = sliding_at(state, HOUR, now)
    given.shows("what still counts", found[USED] == sum(part if now < until else 0 for _, until, part in parts))
    drawn = counted(found, amount)
    given.shows("and what is drawn", (drawn[USED] == found[USED] + amount) & (drawn[USED] == sum(drawn[7::3])))
    later = sliding_at(drawn, HOUR, now + passed)
    given.shows("no use is negative", later[USED] >= 0)
    given.shows("a draw counts for a length", implies(passed < HOUR, later[USED] >= amount))
    given.shows("and not much longer", implies(passed >= HOUR + HOUR // SUB_WINDOWS, later[USED] == 0))
    back = given_back(drawn, drawn[GENERATION], amount)
    given.shows("what was counted goes back", (back[USED] == found[USED]) & (back[7::3] == found[7::3]))
    given.shows(
        "another generation takes nothing", given_back(drawn, drawn[GENERATION] + 1, amount)[USED] == drawn[USED]
    )


@claim(
    "a bucket's refill makes what is missing less by exactly the rate, in whole steps and a rest", refilled, rules="W8"
)
def bucket_refills(given: Given) -> None:
    used, rest, refill, per = _bucket(given)
    passed = given.number("passed", least=0)
    left, left_rest = refilled(used, rest, refill, per, passed)
    missing = used * per - rest - passed * refill
    given.shows("the rest is less than a step", (left_rest >= 0) & (left_rest < per))
    given.shows("never negative", left >= 0)
    given.shows("exactly what is missing", (left * per - left_rest == missing) | ((missing <= 0) & (left == 0)))
    given.shows("a full bucket has no rest", implies(left == 0, left_rest == 0))
    given.shows("full is full", implies(missing <= 0, left == 0))


@claim("a bucket refills the same in two steps as in one, so nobody gains by looking often", refilled, rules="W8")
def looking_changes_nothing(given: Given) -> None:
    used, rest, refill, per = _bucket(given)
    first, second = given.number("first", least=0), given.number("second", least=0)
    halfway = refilled(used, rest, refill, per, first)
    twice, once = refilled(*halfway, refill, per, second), refilled(used, rest, refill, per, first + second)
    given.product(second, refill)
    given.product(once[0] - 1 - twice[0], per)
    given.product(twice[0] - 1 - once[0], per)
    given.shows("the same use", twice[0] == once[0])
    given.shows("the same rest", twice[1] == once[1])


def _bucket(given: Given) -> tuple[int, int, int, int]:
    """(used, rest, refill, per) of any bucket as it is kept."""
    used, rest = given.number("used", least=0), given.number("rest", least=0)
    refill, per = given.number("refill", least=1), given.number("per", least=1)
    given.assume(rest < per, implies(used == 0, rest == 0))
    return used, rest, refill, per


@claim(
    "a bucket has refilled all but some steps at the instant that `full_at` names, and not before",
    full_at,
    refilled,
    rules="W8",
)
def bucket_is_full(given: Given) -> None:
    used, rest, refill, per = _bucket(given)
    at, steps = given.number("at", least=0), given.number("steps", least=0)
    full = full_at((1, 0, 0, used, BUCKET, at, rest, refill, per), steps)
    missing = (used - steps) * per - rest
    given.shows("not in the past", (full >= at) | (full == NEVER))
    given.shows("refilled then", ((full - at) * refill >= missing) | (full == NEVER))
    given.shows("not before", (full == at) | ((full - 1 - at) * refill < missing))


@claim(
    "a bucket as of an instant keeps its invariant through draws and returns",
    bucket_at, counted, given_back, refilled, less,
    rules="W8",
    scope="all integers; 5 steps a minute",
)  # fmt: skip
def bucket_is_kept(given: Given) -> None:
    used, rest = given.number("used", least=0), given.number("rest", least=0)
    refill, per = 5, 60_000_000
    given.assume(rest < per, implies(used == 0, rest == 0))
    at, passed, amount = given.number("at", least=0), given.number("passed", least=0), given.number("amount", least=1)
    state: WindowState = (given.number("generation"), 0, 0, used, BUCKET, at, rest, refill, per)
    now = bucket_at(state, refill, per, at + passed)
    missing = used * per - rest - passed * refill
    given.shows("as of now", now[5] == at + passed)
    given.shows("what is missing", (now[USED] * per - now[6] == missing) | ((missing <= 0) & (now[USED] == 0)))
    drawn = counted(now, amount)
    back = given_back(drawn, drawn[GENERATION], amount)
    for kept in (now, drawn, back):
        given.shows("the rest is less than a step", (kept[6] >= 0) & (kept[6] < per) & (kept[USED] >= 0))
        given.shows("its rate", (kept[7] == refill) & (kept[8] == per))
        next_step = (kept[ENDS_AT] - kept[5]) * refill >= per - kept[6]
        given.shows("ends at its next whole step", (kept[USED] == 0) | (kept[ENDS_AT] == NEVER) | next_step)
    given.shows("counts what is drawn", drawn[USED] == now[USED] + amount)
    given.shows("what was counted goes back", back[USED] == now[USED])


CLAIMS: tuple[Claim, ...] = (
    counter_bounds,
    window_is_bounded,
    windows_go_forward,
    counts_for_its_length,
    sliding_counts,
    bucket_refills,
    looking_changes_nothing,
    bucket_is_full,
    bucket_is_kept,
)

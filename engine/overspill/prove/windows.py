"""What is claimed of windows, counters, sliding windows and buckets (LANGUAGE.md W1 to W8, L8)."""

from __future__ import annotations

from itertools import pairwise

from overspill.plan.counting import (
    SUB_WINDOWS,
    back_at,
    bucket_at,
    counted,
    counts_until,
    full_at,
    given_back,
    less,
    next_leaving,
    refilled,
    room_left,
    sliding_at,
    steps_back,
    still_counts,
)
from overspill.plan.parts import Bucket, CalendarPeriod, FirstUse, Forever, Schedule, Sliding
from overspill.plan.periods import window_at
from overspill.plan.shapes import BUCKET, ENDS_AT, GENERATION, OPENED_AT, SLIDING, USED, WindowState
from overspill.prove.claims import Claim, claim
from overspill.prove.paths import Given, implies, same
from overspill.words.amounts import UNLIMITED
from overspill.words.instants import HOUR, NEVER
from overspill.words.lengths import Length

PARTS = 2


@claim(room_left, rules="W5 L5 L8")
def counter_bounds(given: Given) -> None:
    """A counter lets through what is left below its bound, and nothing once that is reached or lowered."""
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


@claim(counted, room_left, given_back, less, rules="W3 W5")
def window_is_bounded(given: Given) -> None:
    """What a window has used is never negative and never passes its capacity by a draw.

    By induction over draws, whatever the capacity is at each, and returns of any generation.
    """
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


@claim(window_at, rules="W1 W2", scope="all integers; exact lengths, one of five hours for a schedule")
def windows_go_forward(given: Given) -> None:
    """A window goes to its next generation at its end, unused, and never back."""
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


@claim(window_at, rules="W2 W7", scope="all integers; a calendar day at one instant")
def windows_begin(given: Given) -> None:
    """A window that is not there begins with its first generation, and one of another kind goes on until its end."""
    now, generation, used = given.number("now"), given.number("generation"), given.number("used", least=0)
    forever, noon = Forever(), 1_791_201_600_000_000
    given.assume(now + HOUR < LAST)
    given.shows("first", window_at(None, forever, now) == (1, now, NEVER, 0))
    given.shows("first use", window_at(None, FirstUse(length=Length(HOUR, 0)), now) == (1, now, now + HOUR, 0))
    flat: WindowState = (generation, given.number("opened_at"), given.number("ends_at"), used, SLIDING, 1, 2, used)
    found = window_at(flat, forever, now)
    given.shows("its end", found == (flat[:4] if now < flat[ENDS_AT] else (generation + 1, now, NEVER, 0)))
    day = window_at((generation, 0, noon, used), CalendarPeriod(period="day", zone="UTC"), noon)
    given.shows("the day", day == (generation + 1, noon - 12 * HOUR, noon + 12 * HOUR, 0))
    sliding = window_at(None, Sliding(length=Length(HOUR, 0)), noon)
    given.shows("a sliding one", sliding == sliding_at(None, HOUR, noon))
    bucket = window_at(None, Bucket(refill=5, per=Length(HOUR, 0), burst=9), now)
    given.shows("a bucket", bucket == bucket_at(None, 5, HOUR, now))


LAST = 253402300799999999
"""The last instant of the year 9999, behind which nothing ends."""


@claim(counts_until, rules="W8")
def counts_for_its_length(given: Given) -> None:
    """A draw counts in a sliding window for its whole length, and less than a 60th of it longer."""
    length, at, passed = given.number("length", least=1), given.number("at"), given.number("passed", least=0)
    until, later = counts_until(length, at), counts_until(length, at + passed)
    given.shows("never early", (until >= at + length) | (until == NEVER))
    given.shows("at most a 60th late", (until - at - length) * SUB_WINDOWS < length)
    part, part_later = at * SUB_WINDOWS // length, (at + passed) * SUB_WINDOWS // length
    given.product(part - part_later - 1, length)
    given.product(part_later - part, length)
    given.shows("in order", until <= later)


@claim(
    sliding_at, counted, given_back, counts_until,
    rules="W8",
    scope=f"all integers, {PARTS} sub-windows, a length of one hour",
)  # fmt: skip
def sliding_counts(given: Given) -> None:
    """A sliding window is the sum of its sub-windows that still count, and a draw counts until it has left
    every length.

    By induction over draws: in order before, in order after.
    """
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
    given.shows("in order", _in_order(found) and found[7::3][-1] >= 0 and found[6::3][-1] == counts_until(HOUR, now))
    given.shows("ends with its oldest", found[ENDS_AT] == found[6])
    going_on = (found[OPENED_AT] == state[OPENED_AT]) if now < parts[1][1] else (found[OPENED_AT] == now)
    given.shows("opened when its oldest was", going_on)
    given.shows(
        "the same sub-window, or the next",
        (found[GENERATION] == state[GENERATION])
        if parts[1][1] == counts_until(HOUR, now)
        else (found[GENERATION] == state[GENERATION] + 1),
    )
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


@claim(given_back, less, rules="W8 S4", scope=f"all integers, {PARTS} sub-windows")
def sliding_gives_back(given: Given) -> None:
    """What goes back to a sliding window goes to the sub-window that counted it, and changes nothing else."""
    parts = [
        (given.number(f"generation{index}"), given.number(f"until{index}"), given.number(f"amount{index}", least=0))
        for index in range(PARTS)
    ]
    amount, of = given.number("amount", least=0), given.number("of")
    flat = [number for part in parts for number in part]
    opened_at, used = given.number("opened_at"), parts[0][2] + parts[1][2]
    given.assume(parts[0][0] < parts[1][0])
    state: WindowState = (parts[1][0], opened_at, parts[0][1], used, SLIDING, *flat)
    back = given_back(state, of, amount)
    for index, (generation, until, part) in enumerate(parts):
        place = 5 + 3 * index
        given.shows("the sub-windows stay", (back[place] == generation) & (back[place + 1] == until))
        given.shows("to the one that counted it", back[place + 2] == (less(part, amount) if of == generation else part))
    given.shows("their sum", back[USED] == back[7] + back[10])
    given.shows("the window stays", back[:3] == state[:3] and back[4] == SLIDING and len(back) == len(state))


def _in_order(state: WindowState) -> bool:
    """Whether each sub-window is newer than the one before, and the newest is the window's own generation."""
    numbers, untils = state[5::3], state[6::3]
    pairs = [*pairwise(numbers), *pairwise(untils)]
    return all(bool(one < other) for one, other in pairs) and numbers[-1] == state[GENERATION]


@claim(still_counts, next_leaving, rules="S4 W8", scope=f"all integers, {PARTS} sub-windows")
def what_still_counts(given: Given) -> None:
    """What was counted counts until its window ends or its sub-window leaves, in its generation; in a bucket always."""
    number, now = given.number("number"), given.number("now")
    generation, until = given.number("generation"), given.number("until")
    older, sooner = given.number("older"), given.number("sooner")
    used, old = given.number("used", least=0), given.number("old", least=0)
    given.assume(older < generation, sooner < until, until < NEVER)
    plain: WindowState = (generation, 0, until, used)
    here, there = (number == generation) & (now < until), (number == older) & (now < sooner)
    given.shows("until its end", same(still_counts(plain, number, now), here))
    given.shows("its end is when it leaves", next_leaving(plain) == (until if used > 0 else NEVER))
    sliding = (generation, 0, sooner, used + old, SLIDING, older, sooner, old, generation, until, used)
    given.shows("until it leaves", same(still_counts(sliding, number, now), here | there))
    first = sooner if old > 0 else until if used > 0 else NEVER
    given.shows("the first that leaves", next_leaving(sliding) == first)
    given.shows("in a bucket always", still_counts((1, 0, 0, used, BUCKET, 0, 0, 1, 1), number, now))


@claim(sliding_at, counts_until, rules="W8", scope="all integers, a length of one hour")
def sliding_begins(given: Given) -> None:
    """A sliding window begins with what another kind of window still counts, or with nothing."""
    now, used = given.number("now", least=0), given.number("used", least=0)
    generation, opened_at, ends_at = given.number("generation"), given.number("opened_at"), given.number("ends_at")
    until = counts_until(HOUR, now)
    given.assume(now + 3 * HOUR < NEVER, ends_at <= until)
    given.shows("with nothing", sliding_at(None, HOUR, now) == (1, now, until, 0, SLIDING, 1, until, 0))
    plain, bucket = (generation, opened_at, ends_at, used), (generation, opened_at, ends_at, used, BUCKET, 0, 0, 1, 1)
    for state in (plain, bucket):
        found = sliding_at(state, HOUR, now)
        if now >= ends_at:
            given.shows("it is over", found == (generation + 1, now, until, 0, SLIDING, generation + 1, until, 0))
        elif ends_at == until:
            given.shows("it goes on", found == (generation, opened_at, until, used, SLIDING, generation, until, used))
        else:
            parts = (generation, ends_at, used, generation + 1, until, 0)
            given.shows("it counts on", found == (generation + 1, opened_at, ends_at, used, SLIDING, *parts))


@claim(refilled, rules="W8")
def bucket_refills(given: Given) -> None:
    """A bucket's refill makes what is missing less by exactly the rate, in whole steps and a rest."""
    used, rest, refill, per = _bucket(given)
    passed = given.number("passed", least=0)
    left, left_rest = refilled(used, rest, refill, per, passed)
    missing = used * per - rest - passed * refill
    given.shows("the rest is less than a step", (left_rest >= 0) & (left_rest < per))
    given.shows("never negative", left >= 0)
    given.shows("exactly what is missing", (left * per - left_rest == missing) | ((missing <= 0) & (left == 0)))
    given.shows("a full bucket has no rest", implies(left == 0, left_rest == 0))
    given.shows("full is full", implies(missing <= 0, left == 0))


@claim(refilled, rules="W8")
def looking_changes_nothing(given: Given) -> None:
    """A bucket refills the same in two steps as in one, so nobody gains by looking often."""
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


@claim(full_at, refilled, rules="W8")
def bucket_is_full(given: Given) -> None:
    """A bucket has refilled all but some steps at the instant that `full_at` names, and not before."""
    _full(given, *_bucket(given))


@claim(full_at, rules="W8", scope="all integers; 5 steps a minute")
def bucket_is_full_at_a_rate(given: Given) -> None:
    """The same at one rate, where the solvers find the values that refute what is wrong."""
    refill, per = 5, 60_000_000
    used, rest = given.number("used", least=0), given.number("rest", least=0)
    given.assume(rest < per, implies(used == 0, rest == 0))
    _full(given, used, rest, refill, per)


def _full(given: Given, used: int, rest: int, refill: int, per: int) -> None:
    at, steps = given.number("at", least=0), given.number("steps", least=0)
    given.assume(at <= NEVER)
    full = full_at((1, 0, 0, used, BUCKET, at, rest, refill, per), steps)
    missing = (used - steps) * per - rest
    given.shows("not in the past", (full >= at) | (full == NEVER))
    given.shows("refilled then", ((full - at) * refill >= missing) | (full == NEVER))
    given.shows("not before", (full == at) | ((full - 1 - at) * refill < missing))


@claim(steps_back, back_at, rules="W8 L6", scope="all integers; 5 steps a minute")
def steps_come_back(given: Given) -> None:
    """So many whole steps are back at the instant that `back_at` names, and not before; `steps_back` counts them."""
    refill, per = 5, 60_000_000
    rest, at, passed = given.number("rest", least=0), given.number("at", least=0), given.number("passed", least=0)
    count = given.number("count", least=0)
    given.assume(rest < per)
    state: WindowState = (1, 0, 0, given.number("used", least=1), BUCKET, at, rest, refill, per)
    back, counted = back_at(state, count), steps_back(state, at + passed)
    given.shows("back then", rest + (back - at) * refill >= count * per)
    given.shows("not before", rest + (back - 1 - at) * refill < count * per)
    given.shows("as many as have refilled", counted * per <= rest + passed * refill)
    given.shows("and none more", rest + passed * refill < (counted + 1) * per)


@claim(bucket_at, counted, given_back, refilled, less, rules="W8", scope="all integers; 5 steps a minute")
def bucket_is_kept(given: Given) -> None:
    """A bucket as of an instant keeps its invariant through draws and returns."""
    used, rest = given.number("used", least=0), given.number("rest", least=0)
    refill, per = 5, 60_000_000
    given.assume(rest < per, implies(used == 0, rest == 0))
    at, passed, amount = given.number("at", least=0), given.number("passed", least=0), given.number("amount", least=1)
    given.assume(at + passed + (used + amount) * per < NEVER)
    state: WindowState = (given.number("generation"), given.number("opened_at"), 0, used, BUCKET, at, rest, refill, per)
    now = bucket_at(state, refill, per, at + passed)
    missing = used * per - rest - passed * refill
    given.shows("as of now", now[5] == at + passed)
    given.shows("what is missing", (now[USED] * per - now[6] == missing) | ((missing <= 0) & (now[USED] == 0)))
    drawn = counted(now, amount)
    back = given_back(drawn, drawn[GENERATION], amount)
    for kept in (now, drawn, back):
        given.shows("the rest is less than a step", (kept[6] >= 0) & (kept[6] < per) & (kept[USED] >= 0))
        given.shows("its rate", (kept[7] == refill) & (kept[8] == per))
        ends_at = kept[ENDS_AT]
        to_go, last = (ends_at - kept[5]) * refill, (ends_at - 1 - kept[5]) * refill
        exact = (to_go >= per - kept[6]) & (last < per - kept[6])
        given.shows("ends at its next whole step", exact if kept[USED] > 0 else ends_at == NEVER)
        given.shows("in its form", kept[4] == BUCKET and len(kept) == 9)
    given.shows(
        "a full one begins anew",
        (now[GENERATION] == state[0] + 1) & (now[OPENED_AT] == now[5])
        if now[USED] == 0
        else (now[GENERATION] == state[0]) & (now[OPENED_AT] == state[1]),
    )
    given.shows("its opening stays", (back[:2] == now[:2]) & (drawn[:2] == now[:2]))
    given.shows("nothing missing leaves no rest", implies(back[USED] == 0, back[6] == 0))
    given.shows("what is left keeps its rest", implies(back[USED] > 0, back[6] == drawn[6]))
    emptied = given_back(drawn, 0, amount + now[USED] + 1)
    given.shows("what it has at most", (emptied[USED] == 0) & (emptied[6] == 0))
    given.shows("counts what is drawn", drawn[USED] == now[USED] + amount)
    given.shows("what was counted goes back", back[USED] == now[USED])


@claim(bucket_at, refilled, rules="W8", scope="all integers; 5 steps a minute, 3 an hour before")
def bucket_begins(given: Given) -> None:
    """A bucket begins full, has refilled since another kind of window opened whose use counts still, and keeps its steps
    when its rate changes."""
    used, rest, now = given.number("used", least=0), given.number("rest", least=0), given.number("now", least=0)
    generation, opened_at, ends_at = given.number("generation"), given.number("opened_at"), given.number("ends_at")
    refill, per = 5, 60_000_000
    given.assume(rest < HOUR, implies(used == 0, rest == 0), now + used * HOUR < NEVER)
    full = (now, NEVER, 0, BUCKET, now, 0, refill, per)
    given.shows("full", bucket_at(None, refill, per, now) == (1, *full))
    older, until = given.number("older", least=0), given.number("until")
    parts = (1, until, older, 2, ends_at, used)
    windows = [
        ((generation, opened_at, ends_at, used), used if now < ends_at else 0),
        (
            (generation, opened_at, until, older + used, SLIDING, *parts),
            (older if now < until else 0) + (used if now < ends_at else 0),
        ),
    ]
    for state, counts in windows:
        found = bucket_at(state, refill, per, now)
        left, part = refilled(counts, 0, refill, per, now - opened_at if opened_at < now else 0)
        if left > 0:
            given.shows("since it opened", (found[USED] == left) & (found[5] == now) & (found[6] == part))
            given.shows("a generation of its own", (found[0] == generation + 1) & (found[OPENED_AT] == now))
            given.shows("at its rate", found[7:] == (refill, per))
        else:
            given.shows("over", found == (generation + 1, *full))
    at, passed = now, given.number("passed", least=0)
    given.assume(now + passed + used * HOUR < NEVER)
    changed = bucket_at((generation, opened_at, 0, used, BUCKET, at, rest, 3, HOUR), refill, per, at + passed)
    left, _ = refilled(used, rest, 3, HOUR, passed)
    given.shows("by its old rate until now", changed[USED] == left)
    given.shows("and by the new one from now on", changed[4:] == (BUCKET, at + passed, 0, refill, per))


CLAIMS: tuple[Claim, ...] = (
    counter_bounds,
    window_is_bounded,
    windows_go_forward,
    windows_begin,
    counts_for_its_length,
    sliding_counts,
    sliding_gives_back,
    what_still_counts,
    sliding_begins,
    bucket_refills,
    looking_changes_nothing,
    bucket_is_full,
    bucket_is_full_at_a_rate,
    steps_come_back,
    bucket_is_kept,
    bucket_begins,
)

"""Windows that fill up again by themselves, against a list of draws that remembers everything (LANGUAGE.md W8)."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill.plan.counting import SUB_WINDOWS, bucket_at, counted, full_at, given_back, refilled, sliding_at
from overspill.plan.shapes import ENDS_AT, GENERATION, OPENED_AT, USED, WindowState
from overspill.words.instants import HOUR, NEVER

LENGTHS = st.sampled_from([1, 59, 60, 61, 7_000_001, HOUR])
GAPS = st.lists(
    st.tuples(st.sampled_from([0, 1, 2, 7, 59, 60, 61, 10**6, HOUR // 60, HOUR]), st.integers(0, 5)), max_size=30
)
START = 1_791_194_400_000_000


@given(LENGTHS, GAPS)
@pytest.mark.rule("W8")
def test_a_sliding_window_counts_all_of_any_trailing_length_and_forgets_it_a_sixtieth_late_at_most(
    length: int, gaps: list[tuple[int, int]]
) -> None:
    now, state, drawn = START, None, list[tuple[int, int]]()
    for gap, amount in gaps:
        now += gap
        state = sliding_at(state, length, now)
        trailing = sum(part for at, part in drawn if now < at + length)
        late = sum(part for at, part in drawn if now < at + length + Fraction(length, SUB_WINDOWS))
        assert trailing <= state[USED] <= late
        if amount:
            state = counted(state, amount)
            drawn.append((now, amount))


@given(LENGTHS, GAPS)
@pytest.mark.rule("W8")
def test_a_sliding_window_has_no_more_parts_than_it_is_divided_into(length: int, gaps: list[tuple[int, int]]) -> None:
    now, state = START, None
    for gap, amount in gaps:
        now += gap
        state = counted(sliding_at(state, length, now), amount)
        assert len(state) <= 5 + 3 * (SUB_WINDOWS + 2)


@given(LENGTHS, GAPS)
@pytest.mark.rule("S4")
def test_what_goes_back_is_as_if_it_had_never_been_drawn(length: int, gaps: list[tuple[int, int]]) -> None:
    now, state, other = START, None, None
    undo: list[tuple[int, int]] = []
    for index, (gap, amount) in enumerate(gaps):
        now += gap
        state, other = sliding_at(state, length, now), sliding_at(other, length, now)
        if index % 2:
            state = counted(state, amount)
            undo.append((state[GENERATION], amount))
        else:
            state, other = counted(state, amount), counted(other, amount)
    for generation, amount in undo:
        assert state is not None
        state = given_back(state, generation, amount)
    if state is not None and other is not None:
        assert sliding_at(state, length, now)[USED] == sliding_at(other, length, now)[USED]


RATES = st.sampled_from([(1, 1), (5, 60), (7, 90), (1, 10**6), (3, 7)])


@given(RATES, GAPS)
@pytest.mark.rule("W8")
def test_a_bucket_misses_what_was_taken_less_what_has_refilled_in_whole_steps(
    rate: tuple[int, int], gaps: list[tuple[int, int]]
) -> None:
    refill, per = rate
    now, state, missing = START, None, Fraction(0)
    for gap, amount in gaps:
        now += gap
        missing = max(missing - Fraction(gap * refill, per), Fraction(0))
        state = bucket_at(state, refill, per, now)
        assert state[USED] == ceil(missing)
        before = state[ENDS_AT]
        if missing:
            assert (
                bucket_at(state, refill, per, before)[USED]
                < state[USED]
                == bucket_at(state, refill, per, before - 1)[USED]
            )
            assert bucket_at(state, refill, per, full_at(state, 0))[USED] == 0
        else:
            assert before == NEVER
        if amount:
            state = counted(state, amount)
            missing += amount


@pytest.mark.rule("W8")
@pytest.mark.parametrize(
    ("used", "rest", "passed", "expected"),
    [
        (5, 0, 0, (5, 0)),
        (5, 0, 11, (5, 11)),
        (5, 11, 1, (4, 0)),
        (5, 0, 59, (1, 11)),
        (5, 0, 60, (0, 0)),
        (0, 0, 9, (0, 0)),
    ],
)
def test_a_bucket_keeps_the_part_of_a_step_that_has_refilled(
    used: int, rest: int, passed: int, expected: tuple[int, int]
) -> None:
    assert refilled(used, rest, 1, 12, passed) == expected


# How a policy's change of a window's kind finds what was counted: (the state, its kind then, what still counts now).
CHANGED: list[tuple[WindowState, str, int]] = [
    ((3, START - 10, START + 10, 7), "sliding", 7),
    ((3, START - 10, START, 7), "sliding", 0),
    ((3, START, START + 10, 7), "bucket", 7),
    ((3, START - 59, START + 10, 7), "bucket", 7),
    ((3, START - 60, START + 10, 7), "bucket", 6),
    ((3, START - 7 * 60, START + 10, 7), "bucket", 0),
    ((3, START - 10, START, 7), "bucket", 0),
    (counted(bucket_at(None, 1, 60, START), 7), "sliding", 7),
    (counted(sliding_at(None, HOUR, START), 7), "bucket", 7),
    (counted(sliding_at(None, HOUR, START - 120), 7), "bucket", 5),
    (counted(sliding_at(counted(sliding_at(None, 600, START - 605), 7), 600, START - 20), 40), "bucket", 30),
]


@pytest.mark.parametrize(("state", "kind", "used"), CHANGED)
def test_a_window_of_another_kind_keeps_what_it_has_counted(state: WindowState, kind: str, used: int) -> None:
    changed = sliding_at(state, HOUR, START) if kind == "sliding" else bucket_at(state, 1, 60, START)
    assert changed[USED] == used
    assert changed[OPENED_AT] <= START


@given(st.integers(0, 3 * HOUR), st.integers(0, 400), RATES, GAPS)
@pytest.mark.rule("W8")
def test_a_bucket_that_was_another_window_refills_all_the_time_whoever_looks(
    open_for: int, used: int, rate: tuple[int, int], gaps: list[tuple[int, int]]
) -> None:
    """Until the old window ends, up to which all of its use counts."""
    window = (3, START - open_for, START + 10 * HOUR, used)
    now, state = START, bucket_at(window, *rate, START)
    for gap, _ in gaps:
        now = min(now + gap, START + 10 * HOUR - 1)
        state = bucket_at(state, *rate, now)
        seen = bucket_at(window, *rate, now)
        missing = used - Fraction((now - START + open_for) * rate[0], rate[1])
        assert seen[USED] == state[USED] == max(ceil(missing), 0)
